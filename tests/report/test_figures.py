"""Figures show every cell where it belongs, in a fixed look, and the same bytes each time."""

from __future__ import annotations

import itertools
import json
import math
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import QuadMesh
from matplotlib.figure import Figure

from benchmarks.report.figures import registry, style
from benchmarks.report.figures.channels import channels_kept
from benchmarks.report.figures.panels import GROUND, JOINING, MOST, SINGLE
from benchmarks.report.figures.scatter import (
    accuracy_against_cost,
    accuracy_against_macs,
    real_against_theoretical_speedup,
)
from benchmarks.report.stats.channels import channels
from benchmarks.report.stats.names import SLOTS, few

FIGURES = list(registry.FIGURES.values())
OF_CELLS = [
    accuracy_against_macs,
    channels_kept,
    accuracy_against_cost,
    real_against_theoretical_speedup,
]
HUNDRED_LAYERS = json.dumps({f"features.denseblock{i}.denselayer{j}.conv": 8 for i in range(10) for j in range(10)})


def cases(row, make, study) -> dict[str, pd.DataFrame]:
    failed = study.copy()
    failed.loc[failed["method"] == "l1", ["status", "test_accuracy", "widths"]] = ["diverged", math.nan, ""]
    return {
        "one row": pd.DataFrame([row()]),
        "one seed": make(["dense", "l1"], seeds=1),
        "a method that failed everywhere": failed,
        "nothing but failures": pd.DataFrame([row(status="diverged", test_accuracy=math.nan, widths="")]),
        "forty methods": make(["dense", *(f"m{i}" for i in range(39))], seeds=2, networks=1),
        "hard names": pd.DataFrame([row(method="$a_b$ <&>\"'ü{}\\", widths='{"$": 2}')]),
    }


@pytest.mark.parametrize("draw", FIGURES)
def test_any_study_can_be_drawn(draw, row, make, study):
    for name, rows in cases(row, make, study).items():
        figure, caption = draw(rows)
        figure.draw_without_rendering()
        assert "n=" in caption, name


@pytest.mark.parametrize("draw", FIGURES)
def test_hard_names_can_be_saved(draw, row, make, study, tmp_path: Path):
    figure, caption = draw(cases(row, make, study)["hard names"])
    style.save(figure, caption, tmp_path / "figure")
    assert all((tmp_path / f"figure.{suffix}").stat().st_size > 0 for suffix in ("pdf", "svg", "png", "txt"))


@pytest.mark.parametrize("draw", FIGURES)
def test_the_same_rows_give_the_same_bytes(draw, study, tmp_path: Path):
    for copy, rows in (("a", study), ("b", study.copy())):
        figure, caption = draw(rows)
        style.save(figure, caption, tmp_path / copy)
    for suffix in ("pdf", "svg", "png", "txt"):
        assert (tmp_path / f"a.{suffix}").read_bytes() == (tmp_path / f"b.{suffix}").read_bytes()


def test_each_format_is_drawn_once(study, tmp_path: Path, monkeypatch):
    drawn = []
    draw = Figure.draw
    monkeypatch.setattr(Figure, "draw", lambda figure, renderer: drawn.append(renderer) or draw(figure, renderer))
    for function, layouts in ((accuracy_against_macs, 0), (channels_kept, 1)):
        made = function(study)
        drawn.clear()
        style.save(*made, tmp_path / "figure")
        assert len(drawn) == layouts + 3  # one is laid out already, for its labels


@pytest.mark.parametrize("draw", OF_CELLS)
def test_a_large_study_shows_as_many_panels_as_a_reader_takes_in_and_says_so(draw, make):
    small = make(["dense", "l1"], seeds=2, networks=1)
    for count in (MOST, MOST + 1):
        figure, caption = draw(pd.concat([small.assign(dataset=f"d{i:02}") for i in range(count)]))
        assert sum(bool(axes.get_title(loc="left")) for axes in figure.axes) == MOST
        assert (f"the first {MOST} of {MOST + 1} tasks" in caption) == (count > MOST)


def test_a_reader_s_own_settings_change_nothing(study, tmp_path: Path):
    style.save(*accuracy_against_macs(study), tmp_path / "a")
    with mpl.rc_context({"font.size": 20, "svg.hashsalt": "other", "axes.facecolor": "black"}):
        style.save(*accuracy_against_macs(study), tmp_path / "b")
        assert mpl.rcParams["font.size"] == 20
    assert (tmp_path / "a.svg").read_bytes() == (tmp_path / "b.svg").read_bytes()


def test_a_stem_may_hold_a_point(study, tmp_path: Path):
    style.save(*accuracy_against_macs(study), tmp_path / "new" / "macs=0.5")
    assert {path.name for path in (tmp_path / "new").iterdir()} == {
        f"macs=0.5.{s}" for s in ("pdf", "svg", "png", "txt")
    }


def test_a_name_between_dollars_is_no_formula(row, dense, tmp_path: Path):
    figure, caption = accuracy_against_macs(pd.DataFrame([dense(), row(method="$a_b$")]))
    style.save(figure, caption, tmp_path / "figure")
    assert "$a_b$" in (tmp_path / "figure.svg").read_text(encoding="utf-8")


def test_a_network_of_a_methods_own_has_no_part_in_the_channels(row, dense):
    own = row(method="darts", widths='{"width": 8, "cells": {"normal": [[0, 1]]}}')
    kept = channels(pd.DataFrame([dense(widths='{"conv1": 6}'), row(widths='{"conv1": 3}'), own]))
    assert set(kept.method) == {"dense", "l1"} and set(kept.group) == {"conv1"}


def test_without_a_dense_run_a_network_of_a_methods_own_shows_its_counts_alone(row):
    """`darts` notes its cells too, which are no numbers."""
    rows = pd.DataFrame([row(method="darts", widths='{"cells": {"0": [1, 2]}, "stem": 4}')])
    kept = channels(rows)
    assert list(kept.group) == ["stem"] and list(kept.channels) == [4]
    channels_kept(rows)


def test_marks_lie_at_the_mean_difference_and_macs_in_percent_with_paired_intervals(row, dense):
    rows = [dense(seed=i, test_accuracy=accuracy) for i, accuracy in enumerate([0.9, 0.88])]
    rows += [row(seed=i, target="free", test_accuracy=a, macs=m) for i, (a, m) in enumerate([(0.8, 4000), (0.9, 6000)])]
    figure, caption = accuracy_against_macs(pd.DataFrame(rows))
    (axes,) = figure.axes
    (bar,) = axes.containers
    assert bar[0].get_xydata().tolist() == [[pytest.approx(50), pytest.approx(-4)]]
    # Two differences, of -10 and of 2 points: sd / sqrt(2) = 6, times t(0.975, 1) = 12.7062. Of the accuracies it is 5.
    half = 12.7062
    horizontal, vertical = (bars.get_segments()[0] for bars in bar[2])
    # 4000 and 6000 of 10000 MACs lie 20 % apart.
    assert horizontal[:, 0].tolist() == pytest.approx([50 - 10 * half, 50 + 10 * half], rel=1e-5)
    assert vertical[:, 1].tolist() == pytest.approx([-4 - 6 * half, -4 + 6 * half], rel=1e-5)
    assert any(line.get_ydata()[0] == 0 and line.get_linestyle() == "--" for line in axes.lines)
    assert "n=2 seeds" in caption and "paired by seed" in caption
    assert axes.get_ylabel() == "Test accuracy − dense, points"


def test_differences_that_are_the_same_on_every_seed_have_no_interval_however_the_accuracies_vary(row, dense):
    rows = [
        make(seed=s, test_accuracy=0.5 + s / 10 - loss) for s in range(3) for make, loss in ((dense, 0), (row, 0.02))
    ]
    (bar,) = accuracy_against_macs(pd.DataFrame(rows))[0].axes[0].containers
    assert bar[2][1].get_segments()[0][:, 1].tolist() == pytest.approx([-2, -2])


def test_the_accuracy_of_the_dense_network_stands_above_its_panel(row, dense):
    """Of one seed without an interval; a long title takes a second line."""
    rows = [make(seed=s, test_accuracy=0.82 + s / 100) for make in (dense, row) for s in range(3)]
    rows += [make(network="resnet8", test_accuracy=0.75) for make in (dense, row)]
    rows += [make(network="a_network_of_thirty_letters_xyz", test_accuracy=0.75) for make in (dense, row)]
    figure, caption = accuracy_against_macs(pd.DataFrame(rows))
    half = 100 * 0.01 / 3**0.5 * 4.302653
    assert [axes.get_title(loc="left") for axes in figure.axes] == [
        "digits, a_network_of_thirty_letters_xyz\n(dense 75.0 %)",
        f"digits, lenet5 (dense 83.0 ± {half:.1f} %)",
        "digits, resnet8 (dense 75.0 %)",
    ]
    assert "its accuracy above each panel is a mean, ± half of its 95 % t-interval" in caption


def joined(axes) -> list:
    return [line for line in axes.lines if line.get_alpha() == JOINING["alpha"]]


def test_a_line_joins_the_marks_of_a_method_in_its_colour_and_behind_them(row, dense):
    """By MACs; the dense network, a method of one mark and one that began with other networks have no line."""
    rows = [dense(seed=s) for s in range(2)] + [row(seed=s, method="l1") for s in range(2)]
    at = {"free": (7000.0, 0.89), "macs=0.5": (5000.0, 0.88), "match:sss": (3000.0, 0.85)}
    rows += [row(seed=s, method="switcher", target=target, macs=macs, test_accuracy=accuracy)
             for s in range(2) for target, (macs, accuracy) in at.items()]  # fmt: skip
    rows += [row(seed=s, method="transfer", target=target) for s in range(2) for target in ("from:a", "from:b")]
    figure, caption = accuracy_against_macs(pd.DataFrame(rows))
    (axes,) = figure.axes
    (line,) = joined(axes)
    marks = [bar[0] for bar in axes.containers if bar[0].get_color() == style.looks(["switcher"])["switcher"].color]
    spots = sorted(tuple(mark.get_xydata()[0]) for mark in marks)
    assert [tuple(spot) for spot in line.get_xydata()] == spots and len(spots) == 3
    assert line.get_ydata().tolist() == pytest.approx([-5, -2, -1])
    assert line.get_color() == marks[0].get_color() and line.get_zorder() < min(mark.get_zorder() for mark in marks)
    assert "Faint lines join the marks of a method" in caption


def test_grey_dots_of_a_large_study_are_not_joined(make):
    methods = ["dense", "switcher", *(f"method_{i}" for i in range(25))]
    for axes in accuracy_against_macs(make(methods))[0].axes:
        (line,) = joined(axes)
        assert line.get_color() == style.looks(["switcher"])["switcher"].color


def test_a_label_on_a_line_has_a_pale_ground_over_the_line_and_under_the_marks(study):
    figure, _ = accuracy_against_macs(study)
    figure.draw_without_rendering()
    found = 0
    for axes in figure.axes:
        grounds = [patch for patch in axes.patches if patch.get_zorder() == GROUND["zorder"]]
        paths = [axes.transData.transform_path(line.get_path()) for line in joined(axes)]
        boxes = [text.get_window_extent() for text in axes.texts]
        crossed = [box for box in boxes if any(path.intersects_bbox(box, filled=False) for path in paths)]
        corners = [corner for box in crossed for corner in box.extents]
        assert [corner for ground in grounds for corner in ground.get_window_extent().extents] == pytest.approx(corners)
        found += len(crossed)
        assert all(JOINING["zorder"] < GROUND["zorder"] < bar[0].get_zorder() for bar in axes.containers)
    assert found > 0


def test_a_panel_without_marks_says_why(row, dense):
    rows = [row(network="alone"), dense(network="failed", status="diverged", test_accuracy=math.nan)]
    rows += [make(network="whole", latency_cpu_b128_ms=math.nan) for make in (dense, row)]
    for draw, third in ((accuracy_against_macs, "dense"), (real_against_theoretical_speedup, "no run was timed")):
        alone, failed, whole = ([text.get_text() for text in axes.texts] for axes in draw(pd.DataFrame(rows))[0].axes)
        assert alone == ["no dense run to compare with"] and failed == ["no run has a score"] and third in whole


def test_the_caption_names_what_failed_and_where(study):
    for draw in OF_CELLS:
        _, caption = draw(study)
        assert "sss (macs=0.5, fashion_mnist, lenet5): 1 diverged" in caption


def test_the_mark_of_one_run_is_small_and_the_caption_says_so(row, dense):
    rows = [dense(seed=s) for s in range(2)] + [row(seed=s, method="l1") for s in range(2)] + [row(method="sss")]
    for draw in (accuracy_against_macs, accuracy_against_cost, real_against_theoretical_speedup):
        for there, sizes in ((rows, {4.2, SINGLE}), (rows[:-1], {4.2})):
            figure, caption = draw(pd.DataFrame(there))
            assert {bar[0].get_markersize() for bar in figure.axes[0].containers} == sizes
            assert ("Small marks: n=1, no interval." in caption) == (SINGLE in sizes)


def test_one_seed_is_said_to_have_no_interval(make):
    for draw in OF_CELLS:
        assert "n=1, no interval" in draw(make(["dense", "l1"], seeds=1))[1]


@pytest.mark.parametrize("count", [5, 12])
def test_labels_cover_neither_each_other_nor_leave_the_panel(make, count):
    figure, _ = accuracy_against_macs(make(["dense", *(f"method_{i}" for i in range(count))]))
    renderer = FigureCanvasAgg(figure).get_renderer()
    figure.draw_without_rendering()
    for axes in figure.axes:
        boxes = [text.get_window_extent(renderer) for text in axes.texts]
        assert len(boxes) >= 4
        assert not any(a.overlaps(b) for a, b in itertools.combinations(boxes, 2))
        assert all(axes.bbox.x0 <= box.x0 and box.x1 <= axes.bbox.x1 for box in boxes)


@pytest.mark.parametrize("others", [10, 25])
def test_every_method_is_labelled_in_each_panel_or_stands_in_the_legend(make, others):
    methods = ["dense", "switcher", *(f"method_{i}" for i in range(others))]
    figure, caption = accuracy_against_macs(make(methods))
    legend = {text.get_text() for text in figure.legends[0].get_texts()}
    for axes in figure.axes:
        assert set(few(methods)) <= legend | {text.get_text() for text in axes.texts}
    assert ("25 other methods" in legend) == ("Grey dots: the 25 other methods" in caption) == (others == 25)


def test_cost_and_speedup_marks_lie_where_the_runs_say(row, dense):
    """l1 costs 3 of 4 million MACs, scores 2 points less, keeps half of the MACs and takes half of the time."""
    rows = pd.DataFrame([dense(test_accuracy=0.92), row(test_accuracy=0.9)])
    for draw, spot in ((accuracy_against_cost, [0.75, -2]), (real_against_theoretical_speedup, [2, 2])):
        figure, caption = draw(rows)
        (bar,) = figure.axes[0].containers
        assert bar[0].get_xydata().tolist() == [pytest.approx(spot)]
        assert "relative to dense" in caption or "over the dense network" in caption


def test_a_broken_run_does_not_stretch_the_panel_and_is_named_with_its_value(make):
    rows = make(["dense", "l1", "uniform", "random"], networks=1)
    rows.loc[(rows["method"] == "uniform") & (rows["target"] == "macs=0.5"), "test_accuracy"] = 0.136
    figure, caption = accuracy_against_macs(rows)
    (axes,) = figure.axes
    low, high = axes.get_ylim()
    assert -10 < low < 0 < high <= 11
    dense = rows.loc[rows["method"] == "dense", "test_accuracy"].mean()
    assert f"uniform: {13.6 - 100 * dense:.1f}" in {text.get_text() for text in axes.texts}
    assert "Arrow heads" in caption


def test_equal_accuracies_still_have_the_scale_of_a_relevant_difference(row, dense):
    """The axis ran from -1e-9 to 1e-9 points."""
    (axes,) = accuracy_against_macs(pd.DataFrame([make(seed=s) for make in (dense, row) for s in range(3)]))[0].axes
    low, high = axes.get_ylim()
    assert -1 < low < -0.5 and 0.5 < high < 1


def test_a_method_a_few_points_below_others_that_lie_close_together_is_no_outlier(row, dense):
    """It was drawn as an arrow head where the others were within half a point, for want of an interquartile range."""
    losses = {f"m{i}": i / 1000 for i in range(6)} | {"evolution": 0.04}
    rows = [dense(seed=s) for s in range(3)]
    rows += [row(seed=s, method=m, test_accuracy=0.9 - loss) for m, loss in losses.items() for s in range(3)]
    (axes,) = accuracy_against_macs(pd.DataFrame(rows))[0].axes
    lowest = min(bar[0].get_ydata()[0] for bar in axes.containers)
    assert lowest == pytest.approx(-4) and axes.get_ylim()[0] < lowest
    assert not [text for text in axes.texts if text.get_text().startswith("evolution:")], "the name of an arrow head"


def test_a_transferred_switcher_is_unconstrained_and_filled(row, dense):
    rows = [dense(seed=i) for i in range(2)]
    rows += [row(seed=i, method="m", target=target) for i in range(2) for target in ("from:lenet5", "macs=0.5")]
    figure, _ = accuracy_against_macs(pd.DataFrame(rows))
    faces = [line.get_markerfacecolor() for line in figure.axes[0].lines if line.get_marker() not in ("None", "", None)]
    assert sorted(face == "white" for face in faces) == [False, True]


def test_no_axis_goes_far_beyond_a_test_accuracy_of_100_percent(row, dense):
    """The dense network is at 95 %, so that no difference can be above 5 points; the interval reaches to 12."""
    rows = [dense(seed=i, test_accuracy=a) for i, a in enumerate([0.9, 0.95, 1.0])]
    rows += [row(seed=i, test_accuracy=a) for i, a in enumerate([0.9, 1.0, 0.95])]
    (axes,) = accuracy_against_macs(pd.DataFrame(rows))[0].axes
    (bar,) = axes.containers
    assert bar[2][1].get_segments()[0][:, 1].max() > 12
    assert 5 < axes.get_ylim()[1] < 6


@pytest.mark.parametrize("most", [9000, 16000])
def test_the_axis_of_macs_ends_at_all_or_at_the_widest_network_whatever_the_intervals(row, dense, most: int):
    """Of few seeds a 95 % interval can be wider than all MACs."""
    rows = [dense(seed=seed) for seed in range(3)] + [row(seed=seed, macs=most - 4000 * seed) for seed in range(3)]
    figure, _ = accuracy_against_macs(pd.DataFrame(rows))
    share = max(1.0, (most - 4000) / 10000)
    left, right = figure.axes[0].get_xlim()
    assert left >= 0
    assert 100 * share <= right <= 100 * share + 0.05 * (right - left)


def test_the_interval_of_two_runs_does_not_stretch_the_axis_of_macs(row, dense):
    """It is 13 times as wide as the standard error: the axis began at -56 %."""
    rows = [dense(seed=seed) for seed in range(2)] + [row(seed=seed, macs=5000 + 1000 * seed) for seed in range(2)]
    figure, _ = accuracy_against_macs(pd.DataFrame(rows))
    left, right = figure.axes[0].get_xlim()
    assert 50 < left < 55 < right < 60


@pytest.mark.parametrize("draw", [accuracy_against_cost, real_against_theoretical_speedup])
def test_an_axis_of_ratios_has_a_least_span_and_no_offset(row, dense, draw):
    rows = [dense(seed=s) for s in range(3)]
    rows += [row(method=m, seed=s, macs=10000 - s, train_macs=4e6 + s) for m in ("a", "b") for s in range(3)]
    figure, _ = draw(pd.DataFrame(rows))
    figure.draw_without_rendering()
    (axes,) = figure.axes
    assert np.ptp(axes.get_xlim()) >= 0.099 and axes.xaxis.get_offset_text().get_text() == ""


@pytest.mark.parametrize("target", ["free", "macs=0.5"])
def test_marks_of_a_legend_are_filled_where_all_marks_are(row, dense, target):
    rows = [dense(), *(row(method=f"m{i:02}_of_a_long_name", target=target) for i in range(14))]
    figure, _ = accuracy_against_macs(pd.DataFrame(rows))
    (box,) = figure.legends
    entries = zip(box.legend_handles, box.get_texts(), strict=True)
    faces = {entry.get_markerfacecolor() for entry, text in entries if text.get_text().startswith("m")}
    assert faces == {"white"} if target != "free" else faces and "white" not in faces


def test_names_of_a_legend_are_plain_so_that_they_stay_in_the_figure(row, dense):
    long = "switcher,reading=forced,lr=0.08,reader=embedding"
    rows = pd.DataFrame([dense(), *(row(method=f"{long}{null}") for null in ("", ",signal=none", ",signal=random"))])
    figure, _ = accuracy_against_macs(rows)
    names = {text.get_text() for text in [*figure.legends[0].get_texts(), *figure.axes[0].texts]}
    assert {"switcher,reading=forced", "switcher,reading=forced,signal=none"} < names
    assert not any("lr=" in name for name in names)
    figure.draw_without_rendering()
    assert figure.legends[0].get_window_extent().x1 <= figure.bbox.x1


def test_the_caption_of_the_speedup_counts_the_runs_that_were_timed(row, dense):
    rows = pd.DataFrame([make(seed=s) for make in (dense, row) for s in range(3)])
    assert "mean over n=3 seeds" in real_against_theoretical_speedup(rows)[1]
    rows.loc[rows["seed"] > 0, "latency_cpu_b128_ms"] = math.nan
    figure, caption = real_against_theoretical_speedup(rows)
    assert "mean over one seed (n=1, no interval)" in caption and "Small marks: n=1" in caption
    assert "No run failed." in caption and {bar[0].get_markersize() for bar in figure.axes[0].containers} == {SINGLE}


def test_squares_show_the_fraction_of_dense_channels(row, dense):
    rows = [
        dense(),
        row(widths='{"conv1": 3, "conv2": 4}'),
        dense(seed=1),
        row(seed=1, widths='{"conv1": 6, "conv2": 4}'),
    ]
    figure, _ = channels_kept(pd.DataFrame(rows))
    (mesh,) = (artist for artist in figure.axes[0].collections if isinstance(artist, QuadMesh))
    # Lines: the heading "free", dense, the heading "macs=0.5", l1 with 4.5 of 6 and 4 of 16 channels.
    assert figure.axes[0].yaxis_inverted()
    assert mesh.get_array()[1].tolist() == [100, 100]
    assert mesh.get_array()[3].tolist() == [75, 25]
    assert [text.get_text() for text in figure.axes[0].texts] == ["6", "16", "4.5", "4"]
    assert [text.get_text() for text in figure.axes[0].get_yticklabels()] == ["free", "dense", "macs=0.5", "l1"]


def test_a_network_of_many_layers_keeps_its_squares_and_names_some_of_them(row, dense):
    """Long names, and one for each of a hundred layers, once took all of a panel's height."""
    rows = [make(seed=0, widths=HUNDRED_LAYERS) for make in (dense, row)]
    figure, _ = channels_kept(pd.DataFrame(rows))
    figure.draw_without_rendering()
    axes = figure.axes[0]
    assert axes.get_window_extent().height / figure.dpi > 0.4
    names = [text.get_text() for text in axes.get_xticklabels()]
    assert 12 <= len(names) <= 24 and max(map(len, names)) <= 18


def test_the_bar_of_shades_lies_close_below_many_tall_panels(row, dense):
    networks, methods = [f"net{i}" for i in range(8)], [f"method{i}" for i in range(9)]
    rows = [dense(network=network) for network in networks]
    rows += [row(network=network, method=method) for network in networks for method in methods]
    figure, _ = channels_kept(pd.DataFrame(rows))
    figure.draw_without_rendering()
    inches = [axes.get_tightbbox().transformed(figure.dpi_scale_trans.inverted()) for axes in figure.axes]
    *panels, bar = inches
    assert 0 < min(panel.y0 for panel in panels) - bar.y1 < 0.15


def test_without_a_dense_run_the_channels_say_so(row):
    figure, _ = channels_kept(pd.DataFrame([row(widths=HUNDRED_LAYERS)]))
    assert [text.get_text() for text in figure.axes[0].texts] == ["no dense network to compare with"]


def test_the_plainest_variant_looks_like_its_method():
    assert style.looks(["l1,ranking=global"])["l1,ranking=global"] == style.looks(["l1"])["l1"]
    control = style.looks(["switcher,reader=b", "switcher,lr=0,reader=b"])  # whose name comes first
    assert control["switcher,reader=b"] == style.looks(["switcher"])["switcher"] != control["switcher,lr=0,reader=b"]
    both = style.looks(["l1", "l1,ranking=global"])
    assert both["l1"] == style.looks(["l1"])["l1"] != both["l1,ranking=global"]


def test_looks_differ_and_do_not_depend_on_the_other_methods():
    many = style.looks(["dense", "switcher", *(f"m{i}" for i in range(14))])
    assert len(set(many.values())) == len(many) == 16
    assert many["switcher"] == style.looks(["switcher"])["switcher"]


def test_a_newcomer_takes_a_colour_that_none_of_the_study_has():
    """`switcher,input=noise` would be drawn in the switcher's own colour, next to it."""
    nine = ["switcher", "uniform", "l1", "slimming", "sss", "free_factor", "random", "switcher,input=noise"]
    assert len({look.color for look in style.looks(["dense", *nine]).values()}) == 1 + len(nine)


def test_in_a_large_study_the_few_keep_their_colour_and_the_others_are_grey():
    names = ["dense", "switcher", *(f"m{i}" for i in range(35))]
    large = style.looks(names)
    assert large["switcher"] == style.looks(["switcher"])["switcher"]
    assert {large[f"m{i}"].color for i in range(35)} == {style.GREY}
    assert few(names) == ["dense", "switcher"]
    assert few(names[:5]) == sorted(names[:5])


def test_known_methods_differ_in_marker_so_that_grey_is_enough():
    known = style.looks(["dense", *SLOTS])
    assert len({look.marker for look in known.values()}) == len(known)
