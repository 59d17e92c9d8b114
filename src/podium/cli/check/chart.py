"""A column before and now, as a Vega-Lite picture rendered to SVG here, so that the page needs no script."""

from typing import Any

import msgspec
import numpy
import vl_convert

from podium.core import reference
from podium.measures import cells
from podium.measures.sketch import table

BEFORE, NOW = "#8a97a0", "#b0413e"
_WIDTH, _HEIGHT = 380, 130
_SCALE = {"domain": ["reference", "now"], "range": [BEFORE, NOW]}
_THEME = {
    "font": "Arial, Helvetica, sans-serif",
    "axis": {"labelFontSize": 11, "titleFontSize": 11, "gridColor": "#ececec", "domainColor": "#999"},
    "legend": {"labelFontSize": 11, "title": None, "orient": "top"},
    "view": {"stroke": None},
}
_AXIS = {"format": "~s", "tickCount": 6, "labelOverlap": True}
_CELLS, _CATEGORIES = 30, 10
_COLOUR = {"field": "side", "type": "nominal", "scale": _SCALE}


def svg(before: table.ColumnReference, now: table.ColumnSummary | None) -> str:
    """The picture of a column; empty when there is nothing to draw."""
    if now is None:
        return ""
    if before.numeric is not None and now.numeric is not None:
        return _numeric(before.numeric, now.numeric.counts)
    if before.category is not None and now.category is not None:
        return _categories(before.category, now.category.counts, now.category.new)
    return ""


def _drawn(spec: dict[str, Any]) -> str:
    full = {"$schema": "https://vega.github.io/schema/vega-lite/v5.json", "config": _THEME, "width": _WIDTH, **spec}
    return str(vl_convert.vegalite_to_svg(msgspec.json.encode(full).decode(), vl_version="5.20"))


def _numeric(before: reference.NumericReference, now: tuple[int, ...]) -> str:
    """Density over the values, as steps; of the outermost cells only a part is drawn, so that no outlier rules."""
    if not sum(before.counts) or not sum(now) or len(before.edges) < 3:
        return ""
    cell = cells.coarse(before.counts, _CELLS)
    edges = [before.edges[place] for place in numpy.flatnonzero(numpy.diff(cell)).tolist()]
    if len(edges) < 2:
        return ""
    usual = float(numpy.median(numpy.diff(edges))) * 3
    low, high = before.minimum or 0.0, before.maximum or 0.0
    widths = numpy.maximum(numpy.diff([min(low, edges[0] - usual), *edges, max(high, edges[-1] + usual)]), 1e-300)
    ends = [max(low, edges[0] - usual), *edges, min(high, edges[-1] + usual)]
    values = []
    for side, counts in (("reference", before.counts), ("now", now)):
        shares = cells.pool(counts, cell) / sum(counts) / widths
        for left, height in zip([*ends[:-1], ends[-1]], [*shares, shares[-1]], strict=True):
            values.append({"at": float(left), "density": float(height), "side": side})
    return _drawn(
        {
            "height": _HEIGHT,
            "data": {"values": values},
            "mark": {"type": "area", "interpolate": "step-after", "opacity": 0.35, "line": {"strokeWidth": 1.5}},
            "encoding": {
                "x": {
                    "field": "at",
                    "type": "quantitative",
                    "title": None,
                    "scale": {"zero": False, "nice": False},
                    "axis": _AXIS,
                },
                "y": {
                    "field": "density",
                    "type": "quantitative",
                    "title": "density",
                    "stack": None,
                    "axis": {"format": "~g"},
                },
                "color": _COLOUR,
            },
        }
    )


def _categories(before: reference.CategoryReference, now: dict[str, int], new: int) -> str:
    old, rows = sum(before.counts.values()) + before.other, sum(now.values()) + new
    if not old or not rows:
        return ""
    shown = list(before.counts)[:_CATEGORIES]
    shares = [(name, before.counts[name] / old, now.get(name, 0) / rows) for name in shown]
    rest = [max(0.0, 1 - sum(each[1] for each in shares)), max(0.0, 1 - sum(each[2] for each in shares))]
    if max(rest) > 1e-9:
        shares.append(("other", rest[0], rest[1]))
    values = [
        {"category": name[:30], "share": share, "side": side}
        for name, *both in shares
        for side, share in zip(("reference", "now"), both, strict=True)
    ]
    return _drawn(
        {
            "height": {"step": 7},
            "data": {"values": values},
            "mark": "bar",
            "encoding": {
                "y": {"field": "category", "type": "nominal", "title": None, "sort": None},
                "yOffset": {"field": "side", "sort": ["reference", "now"]},
                "x": {"field": "share", "type": "quantitative", "title": "share of rows", "axis": {"format": "%"}},
                "color": _COLOUR,
            },
        }
    )
