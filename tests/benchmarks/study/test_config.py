"""The config: what is refused, with value, place and what is allowed; and the grid that comes of it."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pytest
import yaml

from benchmarks import registry
from benchmarks.study.config import parse
from benchmarks.study.messages import shown
from benchmarks.study.recipes import recipe
from benchmarks.study.specs import cell_spec

GOOD = {
    "study": "tiny",
    "datasets": ["digits"],
    "networks": ["lenet5"],
    "methods": ["dense", "l1", "switcher"],
    "targets": ["macs=0.5", "free"],
    "seeds": 2,
    "epochs": 4,
}
METHODS = re.escape(", ".join(registry.keys("method")))


def grid(**changes: Any) -> list[str]:
    return [cell.folder for cell in parse(GOOD | changes, "x.yaml").cells()]


def test_the_base_of_these_tests_is_valid() -> None:
    study = parse(GOOD, "x.yaml")
    assert (study.pretrain_epochs, study.retrain, study.schedule) == (0, "inherit", "continue")


def test_a_study_and_then_a_data_set_change_settings_of_the_recipe() -> None:
    where = {"digits": {"recipe": {"lr": 0.3, "warmup": 0}}}
    study = parse(GOOD | {"recipe": {"lr": "2e-1", "weight_decay": 0}, "where": where}, "x.yaml")
    changed = cell_spec(study, next(study.cells())).recipe
    assert (changed.lr, changed.weight_decay, changed.warmup) == (0.3, 0.0, 0.0)
    assert changed.model_copy(update={"lr": 0.025, "weight_decay": 5e-4, "warmup": 0.1}) == recipe("digits", "lenet5")


@pytest.mark.parametrize(
    ("changes", "place", "value", "allowed"),
    [
        ({"datasets": ["digit"]}, "datasets[0]", "'digit'", "digits, "),
        ({"networks": ["lenet5", "lenet"]}, "networks[1]", "'lenet'", "lenet5, lenet5_wide"),
        ({"methods": ["dense", "L1"]}, "methods[1]", "'L1'", METHODS),
        ({"methods": [{"L1": {"ranking": "uniform"}}]}, "methods[0]", "'L1'", METHODS),
        ({"methods": [3]}, "methods[0]", "3", "a method with its knobs"),
        ({"methods": [{"dense": {}, "l1": {}}]}, "methods[0]", "{'dense': {}, 'l1': {}}", "a method with its knobs"),
        ({"methods": [{"l1": None}]}, "methods[0]", "{'l1': None}", "a method with its knobs"),
        ({"methods": [{"l1": {"rank": "global"}}]}, "methods[0]", "l1 has no knob 'rank'", "allowed: ranking"),
        ({"methods": [{"random": {"a": 1}}]}, "methods[0]", "random has no knob 'a'", "allowed: none"),
        ({"methods": [{"metapruning": {"generations": 0}}]}, "methods[0]", "generations is 0", "int from 1 to 1000"),
        ({"methods": [{"evolution": {"parents": 0}}]}, "methods[0]", "parents is 0", "int from 1 to 1000"),
        ({"methods": [{"dmcp": {"share": 1.0}}]}, "methods[0]", "share is 1.0", "float from 0.0 to 0.95"),
        ({"methods": [{"l1": {"ranking": "best"}}]}, "methods[0]", "ranking is 'best'", "allowed: 'uniform', 'global'"),
        ({"methods": [{"switcher": {"turns": "3"}}]}, "methods[0]", "turns is '3'", "allowed: int"),
        ({"methods": [{"switcher": {"turns": 2.5}}]}, "methods[0]", "turns is 2.5", "allowed: int"),
        ({"methods": [{"switcher": {"turns": True}}]}, "methods[0]", "turns is True", "allowed: int"),
        ({"methods": [{"switcher": {"gain": True}}]}, "methods[0]", "gain is True", "allowed: float"),
        ({"methods": [{"switcher": {"gain": "much"}}]}, "methods[0]", "gain is 'much'", "allowed: float"),
        ({"methods": [{"switcher": {"turns": 60.0}}]}, "methods[0]", "turns is 60.0", "allowed: int"),
        ({"methods": [{"switcher": {"through": 0}}]}, "methods[0]", "through is 0", "allowed: bool"),
        (
            {"targets": ["macs:0.5"]},
            "targets[0]",
            "'macs:0.5'",
            "free, match:<method>",
        ),
        ({"targets": ["macs=1.5"]}, "targets[0]", "'macs=1.5'", "macs=<fraction"),
        ({"targets": ["macs=0"]}, "targets[0]", "'macs=0'", "macs=<fraction"),
        ({"targets": ["macs=half"]}, "targets[0]", "'macs=half'", "macs=<fraction"),
        ({"targets": ["macs=nan"]}, "targets[0]", "'macs=nan'", "macs=<fraction"),
        ({"targets": ["macs= 0.5"]}, "targets[0]", "'macs= 0.5'", "macs=<fraction"),
        ({"targets": ["macs=0,5"]}, "targets[0]", "'macs=0,5'", "macs=<fraction"),
        ({"targets": ["macs=0.0000001"]}, "targets[0]", "'macs=0.0000001'", "macs=<fraction"),
        ({"targets": ["match:"]}, "targets[0]", "'match:'", "match:<method>"),
        ({"targets": ["from:"]}, "targets[0]", "'from:'", "from:<network>"),
        ({"targets": ["match:l1"]}, "targets", "'match:l1'", "allowed: match:dense, match:switcher"),
        ({"targets": ["match:sss"]}, "targets", "'match:sss'", "allowed: match:dense, match:switcher"),
        ({"targets": ["match:sss"], "methods": ["l1"]}, "targets", "'match:sss'", "allowed: none in this study"),
        ({"targets": ["free"]}, "methods", "l1", "needs a target macs=<fraction> or match:<method>"),
        ({"datasets": ["digits", "digits"]}, "datasets", "'digits'", "twice"),
        ({"networks": ["lenet5", "lenet5"]}, "networks", "'lenet5'", "twice"),
        ({"methods": ["l1", "dense", "l1"]}, "methods", "'l1'", "twice"),
        ({"targets": ["free", "macs=0.5", "free"]}, "targets", "'free'", "twice"),
        ({"seeds": [0, 1, 0]}, "seeds", "0", "twice"),
        ({"datasets": []}, "datasets", "[]", "at least 1"),
        ({"networks": []}, "networks", "[]", "at least 1"),
        ({"methods": []}, "methods", "[]", "at least 1"),
        ({"targets": []}, "targets", "[]", "at least 1"),
        ({"seeds": []}, "seeds", "[]", "at least 1"),
        ({"seeds": 0}, "seeds", "0 seeds", "a positive number, or a list of seeds"),
        ({"seeds": 1001}, "seeds", "1001 seeds", "of 1000 at most"),
        ({"seeds": list(range(1001))}, "seeds", "[0, 1, 2", "at most 1000 items"),
        ({"seeds": [-1]}, "seeds[0]", "-1", "greater than or equal to 0"),
        ({"seeds": True}, "seeds", "true", "list"),
        ({"seeds": [True]}, "seeds[0]", "true", "integer"),
        ({"epochs": -1}, "epochs", "-1", "greater than 0"),
        ({"epochs": 0}, "epochs", "0", "greater than 0"),
        ({"epochs": 1.5}, "epochs", "1.5", "integer"),
        ({"epochs": True}, "epochs", "true", "integer"),
        ({"epochs": "four"}, "epochs", '"four"', "integer"),
        ({"pretrain_epochs": -1}, "pretrain_epochs", "-1", "greater than or equal to 0"),
        ({"pretrain_epochs": 4}, "pretrain_epochs", "4", "less than epochs (4)"),
        ({"pretrain_epochs": 5}, "pretrain_epochs", "5", "less than epochs (4)"),
        ({"pretrain_epochs": 1.0}, "pretrain_epochs", "1.0", "integer"),
        ({"retrain": "anew"}, "retrain", '"anew"', "'inherit' or 'scratch'"),
        ({"schedule": "stop"}, "schedule", '"stop"', "'continue' or 'restart'"),
        ({"precision": "float16"}, "precision", '"float16"', "'auto', 'float32' or 'bfloat16'"),
        ({"recipe": 0.1}, "recipe", "0.1", "dictionary"),
        ({"recipe": {"rate": 0.1}}, "recipe: rate", "unknown key", "lr, batch_size, momentum, weight_decay, warmup"),
        ({"recipe": {"lr": -1}}, "recipe: lr", "-1", "greater than 0"),
        ({"recipe": {"lr": float("inf")}}, "recipe: lr", "Infinity", "finite number"),
        ({"recipe": {"batch_size": 10**6}}, "recipe", "batch_size is 1000000", "at most 1,047, the training images of"),
        ({"recipe": {"lr": True}}, "recipe: lr", "true", "valid number"),
        ({"recipe": {"batch_size": "64"}}, "recipe: batch_size", '"64"', "valid integer"),
        ({"where": {"digits": {"recipe": {"warmup": 1}}}}, "where.digits.recipe: warmup", "1", "less than 1"),
        ({"split": "random"}, "split", '"random"', "'fixed' or 'seed'"),
        ({"split": 0}, "split", "0", "'fixed' or 'seed'"),
        ({"where": {"digits": {"split": "seed"}}}, "where.digits.split", "unknown key", "networks, epochs"),
        ({"align": 0}, "align", "0", "greater than 0"),
        ({"align": 8.0}, "align", "8.0", "integer"),
        ({"align": True}, "align", "true", "integer"),
        ({"align": "8"}, "align", '"8"', "integer"),
        ({"where": {"digits": {"align": 8}}}, "where.digits.align", "unknown key", "networks, epochs, pretrain_epochs"),
        ({"study": "../up"}, "study", '"../up"', "pattern"),
        ({"study": "published"}, "study", "'published'", "any other name"),
        ({"study": ""}, "study", '""', "pattern"),
        ({"epoch": 3}, "epoch", "unknown key", "epochs"),
        ({"datasets": "digits"}, "datasets", '"digits"', "list"),
        ({"where": {"mnist": {}}}, "where", "'mnist'", "allowed: digits"),
        ({"only": {"macs=0.2": ["l1"]}}, "only", "'macs=0.2'", "allowed: macs=0.5, free"),
        ({"only": {"macs=0.5": ["dense"]}}, "only.macs=0.5", "'dense'", "allowed: l1, switcher"),
        ({"only": {"free": ["switcher,input=noise"]}}, "only.free", "noise'", "allowed: dense, switcher"),
        ({"only": {"free": []}}, "only.free", "[]", "at least 1"),
        ({"only": ["l1"]}, "only", "['l1']", "dictionary"),
        ({"where": {"digits": {"networks": ["vgg8_bn"]}}}, "where.digits", "'vgg8_bn'", "allowed: lenet5"),
        ({"where": {"digits": {"networks": []}}}, "where.digits.networks", "[]", "at least 1"),
        ({"where": {"digits": {"epochs": 0}}}, "where.digits.epochs", "0", "greater than 0"),
        ({"where": {"digits": {"epochs": 3.0}}}, "where.digits.epochs", "3.0", "integer"),
        ({"where": {"digits": {"pretrain_epochs": -1}}}, "where.digits.pretrain_epochs", "-1", "or equal to 0"),
        ({"where": {"digits": {"pretrain_epochs": 1.0}}}, "where.digits.pretrain_epochs", "1.0", "integer"),
        ({"where": {"digits": {"pretrain_epochs": 4}}}, "where.digits", "pretrain_epochs is 4", "less than epochs (4)"),
        ({"where": {"digits": {"seeds": 3}}}, "where.digits.seeds", "unknown key", "networks, epochs, pretrain_epochs"),
    ],
)
def test_a_fault_is_named_with_its_place_and_what_is_allowed(
    changes: dict[str, Any], place: str, value: str, allowed: str
) -> None:
    with pytest.raises(ValueError, match=r"x\.yaml") as caught:
        parse(GOOD | changes, "x.yaml")
    message = str(caught.value).replace("\\", "")
    assert place in message
    assert value in message
    assert allowed.replace("\\", "") in message


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (list(range(9)), "[0, 1, 2, ... +6]"),
        ("a" * 150, f"'{'a' * 100}'+50"),
        ([[[[1]]]], "[[[[...]]]]"),
        ([["a" * 100] * 3] * 3, f"[[{', '.join([repr('a' * 100)] * 3)}"[:300]),
    ],
    ids=["many", "long", "deep", "all of it"],
)
def test_a_value_in_a_message_is_cut_short_on_one_line(value: Any, expected: str) -> None:
    """Before it is written out: what a few lines of YAML nest has no end."""
    assert shown(value) == expected


def test_every_fault_is_reported_at_once() -> None:
    with pytest.raises(ValueError) as caught:
        parse(GOOD | {"datasets": ["digit"], "epochs": 0, "sedes": 3}, "x.yaml")
    assert len(str(caught.value).splitlines()) == 1 + 3


@pytest.mark.parametrize("key", ["study", "datasets", "networks", "methods", "targets", "seeds", "epochs"])
def test_a_missing_key_is_named(key: str) -> None:
    with pytest.raises(ValueError, match=f"{key}: .*required"):
        parse({name: value for name, value in GOOD.items() if name != key}, "x.yaml")


def test_the_example_of_the_message_is_accepted_from_yaml() -> None:
    """YAML reads 1e-4, without a point, as text."""
    config = yaml.safe_load("methods: [{slimming: {penalty: 1e-3}}]")
    (entry,) = parse(GOOD | config, "x.yaml").methods
    assert entry.knobs == {"penalty": 1e-3}


def test_each_method_runs_at_the_targets_that_it_can_take() -> None:
    assert grid() == ["dense@free", "l1@macs=0.5", "switcher@macs=0.5", "switcher@free"]
    assert grid(targets=["macs=0.5", "macs=0.3"], methods=["dense", "l1", "sss"]) == [
        "dense@free", "l1@macs=0.5", "l1@macs=0.3", "sss@free",
    ]  # fmt: skip


def test_a_method_that_is_to_be_matched_runs_free_and_does_not_match_itself() -> None:
    assert grid(targets=["match:switcher"]) == ["dense@free", "l1@match:switcher", "switcher@free"]


def test_a_method_that_takes_both_kinds_of_target_does_not_match_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    card = registry.card
    monkeypatch.setattr(registry, "card", lambda key: replace(card(key), targets=("macs", "free")))
    assert grid(methods=["l1", "switcher"], targets=["macs=0.5", "match:switcher"]) == [
        "l1@macs=0.5", "l1@match:switcher", "switcher@macs=0.5", "switcher@free",
    ]  # fmt: skip


def test_a_cell_knows_the_cell_that_it_matches() -> None:
    cells = {cell.folder: cell for cell in parse(GOOD | {"targets": ["match:switcher"]}, "x.yaml").cells()}
    assert cells["l1@match:switcher"].reference == ("lenet5", "switcher@free")
    assert cells["switcher@free"].reference is None


def test_a_method_transfers_from_its_source_method_on_a_network_of_the_study() -> None:
    source = {"switcher": {"input": "both", "reader": "equivariant", "lr": 0.08, "reading": "forced"}}
    label = "switcher,reading=forced,lr=0.08,reader=equivariant,input=both"
    base = {"networks": ["lenet5", "resnet8"], "methods": [source, "switcher_transfer"], "targets": ["from:resnet8"]}
    cells = {(cell.network, cell.folder): cell for cell in parse(GOOD | base, "x.yaml").cells()}
    assert sorted(cells) == [
        ("lenet5", f"{label}@free"), ("lenet5", "switcher_transfer@from:resnet8"),
        ("resnet8", f"{label}@free"), ("resnet8", "switcher_transfer@from:resnet8"),
    ]  # fmt: skip
    reference = ("resnet8", f"{label}@free")
    assert cells["lenet5", "switcher_transfer@from:resnet8"].reference == reference
    for changes, message in [
        (
            {"targets": ["from:vgg"]},
            "'from:vgg' is no network that all datasets of the study have; allowed: from:lenet5, from:resnet8",
        ),
        (
            {"methods": ["switcher", "switcher_transfer"]},
            "needs switcher,reading=forced,lr=0.08,reader=equivariant,input=both@free, which is missing",
        ),
        ({"targets": ["free"]}, "switcher_transfer needs a target from:<network>"),
    ]:
        with pytest.raises(ValueError, match=message):
            parse(GOOD | base | changes, "x.yaml")


def test_a_source_can_have_learned_on_several_networks() -> None:
    """On each of them but the first, the method continues the training of what it transferred."""
    source = {"switcher": {"input": "both", "reader": "equivariant", "lr": 0.08, "reading": "forced"}}
    base = {
        "networks": ["lenet5", "resnet8"],
        "methods": [source, "switcher_transfer", {"switcher_transfer": {"train": True}}],
        "targets": ["from:lenet5", "from:lenet5+resnet8", "from:lenet5+resnet8+lenet5"],
    }
    cells = {(cell.network, cell.folder): cell for cell in parse(GOOD | base, "x.yaml").cells()}
    for name in ("switcher_transfer", "switcher_transfer,train=True"):
        chain = [
            ("lenet5", f"{name}@from:lenet5+resnet8+lenet5"),
            ("lenet5", "switcher_transfer,train=True@from:lenet5+resnet8"),
            ("resnet8", "switcher_transfer,train=True@from:lenet5"),
            ("lenet5", "switcher,reading=forced,lr=0.08,reader=equivariant,input=both@free"),
        ]
        assert [cells[place].reference for place in chain] == [*chain[1:], None]
    for changes, message in [
        ({"targets": ["from:lenet5+resnet8"]}, r"'from:lenet5\+resnet8' needs 'from:lenet5', which is missing"),
        ({"targets": ["from:lenet5", "from:lenet5+vgg"]}, "'from:vgg' is no network that all datasets"),
        ({"targets": ["from:lenet5", "from:lenet5+"]}, "'from:' is no network that all datasets"),
        ({"methods": base["methods"][:2]}, "needs switcher_transfer,train=True@from:lenet5, which is missing"),
        (
            {"only": {"from:lenet5": ["switcher_transfer"]}},
            "needs switcher_transfer,train=True@from:lenet5, which is missing",
        ),
        (
            {"methods": base["methods"][1:]},
            "needs switcher,reading=forced,lr=0.08,reader=equivariant,input=both@free, which is",
        ),
    ]:
        with pytest.raises(ValueError, match=message):
            parse(GOOD | base | changes, "x.yaml")


def test_a_source_network_is_one_of_every_dataset() -> None:
    base = {"networks": ["lenet5", "resnet8"], "datasets": ["digits", "mnist"], "targets": ["macs=0.5", "from:resnet8"]}
    assert parse(GOOD | base, "x.yaml")
    with pytest.raises(ValueError, match=r"'from:resnet8' is no network that all datasets .* allowed: from:lenet5$"):
        parse(GOOD | base | {"where": {"mnist": {"networks": ["lenet5"]}}}, "x.yaml")


def test_a_folder_has_a_name_that_file_systems_take() -> None:
    knobs = {"reading": "network_wide", "reader": "equivariant", "input": "outgoing", "output": "hard_concrete"}
    knobs |= {
        "site": "behind_norm",
        "batch": "held_out",
        "signal": "random",
        "revive": False,
        "through": True,
        "lr": 0.123456,
    }

    def folders(length: int) -> list[str]:
        (short,) = grid(methods=[{"switcher": knobs | {"gain": 1.1}}], targets=["macs=0.5"])
        gain = float("1." + "1" * (length - len(short) + 1))
        return grid(methods=[{"switcher": knobs | {"gain": gain}}], targets=["macs=0.5"])

    assert [len(folder) for folder in folders(200)] == [200]
    with pytest.raises(ValueError, match="is the name of a folder; allowed: 200 characters"):
        folders(201)


def test_neither_defaults_nor_the_order_of_knobs_make_another_cell() -> None:
    one, other = ({"switcher": {"gain": 1.0, "turns": 2, "hidden": 64}}, {"switcher": {"turns": 2, "gain": 1.0}})
    assert grid(methods=[one]) == grid(methods=[other])
    with pytest.raises(ValueError, match="stands there twice"):
        grid(methods=[one, other])


def test_a_method_with_knobs_is_matched_by_its_label() -> None:
    methods = ["l1", {"switcher": {"turns": 2}}]
    assert grid(methods=methods, targets=["match:switcher,turns=2"]) == [
        "l1@match:switcher,turns=2",
        "switcher,turns=2@free",
    ]
    with pytest.raises(ValueError, match="allowed: match:switcher,turns=2"):
        grid(methods=methods, targets=["match:switcher"])


def test_labels_tell_variants_of_a_method_apart() -> None:
    methods = ["l1", {"l1": {"ranking": "global"}}, {"switcher": {"turns": 2, "gain": 1}}]
    study = parse(GOOD | {"methods": methods}, "x.yaml")
    assert [entry.label for entry in study.methods] == ["l1", "l1,ranking=global", "switcher,gain=1,turns=2"]


def test_the_grid_is_complete_and_in_the_order_of_the_config() -> None:
    study = parse(GOOD | {"networks": ["resnet8", "lenet5"], "methods": ["l1", "dense"]}, "x.yaml")
    assert [(cell.network, cell.entry.key) for cell in study.cells()] == [
        ("resnet8", "l1"), ("resnet8", "dense"), ("lenet5", "l1"), ("lenet5", "dense"),
    ]  # fmt: skip


@pytest.mark.parametrize(("seeds", "meant"), [(3, [0, 1, 2]), (1, [0]), ([4, 7], [4, 7]), (1000, [*range(1000)])])
def test_seeds_are_a_number_or_a_list(seeds: Any, meant: list[int]) -> None:
    assert parse(GOOD | {"seeds": seeds}, "x.yaml").seeds == meant


def test_a_target_can_be_for_some_methods_only() -> None:
    """The switcher at the size of a rival, which no other method of the study needs to take."""
    methods = ["dense", "l1", "switcher", {"switcher": {"input": "noise"}}, "sss"]
    targets = ["free", "macs=0.5", "match:sss"]
    study = {"methods": methods, "targets": targets}
    some = {"match:sss": ["switcher"], "macs=0.5": ["l1", "switcher,input=noise"]}
    matched = [folder for folder in grid(**study) if folder.endswith("match:sss")]
    assert matched == ["l1@match:sss", "switcher@match:sss", "switcher,input=noise@match:sss"]
    assert grid(**study, only=some) == [
        "dense@free", "l1@macs=0.5", "switcher@match:sss", "switcher@free",
        "switcher,input=noise@macs=0.5", "switcher,input=noise@free", "sss@free",
    ]  # fmt: skip


def test_a_dataset_of_its_own_networks_and_epochs() -> None:
    """Datasets of different size in one study: each cell is trained for the epochs of its dataset."""
    own = {"fashion_mnist_small": {"networks": ["lenet5"], "epochs": 3, "pretrain_epochs": 2}}
    study = parse(
        GOOD
        | {"datasets": ["digits", "fashion_mnist_small"], "networks": ["lenet5", "resnet8"], "where": own}
        | {"pretrain_epochs": 1},
        "x.yaml",
    )
    assert study.tasks() == [("digits", "lenet5"), ("digits", "resnet8"), ("fashion_mnist_small", "lenet5")]
    epochs = {(s.dataset, s.epochs, s.pretrain_epochs) for s in (cell_spec(study, cell) for cell in study.cells())}
    assert epochs == {("digits", 4, 1), ("fashion_mnist_small", 3, 2)}
