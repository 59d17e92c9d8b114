"""The rules of a project file whose target is one of several classes."""

from collections.abc import Iterator, Mapping
from typing import Any

from podium.core.signature import Task

METRICS = ("accuracy", "brier", "log_loss", "macro_auc", "macro_f1")
"""What can be measured of several classes, and estimated without outcomes."""
PREDICTED, PROBABILITY = "class", "p."
"""Under which names the log and its checks tell the most probable class, and before the label a class's probability."""
FEWEST, MOST = 3, 100
_LONGEST = 64
Found = tuple[tuple[str, ...], str, str]
"""Where, what is wrong, and what to write instead."""
_OTHER = {
    "costs": "Costs are of acting or not, and there are more than two classes.",
    "review": "A band of scores is of acting or not, and there are more than two classes.",
    "baseline": "A baseline acts or does not, and there are more than two classes.",
}


def check(parts: Mapping[str, Any]) -> Iterator[Found]:
    """Every rule that the parts break. Unreadable keys are None."""
    model = parts.get("model") or {}
    if model.get("task", Task.BINARY) != Task.MULTICLASS:
        if model.get("classes"):
            yield ("model", "classes"), "Only a multiclass model has classes.", 'Write task = "multiclass".'
        return
    if "classes" not in model or model["classes"] is not None:
        yield from _classes(model.get("classes") or ())
    for part, message in _OTHER.items():
        if part in parts:
            yield (part,), message, f"Leave [{part}] out."
    yield from _names(parts.get("features") or {})
    if (parts.get("monitor") or {}).get("contribution_moved"):
        yield (
            ("monitor", "contribution_moved"),
            "What features add to a score is not told of several classes.",
            "Leave it out.",
        )


def _classes(given: tuple[str | None, ...]) -> Iterator[Found]:
    where = ("model", "classes")
    if not FEWEST <= len(given) <= MOST:
        fix = 'For example classes = ["low", "middle", "high"]; of two classes, task = "binary".'
        yield where, f"A multiclass model has {FEWEST} to {MOST} classes, by name.", fix
    elif len(set(given)) != len(given):
        yield where, "A class is listed twice.", "List each once."
    for each in given:
        if each is not None and not (1 <= len(each) <= _LONGEST and each == each.strip() and each.isprintable()):
            yield where, f"A class has 1 to {_LONGEST} printable characters and no space around it.", "Rename it."


def _names(features: Mapping[str, Any]) -> Iterator[Found]:
    for group, names in features.items():
        for name in names or ():
            if name is not None and (name == PREDICTED or name.startswith(PROBABILITY)):
                yield (
                    ("features", group),
                    f"The feature {name!r} has a name that monitoring needs for the classes.",
                    f"Rename the column: not {PREDICTED!r}, and without {PROBABILITY!r} before it.",
                )
