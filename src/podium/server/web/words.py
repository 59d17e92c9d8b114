"""Events as people say them, with the page of what they are about."""

import msgspec

from podium.core import event
from podium.server.web import show

_NOISE = frozenset({"segment.received", "outcomes.received", "job.finished", "evidence.attached", "window.requested"})
_LONGEST = 160


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """One event of the feed."""

    number: int
    at_us: int
    kind: str
    actor: str
    role: str
    about: str
    link: str | None
    why: str


def lines(entries: list[event.Entry], *, quiet: bool = False) -> list[Line]:
    """The feed of some events; `quiet` leaves out what happens all the time."""
    return [_line(entry) for entry in entries if not (quiet and entry.event.kind in _NOISE)]


def _line(entry: event.Entry) -> Line:
    told = entry.event
    return Line(
        number=entry.number,
        at_us=round(told.at.timestamp() * 1e6),
        kind=told.kind,
        actor=told.actor,
        role=told.role,
        about=_about(told),
        link=link(told.project, told.subject, told.detail),
        why=_why(told),
    )


def _about(told: event.Event) -> str:
    model, number = told.detail.get("model"), told.detail.get("number")
    if isinstance(model, str) and isinstance(number, int) and told.subject.noun in {"version", "run", "approval"}:
        return f"{told.subject.noun.replace('approval', 'version')} {number} of {model}"
    shown = show.short(told.subject.id)
    return shown if shown.startswith(f"{told.subject.noun}-") else f"{told.subject.noun} {shown}"


def _why(told: event.Event) -> str:
    for key in ("why", "reason", "comment", "message", "error", "note"):
        said = told.detail.get(key)
        if isinstance(said, str) and said:
            return said if len(said) <= _LONGEST else said[:_LONGEST] + "…"
    return ""


def verb(kind: str) -> str:
    """What happened, of an event's kind.

    >>> verb("version.gates-evaluated")
    'gates evaluated'
    """
    return kind.partition(".")[2].replace("-", " ")


def link(project: str, subject: event.Subject, detail: dict[str, object] | None = None) -> str | None:
    """The page of a subject, if there is one."""
    simple = {"model": "models", "run": "runs", "endpoint": "endpoints"}
    if subject.noun in simple:
        return show.address(project, simple[subject.noun], subject.id)
    if subject.noun == "dataset":
        return show.address(project, "data") + f"?digest={subject.id}"
    if subject.noun == "alert":
        return show.address(project, "alerts", subject.id)
    endpoint = (detail or {}).get("endpoint")
    if subject.noun in {"release", "rollout", "window"} and isinstance(endpoint, str):
        return show.address(project, "endpoints", endpoint)
    model, number = (detail or {}).get("model"), (detail or {}).get("number")
    if subject.noun in {"version", "approval"} and isinstance(model, str) and isinstance(number, int):
        return show.address(project, "models", model, "versions", number)
    return None
