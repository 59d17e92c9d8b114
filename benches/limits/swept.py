"""What is swept: each default of the rules with a few candidates around it, and the faults that it is for."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import msgspec

from benches.limits import files, looked
from podium.core import project, project_file
from podium.measures.comparison.finding import Measure, Rule
from podium.monitor.checks import finding

RATE, PERSISTENCE = "false discoveries", "persistence"
_MONTH_DAYS, _WINDOW_DAYS = 30, 7
_CANDIDATES: Mapping[str, Sequence[Any]] = {
    "drift_psi": (0.02, 0.05, 0.1, 0.15, 0.2, 0.25, 0.5),
    "score_psi": (0.02, 0.05, 0.1, 0.15, 0.2, 0.25, 0.5),
    "missing_rate": (0.02, 0.05, 0.1, 0.2),
    "new_categories": (0.01, 0.02, 0.05, 0.1),
    "performance_drop": (0.02, 0.05, 0.1, 0.2),
    "cost_rise": (0.1, 0.25, 0.5),
    "out_of_range": (0.001, 0.005, 0.01, 0.05),
    "vanished": (0.02, 0.05, 0.1),
    "constant": (False, True),
    "contribution_moved": (0.02, 0.03, 0.05, 0.1),
    RATE: (0.001, 0.005, 0.01, 0.02, 0.05, 0.1),
    PERSISTENCE: ("1 of 1", "2 of 2", "2 of 3", "3 of 3"),
    "min_rows": (100, 200, 500, 1000, 2000),
}


class Sweep(NamedTuple):
    """One default: the checks that count as its own, and the faults that are shown."""

    name: str
    own: looked.Own
    faults: tuple[str, ...]


def _every(_measure: str, _column: str | None) -> bool:
    return True


def _by(*measures: str) -> looked.Own:
    return lambda measure, _column: measure in measures


EXPLAINED = ("shift 0.5σ", "shift 1σ", "stale feature", "columns swapped")
"""Faults under which contributions are looked at."""
OF_FLIGHTS = (
    Sweep(
        "drift_psi",
        lambda measure, column: measure == "psi" and column is not None,
        (
            "shift 0.25σ",
            "shift 0.5σ",
            "temperature + 0.5σ",
            "temperature + 1σ",
            "temperature + 2σ",
            "unit changed",
            "new category",
            "small shifts",
        ),
    ),
    Sweep(
        "score_psi",
        lambda measure, column: measure == "psi" and column is None,
        ("shift 0.25σ", "shift 0.5σ", "shift 1σ", "columns swapped", "stale feature"),
    ),
    Sweep("missing_rate", _by("missing_rate"), ("nulls 5%", "nulls 10%", "nulls")),
    Sweep("new_categories", _by("new_categories"), ("new 2%", "new 6%", "new category")),
    Sweep(
        "performance_drop",
        _by("log_loss"),
        ("label flip 5%", "label flip", "label flip 20%", "concept drift", "shift 1σ"),
    ),
    Sweep("cost_rise", _by("cost_per_row"), ("label flip 5%", "label flip", "label flip 20%", "concept drift")),
    Sweep("out_of_range", _by("out_of_range"), ("beyond 0.5%", "beyond 2.0%", "unit changed", "shift 1σ")),
    Sweep("vanished", _by("vanished"), ("gone 6%", "gone 18%", "new category")),
    Sweep("constant", _by("constant"), ("stale feature",)),
    Sweep("contribution_moved", _by("contribution"), EXPLAINED),
    Sweep(
        RATE,
        _every,
        ("shift 0.25σ", "temperature + 1σ", "temperature + 2σ", "nulls", "new 6%", "label flip 20%", "stale feature"),
    ),
    Sweep(
        PERSISTENCE,
        _every,
        ("shift 0.25σ", "temperature + 1σ", "temperature + 2σ", "nulls", "new 6%", "label flip 20%", "stale feature"),
    ),
)
MIN_ROWS_FAULTS = ("shift 0.5σ", "shift 1σ", "nulls", "new category", "label flip 20%")
STILL_SIZES = (100, 500, 2000)
STILL_FAULTS = ("normal_00 + 0.25σ", "normal_00 + 0.5σ", "normal_00 + 1σ")

FILES: Mapping[str, tuple[Measure | None, Sequence[float], tuple[str, ...]]] = {
    "effect": (Measure.DRIFT, (0.02, 0.03, 0.05, 0.1, 0.2), ("0.1σ", "0.25σ", "0.5σ")),
    "missing": (Measure.MISSING, (0.005, 0.01, 0.02, 0.05), ("nulls 1%", "nulls 3%", "nulls 10%")),
    "unseen": (Measure.UNSEEN, (0.002, 0.005, 0.01, 0.05), ("new 0.5%", "new 2%", "new 5%")),
    "outside": (Measure.RANGE, (0.002, 0.005, 0.01, 0.05), ("beyond 0.5%", "beyond 2%")),
    "pattern": (Measure.PATTERN, (0.02, 0.05, 0.1, 0.2), ("2 pairs untied", "5 pairs untied")),
    "apart": (Measure.APART, (0.02, 0.05, 0.1), ("all 0.1σ", "all 0.2σ")),
    "drift_rate": (Measure.DRIFT, (0.001, 0.005, 0.007, 0.01, 0.05), ("0.1σ", "0.25σ", "0.5σ")),
    "other_rate": (
        None,
        (0.0001, 0.0005, 0.001, 0.01),
        ("nulls 3%", "new 2%", "beyond 2%", "2 pairs untied", "all 0.1σ"),
    ),
}
FILES_ROWS, FILES_FEWER = 1_000, (50, 100, 300)
FILES_FEWER_CHANGES = ("0.5σ", "nulls 10%", "new 5%")
FILES_CHANGES = tuple(dict.fromkeys(name for _, _, names in FILES.values() for name in names))


def present(name: str) -> Any:
    """What the product does today: the default, or what `podium init` writes where a rule is off by default."""
    if name == RATE:
        return finding.FALSE_DISCOVERIES
    limits = limits_of_today()
    if name == PERSISTENCE:
        return f"{limits.persistence} of {limits.last_windows()}"
    return getattr(limits, name)


def limits_of_today() -> project.MonitorPart:
    """The limits of a project that `podium init` made."""
    return project_file.parse(project_file.template("new")).monitor


def asked(name: str, value: Any) -> looked.Ask:
    """The rules of today, with one of them otherwise."""
    limits = limits_of_today()
    if name == RATE:
        return looked.Ask(limits, value)
    if name == PERSISTENCE:
        least, of_last = (int(each) for each in str(value).split(" of "))
        return looked.Ask(msgspec.structs.replace(limits, persistence=least, of_last=of_last))
    return looked.Ask(msgspec.structs.replace(limits, **{name: value}))


def candidates(name: str) -> Sequence[Any]:
    """The values that are tried."""
    return _CANDIDATES[name]


def row(judge: looked.Judge, name: str, value: Any, own: looked.Own, faults: Sequence[str]) -> dict[str, Any]:
    """What a candidate makes of what was looked at."""
    ask = asked(name, value)
    told = judge.told(ask, own)
    months = told.windows * _WINDOW_DAYS / _MONTH_DAYS
    return {
        "value": value,
        "windows": told.windows,
        "own": round(told.own / months, 4),
        "all": round(told.alarms / months, 4),
        "after": judge.after(ask, own),
        "found": {
            each: [told.found[each][0], judge.runs(each), told.found[each][1]] for each in faults if each in told.found
        },
    }


def of_flights(known: looked.Judge) -> Iterator[dict[str, Any]]:
    """The table of each default that a drill on flights can tell."""
    for sweep in OF_FLIGHTS:
        rows = [row(known, sweep.name, value, sweep.own, sweep.faults) for value in candidates(sweep.name)]
        yield {"name": sweep.name, "where": "flights", "present": present(sweep.name), "rows": rows}


def of_sizes(known: Mapping[int, looked.Judge], where: str, faults: Sequence[str]) -> dict[str, Any]:
    """Windows of as many rows as would be asked for."""
    rows = [row(known[size], "min_rows", size, _every, faults) for size in sorted(known)]
    return {"name": "min_rows", "where": where, "present": present("min_rows"), "rows": rows}


def of_still(known: looked.Judge, size: int, name: str) -> dict[str, Any]:
    """A limit where nothing ever moves."""
    own = next(each.own for each in OF_FLIGHTS if each.name == name)
    rows = [row(known, name, value, own, STILL_FAULTS) for value in candidates(name)]
    return {"name": name, "where": f"still, {size:,} rows", "present": present(name), "rows": rows}


def of_files(known: files.Looked) -> Iterator[dict[str, Any]]:
    """The table of each floor of `podium check`."""
    for name, (own, values, changes) in FILES.items():
        rows = [
            _file_row(known, msgspec.structs.replace(Rule(), **{name: value}), value, own, changes) for value in values
        ]
        yield {"name": name, "where": "files", "present": getattr(Rule(), name), "rows": rows}


def of_file_sizes(known: Sequence[files.Looked]) -> dict[str, Any]:
    """Tables of as many rows as would be asked for."""
    rows = [
        _file_row(
            each,
            Rule(min_rows=each.rows),
            each.rows,
            None,
            tuple(name for name in FILES_FEWER_CHANGES if name in each.changed),
        )
        for each in known
    ]
    return {"name": "min_rows", "where": "files", "present": Rule().min_rows, "rows": rows}


def _file_row(
    known: files.Looked, rule: Rule, value: Any, own: Measure | None, changes: Sequence[str]
) -> dict[str, Any]:
    told = files.told(known, rule, own)
    return {
        "value": value,
        "windows": told.quiet,
        "own": round(told.own / told.quiet, 5),
        "all": round(told.alarms / told.quiet, 5),
        "found": {each: [*told.found[each], None] for each in changes},
    }
