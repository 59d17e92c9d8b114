"""`mistakes`: where a model erred in a window: in which segments, told by which features, on which rows."""

from typing import TYPE_CHECKING, Annotated

import typer

from podium.cli import console
from podium.cli.monitor import Endpoint
from podium.cli.options import Json, Project
from podium.cli.session import session
from podium.core import time

if TYPE_CHECKING:
    from podium.core import mistakes as core

_SHOWN = 6


def mistakes(
    endpoint: Endpoint,
    end: Annotated[str, typer.Option(help="When the window ends (ISO 8601); the newest by default.")] = "",
    rows: Annotated[int, typer.Option("--rows", min=1, max=100, help="How many of the worst rows.")] = 10,
    project: Project = "",
    json: Json = False,
) -> None:
    """Show where the model erred in a closed window: the worst segments, the features that tell of errors, the rows.

    Example: podium mistakes churn --rows 20
    """
    end_us = time.to_us(time.parse_instant(end, "--end")) if end else None
    with session(project) as client:
        found = client.checks.mistakes(endpoint, end_us=end_us, rows=rows)
    if console.is_json():
        console.print_json(found)
        return
    span = found.window
    console.say(
        f"{endpoint} version {found.version}: window {console.when(span.start_us)} to {console.when(span.end_us)} UTC, "
        f"{found.rows:,} rows with an outcome, {found.waiting:,} without"
    )
    if found.loss is None:
        return
    console.say(f"Mean {found.measure} {found.loss:.4g}")
    _confusion(found)
    _segments(found)
    _features(found)
    _rows(found)


def _confusion(found: "core.Mistakes") -> None:
    if found.confusion is None:
        return
    labels = found.confusion.labels
    table = [
        (label, *(f"{count:,}" for count in line), f"{line[at] / sum(line):.1%}" if sum(line) else "")
        for at, (label, line) in enumerate(zip(labels, found.confusion.counts, strict=True))
    ]
    console.table(None, ("is", *(f"said {label}" for label in labels), "recall"), table)


def _segments(found: "core.Mistakes") -> None:
    table = [
        (
            each.where,
            f"{each.rows:,}",
            f"{each.loss:.4g}",
            f"{each.elsewhere:.4g}",
            _excess(each),
            _usual(each.expected),
        )
        for each in found.segments[:_SHOWN]
    ]
    heads = ("worst where", "rows", found.measure, "elsewhere", "more by", "as scores expect")
    console.table(None, heads, table, empty="No segment is surely worse than the others.")


def _excess(each: "core.Segment") -> str:
    return f"{each.excess.value:.3g} [{each.excess.low:.3g}, {each.excess.high:.3g}]"


def _usual(expected: float | None) -> str:
    return "" if expected is None else f"{expected:.4g}"


def _features(found: "core.Mistakes") -> None:
    table = [
        (each.feature, f"{each.share:.1%}", each.worst, f"{each.loss:.4g}", f"{each.rows:,}", _usual(each.expected))
        for each in found.features[:_SHOWN]
    ]
    heads = ("feature", "tells of errors", "worst where", found.measure, "rows", "as scores expect")
    console.table(None, heads, table, empty="No feature tells of errors more than chance.")


def _rows(found: "core.Mistakes") -> None:
    table = [
        (
            each.prediction_id,
            console.when(each.at_us),
            f"{each.score:.4g}" if each.label is None else f"{each.label} {each.score:.2f}",
            each.outcome if isinstance(each.outcome, str) else f"{each.outcome:g}",
            f"{each.loss:.4g}",
            _said(each),
        )
        for each in found.worst
    ]
    console.table(None, ("prediction", "made", "score", "outcome", found.measure, "features"), table)
    if found.worst and found.worst[0].features is None:
        console.say("Features of single rows are shown to roles with a part in the model's life.")


def _said(each: "core.Mistake") -> str:
    known = (each.features or {}).items()
    return ", ".join(f"{name} {_short(value)}" for name, value in known)


def _short(value: "bool | float | str | None") -> str:
    if isinstance(value, bool) or value is None:
        return "missing" if value is None else str(value).lower()
    return f"{value:.4g}" if isinstance(value, float) else str(value)
