"""Names that people give: of projects, models, endpoints, environments, columns' owners."""

import difflib
import re
from collections.abc import Iterable

from podium.core.errors import Invalid

_SHOWN = 30
_NAME = re.compile(r"^[a-z0-9](?:[a-z0-9._-]{0,62}[a-z0-9])?$")


def check(name: str, field: str = "name") -> str:
    """Return the name if it may be used in a URL, a file name and a metric label, else raise `Invalid`."""
    if _NAME.fullmatch(name) is None:
        raise Invalid(
            "A name has 1 to 64 lower-case letters, digits, dots, dashes or underscores, "
            "and begins and ends with a letter or digit.",
            field=field,
            fix="For example flight-delay.",
        )
    return name


def nearest(wrong: str, known: Iterable[str]) -> str:
    """A hint that names the nearest known word, or all of them (of many the first thirty) when none is near."""
    names = sorted(known)
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    near = difflib.get_close_matches(wrong, names, n=1, cutoff=0.5)
    return f"Did you mean {near[0]!r}?" if near else f"Known: {', '.join(names[:_SHOWN])}{more}."
