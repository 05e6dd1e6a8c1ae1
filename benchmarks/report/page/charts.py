"""The page's interactive charts as Vega-Lite specifications; the page's script brings the data."""

from __future__ import annotations

from typing import Any

import altair as alt

from benchmarks.report.stats.names import BASELINE

INK = "currentColor"
SIGNALS: dict[str, Any] = {"chosen": [], "low": 0, "high": 100, "at": -1}
"""What the page's script sets: methods to highlight, limits of accuracy, the run that the arrow keys are at."""


def plot(looks: dict[str, dict[str, str]]) -> alt.LayerChart:
    """Accuracy against MACs: runs small, means large with intervals, the front, the dense network as reference."""
    names = list(looks)
    colour = alt.Scale(domain=names, range=[look["colour"] for look in looks.values()])
    shape = alt.Scale(domain=names, range=[look["shape"] for look in looks.values()])
    chosen = "!length(chosen) || indexof(chosen, datum.method) >= 0"
    x, y = _x(), _y("y")
    means, runs = alt.Chart(alt.NamedData("cells")), alt.Chart(alt.NamedData("runs"))
    dense = means.transform_filter(f"datum.method == '{BASELINE}'")
    layers = [
        dense.mark_rect(color=INK, opacity=0.08, clip=True).encode(y=_y("low"), y2="high:Q"),
        dense.mark_rule(color=INK, strokeDash=[5, 4], opacity=0.7, clip=True).encode(y=y),
        means.transform_filter("datum.front").mark_line(color=INK, opacity=0.35, strokeWidth=1, clip=True)
        .encode(x=_x("macs"), y=y, order="macs:Q"),  # where they are, not where they are drawn to be seen
        means.mark_rule(clip=True, strokeWidth=1.4).encode(
            x=x, y=_y("low"), y2="high:Q", color=alt.Color("method:N").scale(colour).legend(None),
            opacity=alt.condition(chosen, alt.value(0.45), alt.value(0.05)),
        ),
        runs.mark_point(size=260, color=INK, strokeWidth=2.5, clip=True, aria=False).encode(
            x=x, y=y, opacity=alt.condition("datum.run == at", alt.value(1), alt.value(0)),
        ),
        _points(means.transform_filter("datum.n > 1").transform_calculate(
            description="datum.method + ' (' + datum.target + '), mean of ' + datum.n + ': '"
            " + format(datum.y, '.2f') + ' % accuracy, ' + format(datum.macs, '.1f') + ' % of MACs'"
        ), colour, shape, chosen, size=110, opacity=1.0),
        _points(runs, colour, shape, chosen, size=32, opacity=0.55, cursor="pointer"),
    ]  # fmt: skip
    return (
        alt.layer(*layers)
        .add_params(*(alt.param(name=name, value=value) for name, value in SIGNALS.items()))
        .properties(width="container", height=420)
        .configure(**_look())
    )


def _x(field: str = "x") -> alt.X:
    return alt.X(f"{field}:Q").title("MACs kept, % of dense").scale(zero=False, padding=12, nice=False)


def _y(field: str) -> alt.Y:
    limits = {"domainMin": alt.ExprRef("low"), "domainMax": alt.ExprRef("high")}
    return alt.Y(f"{field}:Q").title("Test accuracy, %").scale(zero=False, nice=False, **limits)


def _points(
    chart: alt.Chart, colour: alt.Scale, shape: alt.Scale, chosen: str, opacity: float, **mark: Any
) -> alt.Chart:
    """Marks in the methods' looks: filled where it is unconstrained, open at target MACs."""
    return chart.mark_point(clip=True, strokeWidth=1.4, **mark).encode(
        x=_x(),
        y=_y("y"),
        color=alt.Color("method:N").scale(colour).legend(None),
        fill=alt.Fill("method:N").scale(colour).legend(None),
        shape=alt.Shape("method:N").scale(shape).legend(None),
        fillOpacity=alt.condition("datum.constrained", alt.value(0), alt.value(1)),
        opacity=alt.condition(chosen, alt.value(opacity), alt.value(0.06)),
        description="description:N",
        tooltip="description:N",
    )


def curve() -> alt.VConcatChart:
    """A run's history: one panel per quantity that was recorded, coloured by phase."""
    base = alt.Chart(alt.NamedData("history")).encode(
        x=alt.X("epoch:Q").title("Epoch"),
        y=alt.Y("value:Q").title(None).scale(zero=False),
        color=alt.Color("phase:N")
        .scale(domain=["pretrain", "learn", "finetune"], range=["#8a8a8a", "#d55e00", "#0072b2"])
        .legend(orient="top", title=None),
    )
    return (
        alt.layer(base.mark_line(strokeWidth=1.6), base.mark_point(size=14, filled=True))
        .properties(width=300, height=120)
        .facet(row=alt.Row("quantity:N").title(None).header(labelAngle=0, labelAnchor="start", labelOrient="top"))
        .resolve_scale(y="independent")
        .configure(**_look())
    )


def _look() -> dict[str, Any]:
    font = "system-ui, sans-serif"
    text = {"labelColor": INK, "titleColor": INK, "labelFont": font, "titleFont": font}
    return {
        "background": "transparent",
        "view": {"stroke": None},
        "axis": text | {"gridColor": INK, "gridOpacity": 0.1, "domainOpacity": 0.4, "tickOpacity": 0.4,
                        "domainColor": INK, "tickColor": INK, "labelFontSize": 12, "titleFontSize": 13,
                        "titleFontWeight": 500, "tickCount": 6},
        "legend": text | {"labelFontSize": 12},
        "header": {"labelColor": INK, "labelFont": font, "labelFontSize": 12, "labelFontWeight": 600},
    }  # fmt: skip
