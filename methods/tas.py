"""Transformable architecture search (TAS): Dong and Yang, "Network pruning via transformable architecture search",
NeurIPS 2019.

Idea: a distribution over eight widths for every group; at each step two of them are sampled (Gumbel-softmax) and both
networks run at once, weighted by their probabilities. Weights learn on training batches; the distributions, on
validation batches, from the loss and a term that pushes the expected MACs to the target. The most probable widths are
then trained; in the paper with knowledge distillation from the dense network.
Deviations: the two widths are aggregated as masks over shared channels (the first of each group) in place of
channel-wise interpolation, which several writers of one group do not allow. Width alone: blocks are no groups here, so
depth is not searched. The search goes on from the shared start's weights, and the found network from the search's, in
place of new ones; its widths are scaled by one factor, from the paper's tolerance of 5 % to the target itself. The
distributions' learning rate is for hundreds of steps, not for 600 epochs; they learn on the validation part, not on
half of the training part. One norm serves all widths (the authors: one for each). The temperature falls in a line from
10 (the authors' code: by a cosine from 5). By default there is no distillation: the paper's teacher is fully trained,
which the common budget does not pay for. The shared start is trained for a part of the budget only, and with the
paper's `distillation: 0.9` the found network ends at its loss. With a weight above 0 distillation runs on the masked
network and is charged as training of the found one, as fine-tuning is elsewhere, with a dense forward pass for the soft
labels.
Expected: near the dense network. The shape found for ResNet-56 on CIFAR-10 has 57.93 MMACs (estimated_FLOP in
configs/NeurIPS-2019/C010-ResNet56.config of the authors' repository), 46 % of the dense network's 125.49; its
accuracy is in no file there and was not checked.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from methods.core import gates
from methods.core.api import Batch, Group, Keep, Problem
from methods.core.widths import PASSES, SmoothCost, masks, widths_for

TARGETS = ("macs",)
START = "pretrained"
NO_PROMISE = ("plain", "residual", "norm-free")  # it finds widths and keeps the first channels of each group
RANGES = {
    "share": (0.0, 1.0), "distillation": (0.0, 1.0), "softness": (0.1, 100.0), "lr": (0.0, 100.0),
    "decay": (0.0, 1.0), "pressure": (0.0, 1000.0),
}  # fmt: skip
RATIOS = (0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)  # of a group's channels, the paper's
TOLERANCE = 0.05  # t: no pressure on the cost within this of the target, the paper's
HOT, COLD = 10.0, 0.1  # temperature of the samples at the begin and end of the search, the paper's


@dataclass(frozen=True)
class Knobs:
    share: float = 0.5  # of what is left of the budget, for the search; the rest is for the found network
    lr: float = 0.1  # of the distributions, by Adam (the paper: 0.001, for 600 epochs)
    decay: float = 1e-3  # weight decay of the distributions, the paper's
    pressure: float = 2.0  # lambda_cost, the paper's
    distillation: float = 0.0  # weight of the soft labels against the labels (the paper: 0.9); 0: no distillation
    softness: float = 4.0  # temperature of the soft labels, the paper's


def learn(net: nn.Module, problem: Problem, knobs: Knobs) -> Keep:
    """Search the widths; then train them by distillation until the budget is spent, where it has a weight."""
    start = copy.deepcopy(net).eval()
    counts = torch.tensor([[max(1, round(r * g.size)) for r in RATIOS] for g in problem.groups])
    logits = search(net, problem, knobs, counts)
    found = counts.gather(1, logits.argmax(1, keepdim=True).cpu())[:, 0]
    keep = widths_for(found / torch.tensor([g.size for g in problem.groups]), problem)
    if knobs.distillation:
        distil(net, start, problem, keep, knobs)
    return keep


def search(net: nn.Module, problem: Problem, knobs: Knobs, counts: Tensor) -> Tensor:
    """[groups, candidates]: log-probabilities, less a constant, of `counts` channels."""
    device = next(net.parameters()).device
    logits = (1e-3 * torch.randn(counts.shape, generator=problem.rng)).to(device).requires_grad_()
    adam = torch.optim.Adam([logits], lr=knobs.lr, betas=(0.5, 0.999), weight_decay=knobs.decay)
    sgd = problem.optimizer(net)
    counts, cost = counts.to(device), SmoothCost.of(problem, device)
    assert problem.target is not None
    groups, begin, epochs = problem.groups, problem.epochs, knobs.share * problem.epochs
    net.train()
    for batch in problem.batches(epochs, state=(net, sgd, logits, adam)):
        heat = HOT + (COLD - HOT) * (begin - problem.epochs) / epochs
        params = gates.scaled(net, groups, factors(groups, counts, *sample(logits.detach(), heat, problem.rng)))
        sgd.zero_grad()
        problem.loss(net, batch, params).backward()
        sgd.step()
        params = gates.scaled(net, groups, factors(groups, counts, *sample(logits, heat, problem.rng)))
        held_out = problem.sample("validation")
        loss = F.cross_entropy(problem.logits(net, held_out.images, params), held_out.labels)
        loss = loss + knobs.pressure * cost_term(logits, counts, cost, problem.target)
        (logits.grad,) = torch.autograd.grad(loss, [logits])
        adam.step()
    return logits.detach()


def sample(logits: Tensor, heat: float, rng: torch.Generator) -> tuple[Tensor, Tensor]:
    """Two different candidates of every group, by their perturbed probabilities, which are normalised over the two.

    Both [groups, 2]: index into the candidates; probability, differentiable in `logits`.
    """
    drawn = [-torch.empty(logits.shape).exponential_(generator=rng).log() for _ in range(2)]
    noise, draw = torch.stack(drawn).to(logits.device)
    perturbed = (logits.log_softmax(1) + noise) / heat
    chosen = (perturbed.detach().log_softmax(1) + draw).topk(2, 1).indices
    return chosen, perturbed.gather(1, chosen).softmax(1)


def factors(groups: tuple[Group, ...], counts: Tensor, chosen: Tensor, weight: Tensor) -> dict[str, Tensor]:
    """Two networks in one: a channel counts as much as the candidates are probable that have it."""
    limits = counts.gather(1, chosen)
    found = {}
    for group, limit, each in zip(groups, limits, weight, strict=True):
        has = torch.arange(group.size, device=limit.device) < limit[:, None]
        found[group.name] = each @ has.to(each)
    return found


def cost_term(logits: Tensor, counts: Tensor, cost: SmoothCost, target: float) -> Tensor:
    """Log of the expected MACs if the most probable network is too large, less it if that is too small, or 0."""
    now = cost.share(counts.gather(1, logits.argmax(1, keepdim=True))[:, 0].to(logits))
    expected = cost.share((logits.softmax(1) * counts).sum(1))
    sign = (now > target * (1 + TOLERANCE)).to(logits) - (now < target * (1 - TOLERANCE)).to(logits)
    return sign * expected.log()


def distil(net: nn.Module, start: nn.Module, problem: Problem, keep: Keep, knobs: Knobs) -> None:
    """Train the kept channels of `net` on labels and on the softened output of `start`, for what is left."""
    kept, optimizer = masks(net, keep), problem.optimizer(net)
    dense = problem.macs(problem.everything())
    for batch in problem.batches(problem.epochs, state=(net, optimizer)):
        logits = problem.logits(net, batch.images, gates.scaled(net, problem.groups, kept))
        with torch.no_grad():
            soft_labels = (problem.logits(start, batch.images) / knobs.softness).log_softmax(1)
        soft = F.kl_div((logits / knobs.softness).log_softmax(1), soft_labels, reduction="batchmean", log_target=True)
        hard = problem.loss(nn.Identity(), Batch(logits, batch.labels))
        optimizer.zero_grad()
        ((1 - knobs.distillation) * hard + knobs.distillation * knobs.softness**2 * soft).backward()
        optimizer.step()
        # `batches` charges dense passes; the removed channels are in none of the found network's
        problem.charge((dense + PASSES * (problem.macs(keep) - dense)) * len(batch.labels))
