"""How values stand on a page: numbers, instants, digests, addresses, and the sign that goes with each state."""

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from markupsafe import Markup

from podium.core import time

NOTHING = "–"
_SHOWN_DIGEST = 12
_SHOWN_ID = 8
_LONGEST_JSON = 3_000
_KIBI = 1024.0

GOOD, BAD, WAITING, QUIET = ("good", "✓"), ("bad", "✗"), ("wait", "…"), ("quiet", "·")
TONES: Mapping[str, tuple[str, str]] = {
    **dict.fromkeys(("ok", "yes", "passed", "approved", "champion", "finished", "done", "resolved", "low"), GOOD),
    **dict.fromkeys(("holds", "better", "not-worse", "identical", "in force", "closed", "delivered"), GOOD),
    "within budget": GOOD,
    **dict.fromkeys(("broken", "no", "failed", "rejected", "rolled-back", "open", "high", "void", "worse"), BAD),
    **dict.fromkeys(("missed", "over budget"), BAD),
    **dict.fromkeys(("candidate", "validated", "shadow", "canary", "awaiting-approval"), WAITING),
    **dict.fromkeys(("requested", "queued", "running", "behind", "acknowledged", "renewal"), WAITING),
    **dict.fromkeys(("medium", "expired", "waiting", "snoozed", "at times"), WAITING),
}
"""The tone (a class of the style sheet) and the sign of a state; a state is never told by its colour alone."""


def badge(state: str) -> Markup:
    """A state in words, with its sign.

    >>> str(badge("approved"))
    '<span class="badge good"><span aria-hidden="true">✓</span> approved</span>'
    """
    tone, sign = TONES.get(state, QUIET)
    words = state.replace("-", " ")
    return Markup('<span class="badge {}"><span aria-hidden="true">{}</span> {}</span>').format(tone, sign, words)


def number(value: Any) -> str:
    """A number to four digits; whole numbers with their thousands apart, as in messages and on the terminal.

    >>> number(0.123456), number(1234567), number(None)
    ('0.1235', '1,234,567', '–')
    """
    if value is None:
        return NOTHING
    if isinstance(value, bool) or not isinstance(value, int | float):
        return str(value)
    if isinstance(value, int) or (float(value).is_integer() and abs(value) < 1e15):
        return f"{int(value):,}"
    return f"{value:.4g}"


def percent(share: float) -> str:
    """
    >>> percent(0.2).split()
    ['20', '%']
    """
    return f"{share * 100:.3g}\u00a0%"


def size(count: float) -> str:
    """
    >>> size(123456)
    '121 KiB'
    """
    for unit in ("B", "KiB", "MiB", "GiB"):
        if count < _KIBI:
            return f"{count:.3g} {unit}"
        count /= _KIBI
    return f"{count:.3g} TiB"


def instant(at_us: int | None) -> str | Markup:
    """An instant to the minute, in UTC."""
    if at_us is None:
        return NOTHING
    at = time.from_us(at_us)
    exact = at.replace(tzinfo=None).isoformat(timespec="seconds") + "Z"
    return Markup('<time datetime="{}">{}</time>').format(exact, at.strftime("%Y-%m-%d\u00a0%H:%M"))


def day(at_us: int | None) -> str | Markup:
    """The day of an instant, in UTC."""
    if at_us is None:
        return NOTHING
    at = time.from_us(at_us).date().isoformat()
    return Markup('<time datetime="{}">{}</time>').format(at, at.replace("-", "\u2011"))


def lasting(from_us: int | None, to_us: int | None) -> str:
    """
    >>> lasting(0, 90_000_000)
    '1 min 30 s'
    """
    if from_us is None or to_us is None:
        return NOTHING
    seconds = max(0, to_us - from_us) / 1e6
    if seconds < 60:
        return f"{seconds:.3g} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s"


def digest(address: str | None) -> str | Markup:
    """The beginning of a digest; all of it on pointing, and to the script that copies it."""
    if not address:
        return NOTHING
    return Markup('<code class="digest" title="{0}" data-copy="{0}">{1}</code>').format(address, short(address))


def short(identifier: str) -> str:
    """A digest's first digits, or an id's last ones, which tell one from another.

    >>> short("sha256:0123456789abcdef"), short("run-018f00000000aabbccddeeff0011")
    ('0123456789ab', 'run-eeff0011')
    """
    if identifier.startswith("sha256:"):
        return identifier.removeprefix("sha256:")[:_SHOWN_DIGEST]
    prefix, _, rest = identifier.rpartition("-")
    return f"{prefix}-{rest[-_SHOWN_ID:]}" if prefix and len(rest) > _SHOWN_ID else identifier


def plain_json(value: Any) -> str:
    """A value as indented JSON, its beginning only when it is long."""
    text = json.dumps(value, indent=1, ensure_ascii=False, default=str)
    return text if len(text) <= _LONGEST_JSON else f"{text[:_LONGEST_JSON]}\n… (cut here; the API gives all of it)"


def address(project: str, *parts: object) -> str:
    """The path of a page of a project.

    >>> address("flights", "models", "a/b")
    '/p/flights/models/a%2Fb'
    """
    return "/".join(("/p", quote(project, safe=""), *(quote(str(part), safe="") for part in parts)))


FILTERS = {
    "badge": badge,
    "number": number,
    "percent": percent,
    "size": size,
    "instant": instant,
    "day": day,
    "digest": digest,
    "short": short,
    "plain_json": plain_json,
}
