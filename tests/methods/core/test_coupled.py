"""All that belongs to a channel, found once; and choices that are carried out little by little."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from methods.core.coupled import coupled, first_to_go, squares
from methods.core.structure.structure import Structure
from tests.kinds import EXAMPLE, KINDS, settled


@pytest.mark.parametrize("of", ["plain", "residual", "concatenating", "depthwise", "grouped"])
def test_what_shrinking_takes_out_is_what_is_coupled(of: str) -> None:
    """A network without a channel has lost that channel's squares, and no others; biases and statistics aside."""
    net = settled(KINDS[of]())
    structure = Structure.of(net, EXAMPLE)

    def total(of: nn.Module) -> float:
        return sum(
            float(p.detach().double().square().sum()) for name, p in of.named_parameters() if name.endswith("weight")
        )

    for group in structure.groups:
        keep = structure.everything()
        keep[group.name][1] = False
        lost = total(net) - total(structure.shrink(net, keep))
        assert squares(coupled(net, group))[1].item() == pytest.approx(lost, rel=1e-4), group.name


def test_a_grouped_layers_slices_are_those_of_its_own_rows() -> None:
    net = KINDS["grouped"]()
    layer = next(m for m in net.modules() if isinstance(m, nn.Conv2d) and m.groups == 2)  # 8 to 16: 4 inputs a part
    groups = Structure.of(net, EXAMPLE).groups
    group, site = next((g, s) for g in groups for s in g.readers if net.get_submodule(s.module) is layer)
    with torch.no_grad():
        layer.weight.zero_()
        for channel in site.index[2].tolist():
            part, column = divmod(channel, 4)
            layer.weight[8 * part : 8 * part + 8, column] = 1
    *_, read = coupled(net, group)()
    assert read.sum(1).tolist() == [0, 0, 2 * 8 * 9, 0]


def test_norms_and_readers_are_left_out_where_not_asked_for() -> None:
    net = settled(KINDS["residual"]())
    group = next(g for g in Structure.of(net, EXAMPLE).groups if g.name == "1.first.0")
    assert [p.shape[1] for p in coupled(net, group)()] == [12 * 9, 1, 16 * 9]
    assert [p.shape[1] for p in coupled(net, group, readers=False)()] == [12 * 9, 1]
    assert [p.shape[1] for p in coupled(net, group, norms=False, readers=False)()] == [12 * 9]


def test_the_weights_are_looked_up_anew() -> None:
    net = settled(KINDS["residual"]())
    group = Structure.of(net, EXAMPLE).groups[0]
    parts = coupled(net, group)
    before = squares(parts).detach()
    with torch.no_grad():
        for parameter in net.parameters():
            parameter.mul_(2)
    assert torch.allclose(squares(parts), 4 * before)


@given(st.data())
def test_the_first_to_go_are_the_lowest_of_those_that_leave_in_the_end(data: st.DataObject) -> None:
    size = data.draw(st.integers(1, 20))
    mask = torch.tensor(data.draw(st.lists(st.booleans(), min_size=size, max_size=size)))
    score = torch.tensor(data.draw(st.lists(st.floats(-5, 5), min_size=size, max_size=size)))
    share = data.draw(st.floats(0, 1))
    mid = first_to_go({"a": mask}, {"a": score}, share)["a"]
    assert (~mid).sum() == round(share * int((~mask).sum()))
    assert (mid | ~mask).all(), "what stays in the end stays now"
    waiting = score[mid & ~mask]
    assert not len(waiting) or not (~mid).any() or score[~mid].max() <= waiting.min()
