"""One network of many widths with shared weights: what the searches over widths have in common.

A narrow network is the first channels of every group. It is trained by the sandwich rule of Yu and Huang, "Universally
slimmable networks and improved training techniques", ICCV 2019: at every step the widest network learns the labels,
and the narrowest and a few random ones learn what the widest puts out; their gradients are added.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn import functional as F

from methods.core import gates
from methods.core.api import Batch, Factors, Keep, Problem, Unsupported
from methods.core.ranking import keep_by_rank

PASSES = 3  # forward, and a backward that costs two forward passes


@dataclass(frozen=True)
class SmoothCost:
    """MACs as a differentiable function of how many channels each group has, as fractions of the dense network's.

    They are quadratic in the widths: a layer costs what it writes times what it reads. Counting the network with one
    or two channels less, for every group and pair of groups, gives every coefficient.
    """

    sizes: Tensor  # [groups]
    linear: Tensor  # [groups] of a removed channel
    square: Tensor  # [groups, groups] of a pair of removed channels

    @classmethod
    def of(cls, problem: Problem, device: torch.device) -> SmoothCost:
        """Of the dense network; exact at every width."""
        sizes = torch.tensor([group.size for group in problem.groups])
        count = len(sizes)
        dense, one = _macs(problem, sizes), torch.eye(count, dtype=torch.int64)
        single = [_macs(problem, sizes - one[i]) for i in range(count)]
        square = torch.zeros(count, count, dtype=torch.float64)
        for i in range(count):
            for j in range(i, count):
                if i != j or sizes[i] > 1:
                    both = _macs(problem, sizes - one[i] - one[j])
                    square[i, j] = square[j, i] = (both - single[i] - single[j] + dense) / 2
        linear = torch.tensor(single, dtype=torch.float64) - dense - square.diagonal()
        return cls(*(tensor.float().to(device) for tensor in (sizes, linear / dense, square / dense)))

    def share(self, widths: Tensor) -> Tensor:
        """Fraction of the dense MACs that a network of `widths` [groups] has."""
        removed = self.sizes - widths
        return 1 + self.linear @ removed + removed @ self.square @ removed

    def marginal(self, widths: Tensor) -> Tensor:
        """[groups]: the derivative of `share`, what a channel of each group costs beside `widths` of the others."""
        return -self.linear - 2 * self.square @ (self.sizes - widths)


def _macs(problem: Problem, widths: Tensor) -> int:
    return problem.macs({g.name: torch.arange(g.size) < n for g, n in zip(problem.groups, widths, strict=True)})


def widths_for(shares: Tensor, problem: Problem) -> Keep:
    """The first channels of every group, in proportion to `shares` [groups], at the target's MACs.

    No group has more than all of its channels or less than one. Raises Unsupported where coarse groups in these
    proportions miss the target.
    """
    scores = {
        group.name: -torch.arange(1, group.size + 1) / group.size / share
        for group, share in zip(problem.groups, shares.tolist(), strict=True)
    }
    return keep_by_rank(scores, problem, "global")


def possible(shares: Tensor, problem: Problem) -> tuple[Tensor, list[Keep]]:
    """Those of the candidates [n, groups] that can meet the target, with the widths that do."""
    found: list[tuple[Tensor, Keep]] = []
    for candidate in shares:
        try:
            found.append((candidate, widths_for(candidate, problem)))
        except Unsupported:
            continue
    return torch.stack([c for c, _ in found]) if found else shares[:0], [keep for _, keep in found]


def random_widths(problem: Problem, narrowest: float) -> Keep:
    """Uniform between `narrowest` and all of the channels, for every group on its own."""
    drawn = torch.rand(len(problem.groups), generator=problem.rng) * (1 - narrowest) + narrowest
    return _first(problem, drawn)


def train_slimmable(net: nn.Module, problem: Problem, epochs: float, *, narrowest: float, between: int) -> None:
    """Train `net` at full width, at `narrowest` of every group and at `between` random widths, in every step."""
    optimizer = problem.optimizer(net)
    least = masks(net, _first(problem, torch.full((len(problem.groups),), narrowest)))
    net.train()
    for batch in problem.batches(epochs, state=(net, optimizer)):
        narrow = [least, *(masks(net, random_widths(problem, narrowest)) for _ in range(between))]
        learn_widths(net, problem, batch, optimizer, narrow)


def learn_widths(
    net: nn.Module, problem: Problem, batch: Batch, optimizer: torch.optim.Optimizer, narrow: Sequence[Factors]
) -> None:
    """One step by the sandwich rule, with these networks beside the widest; what they cost is charged."""
    optimizer.zero_grad()
    logits = problem.logits(net, batch.images)
    problem.loss(nn.Identity(), Batch(logits, batch.labels)).backward()
    soft_labels = logits.detach().softmax(1)
    for factors in narrow:
        params = gates.scaled(net, problem.groups, factors)
        F.cross_entropy(problem.logits(net, batch.images, params), soft_labels).backward()
    optimizer.step()
    problem.charge(PASSES * len(narrow) * problem.macs(problem.everything()) * len(batch.labels))


@torch.no_grad()
def accuracies(net: nn.Module, problem: Problem, candidates: Sequence[Keep]) -> Tensor:
    """[candidates]: accuracy of each with the shared weights of `net`, all on the same validation batches.

    Normalisation is by each batch's own statistics; the running ones belong to no width.
    """
    scored = copy.deepcopy(net).train()
    params = [gates.scaled(scored, problem.groups, masks(net, keep)) for keep in candidates]
    dense = problem.macs(problem.everything())
    device = next(net.parameters()).device
    correct, seen = torch.zeros(len(candidates), device=device), torch.zeros(())
    for batch in problem.batches(1, part="validation", state=(correct, seen)):
        logits = torch.stack([functional_call(scored, p, batch.images) for p in params])
        correct += (logits.argmax(2) == batch.labels).sum(1)
        seen += len(batch.labels)
        problem.charge((len(candidates) - 1) * dense * len(batch.labels))
    return correct.cpu() / seen


def masks(net: nn.Module, keep: Keep) -> dict[str, Tensor]:
    """The choice as factors of 0 and 1, where the parameters of `net` are; one copy for all groups."""
    every = torch.cat([*keep.values()]).to(next(net.parameters()))
    return dict(zip(keep, every.split([len(mask) for mask in keep.values()]), strict=True))


def _first(problem: Problem, fractions: Tensor) -> Keep:
    """The first channels of every group; at least one."""
    return {
        group.name: torch.arange(group.size) < max(1, round(fraction * group.size))
        for group, fraction in zip(problem.groups, fractions.tolist(), strict=True)
    }
