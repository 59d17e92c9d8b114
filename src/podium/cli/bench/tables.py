"""The report as tables of text, for the terminal and for the page alike."""

import textwrap
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from podium.cli.bench import bars

FORMS = {
    "json_100": "Podium, JSON",
    "binary_100": "Podium, binary tensors",
    "arrow_100": "Podium, Arrow",
    "grpc_100": "Podium, gRPC",
}
_COLUMNS = {
    "p50_ms": "p50 ms",
    "rows_per_s": "rows/s",
    "cpu_us": "CPU µs a request",
    "spread": "spread of CPU",
    "cpu_us_c4": "CPU µs, 4 connections",
    "cpu_us_c64": "CPU µs, 64 connections",
    "rows_per_s_c4": "rows/s, 4 connections",
    "rows_per_s_c64": "rows/s, 64 connections",
    "idle_MB": "idle MB",
    "answered_MB": "MB, all have answered",
    "first_start_cpu_s": "CPU s, first start",
    "start_cpu_s": "CPU s, later starts",
}
_BUSY = 0.95
_REASON = 60
"""Characters; the report has all of them."""
_JUDGED = {True: "pass", False: "miss", None: "not measured"}


class Table(NamedTuple):
    """A table: its first column are names, the others figures."""

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    said: str = ""


def of(report: Mapping[str, Any]) -> list[Table]:
    """All tables of a report, the bars last."""
    found = [_servers(report), _forms(report)]
    if "growth" in report:
        found += growing(report["growth"])
    if "workers" in report:
        found.append(processes(report["workers"]))
    if "engines" in report:
        found.append(_engines(report["engines"]))
    return [*found, bars_of(report["bars"], report.get("ratios", {}))]


def machine(report: Mapping[str, Any]) -> str:
    """What the figures were measured on, and how."""
    found, run = report["machine"], report["run"]
    each = f" of {run['seconds']:g} s" if "seconds" in run else ""
    packages = ", ".join(f"{name} {version}" for name, version in found["packages"].items())
    return (
        f"{found['processor']}, {found['cores']} cores, {found['memory_gb']:g} GB, {found['system']}, "
        f"Python {found['python']}; {packages}; the parts in C, of scorer and client, are "
        f"{'' if found['compiled'] else 'not '}there. Servers on core {found['server_core']}, the load on core "
        f"{found['load_core']}; {run['repeats']} runs{each}, medians; load average of the machine "
        f"before the run: {found['busy_before']:g}."
    )


def number(value: float | None) -> str:
    """Three significant digits, thousands apart; empty where there is none."""
    if value is None:
        return ""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def _found(value: float | None, part: Mapping[str, Any]) -> str:
    """A figure, or why there is none."""
    return textwrap.shorten(str(part.get("reason", "not measured")), _REASON) if value is None else number(value)


def _servers(report: Mapping[str, Any]) -> Table:
    named = [("the limit: a constant answer", report["limit"])]
    named += [(f"Podium, log {kind}", report["podium"][kind]) for kind in ("queued", "durable")]
    named += [(str(one["title"]), one) for one in report["peers"].values()]
    keys = ("c64_p99_ms", "c64_cpu_us", "c1_p50_us", "c64_spread")
    return Table(
        "One row a request",
        ("", "64 connections, req/s", "p99 ms", "CPU µs", "1 connection p50 µs", "spread"),
        [[name, _found(one["c64_rps"], one), *(number(one.get(key)) for key in keys)] for name, one in named],
        _client(named),
    )


def _client(named: Sequence[tuple[str, Mapping[str, Any]]]) -> str:
    """Where the client used its whole core, the server may be faster than the figure says."""
    found = [name for name, one in named if (one.get("c64_client_busy") or 0) > _BUSY]
    judged = "The bars take of the limit what its CPU time allows."
    return f"The client was at its own limit with: {', '.join(found)}. {judged}" if found else ""


def _forms(report: Mapping[str, Any]) -> Table:
    alone = report["onnxruntime_100"]
    rows = [["ONNX Runtime alone, one core", number(alone["rows_per_s"]), "1", "", number(alone["cpu_us_per_request"])]]
    for key, title in FORMS.items():
        one = report["podium"][key]
        share = number(bars.over(one["rows_per_s"], alone["rows_per_s"]))
        rest = (number(one["queued_rows_per_s"]), number(one.get("cpu_us_per_request")))
        rows.append([title, _found(one["rows_per_s"], one), share, *rest])
    columns = ("", "durable, rows/s", "of ONNX Runtime", "queued, rows/s", "CPU µs a request")
    return Table(f"100 rows a request, {report['run']['many_connections']} connections", columns, rows)


def growing(growth: Mapping[str, Any]) -> Iterator[Table]:
    """A table for each series, and one of memory."""
    for section in growth.values():
        if isinstance(section, Mapping) and "steps" in section:
            steps: list[Mapping[str, Any]] = section["steps"]
            titles = _COLUMNS | {"work": str(section["counted"]), "each_us": f"CPU µs a {section['unit']}"}
            columns = [titles[key] for key in (steps[0] if steps else ("work",))]
            rows = [[number(value) for value in step.values()] for step in steps]
            yield Table(str(section["title"]), columns, rows, str(section["said"]))
    over = growth["body"].get("over_the_limit", "")
    yield Table(
        "Memory of a scorer with one small model",
        ("", "MB"),
        [["idle", number(growth["idle_mb"])], ["after bodies up to the limit", number(growth["after_load_mb"])]],
        f"A body over the limit is answered with status {over}.",
    )


def processes(found: Mapping[str, Any]) -> Table:
    """What one process and two do, and how they stand to each other."""
    keys = ("cores", "cpu_us_per_request", "c64_rps", "c64_cpu_us")
    rows = [
        [
            count,
            _found(one["rows_per_s"], one),
            *(number(one.get(key)) for key in keys),
            _found(one.get("each64_rps"), {"reason": one.get("each64_reason", one.get("reason", ""))}),
            *(number(one.get(key)) for key in ("each64_cores", "each64_cpu_us", "memory_mb")),
        ]
        for count, one in ((count, found[count]) for count in ("1", "2"))
    ]
    ways = {
        "100 rows a request": found,
        "One row a request, 64 connections in all": found["one_row"]["in_all"],
        "One row a request, 64 connections for each process": found["one_row"]["each"],
    }
    said = [
        f"{way}: two do {one['scales']:.2f} times as much as one, take {one['took']:.2f} times as much of the cores, "
        f"and do {one['keeps']:.2f} times as much with each core's worth (1: linear)."
        for way, one in ways.items()
        if one["scales"]
    ]
    columns = (
        "",
        "100 rows, rows/s",
        "cores taken",
        "CPU µs a request",
        "64 connections in all, req/s",
        "CPU µs",
        "64 for each process, req/s",
        "cores taken",
        "CPU µs",
        "MB",
    )
    if said:
        said.append("The load is on the same cores: what it takes, they do not have.")
    return Table("Processes on one port, free to use all cores", columns, rows, " ".join(said))


def _engines(found: Mapping[str, Any]) -> Table:
    keys = ("c64_p99_ms", "rows_100_rows_per_s", "memory_mb")
    rows = [
        [f"{one['title']}: {one['content']}", _found(one["c64_rps"], one), *(number(one.get(key)) for key in keys)]
        for one in found.values()
    ]
    return Table("Kinds of model, log durable", ("", "64 connections, req/s", "p99 ms", "100 rows, rows/s", "MB"), rows)


def bars_of(judged: Sequence[Mapping[str, Any]], ratios: Mapping[str, Any]) -> Table:
    """The bars, and under them what some of them would hide."""
    rows = [
        [
            str(bar["name"]),
            f"{'≤' if bar['most'] else '≥'} {bar['wanted']:g}",
            number(bar["value"]),
            number(bar["factor"]),
            _JUDGED[bar["passed"]],
        ]
        for bar in judged
    ]
    known = [f"{number(ratios[key])} times {whom}" for key, whom in bars.PLAIN.items() if ratios.get(key) is not None]
    said = f"No bars, but to be known beside them: durable, Podium does {' and '.join(known)}." if known else ""
    return Table("Bars", ("", "wanted", "found", "times as good", "judged"), rows, said)
