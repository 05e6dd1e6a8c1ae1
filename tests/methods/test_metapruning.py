"""MetaPruning: weights follow from the widths, gradients reach the PruningNet, and evolution finds what is fittest."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from benchmarks import registry
from benchmarks.training.trainer import Trainer
from methods import metapruning
from methods.core import search
from methods.core.api import Keep, Unsupported
from methods.core.ranking import TOLERANCE
from tests.kinds import KINDS, settled

MakeTrainer = Callable[..., Trainer]


def factors(trainer: Trainer, share: float) -> dict[str, Tensor]:
    """The first channels of every group."""
    return {g.name: (torch.arange(g.size) < share * g.size).float() for g in trainer.groups}


def test_weights_differ_with_the_widths_and_only_with_those_that_the_layer_sees(make_trainer: MakeTrainer) -> None:
    net = KINDS["plain"]()  # layers 0, 3, 7 and 9; groups of the same names, but for the last
    trainer = make_trainer(net, target=0.5)
    meta = metapruning.PruningNet(net, trainer, 32)
    widths = factors(trainer, 1.0)
    whole = meta(widths)
    assert {name: made.shape for name, made in whole.items()} == {
        name: parameter.shape for name, parameter in net.named_parameters() if name.endswith("weight")
    }
    narrow = meta(widths | {"3": factors(trainer, 0.5)["3"]})
    changed = {name for name in whole if not torch.equal(whole[name], narrow[name])}
    assert changed == {"3.weight", "7.weight"}, "what writes the group and what reads it"


def test_gradients_reach_both_layers_of_the_pruning_net_and_not_the_replaced_weights(make_trainer: MakeTrainer) -> None:
    net = settled(KINDS["residual"]())
    trainer = make_trainer(net, target=0.5)
    meta = metapruning.PruningNet(net, trainer, 32)
    trainer.loss(net, next(iter(trainer.data["train"].batches(32))), meta.params(net, factors(trainer, 0.5))).backward()
    reached = [*meta.first.parameters(), *meta.second.parameters()]
    assert all(parameter.grad is not None and parameter.grad.abs().sum() > 0 for parameter in reached)
    assert net.get_parameter("1.first.0.weight").grad is None
    assert all(parameter.grad is None for parameter in meta.ones.parameters())


@pytest.mark.parametrize("of", ["plain", "residual", "concatenating"])
def test_the_masked_network_is_the_shrunk_one_with_generated_weights(of: str, make_trainer: MakeTrainer) -> None:
    net = settled(KINDS[of]())
    trainer = make_trainer(net, target=0.5)
    meta = metapruning.PruningNet(net, trainer, 32)
    half = factors(trainer, 0.5)
    images = torch.randn(4, 1, 8, 8, generator=torch.Generator().manual_seed(3))
    with torch.no_grad():
        masked = torch.func.functional_call(net, meta.params(net, half), images)
        metapruning.gates.write(net, meta(half))
        small = trainer.structure.shrink(net, {name: factor > 0 for name, factor in half.items()})
        assert torch.allclose(masked, small.eval()(images), rtol=1e-4, atol=1e-5)


def test_widths_are_drawn_anew_in_every_step_and_the_pruning_net_learns(
    make_trainer: MakeTrainer, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[dict[str, Tensor]] = []
    before: list[Tensor] = []

    class Watched(metapruning.PruningNet):
        def params(self, net: nn.Module, factors: dict[str, Tensor]) -> dict[str, Tensor]:
            if not seen:
                before.extend(parameter.detach().clone() for parameter in self.second.parameters())
            seen.append(factors)
            return super().params(net, factors)

    made: list[Watched] = []
    monkeypatch.setattr(metapruning, "PruningNet", lambda *given: (made.append(Watched(*given)), made[0])[1])
    monkeypatch.setattr(metapruning, "accuracies", lambda net, meta, problem, keeps: torch.zeros(len(keeps)))
    net = KINDS["residual"]()
    metapruning.learn(net, make_trainer(net, epochs=2, target=0.5), metapruning.Knobs())
    assert len(seen) == 6
    assert len({tuple(int(factor.sum()) for factor in drawn.values()) for drawn in seen}) > 3
    assert all(not torch.equal(a, b) for a, b in zip(before, made[0].second.parameters(), strict=True))


def test_what_depends_on_the_widths_decays_no_more_than_what_does_not(make_trainer: MakeTrainer) -> None:
    """The biases of the PruningNet decay like its weights, those of the network do not."""
    net = KINDS["residual"]()
    trainer = make_trainer(net, 1, target=0.5)
    meta = metapruning.PruningNet(net, trainer, 32)
    metapruning.train(net, meta, trainer, metapruning.Knobs())
    (optimizer,) = trainer.loops.optimizers
    decays = {id(p): group["weight_decay"] for group in optimizer.param_groups for p in group["params"]}
    assert {decays[id(p)] for p in meta.parameters()} == {5e-4}
    assert {decays[id(p)] for p in net.parameters() if p.dim() == 1} == {0.0}
    assert len(decays) == len([*net.parameters(), *meta.parameters()])


def test_children_are_made_of_their_parents_but_for_what_is_drawn_anew() -> None:
    parents = torch.tensor([[0.31, 0.32, 0.33], [0.61, 0.62, 0.63]])
    knobs = metapruning.Knobs(population=400, mutation=0.1)
    children = metapruning.children(parents, knobs, torch.Generator().manual_seed(0))
    old = (children[:, None] == parents).any(1)
    assert old[200:].all(), "crossing draws nothing"
    assert (~old[:200]).float().mean().item() == pytest.approx(0.1, abs=0.03)
    assert children.min() >= knobs.narrowest and children.max() <= 1
    assert any((child == parents[0]).any() and (child == parents[1]).any() for child in children[200:])


@pytest.mark.decides
def test_the_search_returns_the_fittest_at_the_target(
    make_trainer: MakeTrainer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Planted: fitness is the width of the first group."""
    seen: list[list[int]] = []

    def planted(net: nn.Module, meta: nn.Module, problem: Trainer, candidates: list[Keep]) -> Tensor:
        seen.append([int(next(iter(keep.values())).sum()) for keep in candidates])
        return torch.tensor(seen[-1]) / 100

    monkeypatch.setattr(metapruning, "accuracies", planted)
    net = KINDS["residual"]()
    trainer = make_trainer(net, epochs=0, target=0.5)
    keep = metapruning.learn(net, trainer, metapruning.Knobs())
    assert int(next(iter(keep.values())).sum()) == max(max(widths) for widths in seen) > seen[0][0]
    assert trainer.macs(keep) / trainer.macs(trainer.everything()) == pytest.approx(0.5, rel=TOLERANCE)


def test_fitness_is_the_accuracy_under_the_weights_generated_for_the_widths(make_trainer: MakeTrainer) -> None:
    net = settled(KINDS["residual"]())
    trainer = make_trainer(net, target=0.5)
    meta = metapruning.PruningNet(net, trainer, 32)
    before = {name: tensor.clone() for name, tensor in net.state_dict().items()}
    keeps = [{n: f > 0 for n, f in factors(trainer, share).items()} for share in (1.0, 0.5)]
    found = metapruning.accuracies(net, meta, trainer, keeps)
    assert trainer.step == 0 and all(torch.equal(t, before[name]) for name, t in net.state_dict().items())
    images_macs = 48 * trainer.macs(trainer.everything())
    assert trainer.spent["learn"].macs == 2 * images_macs + 2 * meta.macs
    net.train()
    for accuracy, share in zip(found, (1.0, 0.5), strict=True):
        params = meta.params(net, factors(trainer, share))
        batches = trainer.data["validation"].batches(32)
        right = sum((torch.func.functional_call(net, params, b.images).argmax(1) == b.labels).sum() for b in batches)
        assert accuracy.item() == pytest.approx(int(right) / 48)


def test_the_pruning_net_learns_smoothed_labels(make_trainer: MakeTrainer, monkeypatch: pytest.MonkeyPatch) -> None:
    net = KINDS["residual"]()
    trainer = make_trainer(net, epochs=1, target=0.5)
    loss, seen = trainer.loss, []
    monkeypatch.setattr(trainer, "loss", lambda net, batch: (seen.append(batch.labels), loss(net, batch))[1])
    meta = metapruning.PruningNet(net, trainer, 32)
    metapruning.train(net, meta, trainer, metapruning.Knobs(smoothing=0.1))
    assert len(seen) == 3
    assert sorted(seen[0].unique().tolist()) == pytest.approx([0.05, 0.95]) and (seen[0].sum(1) == 1).all()


def test_no_candidate_is_planted(make_trainer: MakeTrainer, monkeypatch: pytest.MonkeyPatch) -> None:
    """Candidates are random, and drawn anew where none of them can meet the target."""
    tried: list[Tensor] = []
    monkeypatch.setattr(search, "possible", lambda shares, problem: (tried.append(shares), (shares[:0], []))[1])
    net = KINDS["residual"]()
    with pytest.raises(Unsupported, match=r"no candidate keeps 50\.0% of the MACs"):
        metapruning.learn(net, make_trainer(net, epochs=1, target=0.5), metapruning.Knobs())
    assert len(tried) == 5 * 2 * search.TRIES and not torch.equal(tried[0], tried[1])
    assert all((generation < 1).all() for generation in tried)


def test_only_the_widths_are_kept() -> None:
    """Generated weights serve the search: the found network is trained from new ones."""
    assert registry.card("metapruning").retrain == "scratch"


@pytest.mark.decides
def test_the_fittest_of_the_parents_is_the_answer(make_trainer: MakeTrainer, monkeypatch: pytest.MonkeyPatch) -> None:
    """Planted: no two candidates are equally fit, and each is fitter than those before it."""
    scored: list[Keep] = []

    def rising(net: nn.Module, meta: nn.Module, problem: Trainer, candidates: list[Keep]) -> Tensor:
        scored.extend(candidates)
        return torch.arange(len(scored), dtype=torch.float32)[-len(candidates) :]

    monkeypatch.setattr(metapruning, "accuracies", rising)
    net = KINDS["residual"]()
    keep = metapruning.learn(net, make_trainer(net, epochs=0, target=0.5), metapruning.Knobs(generations=2))
    assert keep is scored[-1]


def test_every_forward_pass_is_in_the_runs_precision(make_trainer: MakeTrainer) -> None:
    net, seen = KINDS["residual"](), []
    trainer = make_trainer(net, 1, target=0.5, precision="bfloat16")
    net[-1].register_forward_hook(lambda module, inputs, output: seen.append(output.dtype))
    metapruning.train(net, metapruning.PruningNet(net, trainer, 32), trainer, metapruning.Knobs())
    assert seen == [torch.bfloat16] * 3
