"""`align` of a study: what it makes of a method's choice, and which hashes it moves."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.data.dataset import Part
from benchmarks.schemas.spec import Spec
from benchmarks.study.config import parse
from benchmarks.study.specs import cell_spec, start_spec
from benchmarks.training import network
from methods.core.structure.cost import count_macs
from methods.core.structure.structure import Structure
from tests.conftest import RECIPE
from tests.kinds import EXAMPLE, KINDS, settled

STUDY = {
    "study": "tiny",
    "datasets": ["digits"],
    "networks": ["lenet5"],
    "methods": ["l1"],
    "targets": ["macs=0.5"],
    "seeds": 1,
    "epochs": 2,
    "pretrain_epochs": 1,
    "precision": "float32",
}


def specs(**changes: Any) -> tuple[Spec, Spec]:
    """Of the one cell, and of the shared start."""
    study = parse(STUDY | changes, "tests")
    return cell_spec(study, next(study.cells())), start_spec(study, "digits", "lenet5")


def test_an_alignment_moves_its_cells_hash_and_that_of_no_other() -> None:
    cell, start = specs()
    assert specs(align=1) == (cell, start)
    assert specs(align=1)[0].config_hash == cell.config_hash
    aligned, same = specs(align=4)
    assert aligned.align == 4 and aligned.config_hash != cell.config_hash
    assert len({specs(align=n)[0].config_hash for n in (1, 2, 4, 8)}) == 4
    assert same == start, "the shared start of both is one"


def test_a_row_from_before_there_was_an_alignment_keeps_its_hash() -> None:
    """The settings of this cell as they were written out at 0.2.0, before the key was there."""
    cell = specs()[0].model_copy(update={"recipe": RECIPE})
    dumped = cell.model_dump_json(exclude={"study", "label", "seeds", "code_hash"})
    assert '"precision":"float32","align":1,"split":"fixed","recipe"' in dumped
    assert cell.config_hash == "75d71900c979"


def test_a_job_gets_the_alignment() -> None:
    cell = specs(align=4)[0]
    assert Spec.model_validate_json(cell.model_dump_json()) == cell
    structure = network.new_network(cell, 0, Part(*parts(12)), torch.device("cpu"))[1]
    assert {group.step for group in structure.groups} == {4}


def parts(size: int) -> tuple[torch.Tensor, ...]:
    images = torch.randint(256, (64, 1, size, size), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    return images, torch.arange(64) % 2, torch.full((1, 1, 1, 1), 127.0), torch.full((1, 1, 1, 1), 74.0)


@pytest.mark.parametrize("align", [2, 4])
@given(seed=st.integers(0, 10_000))
def test_what_is_left_of_a_free_choice_is_aligned_and_counted_as_it_is(kind: str, align: int, seed: int) -> None:
    net = settled(KINDS[kind](), seed)
    structure = Structure.of(net, EXAMPLE, align)
    generator = torch.Generator().manual_seed(seed)
    choice = {g.name: torch.rand(g.size, generator=generator) < 0.4 for g in structure.groups}
    found = network.realise(choice, net, structure, Part(*parts(8)))
    for group in structure.groups:
        width = found.widths[group.name]
        assert width % group.step == 0 or width == group.size
        assert 0 <= width - max(1, int(choice[group.name].sum())) < group.step
    assert found.macs == count_macs(found.net, EXAMPLE)
    assert found.logit_difference <= 1e-4
    assert found.groups_at_minimum == sum(int(mask.sum()) <= 1 for mask in choice.values()), "the choice's, not ours"
