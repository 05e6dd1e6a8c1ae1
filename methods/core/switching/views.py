"""What a switcher reads of a group: the weights that come in and go out of each neuron, its norm's scale, and numbers
that any layer has, made of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple

import torch
from torch import Tensor, nn

from methods.core.api import Group, Site
from methods.core.switching.readings import standardise

SIZES = 3
STATISTICS = 8  # of one set of weights of a neuron
TINY = 1e-6

Input = Literal["incoming", "outgoing", "both", "shuffled", "noise"]


class View(NamedTuple):
    """Of one group, a row a neuron."""

    incoming: Tensor  # [size, fan in] weights of every layer that writes the group
    outgoing: Tensor  # [size, fan out] weights of every layer that reads it
    scale: Tensor | None  # [size, k] of the last norm behind it

    def rows(self) -> list[Tensor]:
        """All that there is."""
        return [self.incoming, self.outgoing, *([] if self.scale is None else [self.scale])]


def weights(net: nn.Module, groups: Sequence[Group], *, live: bool = False) -> list[View]:
    """The views of all groups; only with `live` does a gradient reach the weights."""
    modules = dict(net.named_modules())

    def rows(site: Site, of_input: bool = False) -> Tensor:
        module = modules[site.module]
        weight = _by_input(module) if of_input else module.weight
        assert isinstance(weight, Tensor)
        return (weight if live else weight.detach())[site.index].flatten(1)

    return [
        View(
            torch.cat([rows(site) for site in group.writers], 1),
            torch.cat([rows(site, of_input=True) for site in group.readers], 1),
            rows(group.norms[-1]) if group.norms else None,
        )
        for group in groups
    ]


class Noise(nn.Module):
    """A control: numbers drawn once, in the shape of what is read. What is learned from them is not in the weights."""

    def __init__(self, views: Sequence[View], generator: torch.Generator) -> None:
        super().__init__()
        for i, view in enumerate(views):
            for j, rows in enumerate(view.rows()):
                self.register_buffer(f"{i}-{j}", torch.randn(rows.shape, generator=generator).to(rows))

    def forward(self, views: Sequence[View]) -> list[View]:
        """The same noise every time."""
        return [
            View(self.get_buffer(f"{i}-0"), self.get_buffer(f"{i}-1"), self._buffers.get(f"{i}-2"))
            for i, _ in enumerate(views)
        ]


class Shuffle(nn.Module):
    """A control: every neuron is judged by the weights of another one of its layer, always the same."""

    def __init__(self, views: Sequence[View], generator: torch.Generator) -> None:
        super().__init__()
        for i, view in enumerate(views):
            order = torch.randperm(len(view.incoming), generator=generator)
            self.register_buffer(str(i), order.to(view.incoming.device))

    def forward(self, views: Sequence[View]) -> list[View]:
        """The rows in the order that was drawn."""
        orders = (self.get_buffer(str(i)) for i in range(len(views)))
        return [
            View(view.incoming[order], view.outgoing[order], None if view.scale is None else view.scale[order])
            for view, order in zip(views, orders, strict=True)
        ]


def normalised(view: View, chosen: Input) -> Tensor:
    """[size, weights]: the chosen side of a layer, of zero mean and unit variance over the whole of it."""
    sides = {"outgoing": [view.outgoing], "both": [view.incoming, view.outgoing]}.get(chosen, [view.incoming])
    return torch.cat([(side - side.mean()) / (side.std() + TINY) for side in sides], 1)


def sizes(view: View) -> Tensor:
    """[size, 3]: z-scores of the log size of incoming weights, outgoing weights and norm scale (0 where none is)."""
    found = [log_rms(rows) for rows in view.rows()]
    return standardise(torch.stack(found + [torch.zeros_like(found[0])] * (SIZES - len(found)), 1))


def log_rms(rows: Tensor) -> Tensor:
    """[size]."""
    return rows.square().mean(1).add(1e-12).log() / 2


def statistics(rows: Tensor) -> Tensor:
    """[size, 8] of the weights [size, n] of a layer's neurons, whatever the order of the n."""
    size = log_rms(rows)
    unit = rows / size.exp().add(TINY)[:, None]
    alike = nn.functional.normalize(rows, dim=1, eps=TINY)
    cosines = alike @ alike.T
    others = cosines - torch.diag_embed(cosines.diagonal())
    moments = [unit.mean(1), unit.abs().mean(1), unit.abs().amax(1).add(1).log(), unit.pow(3).mean(1).tanh()]
    return torch.stack([size, *moments, others.mean(1), others.square().mean(1), others.amax(1)], 1)


def _by_input(reader: nn.Module) -> Tensor:
    """[inputs, outputs / groups, ...]: an input of a grouped convolution is read by its own group alone."""
    weight, parts = reader.weight, getattr(reader, "groups", 1)
    assert isinstance(weight, Tensor)
    return weight.unflatten(0, (parts, -1)).transpose(1, 2).flatten(0, 1)
