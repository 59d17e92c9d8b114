"""The report's charts: Vega-Lite specifications, rendered to SVG here, so that the page needs no script."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec
import vl_convert

from podium.cli.demo.report import Month

LOOP, STATIC = "#0b6e4f", "#b0413e"
_WIDTH = 860
_SCALE = {"domain": ["the loop", "version 1, never touched"], "range": [LOOP, STATIC]}
_THEME = {
    "font": "system-ui, sans-serif",
    "axis": {"labelFontSize": 12, "titleFontSize": 12, "grid": True, "gridColor": "#e6e6e6", "domainColor": "#999"},
    "legend": {"labelFontSize": 12, "title": None, "orient": "top"},
    "view": {"stroke": None},
}


class Mark(msgspec.Struct, frozen=True):
    """Something that happened, for the time line."""

    at: datetime
    lane: str
    text: str


def svg(spec: dict[str, Any]) -> str:
    """A specification as SVG text."""
    full = {"$schema": "https://vega.github.io/schema/vega-lite/v5.json", "config": _THEME, **spec}
    return str(vl_convert.vegalite_to_svg(msgspec.json.encode(full).decode(), vl_version="5.20"))


def by_month(months: Sequence[Month], metric: str, title: str) -> str:
    """A metric of both sides by month, with 95 % intervals."""
    rows = []
    for month in months:
        for side, figures in (("the loop", month.loop), ("version 1, never touched", month.static)):
            found = figures.intervals[metric]
            rows.append(
                {"month": month.month, "side": side, "value": found.value, "low": found.low, "high": found.high}
            )
    color = {"field": "side", "type": "nominal", "scale": _SCALE}
    position = {"field": "month", "type": "ordinal", "title": None, "axis": {"labelAngle": 0}}
    scale = {"zero": False}
    return svg(
        {
            "width": _WIDTH,
            "height": 220,
            "data": {"values": rows},
            "layer": [
                {
                    "mark": {"type": "area", "opacity": 0.18},
                    "encoding": {
                        "x": position,
                        "y": {"field": "low", "type": "quantitative", "title": title, "scale": scale},
                        "y2": {"field": "high"},
                        "color": color,
                    },
                },
                {
                    "mark": {"type": "line", "point": True, "strokeWidth": 2},
                    "encoding": {"x": position, "y": {"field": "value", "type": "quantitative"}, "color": color},
                },
            ],
        }
    )


def saved_by_month(months: Sequence[Month]) -> str:
    """Cost saved per 1,000 flights, by month, with 95 % intervals."""
    rows = [
        {
            "month": month.month,
            "saved": 1000 * month.saved.value,
            "low": 1000 * month.saved.low,
            "high": 1000 * month.saved.high,
            "verdict": month.verdict,
        }
        for month in months
    ]
    position = {"field": "month", "type": "ordinal", "title": None, "axis": {"labelAngle": 0}}
    verdicts = {"domain": ["helped", "no sure difference", "harmed"], "range": [LOOP, "#9a9a9a", STATIC]}
    return svg(
        {
            "width": _WIDTH,
            "height": 200,
            "data": {"values": rows},
            "layer": [
                {
                    "mark": {"type": "bar", "width": 34},
                    "encoding": {
                        "x": position,
                        "y": {"field": "saved", "type": "quantitative", "title": "saved per 1,000 flights"},
                        "color": {"field": "verdict", "type": "nominal", "scale": verdicts},
                    },
                },
                {
                    "mark": {"type": "rule", "strokeWidth": 1.5},
                    "encoding": {
                        "x": position,
                        "y": {"field": "low", "type": "quantitative"},
                        "y2": {"field": "high"},
                    },
                },
            ],
        }
    )


def timeline(marks: Sequence[Mark]) -> str:
    """Alerts, runs, releases and approvals on one line of time."""
    rows = [{"at": mark.at.isoformat(), "lane": mark.lane, "text": mark.text} for mark in marks]
    return svg(
        {
            "width": _WIDTH,
            "height": 240,
            "data": {"values": rows},
            "mark": {"type": "tick", "thickness": 3, "size": 22},
            "encoding": {
                "x": {"field": "at", "type": "temporal", "title": None, "axis": {"format": "%b"}},
                "y": {"field": "lane", "type": "nominal", "title": None},
                "color": {"field": "lane", "type": "nominal", "legend": None},
            },
        }
    )
