"""Explanations on the terminal: the features that moved a score most, first."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from podium.cli import console, rows
from podium.core import explanation

MOST_ROWS = 100
"""A scorer explains so many at once."""
_SHOWN = 8
_ESTIMATE = "an estimate (by permutations; with its standard error)"
_METHODS = {"trees": "exact (path-dependent TreeSHAP)", "linear": "exact (weight times distance from the mean)"}


def show(found: list[dict[str, Any]], out: Path | None) -> None:
    """Explanations as a scorer gives them: the main reasons of each row, or a column a feature in a file."""
    if out is not None:
        rows.write(out, [_flat(row) for row in found])
        console.details({"file": str(out), "rows": len(found)}, [("file", out), ("rows", f"{len(found):,}")])
        return
    heads = tuple(name for name in (found[0] if found else {}) if name not in ("contributions", "errors"))
    lines = [(*(row[name] for name in heads), _reasons(row["contributions"], row["errors"])) for row in found]
    console.table(found, (*heads, "what moved it most"), lines, empty="No rows.")


def show_one(found: explanation.Explanation) -> None:
    """One logged prediction's explanation, every feature that did something."""
    pairs: list[tuple[str, Any]] = [
        ("endpoint", found.endpoint),
        ("version", found.version),
        ("score", f"{found.score:.6g}" if found.label is None else f"{found.score:.6g}, of {found.label}"),
        ("how", _METHODS.get(found.method, _ESTIMATE)),
        ("on the scale", found.scale),
        ("from", f"{found.base:+.4f}   (what every row begins with)"),
    ]
    errors = found.errors or {}
    for name in _ordered(found.contributions):
        off = f" ± {errors[name]:.2g}" if errors.get(name) else ""
        pairs.append((name, f"{found.contributions[name]:+.4f}{off}   (was {_value(found.values.get(name))})"))
    pairs.append(("together", f"{found.margin:+.4f}"))
    console.details(found, pairs, title=found.prediction_id)


def _flat(row: Mapping[str, Any]) -> dict[str, Any]:
    kept = {name: value for name, value in row.items() if name not in ("contributions", "errors")}
    kept |= {f"contribution.{name}": value for name, value in row["contributions"].items()}
    return kept | {f"error.{name}": value for name, value in row["errors"].items()}


def _reasons(contributions: Mapping[str, float], errors: Mapping[str, float]) -> str:
    parts = []
    for name in _ordered(contributions)[:_SHOWN]:
        off = f"±{errors[name]:.1g}" if errors.get(name) else ""
        parts.append(f"{name} {contributions[name]:+.3g}{off}")
    return ", ".join(parts)


def _ordered(contributions: Mapping[str, float]) -> list[str]:
    return sorted((name for name, value in contributions.items() if value), key=lambda name: -abs(contributions[name]))


def _value(value: Any) -> str:
    return "unknown" if value is None else str(value)
