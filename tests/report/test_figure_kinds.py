"""Ranks, compression, forest and histories: what is drawn, on rows with known answers."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg

from benchmarks.report.figures import style
from benchmarks.report.figures.compression import compression
from benchmarks.report.figures.difference import difference_against_macs, points, spread
from benchmarks.report.figures.forest import control_forest, variant_forest
from benchmarks.report.figures.histories import training_curves, trajectories
from benchmarks.report.figures.panels import JOINING
from benchmarks.report.figures.ranks import rank_diagram
from benchmarks.report.figures.scatter import accuracy_against_macs
from benchmarks.report.stats.placement import reach


def texts(figure) -> list[str]:
    return [text.get_text() for axes in figure.axes for text in axes.texts]


def planted(row, dense) -> list[dict]:
    """Three tasks; l1 loses 1, 2 and 3 points at half of the MACs, and sss 1 on each at a size of its own."""
    rows = []
    for task, loss in (("a", 0.01), ("b", 0.02), ("c", 0.03)):
        for seed in range(2):
            at = {"dataset": task, "seed": seed}
            rows.append(dense(test_accuracy=0.9 + seed / 100, **at))
            rows.append(row(method="l1", test_accuracy=0.9 + seed / 100 - loss, **at))
            rows.append(row(method="sss", target="free", macs=8000.0, test_accuracy=0.89 + seed / 100, **at))
    return rows


def test_the_main_figure_shows_the_difference_over_tasks_and_its_interval(row, dense):
    figure, caption = difference_against_macs(pd.DataFrame(planted(row, dense)))
    (axes,) = figure.axes
    l1, sss = axes.containers
    assert l1[0].get_xydata().tolist() == [[pytest.approx(50), pytest.approx(-2)]]
    assert sss[0].get_xydata().tolist() == [[pytest.approx(80), pytest.approx(-1)]]
    half = 4.302653 / 3**0.5  # of 1, 2 and 3: t(0.975, 2) times 1 / sqrt(3); over 6 runs it would be a fifth of that
    assert l1[2][1].get_segments()[0][:, 1].tolist() == [pytest.approx(-2 - half), pytest.approx(-2 + half)]
    assert sss[2][1].get_segments()[0][:, 1].tolist() == [pytest.approx(-1), pytest.approx(-1)]
    assert {text.get_text(): text.get_rotation() for text in axes.texts} == {"l1": 90, "sss": 90}
    assert "n=3 tasks" in caption and "12 runs" in caption and "tasks are the unit" in caption


def joined(axes) -> list:
    return [line for line in axes.lines if line.get_alpha() == JOINING["alpha"]]


def test_a_line_joins_the_marks_of_a_method_in_the_main_figure(row, dense):
    rows = planted(row, dense)
    rows += [row(method="sss", dataset=d, seed=s, test_accuracy=0.85 + s / 100) for d in "abc" for s in range(2)]
    figure, caption = difference_against_macs(pd.DataFrame(rows))
    (axes,) = figure.axes
    (line,) = joined(axes)
    marks = [bar[0] for bar in axes.containers if bar[0].get_color() == line.get_color()]
    assert [tuple(spot) for spot in line.get_xydata()] == sorted(tuple(mark.get_xydata()[0]) for mark in marks)
    assert line.get_ydata().tolist() == pytest.approx([-5, -1])
    assert line.get_color() == style.looks(["l1", "sss"])["sss"].color
    assert line.get_zorder() < min(mark.get_zorder() for mark in marks)
    assert "Faint lines join the marks of a method, within the scale." in caption


def test_a_line_to_a_mark_beyond_the_scale_ends_where_the_scale_does(row, dense):
    """Below it names stand; the mean of -80 is an arrow head."""
    rows = planted(row, dense)
    rows += [row(method=m, dataset=d, seed=s, test_accuracy=a + s / 100) for d in "abc" for s in range(2)
             for m, a in (("sss", 0.1), ("uniform", 0.895), ("l2", 0.895), ("lamp", 0.89))]  # fmt: skip
    figure, _ = difference_against_macs(pd.DataFrame(rows))
    figure.draw_without_rendering()
    (axes,) = figure.axes
    (line,) = joined(axes)
    scale = axes.spines["left"].get_bounds()
    clip = line.get_clip_box()
    assert line.get_ydata().min() == pytest.approx(-80) and axes.get_ylim()[0] < scale[0]
    ends = [axes.transData.transform((50, y))[1] for y in scale]
    assert [clip.y0, clip.y1] == pytest.approx(ends) and [clip.x0, clip.x1] == [axes.bbox.x0, axes.bbox.x1]


def test_means_at_target_macs_are_over_the_tasks_that_the_methods_share(row, dense):
    """On the tasks of both l1 is better; it is worse over its own, one of which is far harder."""
    rows = [dense(dataset=d, seed=s) for d in "abcd" for s in range(2)]
    loss = dict.fromkeys("abc", 0.01) | {"d": 0.3}
    rows += [row(method="l1", dataset=d, seed=s, test_accuracy=0.9 - loss[d]) for d in "abcd" for s in range(2)]
    rows += [row(method="l2", dataset=d, seed=s, test_accuracy=0.88) for d in "abc" for s in range(2)]
    table = points(pd.DataFrame(rows)).set_index("method")
    assert table["y"].to_dict() == pytest.approx({"l1": -1, "l2": -2}) and set(table["tasks"]) == {3}
    alone = difference_against_macs(pd.DataFrame([*rows, row(method="obd", dataset="a")]))[0]
    assert {"obd (1)", "l1"} <= set(texts(alone)), "a mean over fewer tasks says so"
    sentence = "not all of these methods ran (macs=0.5: d, lenet5)."
    assert sentence in difference_against_macs(pd.DataFrame(rows))[1]
    same = [line for line in rows if line["dataset"] != "d"]
    assert sentence not in difference_against_macs(pd.DataFrame(same))[1]


def test_a_method_and_those_that_match_it_stand_together_where_their_tasks_are_the_same(row, dense):
    """sss keeps 20, 40 and 90 %. On a and b these are 30: its mean over three tasks, 50, is that of none there."""
    kept = {"a": 2000.0, "b": 4000.0, "c": 9000.0}
    rows = [dense(dataset=d) for d in kept] + [row(dataset=d, method="sss", target="free", macs=kept[d]) for d in kept]
    rows += [row(dataset=d, method=m, target="match:sss", macs=kept[d] + more) for m, tasks, more in
             (("switcher", "ab", 0), ("l1", "abc", 60)) for d in tasks]  # fmt: skip
    table = points(pd.DataFrame(rows)).set_index(["method", "target"])["x"].to_dict()
    assert table.keys() == {("sss", "free"), ("switcher", "match:sss"), ("l1", "match:sss")}
    assert table["switcher", "match:sss"] == pytest.approx(30.3) == table["l1", "match:sss"], "met within 2 %"
    assert table["sss", "free"] == pytest.approx(50)
    alone = [line for line in rows if line["method"] != "switcher"]
    together = points(pd.DataFrame(alone))["x"].tolist()
    assert together == pytest.approx([50.3, 50.3])


def test_of_one_task_the_main_figure_shows_the_interval_over_seeds(row, dense):
    rows = [line for line in planted(row, dense) if line["dataset"] == "a"]
    assert "n=1 tasks" in (caption := difference_against_macs(pd.DataFrame(rows))[1]) and "over seeds" in caption


def test_marks_that_are_spread_are_led_to_their_macs(study):
    """Of every named mark a line from its place to the axis, where its MACs stand."""
    (axes,) = difference_against_macs(study)[0].axes
    table = points(study)
    ends = {
        tuple(line.get_xdata())
        for line in axes.lines
        if tuple(line.get_ydata())[:1] == (0,) and len(line.get_xdata()) == 2
    }
    assert {round(kept, 9) for kept, _ in ends} >= {round(x, 9) for x in table["x"]}
    assert {place for _, place in ends} >= set(spread(table)["x"])
    assert axes.get_xlim()[0] < 50 < axes.get_xlim()[1]


def test_marks_of_one_target_are_spread_from_the_best_to_the_worst_and_names_cover_nothing(study):
    figure, _ = difference_against_macs(study)
    renderer = FigureCanvasAgg(figure).get_renderer()
    (axes,) = figure.axes
    table = spread(points(study)).query("target == 'macs=0.5'").sort_values("x")
    assert list(table["y"]) == sorted(table["y"], reverse=True) and (np.diff(table["x"]) > 0.4).all()
    boxes = [text.get_window_extent(renderer) for text in axes.texts]
    assert len(boxes) == len(points(study)) and all(box.y0 >= axes.bbox.y0 for box in boxes)
    assert not any(a.overlaps(b) for a, b in itertools.combinations(boxes, 2))


def test_an_outlier_of_the_main_figure_is_named_with_its_value(row, dense):
    rows = planted(row, dense)
    rows += [row(method=m, dataset=d, seed=s, test_accuracy=a + s / 100) for d in "abc" for s in range(2)
             for m, a in (("random", 0.1), ("uniform", 0.895), ("l2", 0.895), ("lamp", 0.89))]  # fmt: skip
    figure, _ = difference_against_macs(pd.DataFrame(rows))
    assert "random: -80.0" in texts(figure) and figure.axes[0].get_ylim()[0] > -30


def test_the_scale_of_the_main_figure_ends_where_its_means_do(row, dense):
    """The room for upright names once had ticks down to -37, with arrow heads at -16 for means of -25 and -22."""
    rows = planted(row, dense)
    rows += [row(method=m, dataset=d, seed=s, test_accuracy=a + s / 100) for d in "abc" for s in range(2)
             for m, a in (("switcher,turns=15", 0.85), ("uniform", 0.89), ("l2", 0.895), ("sss", 0.1))]  # fmt: skip
    figure, caption = difference_against_macs(pd.DataFrame(rows))
    (axes,) = figure.axes
    (head,) = (line.get_ydata()[0] for line in axes.lines if line.get_marker() == "v" and line.get_xdata()[0] > 1)
    low, _ = axes.spines["left"].get_bounds()
    assert axes.get_ylim()[0] < low < min(axes.get_yticks()) and low < head < low + 1
    assert {low} <= {line.get_ydata()[0] for line in axes.lines if line.get_linestyle() == ":"}
    assert "The scale ends at the dotted line" in caption


def test_the_main_figure_says_of_what_its_intervals_are(row, dense):
    rows = pd.DataFrame(planted(row, dense))
    one = rows[rows["dataset"].eq("a") | rows["method"].ne("l1")]
    assert "(tasks are the unit)" in difference_against_macs(rows)[1]
    few = "(tasks are the unit; of a method that ran on fewer than 3, for exactly these)"
    assert few in difference_against_macs(one)[1]


def test_of_two_tasks_the_main_figure_shows_the_interval_for_exactly_these(row, dense):
    """The spread of two says next to nothing of tasks like these: 13 times its standard error, and all else a dot."""
    rows = [line for line in planted(row, dense) if line["dataset"] != "c" and line["method"] != "sss"]
    for seed, loss in ((0, 0.01), (1, 0.012)):
        rows += [row(dataset="a", seed=seed + 2, test_accuracy=0.9 - loss)]
        rows += [dense(dataset="a", seed=seed + 2, test_accuracy=0.9)]
    assert points(pd.DataFrame(rows))["half"].item() < 1
    assert "over seeds, for exactly these tasks" in difference_against_macs(pd.DataFrame(rows))[1]


def test_outliers_are_those_among_the_methods_of_their_target(row, dense):
    """Two unconstrained methods 20 points down do not halve the scale on which the target's methods are told apart."""
    rows = [dense(dataset=d, seed=s, test_accuracy=0.9 + s / 100) for d in "abc" for s in range(2)]
    free = {"l0": -0.2, "sss": -0.22, "switcher": 0, "dmcp": 0.001, "tas": -0.01, "darts": 0.002, "morphnet": -0.002}
    far = {"l1": -0.05, "l2": -0.06, "lamp": -0.07, "fpgm": -0.08, "random": -0.09}
    for target, methods in (("free", free), ("macs=0.35", far)):
        rows += [row(method=m, dataset=d, seed=s, target=target, test_accuracy=0.9 + y + s / 100)
                 for d in "abc" for s in range(2) for m, y in methods.items()]  # fmt: skip
    figure, _ = difference_against_macs(pd.DataFrame(rows))
    assert {"l0: -20.0", "sss: -22.0"} <= set(texts(figure))
    assert not [text for text in texts(figure) if text.startswith("random:")]


def test_marks_of_a_method_from_several_networks_name_them(row, dense):
    """They have one colour and shape."""
    rows = [dense(seed=s) for s in range(3)]
    rows += [row(seed=s, method=m, target=t) for s in range(3) for m, t in
             (("transfer", "from:a"), ("transfer", "from:a+b"), ("transfer", "free"), ("l1", "from:a"))]  # fmt: skip
    for draw in (difference_against_macs, accuracy_against_macs):
        names = texts(draw(pd.DataFrame(rows))[0])
        assert {"transfer from a", "transfer from a+b", "transfer", "l1", "dense"} >= set(names) > {"l1"}
    assert len(set(texts(difference_against_macs(pd.DataFrame(rows))[0]))) == 4


def test_marks_of_a_method_at_another_ones_size_name_it(row, dense):
    """At a fraction and at the size of another method, its marks have one colour, shape and filling."""
    rows = [dense(seed=s) for s in range(3)]
    rows += [row(seed=s, method=m, target=t, macs=macs) for s in range(3) for m, t, macs in
             (("a", "macs=0.3", 3e5), ("a", "match:b", 6e5), ("b", "free", 6e5), ("c", "match:b", 6e5))]  # fmt: skip
    names = texts(difference_against_macs(pd.DataFrame(rows))[0])
    assert {"a", "a match b", "c"} <= set(names)


@pytest.fixture
def ranked(row) -> pd.DataFrame:
    """a always first, b second, c third at macs=0.5; a and b alone at macs=0.3."""
    values = {"a": 0.9, "b": 0.8, "c": 0.7}
    rows = [row(method=m, network=f"net{s}", test_accuracy=a) for m, a in values.items() for s in range(6)]
    rows += [
        row(method=m, network=f"net{s}", target="macs=0.3", test_accuracy=values[m]) for m in "ab" for s in range(6)
    ]
    return pd.DataFrame(rows)


def test_bars_of_the_rank_diagram_run_from_left_to_right(study: pd.DataFrame) -> None:
    """Their points come from a set: in its order, the same rows would give other bytes in another process."""
    axes = rank_diagram(study)[0].axes[0]
    bars = [line.get_xdata() for line in axes.lines if line.get_linewidth() == 1.6]
    assert max(map(len, bars)) > 2 and all((np.diff(x) >= 0).all() for x in map(np.asarray, bars))


def test_ranks_stand_at_their_place_with_the_critical_difference(ranked):
    figure, caption = rank_diagram(ranked)
    assert [axes.get_title(loc="left") for axes in figure.axes] == [
        "macs=0.5: n=6, critical difference 1.35",
        "macs=0.3: n=6, critical difference 0.80",
    ]
    assert {"a  1.00", "b  2.00", "3.00  c"} <= {text.strip() for text in texts(figure)}
    points = [tuple(offset) for axes in figure.axes for dots in axes.collections for offset in dots.get_offsets()]
    assert sorted(x for x, _ in points) == [1, 1, 2, 2, 3]
    assert "macs=0.5: n=6" in caption


def test_every_rank_axis_runs_from_1_to_the_worst_rank_with_the_names_at_its_ends(ranked):
    """The best mean rank is 1.33 here; an axis that begins at it hides how far the best is from always first."""
    ranked.loc[(ranked["method"] == "a") & ranked["network"].isin(["net0", "net1"]), "test_accuracy"] = 0.75
    figure, _ = rank_diagram(ranked)
    assert [axes.get_xlim() for axes in figure.axes] == [(1, 3), (1, 2)]
    for axes in figure.axes:
        assert {text.get_position()[0] < 1 for text in axes.texts if text.get_ha() == "right"} == {True}
        assert {text.get_position()[0] > axes.get_xlim()[1] for text in axes.texts if text.get_ha() == "left"} == {True}


def test_without_target_macs_the_rank_diagram_says_so(dense):
    figure, caption = rank_diagram(pd.DataFrame([dense()]))
    assert texts(figure) == ["no two methods ran at the same target MACs"]
    assert "n=0" in caption


def test_compression_sets_macs_kept_against_size_and_error(row, dense):
    rows = []
    for network, params, error, kept in (("small", 1e3, 0.1, 0.9), ("large", 1e5, 0.2, 0.5)):
        where = {"network": network, "params_dense": params}
        for seed in range(2):
            rows.append(dense(seed=seed, test_accuracy=1 - error, **where))
            rows.append(row(method="switcher", target="free", seed=seed, macs=1e4 * kept, **where))
    figure, caption = compression(pd.DataFrame(rows))
    size, error = (sorted(tuple(bar[0].get_xydata()[0]) for bar in axes.containers) for axes in figure.axes)
    assert size == [(1e3, pytest.approx(90)), (1e5, pytest.approx(50))]
    assert error == [(pytest.approx(10), pytest.approx(90)), (pytest.approx(20), pytest.approx(50))]
    (trend,) = (line for line in figure.axes[0].lines if line.get_alpha())
    assert trend.get_xydata().ravel().tolist() == pytest.approx([1e3, 90, 1e5, 50])
    assert "n=2 seeds" in caption


def test_compression_shows_a_network_that_keeps_more_than_the_dense_one(row, dense):
    """A method may build a network of its own; its marks lay above the panel, without a sign."""
    at = [{"network": name, "params_dense": size} for name, size in (("a", 1000.0), ("b", 9000.0))]
    rows = [one(**where, **more) for where in at for one, more in ((dense, {}), (row, {"target": "free", "macs": 3e4}))]
    figure, _ = compression(pd.DataFrame(rows))
    assert figure.axes[0].get_ylim()[1] > 300


def test_compression_without_a_dense_run_says_what_is_missing(row):
    rows = [row(target="free", macs=8000.0, params_dense=size, network=f"net{size:.0f}") for size in (1e3, 2e3)]
    figure, _ = compression(pd.DataFrame(rows))
    left, right = figure.axes
    assert [text.get_text() for text in left.texts] == []
    assert [text.get_text() for text in right.texts] == ["no dense run to compare with"]
    assert left.get_ylim() == (72, 104)  # a tenth below what is kept; the empty panel has no say in it


def test_compression_of_one_network_draws_nothing_and_says_what_it_needs(row, dense):
    """Its one tick once lay on the names of the other panel."""
    rows = [make(seed=seed, target="free") for make in (dense, row) for seed in range(2)]
    figure, caption = compression(pd.DataFrame(rows))
    assert texts(figure) == ["needs networks of two sizes", "needs two tasks"] and "n=0 seeds" in caption
    assert [len(axes.containers) + len(axes.get_xticks()) for axes in figure.axes] == [0, 0]


@pytest.mark.parametrize("largest", [1.5e5, 9e5, 1e6])
def test_sizes_on_the_axis_of_compression_do_not_overlap(row, dense, largest):
    """Minor ticks were named too: "500k600k700k"."""
    sizes = [make(target="free", params_dense=n, network=f"n{n}") for make in (dense, row) for n in (1e5, largest)]
    figure, _ = compression(pd.DataFrame(sizes))
    figure.draw_without_rendering()
    axis = figure.axes[0].xaxis
    left, right = figure.axes[0].get_xlim()
    shown = [tick.label1 for tick in axis.get_major_ticks() + axis.get_minor_ticks() if left <= tick.get_loc() <= right]
    boxes = [text.get_window_extent() for text in shown if text.get_text()]
    assert len(boxes) >= 2 and not any(a.overlaps(b) for a, b in itertools.combinations(boxes, 2))


def test_the_forest_of_variants_draws_paired_differences_with_intervals(row):
    rows = [row(method="switcher", target="free", seed=s, test_accuracy=0.9) for s in range(3)]
    for seed, fall in enumerate([0.01, 0.02, 0.03]):
        changed = {"method": "switcher,input=noise", "target": "free", "seed": seed, "macs": 6000.0}
        rows.append(row(test_accuracy=0.9 - fall, **changed))
    figure, caption = variant_forest(pd.DataFrame(rows))
    (axes,) = figure.axes
    (bar,) = axes.containers
    assert bar[0].get_xydata().tolist() == [[pytest.approx(-2), 0]]
    assert bar[2][0].get_segments()[0][:, 0].tolist() == pytest.approx([-2 - 2.484138, -2 + 2.484138], rel=1e-6)
    assert [label.get_text() for label in axes.get_yticklabels()] == ["input=noise"]
    assert texts(figure) == ["+10.0"]
    assert "n=3" in caption


def test_the_forest_of_variants_without_any_says_so(row):
    figure, _ = variant_forest(pd.DataFrame([row(method="switcher", target="free", seed=s) for s in range(3)]))
    assert texts(figure) == ["no method ran with its default knobs and with others"]


def test_the_forest_of_variants_is_not_stretched_by_an_outlier(row):
    """It is an arrow head at the edge; names have no learning rate that comes with another knob."""
    variants = {"turns=15": 0.01, "turns=30": 0.0, "turns=60": -0.01, "turns=90": 0.005, "reading=plain,lr=0.05": -0.4}
    rows = [row(method="switcher", target="free", seed=s, test_accuracy=0.9) for s in range(3)]
    for knobs, change in variants.items():
        changed = {"method": f"switcher,{knobs}", "target": "free", "test_accuracy": 0.9 + change}
        rows += [row(seed=s, **changed) for s in range(3)]
    (axes,) = variant_forest(pd.DataFrame(rows))[0].axes
    assert axes.get_xlim()[0] > -5
    assert axes.get_yticklabels()[0].get_text() == "reading=plain"
    assert [line.get_marker() for line in axes.lines if line.get_marker() == "<"] == ["<"]


def test_variants_of_two_runs_do_not_stretch_the_forest_and_stand_there_with_their_value(row):
    """One mean of -28 with the t-interval of two runs let the axis run from -75 to 50, and all others lie at 0."""
    rows = [row(method="switcher", target="free", seed=s, test_accuracy=0.9) for s in range(5)]
    for knobs, losses in {"turns=15": [0, 1, 2], "turns=30": [1, 1, 2], "signal=random": [25, 31]}.items():
        changed = {"method": f"switcher,{knobs}", "target": "free"}
        rows += [row(seed=s, test_accuracy=0.9 - loss / 100, **changed) for s, loss in enumerate(losses)]
    figure, _ = variant_forest(pd.DataFrame(rows))
    assert figure.axes[0].get_xlim()[0] > -6 and "-28.0" in texts(figure)


def controlled(row, **networks: list[float]) -> pd.DataFrame:
    """At half of the MACs: `uniform` at 90 %, and the points that l1 differs from it, a seed each, by network."""
    return pd.DataFrame([
        row(network=network, seed=seed, method=method, test_accuracy=0.9 + points / 100)
        for network, differences in networks.items()
        for seed, difference in enumerate(differences)
        for method, points in (("uniform", 0.0), ("l1", difference))
    ])  # fmt: skip


def test_the_forest_of_the_control_has_a_line_per_task_and_one_over_tasks(row):
    figure, caption = control_forest(controlled(row, a=[-1, -2, -3], b=[1, 2, 3], c=[3, 4, 5]))
    (axes,) = figure.axes
    names = ["l1", "digits, a", "digits, b", "digits, c", "over tasks"]
    assert [label.get_text() for label in axes.get_yticklabels()] == names
    marks = [tuple(bar[0].get_xydata()[0]) for bar in axes.containers]
    assert marks == [pytest.approx(at) for at in ((-2, 1), (2, 2), (4, 3), (4 / 3, 4))]
    halves = [np.diff(bar[2][0].get_segments()[0][:, 0])[0] / 2 for bar in axes.containers]
    over = np.std([-2, 2, 4], ddof=1) / np.sqrt(3) * 4.302653
    assert halves == pytest.approx([2.484138] * 3 + [over], rel=1e-6), "t(0.975, 2) / sqrt(3); tasks are the unit"
    filled = [bar[0].get_markerfacecolor() == "black" for bar in axes.containers]
    assert filled == [False, False, True, False], "from 1.5 on: beyond half a point"
    assert axes.get_xlabel() == "− uniform, points\nn=3 tasks" and "n=3 pairs" in caption


def test_the_forest_of_the_control_of_one_task_has_a_line_per_method_and_marks_what_lies_outside(row):
    figure, _ = control_forest(controlled(row, a=[0, 0, 0]))
    assert [label.get_text() for label in figure.axes[0].get_yticklabels()] == ["l1"]
    figure, _ = control_forest(controlled(row, a=[0, 0.1], b=[0, 0.2], c=[0, 0.1], d=[0, 0.2], e=[-50, -50]))
    (axes,) = figure.axes
    assert axes.get_xlim()[0] > -20 and len(axes.containers) == 5
    assert [line.get_marker() for line in axes.lines if line.get_ydata()[0] == 5] == ["<"]


def test_a_bar_that_goes_on_beyond_the_forest_ends_in_an_open_arrow_head(row):
    """One interval is far wider than the others, which set the panel's limits; it looked like a whole bar."""
    figure, caption = control_forest(controlled(row, a=[-2, 2], b=[0, 0.1], c=[0.1, 0.2], d=[0, 0.1], e=[0.1, 0]))
    (axes,) = figure.axes
    heads = [line for line in axes.lines if line.get_marker() in "<>"]
    at = [(line.get_marker(), line.get_ydata()[0], line.get_markerfacecolor()) for line in heads]
    assert at[:2] == [("<", 1, "white"), (">", 1, "white")] and "bars (open)" in caption
    assert {y for _, y, _ in at} == {1}, "the mean over tasks is whole"
    assert np.diff(axes.get_xlim()) < 5


def test_at_matched_macs_the_control_is_the_method_that_is_matched(row):
    rows = controlled(row, a=[1, 1], b=[1, 1]).replace({"macs=0.5": "match:switcher"})
    own = rows[rows["method"] == "l1"].assign(method="switcher", target="free", test_accuracy=0.95)
    figure, _ = control_forest(pd.concat([rows, own]))
    (axes,) = figure.axes
    assert axes.get_xlabel().startswith("− switcher, points")
    assert [label.get_text() for label in axes.get_yticklabels()][::4] == ["l1", "uniform"], "the best first"
    figure, _ = control_forest(own)
    assert texts(figure) == ["no control ran at target MACs"]


@pytest.fixture
def histories() -> pd.DataFrame:
    """Two seeds of a layer of 8 channels: 8 and 8, then 6 and 4; l1 has no notes."""
    where = {"dataset": "digits", "network": "lenet5"}
    lines = []
    for seed, left in enumerate([6, 4]):
        for epoch, alive in ((1.0, 8), (2.0, left)):
            notes = {"alive/conv1": alive, "factor/conv1": alive / 8}
            lines.append(where | {"cell": "switcher@free", "seed": seed, "epoch": epoch, "train_loss": epoch} | notes)
            lines.append(where | {"cell": "l1@macs=0.5", "seed": seed, "epoch": epoch, "train_loss": 1 / epoch + seed})
    return pd.DataFrame(lines)


def test_trajectories_are_means_over_seeds_in_percent_of_the_layer(row, histories):
    figure, caption = trajectories(pd.DataFrame([row(method="switcher", target="free")]), histories)
    alive, factor = figure.axes
    assert alive.lines[0].get_xydata().tolist() == [[1, 100], [2, pytest.approx(62.5)]]
    assert factor.lines[0].get_ydata().tolist() == pytest.approx([1, 0.625])
    assert "n=2" in caption


def test_an_axis_of_trajectories_has_a_least_span(row, histories):
    """Factors that differ from 1 in their seventh digit filled their panel, under "1e-7+1"."""
    whole = histories[histories["cell"] == "switcher@free"].assign(
        **{"alive/conv1": 8, "factor/conv1": lambda table: 1 + 1e-7 * table["epoch"], "reactivated/conv1": 0}
    )
    figure, _ = trajectories(pd.DataFrame([row(method="switcher", target="free")]), whole)
    figure.draw_without_rendering()
    for axes, (least, most) in zip(figure.axes, [(0, 100), (0.9, 1.1), (0, 1)], strict=True):
        low, high = axes.get_ylim()
        assert least - 0.05 * (most - least) <= low <= least and most <= high <= most + 0.05 * (most - least)
        assert min(tick for tick in axes.get_yticks() if tick >= low) >= least - 1e-9
        assert axes.yaxis.get_offset_text().get_text() == ""


@pytest.mark.parametrize("cell", ["switcher@free", "l1@macs=0.5"])
def test_histories_without_notes_or_without_the_switcher_can_be_drawn(row, histories, cell, tmp_path: Path):
    plain = histories.loc[histories["cell"] == cell].drop(columns=["alive/conv1", "factor/conv1"])
    figure, caption = trajectories(pd.DataFrame([row(method="switcher", target="free")]), plain)
    style.save(figure, caption, tmp_path / "figure")
    assert "the histories hold no factors" in texts(figure)
    assert "n=" in caption


def test_a_figure_without_histories_rests_on_no_run(row, histories):
    rows = pd.DataFrame([row(method="switcher", target="free")])
    for draw in (trajectories, training_curves):
        assert "n=0 seeds" in draw(rows, histories.head(0))[1] and "n=0 seeds" in draw(rows, histories.iloc[1:2])[1]


def test_training_curves_take_one_cell_of_each_method(row, histories):
    rows = [row(method="switcher", target="free"), row(), row(target="match:switcher")]
    figure, caption = training_curves(pd.DataFrame(rows), histories)
    curves = {tuple(line.get_ydata()) for line in figure.axes[0].lines}
    assert curves == {(1.0, 2.0), (1.5, 1.0)}
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["l1", "switcher"]
    assert "n=2 seeds" in caption


def test_a_panel_holds_every_interval_that_is_no_outlier():
    """With a quarter of the half-widths above 1.0, all bars are inside; one of 40 points is cut, like a far mean."""
    means, halves = [0.0, 0.5, -1.0, 0.3, 0.2, 0.1, 0.4, -0.2], [0.5, 0.6, 2.5, 1.0, 0.9, 0.8, 2.2, 0.7]
    low, high = reach(means, halves, 0.5)
    assert low == pytest.approx(-3.5) and high == pytest.approx(2.6)
    assert reach([*means, 0.0], [*halves, 40.0], 0.5) == pytest.approx((-3.5, 2.6))
    assert reach([*means, -30.0], [*halves, 0.5], 0.5)[0] == pytest.approx(-3.5)
    assert reach([0.1], [np.nan], 0.5) == pytest.approx((-0.5, 0.6))
