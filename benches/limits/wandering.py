"""Features whose weeks differ by themselves: what training knows of that, and what is left to a limit."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple, TypeAlias

import msgspec
import numpy
import numpy.typing

from benches.limits import looked, swept
from podium.build.runs.training import windows
from podium.core import reference
from podium.measures.drift import reference as references
from podium.measures.sketch import histogram, score_labels
from podium.monitor.checks import finding, inputs
from podium.monitor.checks.against import Against
from podium.monitor.checks.summary import Summary

FEATURES, WEEKS, ROWS = 20, 8, 1_000
_WINDOWS = 5
"""Judged against each training."""
Values: TypeAlias = numpy.typing.NDArray[numpy.float64]
Draw: TypeAlias = Callable[[numpy.random.Generator, Values, int], Values]
"""Rows of a feature whose week lies so far from the usual: shape [weeks, rows] from offsets [weeks, 1]."""


class Kind(NamedTuple):
    """How features are drawn, how far their weeks lie apart, and what is put into the first one."""

    draw: Draw
    spread: float
    moved: float = 0.0


def _shifted(random: numpy.random.Generator, offsets: Values, rows: int) -> Values:
    return random.normal(size=(len(offsets), rows)) + offsets


def _sparse(random: numpy.random.Generator, offsets: Values, rows: int) -> Values:
    """A tenth of the rows is null, and as much more as the week lies apart."""
    values = random.normal(size=(len(offsets), rows))
    return numpy.where(random.random(values.shape) < 0.1 + offsets, numpy.nan, values)


KINDS: Mapping[str, Mapping[str, Kind]] = {
    "drift_psi": {
        "quiet, 0.05σ": Kind(_shifted, 0.05),
        "quiet, 0.1σ": Kind(_shifted, 0.1),
        "quiet, 0.2σ": Kind(_shifted, 0.2),
        "quiet, 0.3σ": Kind(_shifted, 0.3),
        "0.1σ, and + 0.5σ": Kind(_shifted, 0.1, 0.5),
        "0.1σ, and + 1σ": Kind(_shifted, 0.1, 1.0),
    },
    "missing_rate": {
        "quiet, 1 point": Kind(_sparse, 0.01),
        "quiet, 3 points": Kind(_sparse, 0.03),
        "1 point, and 5 more": Kind(_sparse, 0.01, 0.05),
        "1 point, and 10 more": Kind(_sparse, 0.01, 0.1),
    },
}
_MEASURES = {"drift_psi": "psi", "missing_rate": "missing_rate"}
_FIRST = "x0"


def tables(repetitions: int, seed: int) -> Iterator[dict[str, Any]]:
    """For each limit the windows in which it alarms: in any feature while quiet, in the first where that moved."""
    for name, kinds in KINDS.items():
        found = {said: list(_findings(kind, repetitions, [seed, at])) for at, (said, kind) in enumerate(kinds.items())}
        rows = []
        for value in swept.candidates(name):
            limits = msgspec.structs.replace(swept.limits_of_today(), **{name: value})
            hits = {
                said: sum(_alarms(each, limits, _MEASURES[name], kinds[said]) for each in windows_)
                for said, windows_ in found.items()
            }
            rows.append({"value": value, "found": {said: [hits[said], len(found[said]), None] for said in hits}})
        yield {"name": name, "where": "wandering", "present": swept.present(name), "rows": rows}


def _alarms(sure: list[finding.Finding], limits: Any, measure: str, kind: Kind) -> bool:
    over = {column for found, column in looked.broken(sure, limits) if found == measure}
    return _FIRST in over if kind.moved else bool(over)


def _findings(kind: Kind, repetitions: int, seed: list[int]) -> Iterator[list[finding.Finding]]:
    """What is sure in each window, after as many trainings."""
    for number in range(repetitions):
        random = numpy.random.default_rng([*seed, number])
        trained = _trained(kind, random)
        for _ in range(_WINDOWS):
            offsets = kind.spread * random.normal(size=FEATURES)
            offsets[0] += kind.moved
            rows = {f"x{at}": kind.draw(random, each.reshape(1, 1), ROWS)[0] for at, each in enumerate(offsets)}
            summary = Summary(
                rows=ROWS,
                numeric={name: histogram.numeric(each, trained.numeric[name]) for name, each in rows.items()},
                categorical={},
                score=histogram.numeric(random.normal(size=ROWS), trained.score),
                labels=score_labels.ScoreLabels(rows=0, sums={}),
                as_of_us=0,
            )
            found = inputs.of_columns(summary, trained, swept.limits_of_today(), Against(trained))
            yield looked.sure(list(found), finding.FALSE_DISCOVERIES)


def _trained(kind: Kind, random: numpy.random.Generator) -> reference.Reference:
    """What training leaves of so many weeks."""
    week = numpy.repeat(numpy.arange(WEEKS), ROWS)
    features = {
        f"x{at}": kind.draw(random, kind.spread * random.normal(size=(WEEKS, 1)), ROWS).ravel()
        for at in range(FEATURES)
    }
    score = random.normal(size=week.size)
    made = reference.Reference(
        rows=week.size,
        numeric={name: references.detailed(each) for name, each in features.items()},
        categorical={},
        score=references.detailed(score),
        metrics={},
        cost_per_row=None,
    )
    return windows.disperse(made, features, windows.Given(score, score), week)
