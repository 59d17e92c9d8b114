"""The report's chart: requests a second of the limit, of Podium and of every peer, on one logarithmic scale."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from podium.core.errors import missing_extra

try:
    import vl_convert
except ImportError as missing:
    raise missing_extra("charts", missing.name or "vl-convert") from None

_OURS, _LIMIT, _THEIRS = "#0b6e4f", "#9a9a9a", "#b0413e"
_VEGA = "5.20"
_SCALE = 2.0


def draw(report: Mapping[str, Any], target: Path) -> None:
    """Write `<target>.svg` and `<target>.png`."""
    text = msgspec.json.encode(_spec(report)).decode()
    target.with_suffix(".svg").write_text(vl_convert.vegalite_to_svg(text, vl_version=_VEGA))
    target.with_suffix(".png").write_bytes(vl_convert.vegalite_to_png(text, vl_version=_VEGA, scale=_SCALE))


def _bars(report: Mapping[str, Any]) -> list[dict[str, Any]]:
    named = [("the limit: a constant answer", "limit", report["limit"])]
    named += [(f"Podium, log {kind}", "Podium", report["podium"][kind]) for kind in ("queued", "durable")]
    named += [(str(one["title"]), "others", one) for one in report.get("peers", {}).values()]
    return [
        {"server": name, "kind": kind, "rps": one["c64_rps"], "shown": f"{one['c64_rps']:,.0f}"}
        for name, kind, one in named
        if one.get("c64_rps")
    ]


def _spec(report: Mapping[str, Any]) -> dict[str, Any]:
    rows = _bars(report)
    y = {"field": "server", "type": "nominal", "sort": "-x", "title": None, "axis": {"labelLimit": 320}}
    x = {
        "field": "rps",
        "type": "quantitative",
        "scale": {"type": "log", "domainMin": 10},
        "title": "requests a second, one row each, 64 connections (logarithmic)",
    }
    color = {
        "field": "kind",
        "type": "nominal",
        "legend": None,
        "scale": {"domain": ["limit", "Podium", "others"], "range": [_LIMIT, _OURS, _THEIRS]},
    }
    return {
        "$schema": "https://vega.github.io/schema/vega-lite/v5.json",
        "config": {
            "font": "system-ui, sans-serif",
            "axis": {"labelFontSize": 12, "titleFontSize": 12, "gridColor": "#e6e6e6"},
            "view": {"stroke": None},
        },
        "width": 620,
        "height": {"step": 24},
        "data": {"values": rows},
        "encoding": {"y": y, "x": x},
        "layer": [
            {"mark": {"type": "bar", "height": 15}, "encoding": {"x2": {"datum": 10}, "color": color}},
            {
                "mark": {"type": "text", "align": "left", "dx": 5, "fontSize": 12},
                "encoding": {"text": {"field": "shown"}},
            },
        ],
    }
