"""The rules of columns in a project file, and of how their rows are split, that types cannot say."""

from collections.abc import Iterator, Mapping
from typing import Any

from podium.core import project

NAME_LIMIT = 128
_GROUPS = ("numeric", "integer", "categorical", "boolean")
_SPLIT = project.SplitPart()
Found = tuple[tuple[str, ...], str, str]
"""Where, what is wrong, and what to write instead."""


def check(parts: Mapping[str, Any]) -> Iterator[Found]:
    """Every rule that the parts break. Unreadable keys are None."""
    data, split = parts.get("data") or {}, parts.get("split") or {}
    yield from _data(data, split)
    if (groups := parts.get("features")) is not None:
        yield from _features(groups, data)
    yield from _split(split)
    yield from _slices((parts.get("metrics") or {}).get("slices") or ())


def _data(data: Mapping[str, Any], split: Mapping[str, Any]) -> Iterator[Found]:
    for key in ("key", "time", "target"):
        if data.get(key) is not None:
            yield from _column(("data", key), data[key])
    if split.get("key") is not None:
        yield from _column(("split", "key"), split["key"])
    for other in ("key", "time"):
        if data.get("target") is not None and data["target"] == data.get(other):
            yield ("data", "target"), f"The target is the same column as the {other}.", "Name two columns."


def _column(path: tuple[str, ...], given: str) -> Iterator[Found]:
    if not 1 <= len(given) <= NAME_LIMIT or given != given.strip():
        yield path, f"A column's name has 1 to {NAME_LIMIT} characters and no space around it.", ""


def _features(groups: Mapping[str, Any], data: Mapping[str, Any]) -> Iterator[Found]:
    given = [
        (("features", group), column) for group in _GROUPS for column in groups.get(group) or () if column is not None
    ]
    if not given and None not in groups.values():
        yield ("features",), "There are no features.", 'For example numeric = ["distance"].'
    taken = {data[key]: key for key in ("key", "target") if data.get(key) is not None}
    seen: set[str] = set()
    for path, column in given:
        yield from _column(path, column)
        if column in taken:
            yield path, f"The {taken[column]} column {column!r} cannot be a feature.", "Leave it out."
        if column in seen:
            yield path, f"The column {column!r} is listed twice.", "A feature has one type: list it once."
        seen.add(column)


def _split(split: Mapping[str, Any]) -> Iterator[Found]:
    validation, test = split.get("validation", _SPLIT.validation), split.get("test", _SPLIT.test)
    for key, given in (("validation", validation), ("test", test)):
        if given is not None and not 0.0 < given < 1.0:
            yield ("split", key), f"{key} is a share between 0 and 1.", "For example 0.15."
    if None not in (validation, test) and 0 < validation < 1 and 0 < test < 1 and validation + test >= 0.95:
        message = "Too little is left to train on: validation and test together are 0.95 or more."
        yield ("split",), message, "Lower them."
    if split.get("by") == "time" and split.get("key") is not None:
        yield ("split", "key"), "A split by time has no key.", 'Leave key out, or write by = "hash".'
    if split.get("salt") is not None and len(split["salt"]) > NAME_LIMIT:
        yield ("split", "salt"), f"salt has at most {NAME_LIMIT} characters.", ""


def _slices(slices: tuple[str | None, ...]) -> Iterator[Found]:
    for column in slices:
        if column is not None:
            yield from _column(("metrics", "slices"), column)
    if len(set(slices)) != len(slices):
        yield ("metrics", "slices"), "A slice column is listed twice.", ""
