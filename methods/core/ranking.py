"""What the scores of channels are made of, and from a score a channel to a choice that meets the target."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from methods.core.api import Batch, Group, Keep, Problem, Unsupported

TOLERANCE = 0.02
"""How far the MACs that are kept may be from the target, as a fraction of the target."""
STATISTICS = 0.1
"""Share of the budget left that the images for one criterion's statistics may take."""


def writer_weights(net: nn.Module, group: Group) -> Tensor:
    """[size, weights]: each channel's own weights, of every layer that writes the group, as one vector."""
    modules = dict(net.named_modules())
    own = [modules[site.module].weight.detach()[site.index].flatten(1) for site in group.writers]
    return torch.cat(own, dim=1)


def writer_norm(net: nn.Module, group: Group, p: float) -> Tensor:
    """[size]: the Lp norm of each channel's own weights, over every layer that writes the group."""
    return writer_weights(net, group).norm(p=p, dim=1)


def few_batches(net: nn.Module, problem: Problem, batches: int, state: Any) -> Iterator[Batch]:
    """Training batches for statistics of `net`, which is put into eval mode: `batches` of them, but at most a tenth
    of the budget that is left, and at least one.

    They are charged like any other. state: what the loop changes, as for `Problem.batches`.
    """
    net.eval()
    most = max(1, round(STATISTICS * problem.epochs * problem.epoch_steps))
    yield from problem.batches(min(batches, most) / problem.epoch_steps, state=state)


def map_scores(
    net: nn.Module, problem: Problem, batches: int, measure: Callable[[Tensor], Tensor]
) -> dict[str, Tensor]:
    """Group name -> [size]: `measure` of the group's activations, summed over a few training batches, mean over gates.

    measure: activations [n, size, k, h, w] (k as in `Site`; 1 x 1 behind a linear layer) -> [size].
    """
    device = next(net.parameters()).device
    scores = {g.name: torch.zeros(g.size, device=device) for g in problem.groups}

    def add(group: Group, index: Tensor, module: nn.Module, _: object, output: Tensor) -> None:
        by_channel = output.movedim(-1, 1) if isinstance(module, nn.Linear | nn.LayerNorm) else output
        maps = F.relu(by_channel.float())[:, index]
        maps = maps.reshape(*maps.shape[:3], maps.shape[3] if maps.dim() > 3 else 1, -1)
        scores[group.name] += measure(maps) / len(group.gates)

    hooks = [(site.module, partial(add, g, site.index)) for g in problem.groups for site in g.gates]
    with hooked(net, hooks), torch.no_grad():
        for batch in few_batches(net, problem, batches, state=scores):
            problem.loss(net, batch)
    return scores


@contextmanager
def hooked(net: nn.Module, hooks: Sequence[tuple[str, Callable[..., None]]]) -> Iterator[None]:
    """With forward hooks on the named modules, and afterwards, whatever happens, without."""
    handles = [net.get_submodule(name).register_forward_hook(hook) for name, hook in hooks]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def keep_by_rank(
    scores: Mapping[str, Tensor],
    problem: Problem,
    ranking: str = "uniform",
    *,
    since: Keep | None = None,
    progress: float = 1.0,
    floor: float = 0.0,
) -> Keep:
    """Remove the channels with the lowest scores until `problem.target` of the dense MACs is left.

    scores: group name -> [size], higher stays. ranking: "uniform" compares a channel's rank within its
    group (every group loses the same share), "global" its score with all others. No group goes below the share
    `floor` of its channels, nor below one. Where widths have a step, that many channels of a group go at once, when
    it is the last one's turn. A channel whose removal would overshoot the target is passed over.

    A method that prunes in rounds gives the choice of the round before, `since`, whose removed channels stay removed,
    and the part of the way to the target, `progress`. Before the last round (`progress` < 1) nothing is passed over:
    a channel that costs more than the round may remove ends the round, and what is left adds up until it can go.
    Passed over, it would leave the whole round to cheap channels, whatever their scores.

    Raises Unsupported where the last round does not come within TOLERANCE of the target.
    """
    assert problem.target is not None, "a ranking needs a target"
    keep = {name: mask.clone() for name, mask in (since or problem.everything()).items()}
    dense = problem.macs(problem.everything())
    goal = (1 - progress * (1 - problem.target)) * dense
    reached = _remove(keep, _order(scores, keep, problem.groups, ranking), problem, goal, floor, last=progress == 1)
    if progress == 1 and reached > goal * (1 + TOLERANCE):
        raise Unsupported(f"cannot keep {problem.target:.1%} of the MACs: {reached / dense:.1%} is the least above it")
    return keep


def _remove(
    keep: Keep, order: Sequence[tuple[str, int]], problem: Problem, goal: float, floor: float, *, last: bool
) -> int:
    """Take channels out of `keep`, in this order, until `goal` MACs are left. Returns what is left.

    One that would overshoot is passed over in the last round and ends any other.
    """
    reached = problem.macs(keep)
    sizes = {group.name: (group.step, max(group.step, int(floor * group.size))) for group in problem.groups}
    waiting: dict[str, list[int]] = {name: [] for name in sizes}
    for name, channel in order:
        if reached <= goal:
            break
        step, least = sizes[name]
        width = int(keep[name].sum())
        together = (width - 1) % step + 1
        if width - together < least:
            continue
        waiting[name].append(channel)
        if len(waiting[name]) < together:
            continue
        going, waiting[name] = waiting[name], []
        keep[name][going] = False
        if (macs := problem.macs(keep)) >= goal * (1 - TOLERANCE):
            reached = macs
            continue
        keep[name][going] = True
        if not last or reached <= goal * (1 + TOLERANCE):
            break  # near enough; going on would empty the groups whose channels are cheap
    return reached


def places(score: Tensor, step: int = 1) -> Tensor:
    """[size], 0 to 1: the share of its group that has gone when it is the channel's turn, lowest score first.

    It is the middle of its own share; where `step` channels go at once, of theirs.
    """
    return (score.argsort(stable=True).argsort() + 0.5 - (step - 1) / 2) / len(score)


def _order(scores: Mapping[str, Tensor], keep: Keep, groups: Sequence[Group], ranking: str) -> list[tuple[str, int]]:
    """(group, channel) of all channels that `keep` still has, the first to go first."""
    ranked = []
    for group in groups:
        score = scores[group.name].detach().float().cpu().masked_fill(~keep[group.name], -torch.inf)
        if ranking == "uniform":
            score = places(score, group.step)
        left = keep[group.name].tolist()
        ranked += [(value, group.name, channel) for channel, value in enumerate(score.tolist()) if left[channel]]
    ranked.sort(key=lambda entry: entry[0])
    return [(name, channel) for _, name, channel in ranked]
