"""Cell networks as in Liu, Simonyan and Yang, "DARTS", ICLR 2019: every edge an operation, or all of them weighted.

A cell reads the two cells before it. Each of its nodes is the sum of its edges, each from an earlier state; its output
is the concatenation of the nodes. Cells at one and two thirds of the depth halve the map and double the width.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

OPERATIONS = ("max_pool_3", "avg_pool_3", "skip", "sep_conv_3", "sep_conv_5", "dil_conv_3", "dil_conv_5")
"""The paper's, but for zero, which adds nothing."""

Gene = Sequence[Sequence[tuple[Sequence[str], int]]]
"""For each node its edges: operations, and the state they read; 0 and 1 are the cells before."""


class Reduce(nn.Module):
    """Half the map: two 1x1 convolutions, the second a pixel further, side by side (the paper's strided identity).

    They are applied to every second pixel; as convolutions with a stride of 2 their gradients may be wrong on the CPU
    (see benchmarks.machine.device.overruns).
    """

    def __init__(self, inputs: int, outputs: int, affine: bool) -> None:
        super().__init__()
        self.here = nn.Conv2d(inputs, outputs - outputs // 2, 1, bias=False)
        self.beside = nn.Conv2d(inputs, outputs // 2, 1, bias=False) if outputs > 1 else None
        self.norm = nn.BatchNorm2d(outputs, affine=affine)

    def forward(self, x: Tensor) -> Tensor:
        x = x.relu()
        here = self.here(x[:, :, ::2, ::2])
        if self.beside is None:
            return self.norm(here)
        return self.norm(torch.cat([here, self.beside(F.pad(x, (0, 1, 0, 1))[:, :, 1::2, 1::2])], 1))


def pointwise(inputs: int, outputs: int, affine: bool) -> nn.Module:
    """ReLU, 1x1 convolution, norm."""
    return nn.Sequential(nn.ReLU(), nn.Conv2d(inputs, outputs, 1, bias=False), nn.BatchNorm2d(outputs, affine=affine))


def separable(width: int, kernel: int, stride: int, dilation: int, affine: bool) -> list[nn.Module]:
    """ReLU, depthwise and pointwise convolution, norm."""
    padding = dilation * (kernel // 2)
    depthwise = nn.Conv2d(width, width, kernel, stride, padding, dilation, groups=width, bias=False)
    return [nn.ReLU(), depthwise, nn.Conv2d(width, width, 1, bias=False), nn.BatchNorm2d(width, affine=affine)]


def operation(name: str, width: int, stride: int, affine: bool) -> nn.Module:
    """One of OPERATIONS. Without `affine`, as in a search, poolings are normalised too."""
    kind, _, kernel = name.rpartition("_")
    if kind.endswith("pool"):
        pool = nn.MaxPool2d(3, stride, 1) if kind == "max_pool" else nn.AvgPool2d(3, stride, 1, count_include_pad=False)
        return pool if affine else nn.Sequential(pool, nn.BatchNorm2d(width, affine=False))
    if kind == "sep_conv":
        first = separable(width, int(kernel), stride, 1, affine)
        return nn.Sequential(*first, *separable(width, int(kernel), 1, 1, affine))
    if kind == "dil_conv":
        return nn.Sequential(*separable(width, int(kernel), stride, 2, affine))
    return nn.Identity() if stride == 1 else Reduce(width, width, affine)


class SearchCell(nn.Module):
    """Reads maps of `before` and `last` channels; puts out width * nodes of them."""

    def __init__(
        self, gene: Gene, before: int, last: int, width: int, *, halves: bool, halved: bool, affine: bool
    ) -> None:
        super().__init__()
        self.before = (Reduce if halved else pointwise)(before, width, affine)
        self.last = pointwise(last, width, affine)
        self.sources = [[source for _, source in node] for node in gene]
        self.edges = nn.ModuleList(
            nn.ModuleList(operation(name, width, 2 if halves and source < 2 else 1, affine) for name in names)
            for node in gene
            for names, source in node
        )

    def forward(self, before: Tensor, last: Tensor, weights: Tensor | None = None) -> Tensor:
        """weights: [edges, operations]; None where every edge has one operation."""
        states = [self.before(before), self.last(last)]
        at = iter(range(len(self.edges)))
        for sources in self.sources:
            inputs = [self._edge(next(at), states[source], weights) for source in sources]
            states.append(torch.stack(inputs).sum(0))
        return torch.cat(states[2:], 1)

    def _edge(self, at: int, x: Tensor, weights: Tensor | None) -> Tensor:
        operations = self.edges[at]
        assert isinstance(operations, nn.ModuleList)
        if weights is None:
            return operations[0](x)
        mixed = [weight * each(x) for weight, each in zip(weights[at], operations, strict=True)]
        return torch.stack(mixed).sum(0)


class CellNetwork(nn.Module):
    """Stem, cells, mean over the map, linear. `genes`: of the "normal" cells and of those that "reduce" the map."""

    def __init__(
        self, inputs: int, classes: int, genes: Mapping[str, Gene], *,
        cells: int, width: int, stem: int, stride: int, affine: bool = True,
    ) -> None:  # fmt: skip
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(inputs, stem, 3, stride, padding=1, bias=False), nn.BatchNorm2d(stem))
        self.kinds = ["reduce" if cell in (cells // 3, 2 * cells // 3) else "normal" for cell in range(cells)]
        self.cells = nn.ModuleList()
        before = last = stem
        halved = False
        for kind in self.kinds:
            halves = kind == "reduce"
            width *= 2 if halves else 1
            self.cells.append(SearchCell(genes[kind], before, last, width, halves=halves, halved=halved, affine=affine))
            before, last, halved = last, width * len(genes[kind]), halves
        self.head = nn.Linear(last, classes)

    def forward(self, images: Tensor, weights: Mapping[str, Tensor] | None = None) -> Tensor:
        """Logits [n, classes]. weights: kind -> [edges, operations], where edges have several."""
        before = last = self.stem(images)
        for kind, cell in zip(self.kinds, self.cells, strict=True):
            before, last = last, cell(before, last, weights[kind] if weights else None)
        return self.head(last.mean((2, 3)))


def discretise(probabilities: Tensor, nodes: int) -> list[list[tuple[str, int]]]:
    """For every node its two strongest edges, by the strongest operation that is not zero: (operation, source)."""
    strength, best = probabilities[:, 1:].max(1)
    gene, first = [], 0
    for node in range(nodes):
        own = strength[first : first + 2 + node]
        sources = sorted(own.argsort(descending=True, stable=True)[:2].tolist())
        gene.append([(OPERATIONS[int(best[first + source])], source) for source in sources])
        first += 2 + node
    return gene
