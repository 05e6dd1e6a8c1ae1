"""The interface between a method and the suite.

A method is one file in `methods/`; its name is the method's key in the config. The file holds

    TARGETS = ("macs",)           the targets that it can take: "macs" (target MACs, given or matched), "free"
                                  (unconstrained), "from" (transfer: it uses what another method has learned)
    START = "pretrained"          it begins from the shared start; "init": from the initialisation
    RETRAIN = "scratch"           optional: only the widths that were found are kept. The network is trained from new
                                  weights, on a schedule of its own, for what is left of the budget, or for all epochs
                                  if the knob `budget` is "paper". A search has the part of the budget that the knob
                                  `share` says, on a schedule of its own, too: what it finds is scored by weights that
                                  have come to rest
    SOURCE = {"switcher": {}}     with "from": the method, and its knobs, that it transfers from;
                                  `problem.transferred` holds what that method has saved
    CONTINUE = {"train": True}    with "from": knobs for the target `from:a+b`. Its source is then this method with
                                  these knobs, run on network b, after a transfer from SOURCE on network a
    RANGES = {"rounds": (1, 9)}   optional: least and largest value of a knob; planning refuses others

    @dataclass(frozen=True)
    class Knobs: ...              its hyperparameters: defaults, units and source; the config may set them

    def learn(net, problem, knobs) -> Keep: ...

A method that builds a network of its own returns it as `OwnNetwork`, and its file also holds

    def build(example, shape) -> nn.Module: ...

All names in capitals and the fields of Knobs are literals: planning reads them without running the file.
`learn` trains `net` in place and returns which channels to keep. Before it returns, it folds the gates that it has
learned into the weights (`methods.core.gates.fold`). The suite shrinks, fine-tunes, evaluates, times and saves.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple, Protocol

import torch
from torch import Tensor, nn

Keep = dict[str, Tensor]
"""Group name -> bool mask [group size], True = the channel is kept."""

Factors = Mapping[str, Tensor]
"""Group name -> gates [group size]."""


class OwnNetwork(NamedTuple):
    """A network that a method has built itself, in place of a choice of channels.

    `build(example, shape)` of the method's file makes the same network from `shape`, which JSON can hold.
    """

    net: nn.Module
    shape: dict[str, Any]


class Unsupported(Exception):  # noqa: N818 - it ends a run, and is a status in its row
    """A method cannot handle this network or target; the message is the sentence that the tables show."""


class Diverged(Exception):  # noqa: N818
    """The training loss is not finite."""


class Batch(NamedTuple):
    images: Tensor  # float [n, c, h, w], normalised and augmented, on the device
    labels: Tensor  # int64 [n]


@dataclass(frozen=True)
class Site:
    """Where the channels of a group are in one module: `index` [group size, k] int64, into the module's channels.

    k > 1 where one channel of the group corresponds to several of the module, as behind a flatten.
    """

    module: str
    index: Tensor

    def __post_init__(self) -> None:
        self.ordered  # noqa: B018 - found once, so that no training step waits for the device

    @cached_property
    def ordered(self) -> bool:
        """Whether the channels of the group are the module's first ones, in their order."""
        return torch.equal(self.index.flatten().cpu(), torch.arange(self.index.numel()))


@dataclass(frozen=True)
class Group:
    """Channels that are removed together, in every module that writes or reads them."""

    name: str
    size: int
    writers: tuple[Site, ...]  # conv and linear layers that produce them (the first is the root)
    norms: tuple[Site, ...]  # normalisations over them
    readers: tuple[Site, ...]  # conv and linear layers that consume them
    gates: tuple[Site, ...]  # where a gate applies: the last writer or norm of each branch
    exact: bool = True  # whether a factor of 0 at the gates removes the channel; not if a sigmoid follows
    step: int = 1  # the number of kept channels is a multiple of it, or `size`


class Problem(Protocol):
    """The only way to train: hands out data, sets learning rates, charges the budget.

    Before each batch, the problem sets the learning rate of every optimizer that it made.
    """

    groups: tuple[Group, ...]
    example: Tensor  # float [1, c, h, w]: an input of the network, on its device
    target: float | None  # fraction of the dense MACs to keep; None: the method chooses its own size
    epochs: float  # what is left of the budget, or of a search's part of it
    epoch_steps: int  # batches in a pass over "train"
    transferred: Mapping[str, Tensor]  # what the source method saved, same dataset and seed; empty for most
    rate: float  # the current learning rate, as a fraction of the recipe's
    rng: torch.Generator  # on the CPU, seeded by the run

    def batches(self, epochs: float, *, part: str = "train", state: Any = ()) -> Iterator[Batch]:
        """Hand out `epochs` passes over "train" (charged as epochs and MACs) or "validation" (MACs alone).

        `state` is everything that the loop changes (modules, optimizers, generators, tensors): it is saved
        every epoch and restored in place when a killed run is resumed. A loop that was complete
        before the kill yields nothing. Raises Diverged after an epoch with a non-finite loss, and
        ValueError if `epochs` is more than what is left of the budget.
        """
        ...

    def sample(self, part: str = "validation") -> Batch:
        """A batch of random images of "train" or "validation", not augmented; charged as the MACs of a forward
        and a backward pass, and no epochs. May be called within a loop over `batches`."""
        ...

    def logits(self, net: nn.Module, images: Tensor, params: Mapping[str, Tensor] | None = None) -> Tensor:
        """Logits in float32, by a forward pass in the run's precision; `params` as for `loss`."""
        ...

    def loss(self, net: nn.Module, batch: Batch, params: Mapping[str, Tensor] | None = None) -> Tensor:
        """Cross-entropy of `net` on the batch; `params` replaces its parameters of these names."""
        ...

    def optimizer(
        self, *trained: nn.Module, lr: float | None = None, weight_decay: float | None = None
    ) -> torch.optim.Optimizer:
        """The recipe's SGD for the modules' parameters; `lr` and `weight_decay` replace the recipe's values. Only
        parameters of two or more dimensions decay."""
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
        forward pass; `trained` is a module trained along with `net`; `after_step` runs after every step, and `state`
        holds what it changes."""
        ...

    def lr_sum(self, epochs: float, lr: float | None = None) -> float:
        """The sum of the learning rates over the steps of the next `epochs`, for an optimizer made with this `lr`."""
        ...

    def everything(self) -> Keep:
        """The Keep that keeps every channel."""
        ...

    def macs(self, keep: Keep) -> int:
        """MACs per image of the network with these channels, equal to the count on the pruned network."""
        ...

    def save_for_transfer(self, tensors: Mapping[str, Tensor]) -> None:
        """Save what was learned in addition to the network, for methods that transfer from this one."""
        ...

    def charge(self, macs: float) -> None:
        """Add training MACs that the problem cannot count itself (those of a hypernetwork, say)."""
        ...

    def note(self, **values: float | Tensor) -> None:
        """Write values into the history of the current epoch (the number of channels that are on, say). One on the
        device is fetched at the end of the epoch."""
        ...
