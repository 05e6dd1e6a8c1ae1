"""A GPU made of Python: a device of torch whose tensors hold a tensor on the CPU, and whose kernels are the CPU's.

It computes the bits of the CPU and is as strict as CUDA: an operation refuses a CPU tensor of one or more dimensions
beside one of the device, and a generator of the CPU; its own random numbers are other ones than the CPU's. It counts
every time at which a GPU and its host would wait for each other.
"""

from __future__ import annotations

import copy
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils import backend_registration as backends

NAME = "pygpu"
AVAILABLE = (  # torch works with one kind of GPU in a process
    hasattr(backends, "_setup_privateuseone_for_python_backend") and not torch.cuda.is_available()
)
aten = torch.ops.aten
COPIES = {aten._to_copy.default, aten.copy_.default}
INDEXING = {aten.index.Tensor, aten.index_put.default, aten.index_put_.default}  # take indices on the CPU, as CUDA does
WAITS = {  # the shape of the result, or what Python does next, depends on values
    aten._local_scalar_dense.default: "item",
    aten.equal.default: "equal",
    aten.nonzero.default: "nonzero",
    aten.masked_select.default: "boolean index",
    aten._unique2.default: "unique",
    aten.repeat_interleave.Tensor: "repeat_interleave",
}
RESIZING = ("arange", "arange.start", "arange.start_step", "eye", "eye.m", "linspace", "randperm")
"""Factories that make an empty tensor and then give it its size, which a tensor of this class cannot change."""
SEED = 1_000_003  # of the device's random numbers, before the first manual_seed

waits: Counter[str] = Counter()
"""How often GPU and host would have waited for each other, by the reason."""
_random = torch.Generator()


class DeviceTensor(Tensor):
    """A tensor of the device; `held`, on the CPU, has its values."""

    held: Tensor

    @staticmethod
    def __new__(cls, held: Tensor) -> DeviceTensor:
        form = {"strides": held.stride(), "storage_offset": held.storage_offset(), "dtype": held.dtype}
        with torch.inference_mode(False) if torch.is_inference_mode_enabled() else nullcontext():  # it may be a view
            made = Tensor._make_wrapper_subclass(cls, held.shape, device=f"{NAME}:0", **form)
        made.held = held
        return made

    def __tensor_flatten__(self) -> tuple[list[str], None]:
        """Tells torch not to move a module's parameter here in place, where `held` would stay behind."""
        return ["held"], None

    @staticmethod
    def __tensor_unflatten__(inner: dict[str, Tensor], *_: object) -> DeviceTensor:
        return DeviceTensor(inner["held"])

    def __repr__(self, **_: Any) -> str:
        return f"DeviceTensor({self.held!r})"

    def tolist(self) -> Any:
        """Torch's own refuses tensors of other classes."""
        return self.cpu().tolist()

    def data_ptr(self) -> int:
        """Equal for tensors that share memory."""
        return self.held.data_ptr()

    def __deepcopy__(self, memo: dict[int, Any]) -> Tensor:
        if id(self) not in memo:
            made: Tensor = DeviceTensor(copy.deepcopy(self.held.detach())).requires_grad_(self.requires_grad)
            memo[id(self)] = nn.Parameter(made, self.requires_grad) if isinstance(self, nn.Parameter) else made
        return memo[id(self)]

    def __reduce_ex__(self, protocol: Any) -> Any:
        """Saved as a tensor of the CPU; loaded, it is on the device again, as on a GPU."""
        return torch._utils._rebuild_device_tensor_from_cpu_tensor, (self.cpu(), self.dtype, NAME, self.requires_grad)

    @classmethod
    def __torch_dispatch__(cls, op: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if op.overloadpacket is aten.to:  # in inference mode it comes whole
            return op.decompose(*args, **kwargs or {})
        return run(op, args, kwargs or {})


def run(op: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Do an operation with the tensors that are held. Raises RuntimeError where CUDA would refuse it."""
    leaves: list[Any] = []
    held_args, held_kwargs = _mapped(_held, args, leaves), _mapped(_held, kwargs, leaves)
    tensors = [leaf for leaf in leaves if isinstance(leaf, Tensor)]
    ours = {id(tensor.held): tensor for tensor in tensors if isinstance(tensor, DeviceTensor)}
    here = isinstance(tensors[0], DeviceTensor) if op in COPIES else bool(ours)
    if kwargs.get("device") is not None:
        here = torch.device(kwargs["device"]).type == NAME
        held_kwargs |= {"device": "cpu", "pin_memory": False}
    _refuse(op, args, leaves, tensors, here)
    _count(op, args, tensors, here)
    with _own_random_numbers() if here and torch.Tag.nondeterministic_seeded in op.tags else nullcontext():
        found = op(*held_args, **held_kwargs)
    if torch.Tag.inplace_view in op.tags:
        with torch._C._DisableTorchDispatch():
            op(*args, **kwargs)  # what torch itself holds of the tensor: its sizes and strides
    assert all(tensor.shape == tensor.held.shape for tensor in ours.values()), f"{op} has changed a tensor's size"

    def outside(value: Any) -> Any:
        """What was changed in place is the tensor that came in."""
        if id(value) in ours or not isinstance(value, Tensor):
            return ours.get(id(value), value)
        return DeviceTensor(value) if here else value

    return _mapped(outside, found, [])


def _mapped(change: Callable[[Any], Any], value: Any, leaves: list[Any]) -> Any:
    """A nest of lists, tuples and dicts with every leaf changed; `leaves` gets what they were."""
    if isinstance(value, list | tuple):
        return type(value)([_mapped(change, each, leaves) for each in value])
    if isinstance(value, dict):
        return {key: _mapped(change, each, leaves) for key, each in value.items()}
    leaves.append(value)
    return change(value)


def _held(value: Any) -> Any:
    return value.held if isinstance(value, DeviceTensor) else value


def _refuse(op: Any, args: tuple[Any, ...], leaves: list[Any], tensors: list[Tensor], here: bool) -> None:
    """Raise RuntimeError for what CUDA refuses: tensors, or a generator, of the CPU."""
    foreign = [tensor for tensor in tensors if not isinstance(tensor, DeviceTensor)]
    if op in COPIES or not here:
        return
    if op in INDEXING and isinstance(args[0], DeviceTensor):
        foreign = [tensor for tensor in foreign if all(tensor is not index for index in args[1])]
    written = (
        op._schema.arguments and op._schema.arguments[0].alias_info and op._schema.arguments[0].alias_info.is_write
    )
    if any(t.dim() > 0 for t in foreign) or (written and foreign and foreign[0] is args[0]):
        raise RuntimeError(f"{op}: expected all tensors to be on the same device, but found {NAME}:0 and cpu")
    if any(isinstance(leaf, torch.Generator) for leaf in leaves):
        raise RuntimeError(f"{op}: expected a '{NAME}' device type for generator but found 'cpu'")


def _count(op: Any, args: tuple[Any, ...], tensors: list[Tensor], here: bool) -> None:
    """Count what makes host and device wait for each other: values that the host needs, and copies between them."""
    if op in WAITS:
        waits[WAITS[op]] += 1
    elif op in COPIES:
        source = isinstance(tensors[-1], DeviceTensor)
        if source != here and (source or tensors[-1].dim() > 0):
            waits["copy to the CPU" if source else "copy to the device"] += 1
    elif op in INDEXING:
        indices = [index for index in args[1] if index is not None]
        waits["boolean index"] += sum(index.dtype in (torch.bool, torch.uint8) for index in indices)
        waits["index on the CPU"] += sum(not isinstance(index, DeviceTensor) for index in indices)


@contextmanager
def _own_random_numbers() -> Iterator[None]:
    """The default generator is the device's."""
    state = torch.get_rng_state()
    torch.set_rng_state(_random.get_state())
    try:
        yield
    finally:
        _random.set_state(torch.get_rng_state())
        torch.set_rng_state(state)


def install() -> torch.device:
    """Make the device known to torch, once in a process."""
    if not hasattr(torch, NAME):
        module = type(
            "Module", (backends._DummyBackendModule,), {"manual_seed_all": _seeded, "get_amp_supported_dtype": _types}
        )()
        backends._setup_privateuseone_for_python_backend(NAME, backend_module=module)
        _factories.fallback(lambda op, *args, **kwargs: run(op, args, kwargs), "PrivateUse1")
        _kernels.impl("_copy_from", _copy_from, "PrivateUse1")
        for name in RESIZING:
            op = getattr(getattr(aten, name.partition(".")[0]), name.partition(".")[2] or "default")
            _kernels.impl(name, partial(_made, op), "PrivateUse1")
    return torch.device(NAME)


def _types(_: object) -> list[torch.dtype]:
    return [torch.bfloat16]


def _seeded(_: object, seed: int) -> None:
    """A GPU's numbers for a seed are other ones than the CPU's."""
    _random.manual_seed(seed ^ SEED)


def _made(op: Any, *args: Any, **kwargs: Any) -> Any:
    return run(op, args, kwargs | {"device": NAME})


def _copy_from(source: Tensor, target: Tensor, non_blocking: bool = False) -> Tensor:
    """Where torch makes a tensor of a list: it copies without asking the tensors' class."""
    return run(aten.copy_.default, (target, source), {})


_factories, _kernels = torch.library.Library("_", "IMPL"), torch.library.Library("aten", "IMPL")
_random.manual_seed(SEED)
