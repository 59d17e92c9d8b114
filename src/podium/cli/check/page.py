"""The check as a page of its own: no script, nothing loaded from elsewhere."""

from pathlib import Path
from typing import NamedTuple

import jinja2

from podium.cli.check.work import Done
from podium.core.errors import Invalid
from podium.measures.comparison import numeric
from podium.measures.comparison.finding import Column, State

_DRAWN = 24
_MEASURES = ("psi", "jensen_shannon", "hellinger", "wasserstein", "p_value")
_HEADS = {
    "psi": "PSI",
    "jensen_shannon": "Jensen-Shannon",
    "hellinger": "Hel\u00adlin\u00adger",
    "wasserstein": "Wasser\u00adstein",
}
"""Where the page is narrow, long words break at their soft hyphens."""
_TINY = 1e-6
_HINT = "Charts need one more package: pip install 'podium[charts]'."


class Row(NamedTuple):
    """A column of the table, as text."""

    column: Column
    moved: str
    measures: tuple[str, ...]
    missing: str


def write(done: Done, path: str) -> None:
    """Write the page; `Invalid` when the file cannot be written."""
    found = done.comparison
    if found is None:
        return
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent), autoescape=True, undefined=jinja2.StrictUndefined
    )
    text = environment.get_template("check.html.jinja").render(
        found=found,
        rows=[_row(each) for each in found.columns],
        whole=list(zip(found.whole, found.whole_states, strict=True)),
        heads=[_HEADS.get(name, name.replace("_", " ")) for name in _MEASURES],
        pictures=_pictures(done),
        hint="" if _drawing() else _HINT,
        extra=done.extra,
        performance=found.performance,
        State=State,
    )
    try:
        Path(path).write_text(text, encoding="utf-8")
    except OSError:
        raise Invalid("This file cannot be written.", field="--html") from None


def _row(column: Column) -> Row:
    found = column.measures
    value = found.get("ks", found.get("moved"))
    missing = ""
    if "missing_before" in found and "missing_now" in found:
        missing = f"{numeric.share(found['missing_before'])} → {numeric.share(found['missing_now'])}"
    return Row(
        column=column,
        moved="" if value is None else numeric.share(value),
        measures=tuple(_measure(name, found[name]) if name in found else "" for name in _MEASURES),
        missing=missing,
    )


def _measure(name: str, value: float) -> str:
    return f"< {_TINY:g}" if name == "p_value" and value < _TINY else f"{value:.3g}"


def _drawing() -> bool:
    try:
        import vl_convert  # noqa: F401
    except ImportError:
        return False
    return True


def _pictures(done: Done) -> list[tuple[Column, str]]:
    """The columns that alarm, and then the worst of the others, each with its picture."""
    if done.comparison is None or done.summary is None or not _drawing():
        return []
    from podium.cli.check import chart

    made = []
    for each in done.comparison.columns[:_DRAWN]:
        before = done.reference.find(each.column)
        drawn = "" if before is None else chart.svg(before, done.summary.find(each.column))
        if drawn:
            made.append((each, drawn))
    return made
