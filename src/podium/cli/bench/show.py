"""The report for people: what each server did, the forms for many rows, and the bars."""

from collections.abc import Mapping, Sequence
from typing import Any

from rich.table import Table
from rich.text import Text

from podium.cli import console
from podium.cli.bench import bars

_MARKS = {True: ("pass", "green"), False: ("miss", "red"), None: ("not measured", "dim")}


def report(found: Mapping[str, Any], judged: Sequence[bars.Bar]) -> None:
    """Print everything."""
    console.out.print(_servers(found))
    console.out.print(_forms(found))
    for section in found.get("growth", {}).values():
        if isinstance(section, Mapping):
            _series(section)
    if "workers" in found:
        console.out.print(_workers(found["workers"]))
    if "engines" in found:
        console.out.print(_engines(found["engines"]))
    console.out.print(_bars(judged))


def _table(title: str, *columns: str) -> Table:
    made = Table(title=title, title_justify="left", header_style="bold", box=None, pad_edge=False)
    for at, column in enumerate(columns):
        made.add_column(column, justify="left" if at == 0 else "right", overflow="fold")
    return made


def _servers(found: Mapping[str, Any]) -> Table:
    made = _table(
        "One row a request", "", "64 connections, req/s", "p99 ms", "CPU µs", "1 connection p50 µs", "spread"
    )  # fmt: skip
    rows = [("the limit: a constant answer", found["limit"])]
    rows += [(f"Podium, log {kind}", found["podium"][kind]) for kind in ("queued", "durable")]
    rows += [(str(one.get("title", name)), one) for name, one in found.get("peers", {}).items()]
    for name, one in rows:
        if one.get("c64_rps") is None:
            made.add_row(name, Text(str(one.get("reason") or one.get("c64_reason") or "not measured"), style="dim"))
        else:
            made.add_row(name, *(number(one.get(key)) for key in _SERVER_KEYS))
    return made


_FORMS = {
    "json_100": "Podium, JSON",
    "binary_100": "Podium, binary tensors",
    "arrow_100": "Podium, Arrow",
    "grpc_100": "Podium, gRPC",
}
_SERVER_KEYS = ("c64_rps", "c64_p99_ms", "c64_cpu_us", "c1_p50_us", "c64_spread")


def _forms(found: Mapping[str, Any]) -> Table:
    made = _table("100 rows a request", "", "durable, rows/s", "of ONNX Runtime", "queued, rows/s", "p99 ms", "spread")
    alone = found["onnxruntime_100"]["rows_per_s"]
    made.add_row("ONNX Runtime alone, one core", number(alone), "1")
    for key, title in _FORMS.items():
        one = found["podium"][key]
        shown = number(one["rows_per_s"]) or str(one.get("reason", ""))
        share, queued = number(bars.over(one["rows_per_s"], alone)), number(one["queued_rows_per_s"])
        made.add_row(title, shown, share, queued, number(one.get("p99_ms")), number(one.get("spread")))
    return made


def _series(section: Mapping[str, Any]) -> None:
    """How cost grew in one series, and what that says."""
    steps: list[Mapping[str, Any]] = section["steps"]
    made = _table(str(section["title"]), *(key.replace("_", " ") for key in (steps[0] if steps else ())))
    for step in steps:
        made.add_row(*(number(value) for value in step.values()))
    console.out.print(made)
    console.out.print(Text(str(section["said"]), style="dim"))


def _workers(found: Mapping[str, Any]) -> Table:
    made = _table("Processes on one port", "", "100 rows, rows/s", "64 connections, req/s", "memory MB")
    for count in ("1", "2"):
        one = found[count]
        rate = number(one["rows_per_s"]) or str(one.get("reason", ""))
        made.add_row(count, rate, number(one.get("c64_rps")), number(one.get("memory_mb")))
    if found["scales"]:
        made.add_row("times as much", number(found["scales"]))
    return made


def _engines(found: Mapping[str, Any]) -> Table:
    made = _table(
        "Kinds of model, log durable", "", "model", "64 connections, req/s", "p99 ms", "100 rows, rows/s", "MB"
    )
    for one in found.values():
        rate = number(one["c64_rps"]) or str(one.get("reason", ""))
        rows = number(one.get("rows_100_rows_per_s"))
        made.add_row(
            one["title"], one["content"], rate, number(one.get("c64_p99_ms")), rows, number(one.get("memory_mb"))
        )
    return made


def _bars(judged: Sequence[bars.Bar]) -> Table:
    made = _table("Bars", "", "wanted", "found", "times as good", "")
    for bar in judged:
        text, style = _MARKS[bar.passed]
        wanted = f"{'≤' if bar.most else '≥'} {bar.wanted:g}"
        made.add_row(bar.name, wanted, number(bar.value), number(bar.factor), Text(text, style=style))
    return made


def number(value: float | None) -> str:
    """Three significant digits, thousands apart; empty where there is none."""
    if value is None:
        return ""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"
