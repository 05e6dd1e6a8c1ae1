"""The interface between a method and the suite.

A method is one file in `methods/`; its name is its key in the config. The file holds

    TARGETS = ("macs",)           the targets that it can take: "macs" (target MACs, given or matched), "free" (it
                                  chooses its own size), "from" (transfer: it uses what another method has learned)
    START = "pretrained"          it begins from the shared start; or "init"
    RETRAIN = "scratch"           optional: only the found shape counts; new weights train, on a schedule of their own,
                                  for what is left of the budget, or for all epochs where the knob `budget` is "paper"
    SOURCE = {"switcher": {}}     with "from": the method, and its knobs, that it transfers from;
                                  `problem.transferred` is what that method has saved
    CONTINUE = {"train": True}    with "from": its own knobs with which it learns on. At the target `from:a+b` its
                                  source is itself with these knobs, on b, which has transferred from SOURCE on a
    RANGES = {"rounds": (1, 9)}   optional: least and largest value of a knob; planning refuses others

    @dataclass(frozen=True)
    class Knobs: ...              its settings: defaults, units and source; the config may set them

    def learn(net, problem, knobs) -> Keep: ...

A method that builds a network of its own returns it as `OwnNetwork`, and its file also holds

    def build(example, shape) -> nn.Module: ...

All names in capitals and the fields of Knobs are literals: planning reads them without running the file.
`learn` trains `net` in place and returns which channels stay. It folds factors that it has learned into the weights
(`methods.core.gates.fold`) before it returns. Evaluating, shrinking, fine-tuning, timing and saving are never its task.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

import torch
from torch import Tensor, nn

Keep = dict[str, Tensor]
"""Group name -> bool mask [channels], True = stays."""

Factors = Mapping[str, Tensor]
"""Group name -> factor [channels]."""


class OwnNetwork(NamedTuple):
    """A network that a method has built itself, in place of a choice of channels.

    `build(example, shape)` of the method's file makes the same network from `shape`, which JSON can hold.
    """

    net: nn.Module
    shape: dict[str, Any]


class Unsupported(Exception):  # noqa: N818 - it ends a run, and is a status in its row
    """A method cannot handle this network or target; its message is the one sentence the table shows."""


class Diverged(Exception):  # noqa: N818
    """The training loss is not finite any more."""


class Batch(NamedTuple):
    images: Tensor  # float [n, c, h, w], normalised and augmented, on the device
    labels: Tensor  # int64 [n]


@dataclass(frozen=True)
class Site:
    """Where the channels of a group sit in one module: `index` [group size, k] int64, into its channels.

    k > 1 where one channel of the group is several of the module's, as behind a flatten.
    """

    module: str
    index: Tensor


@dataclass(frozen=True)
class Group:
    """Channels that are removed together, in every module that writes or reads them."""

    name: str
    size: int
    writers: tuple[Site, ...]  # conv and linear layers that produce them (the first is the root)
    norms: tuple[Site, ...]  # normalisations over them
    readers: tuple[Site, ...]  # conv and linear layers that consume them
    gates: tuple[Site, ...]  # where a factor applies: the last writer or norm of each branch
    step: int = 1  # of its width, which is a multiple of it or all of its channels


class Problem(Protocol):
    """The only way to train: hands out data, keeps the one schedule, charges the budget.

    A learning rate is set by the problem on every optimizer that it made, before each batch.
    """

    groups: tuple[Group, ...]
    example: Tensor  # float [1, c, h, w]: an input of the network, on its device
    target: float | None  # fraction of the dense MACs to keep; None: the method chooses its own size
    epochs: float  # what is left to spend
    epoch_steps: int  # batches in a pass over "train"
    transferred: Mapping[str, Tensor]  # what the source method saved, same dataset and seed; empty for most
    rate: float  # the schedule's present learning rate, as a fraction of the recipe's
    rng: torch.Generator  # on the CPU, seeded by the run

    def batches(self, epochs: float, *, part: str = "train", state: Any = ()) -> Iterator[Batch]:
        """Hand out `epochs` passes over "train" (charged against the budget) or "validation" (its MACs alone).

        `state` is everything that the loop changes (modules, optimizers, generators, tensors): it is saved
        every epoch and restored in place when a killed run is resumed. A loop whose state was
        already complete yields nothing. Raises Diverged after an epoch with a non-finite loss, and
        ValueError if more than the budget is asked for.
        """
        ...

    def sample(self, part: str = "validation") -> Batch:
        """A batch of random images of "train" or "validation", not augmented; charged as a forward and a backward
        pass, and no step of the budget. May be called within a loop over `batches`."""
        ...

    def logits(self, net: nn.Module, images: Tensor, params: Mapping[str, Tensor] | None = None) -> Tensor:
        """Logits in float32, by a forward pass in the run's precision; `params` as for `loss`."""
        ...

    def loss(self, net: nn.Module, batch: Batch, params: Mapping[str, Tensor] | None = None) -> Tensor:
        """Cross-entropy of `net` on the batch; with `params`, of `net` with these tensors for its own."""
        ...

    def optimizer(
        self, *trained: nn.Module, lr: float | None = None, weight_decay: float | None = None
    ) -> torch.optim.Optimizer:
        """The recipe's SGD for the modules' parameters, but for what the paper asks to be different. Weights of two
        or more dimensions decay."""
        ...

    def fit(
        self,
        net: nn.Module,
        epochs: float,
        *,
        penalty: Callable[[], Tensor] | None = None,
        params: Callable[[], Mapping[str, Tensor]] | None = None,
        trained: nn.Module | None = None,
        after_step: Callable[[], None] | None = None,
        state: Any = (),
        lr: float | None = None,
    ) -> None:
        """Train `net` for `epochs` by the recipe. `penalty` is added to the loss; `params` replaces tensors in the
        forward pass; `trained` is trained along; `after_step` runs after every step; `state` is what it changes."""
        ...

    def lr_sum(self, epochs: float, lr: float | None = None) -> float:
        """The sum of the learning rates over the steps of the next `epochs`, of an optimizer made with this `lr`."""
        ...

    def everything(self) -> Keep:
        """The Keep in which every channel stays."""
        ...

    def macs(self, keep: Keep) -> int:
        """MACs per image of the network with these channels, exactly as the pruned network counts them."""
        ...

    def save_for_transfer(self, tensors: Mapping[str, Tensor]) -> None:
        """Save what was learned besides the network, for methods that transfer from this one."""
        ...

    def charge(self, macs: float) -> None:
        """Add training MACs that the problem cannot see (those of a hypernetwork, say)."""
        ...

    def note(self, **values: float) -> None:
        """Write values into the history of the current epoch (alive channels, say)."""
        ...
