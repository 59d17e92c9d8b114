"""The rules of the `[baseline]` part that types cannot say."""

from collections.abc import Iterator, Mapping
from typing import Any

from podium.core import name as names

Found = tuple[str, str, str]
"""The key, what is wrong with it, and what to write instead."""
_NUMBERS = ("numeric", "integer")


def check(parts: Mapping[str, Any]) -> Iterator[Found]:
    """Every rule that the part breaks. Unreadable keys are None.

    >>> features = {"numeric": ("amount",), "categorical": ("kind",)}
    >>> part = {"feature": "kind", "at_least": 3.0}
    >>> [message for _, message, _ in check({"costs": {}, "features": features, "baseline": part})]
    ['A text is compared with words.']
    """
    here = parts.get("baseline")
    if not isinstance(here, Mapping):
        return
    if "costs" not in parts:
        yield "", "A baseline needs decisions that are worth something.", "Write a [costs] part."
    given = [key for key in ("at_least", "below", "one_of") if key in here]
    if len(given) != 1:
        yield "", "The rule is given by one of at_least, below and one_of.", "For example at_least = 50.0."
        return
    groups = parts.get("features") or {}
    known = {each: group for group in groups for each in groups[group] or () if each is not None}
    if here.get("feature") is not None:
        yield from _fits(here, given[0], known)


def _fits(here: Mapping[str, Any], given: str, known: Mapping[str, str]) -> Iterator[Found]:
    """Whether the way in which the rule is given is one for the feature that it looks at."""
    kind = known.get(here["feature"])
    if kind is None:
        yield "feature", "The rule looks at a feature.", names.nearest(here["feature"], list(known))
    elif kind in _NUMBERS and given == "one_of":
        yield "one_of", "A number is compared with a number.", "Write at_least or below."
    elif kind == "categorical" and given != "one_of":
        yield given, "A text is compared with words.", 'Write one_of = ["gone"].'
    elif kind == "boolean" and here.get("one_of") not in (None, ("true",), ("false",)):
        yield given, "Of true and false, the rule acts on one.", 'Write one_of = ["true"].'
