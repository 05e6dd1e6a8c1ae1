"""Growing regularisation: whose penalty grows, how fast, and that its gradient is right where the library's is zero."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
import torch_pruning as tp
from torch import nn

from benchmarks.training.trainer import Trainer
from methods import growing_reg
from methods.core.api import Unsupported
from methods.core.coupled import coupled
from methods.core.ranking import keep_by_rank, writer_norm
from tests.kinds import EXAMPLE, KINDS, settled

Strengths = list[tuple[dict[str, list[float]], float]]


def penalties(monkeypatch: pytest.MonkeyPatch) -> Strengths:
    """Whom the penalty was on, and how strong, in every step of a run."""
    seen: Strengths = []
    decay = growing_reg.decay

    def spy(own: dict, chosen: dict[str, torch.Tensor], strength: float) -> torch.Tensor:
        seen.append(({name: mask.tolist() for name, mask in chosen.items()}, strength))
        return decay(own, chosen, strength)

    monkeypatch.setattr(growing_reg, "decay", spy)
    return seen


@pytest.mark.parametrize("of", ["plain", "residual", "concatenating", "depthwise", "grouped"])
def test_the_gradient_is_strength_times_weight_for_the_chosen_and_zero_for_the_others(
    of: str, make_trainer: Callable[..., Trainer]
) -> None:
    net = settled(KINDS[of]())
    trainer = make_trainer(net)
    own = {g.name: coupled(net, g, readers=False) for g in trainer.groups}
    chosen = {g.name: (torch.arange(g.size) % 2).float() for g in trainer.groups}
    growing_reg.decay(own, chosen, 0.3).backward()
    modules = dict(net.named_modules())
    for group in trainer.groups:
        for site in group.writers + group.norms:
            weight = modules[site.module].weight
            for channel, rows in enumerate(site.index):
                assert torch.allclose(weight.grad[rows], 0.3 * (channel % 2) * weight[rows], atol=1e-6)


def test_the_norms_term_has_a_gradient_where_the_librarys_has_none() -> None:
    net = settled(KINDS["residual"]())
    norm = net[1].first[1]
    pruner = tp.pruner.GrowingRegPruner(
        net, EXAMPLE, importance=tp.importance.GroupMagnitudeImportance(p=2), reg=0.3, ignored_layers=[net[3][2]]
    )
    for parameter in net.parameters():
        parameter.grad = torch.zeros_like(parameter)
    pruner.regularize(net)
    assert net[1].first[0].weight.grad.any() and not norm.weight.grad.any(), "mended there: use it"


def test_greg_1_lets_the_penalty_grow_to_its_ceiling_on_the_smallest_by_l1(
    make_trainer: Callable[..., Trainer], monkeypatch: pytest.MonkeyPatch
) -> None:
    net = settled(KINDS["residual"]())
    trainer, seen = make_trainer(net, epochs=8, target=0.5), penalties(monkeypatch)
    smallest = keep_by_rank({g.name: writer_norm(net, g, p=1) for g in trainer.groups}, trainer)
    keep = growing_reg.learn(net, trainer, growing_reg.Knobs(share=1.0, settling=0.25))
    assert {n: m.tolist() for n, m in keep.items()} == {n: m.tolist() for n, m in smallest.items()}
    assert all(who == {n: (~m).float().tolist() for n, m in keep.items()} for who, _ in seen)
    strengths = [strength for _, strength in seen]
    assert strengths == pytest.approx([*[i / 18 for i in range(1, 19)], *[1.0] * 6])


@pytest.mark.decides
def test_greg_2_chooses_by_what_a_small_penalty_on_all_has_left(
    make_trainer: Callable[..., Trainer], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A twelfth of the steps is for choosing. The filters' lengths turn round meanwhile: what was longest goes."""
    net = settled(KINDS["residual"]())
    trainer, seen = make_trainer(net, epochs=12, target=0.5), penalties(monkeypatch)
    grow, phases = growing_reg.grow, 0

    def turned(net: nn.Module, *rest: object) -> None:
        nonlocal phases
        grow(net, *rest)  # type: ignore[arg-type]
        phases += 1
        if phases == 1:
            weight = net.get_submodule("1.first.0").weight.data
            weight.div_(weight.abs().sum((1, 2, 3), keepdim=True).square())  # L1 norm n becomes 1 / n

    monkeypatch.setattr(growing_reg, "grow", turned)
    longest = writer_norm(net, next(g for g in trainer.groups if g.name == "1.first.0"), p=1).topk(4).indices
    knobs = growing_reg.Knobs(variant="GReg-2", share=1.0, settling=0.0, choosing=0.1)
    keep = growing_reg.learn(net, trainer, knobs)
    choosing, pushing = seen[:3], seen[3:]
    assert all(set(mask) == {1.0} for who, _ in choosing for mask in who.values())
    assert [s for _, s in choosing] == pytest.approx([0.1 * i / 3 for i in range(1, 4)])
    assert all(who == {n: (~m).float().tolist() for n, m in keep.items()} for who, _ in pushing)
    assert [s for _, s in pushing] == pytest.approx([0.1 + 0.9 * i / 33 for i in range(1, 34)])
    assert not keep["1.first.0"][longest].any()


@pytest.mark.parametrize("variant", ["GReg-1", "GReg-2"])
def test_what_goes_has_been_pushed_towards_zero(variant: str, make_trainer: Callable[..., Trainer]) -> None:
    proportion = {}
    for ceiling in (1e-6, 1.0):
        torch.manual_seed(0)
        net = settled(KINDS["residual"]())
        trainer = make_trainer(net, epochs=24, target=0.5)
        keep = growing_reg.learn(net, trainer, growing_reg.Knobs(variant=variant, ceiling=ceiling, share=1.0))
        norms = {g.name: writer_norm(net, g, p=2) for g in trainer.groups}
        proportion[ceiling] = sum((norms[n][~m].mean() / norms[n][m].mean()).item() for n, m in keep.items())
        scales = net[1].first[1].weight.abs()
        proportion[ceiling, "scale"] = (scales[~keep["1.first.0"]].mean() / scales[keep["1.first.0"]].mean()).item()
    assert proportion[1.0] < 0.7 * proportion[1e-6]
    assert proportion[1.0, "scale"] < 0.7 * proportion[1e-6, "scale"]


def test_it_refuses_a_target_that_no_choice_meets(make_trainer: Callable[..., Trainer]) -> None:
    net: nn.Module = KINDS["plain"]()
    with pytest.raises(Unsupported):
        growing_reg.learn(net, make_trainer(net, target=1e-4), growing_reg.Knobs())
