"""The cost term's gradient, what is sampled, and who learns from which images."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import nn

from benchmarks.training.trainer import Trainer
from methods import tas
from methods.core import gates
from methods.core.api import Batch, Keep
from methods.core.widths import SmoothCost
from tests.conftest import RECIPE
from tests.kinds import KINDS, settled

MakeTrainer = Callable[..., Trainer]
CPU = torch.device("cpu")


def counts_of(trainer: Trainer) -> torch.Tensor:
    return torch.tensor([[max(1, round(r * g.size)) for r in tas.RATIOS] for g in trainer.groups])


def random_logits(counts: torch.Tensor, seed: int = 0) -> torch.Tensor:
    return torch.randn(counts.shape, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize(("target", "sign"), [(0.05, 1), (1.5, -1)])
def test_the_gradient_of_the_cost_term_is_the_finite_difference(
    make_trainer: MakeTrainer, target: float, sign: int
) -> None:
    trainer = make_trainer(KINDS["residual"]())
    cost, counts = SmoothCost.of(trainer, CPU), counts_of(trainer)
    cost = SmoothCost(*(getattr(cost, name).double() for name in ("sizes", "linear", "square")))
    logits = random_logits(counts).double().requires_grad_()
    term = tas.cost_term(logits, counts, cost, target)
    (gradient,) = torch.autograd.grad(term, [logits])
    for at in [(0, 0), (0, 7), (2, 3)]:
        step = torch.zeros_like(logits)
        step[at] = 1e-5
        more, less = (tas.cost_term((logits + s * step).detach(), counts, cost, target) for s in (1, -1))
        assert gradient[at].item() == pytest.approx(((more - less) / 2e-5).item(), rel=1e-4, abs=1e-9)
    assert (gradient[:, 7] * sign > 0).all(), "too large: the widest become less probable; too small: more"


def test_there_is_no_pressure_within_the_tolerance(make_trainer: MakeTrainer) -> None:
    trainer = make_trainer(KINDS["residual"]())
    cost, counts = SmoothCost.of(trainer, CPU), counts_of(trainer)
    logits = random_logits(counts)
    reached = cost.share(counts.gather(1, logits.argmax(1, keepdim=True))[:, 0].float()).item()
    terms = [tas.cost_term(logits, counts, cost, reached * by) for by in (0.94, 0.96, 1.0, 1.04, 1.07)]
    assert [bool(term != 0) for term in terms] == [True, False, False, False, True]


def test_two_different_candidates_are_sampled_and_their_weights_sum_to_one() -> None:
    logits = torch.randn(50, 8, generator=torch.Generator().manual_seed(1), requires_grad=True)
    chosen, weight = tas.sample(logits, 1.0, torch.Generator().manual_seed(0))
    assert (chosen[:, 0] != chosen[:, 1]).all()
    assert torch.allclose(weight.sum(1), torch.ones(50))
    (gradient,) = torch.autograd.grad(weight[:, 0].sum(), [logits])
    picked = torch.zeros(50, 8).scatter(1, chosen, 1.0).bool()
    assert (gradient[picked] != 0).any()
    assert gradient.sum(1).abs().max() < 1e-5, "a shift of all logits changes nothing"


def test_candidates_come_as_often_as_they_are_probable() -> None:
    """The heavier of the two is, when it is cold, the Gumbel-maximum: distributed as the softmax."""
    logits = torch.tensor([0.1, 0.6, 0.3]).log().expand(20000, 3)
    chosen, weight = tas.sample(logits, 0.01, torch.Generator().manual_seed(0))
    heavier = chosen.gather(1, weight.argmax(1, keepdim=True))[:, 0]
    assert heavier.bincount(minlength=3).div(20000).tolist() == pytest.approx([0.1, 0.6, 0.3], abs=0.02)


def test_when_it_is_hot_the_two_count_alike() -> None:
    logits = random_logits(torch.zeros(100, 8))
    _, hot = tas.sample(logits, 100.0, torch.Generator().manual_seed(0))
    _, cold = tas.sample(logits, 0.1, torch.Generator().manual_seed(0))
    assert (hot - 0.5).abs().max() < 0.1 < (cold - 0.5).abs().mean()


def test_a_channel_counts_as_much_as_the_candidates_that_have_it(make_trainer: MakeTrainer) -> None:
    trainer = make_trainer(KINDS["residual"]())
    size = trainer.groups[0].size
    counts = torch.tensor([[2, 4, size]])
    found = tas.factors(trainer.groups[:1], counts, torch.tensor([[1, 0]]), torch.tensor([[0.3, 0.7]]))
    expected = torch.tensor([1.0, 1.0, 0.3, 0.3] + [0.0] * (size - 4))
    assert torch.allclose(found[trainer.groups[0].name], expected)


@pytest.mark.parametrize(("silent", "moved"), [("train", (False, True)), ("validation", (True, False))])
def test_the_distributions_learn_on_validation_alone_and_weights_on_training_alone(
    make_trainer: MakeTrainer, monkeypatch: pytest.MonkeyPatch, silent: str, moved: tuple[bool, bool]
) -> None:
    """A part whose loss has no gradient moves nothing of what learns on it, and stops nothing of the other."""
    net = KINDS["residual"]()
    trainer = make_trainer(net, target=0.5, recipe=RECIPE.model_copy(update={"weight_decay": 0.0}))
    counts = counts_of(trainer)
    initial = 1e-3 * torch.randn(counts.shape, generator=torch.Generator().set_state(trainer.rng.get_state()))
    before = [parameter.detach().clone() for parameter in net.parameters()]
    held_out: list[torch.Tensor] = []
    sample, forward = trainer.sample, trainer.logits

    def sampled(part: str) -> Batch:
        assert part == "validation"
        held_out.append((batch := sample(part)).images)
        return batch

    def silenced(net: nn.Module, images: torch.Tensor, params: dict[str, torch.Tensor]) -> torch.Tensor:
        part = "validation" if any(images is each for each in held_out) else "train"
        return forward(net, images, params) * (part != silent)

    monkeypatch.setattr(trainer, "sample", sampled)
    monkeypatch.setattr(trainer, "logits", silenced)
    logits = tas.search(net, trainer, tas.Knobs(pressure=0.0, decay=0.0), counts)
    weights_moved = any(not torch.equal(p, q) for p, q in zip(net.parameters(), before, strict=True))
    assert (weights_moved, not torch.equal(logits, initial)) == moved


def test_the_temperature_falls_from_ten_to_a_tenth(make_trainer: MakeTrainer, monkeypatch: pytest.MonkeyPatch) -> None:
    net, heats, sample = KINDS["residual"](), [], tas.sample
    trainer = make_trainer(net, target=0.5)
    monkeypatch.setattr(tas, "sample", lambda *given: (heats.append(given[1]), sample(*given))[1])
    tas.search(net, trainer, tas.Knobs(share=0.5), counts_of(trainer))
    assert heats[::2] == heats[1::2] == pytest.approx([10 - 9.9 * step / 6 for step in range(1, 7)])


@pytest.mark.parametrize("target", [0.25, 0.8])
def test_the_search_moves_the_cost_towards_the_target(make_trainer: MakeTrainer, target: float) -> None:
    torch.manual_seed(0)
    net = KINDS["residual"]()
    trainer = make_trainer(net, 16, target=target)
    counts, cost = counts_of(trainer), SmoothCost.of(trainer, CPU)
    logits = tas.search(net, trainer, tas.Knobs(share=1.0, pressure=10.0), counts)
    begin = cost.share(counts.float().mean(1)).item()
    end = cost.share((logits.softmax(1) * counts).sum(1)).item()
    assert abs(end - target) < abs(begin - target)


def test_distillation_brings_the_kept_channels_to_the_soft_labels(make_trainer: MakeTrainer) -> None:
    """With no weight on labels, soft labels of another network are followed."""
    torch.manual_seed(0)
    other, net = settled(KINDS["residual"]()), KINDS["residual"]()
    trainer = make_trainer(net, 8, target=0.5)
    images = trainer.data["validation"].normalised(trainer.data["validation"].images)
    keep = {g.name: torch.arange(g.size) < g.size // 2 for g in trainer.groups}
    kept = {name: mask.float() for name, mask in keep.items()}

    def distance() -> float:
        with torch.no_grad():
            soft_labels = other(images).log_softmax(1)
            own = gates.gated(net.train(), trainer.groups, kept, images).log_softmax(1)
        return nn.functional.kl_div(own, soft_labels, reduction="batchmean", log_target=True).item()

    before = distance()
    tas.distil(net, other, trainer, keep, tas.Knobs(distillation=1.0))
    assert distance() < before / 2
    assert trainer.epochs == 0, "the whole budget"


@pytest.mark.parametrize("narrow", [0, 2])
@pytest.mark.decides
def test_the_most_probable_widths_of_the_search_stay(
    make_trainer: MakeTrainer, monkeypatch: pytest.MonkeyPatch, narrow: int
) -> None:
    def planted(net: nn.Module, problem: Trainer, knobs: tas.Knobs, counts: torch.Tensor) -> torch.Tensor:
        logits = torch.zeros(counts.shape)
        logits[:, tas.RATIOS.index(0.8)] = 1.0
        logits[narrow, tas.RATIOS.index(0.4)] = 2.0
        return logits

    monkeypatch.setattr(tas, "search", planted)
    net = KINDS["residual"]()
    trainer = make_trainer(net, target=0.5)
    keep = tas.learn(net, trainer, tas.Knobs())
    shares = [mask.float().mean().item() for mask in keep.values()]
    assert len(shares) == 4 and shares.index(min(shares)) == narrow
    assert min(shares) == pytest.approx(sum(shares[:narrow] + shares[narrow + 1 :]) / 3 / 2, rel=0.3)


def test_the_found_network_is_distilled_from_the_start(
    make_trainer: MakeTrainer, monkeypatch: pytest.MonkeyPatch
) -> None:
    net, handed = KINDS["residual"](), []
    before = {name: tensor.clone() for name, tensor in net.state_dict().items()}

    def distil(net: nn.Module, source: nn.Module, problem: Trainer, keep: Keep, knobs: tas.Knobs) -> None:
        handed.append(source)

    monkeypatch.setattr(tas, "distil", distil)
    tas.learn(net, make_trainer(net, target=0.5), tas.Knobs(distillation=0.9))
    (source,) = handed
    assert all(torch.equal(tensor, before[name]) for name, tensor in source.state_dict().items())
    assert any(not torch.equal(tensor, before[name]) for name, tensor in net.state_dict().items())


def test_distillation_is_charged_as_training_of_the_found_network(make_trainer: MakeTrainer) -> None:
    net = KINDS["residual"]()
    trainer = make_trainer(net, 1, target=0.5)
    keep = {g.name: torch.arange(g.size) < g.size // 2 for g in trainer.groups}
    tas.distil(net, KINDS["residual"]().eval(), trainer, keep, tas.Knobs(distillation=0.9))
    dense = trainer.macs(trainer.everything())
    assert trainer.spent["learn"].macs == 96 * (dense + 3 * trainer.macs(keep))


def test_every_forward_pass_is_in_the_runs_precision(make_trainer: MakeTrainer) -> None:
    net, seen = KINDS["residual"](), []
    net[-1].register_forward_hook(lambda module, inputs, output: seen.append(output.dtype))
    trainer = make_trainer(net, 1, target=0.5, precision="bfloat16")
    seen.clear()
    tas.learn(net, trainer, tas.Knobs(share=0.34, distillation=0.9))
    assert len(seen) == 2 + 4 and set(seen) == {torch.bfloat16}


def test_the_distributions_learn_by_the_authors_adam(
    make_trainer: MakeTrainer, monkeypatch: pytest.MonkeyPatch
) -> None:
    made, adam, net = [], torch.optim.Adam, KINDS["residual"]()
    monkeypatch.setattr(torch.optim, "Adam", lambda *given, **how: (made.append(how), adam(*given, **how))[1])
    trainer = make_trainer(net, 1, target=0.5)
    tas.search(net, trainer, tas.Knobs(), counts_of(trainer))
    assert made[0]["betas"] == (0.5, 0.999)


def test_by_default_the_found_network_is_left_to_fine_tuning(make_trainer: MakeTrainer) -> None:
    """The shared start is no teacher: it is trained for a part of the budget."""
    net = KINDS["residual"]()
    trainer = make_trainer(net, target=0.5)
    tas.learn(net, trainer, tas.Knobs())
    assert trainer.step == trainer.budget.end / 2


def test_with_the_papers_weight_the_soft_labels_count(make_trainer: MakeTrainer) -> None:
    """Two sources of soft labels lead to two networks."""
    weights = []
    for seed in (0, 1):
        net = settled(KINDS["residual"]())
        trainer = make_trainer(net, 1, target=0.5)
        tas.distil(net, settled(KINDS["residual"](), seed), trainer, trainer.everything(), tas.Knobs(distillation=0.9))
        weights.append(net[0][0].weight)
    assert not torch.equal(*weights)


@pytest.mark.decides
def test_widths_that_lower_the_validation_loss_become_probable(
    make_trainer: MakeTrainer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Planted: the loss is the width of the first group less that of the last."""
    net = KINDS["residual"]()
    trainer = make_trainer(net, 8, target=0.5)
    counts = counts_of(trainer)
    monkeypatch.setattr(tas.gates, "scaled", lambda net, groups, factors: factors)
    loss = trainer.loss
    monkeypatch.setattr(trainer, "loss", lambda net, *rest: loss(net, *rest) + 0 * net[0][0].weight.sum())
    monkeypatch.setattr(trainer, "logits", lambda net, images, factors: [factor.mean() for factor in factors.values()])
    monkeypatch.setattr(tas.F, "cross_entropy", lambda widths, labels: widths[0] - widths[-1])
    logits = tas.search(net, trainer, tas.Knobs(share=1.0, pressure=0.0), counts)
    expected = (logits.softmax(1) * counts).sum(1) / counts[:, -1]
    even = (counts.float().mean(1) / counts[:, -1])[0]
    assert expected[0] < even - 0.05 and expected[-1] > even + 0.05
