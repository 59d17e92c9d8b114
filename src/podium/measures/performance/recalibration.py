"""Calibration's intercept and slope: which straight line on the logit scale would set the scores right."""

import math

import msgspec
import numpy
import numpy.typing

from podium.core import run
from podium.measures import rows
from podium.measures.performance import log_loss, student

_STEPS = 50
_ENOUGH = 1e-12


class Recalibration(msgspec.Struct, frozen=True, kw_only=True):
    """What the fit says of a model; a calibrated one has intercept 0 and slope 1."""

    intercept: run.Interval
    """With the slope held at 1: above 0 the model's probabilities are too low on the whole, below 0 too high."""
    slope: run.Interval
    """Below 1 the scores are too extreme, above 1 too timid."""


def recalibration(
    target: numpy.typing.ArrayLike, score: numpy.typing.ArrayLike, confidence: float = 0.95
) -> Recalibration | None:
    """Fit logit P(target = 1) = a + logit(score) for the intercept, and a + b·logit(score) for the slope.

    `target`: 0 or 1; `score`: probabilities; shapes [n]. Wald intervals. None when a class is absent, the scores do
    not vary, or no finite fit exists (the score separates the classes); `Invalid` as for `log_loss`. Source:
    Cox 1958, "Two further applications of a model for binary regression"; Van Calster et al. 2016, section 2; White
    1982, "Maximum likelihood estimation of misspecified models", theorem 3.2 (variance).

    >>> random = numpy.random.default_rng(0)
    >>> score = random.random(4000)
    >>> found = recalibration(random.random(4000) < score, score)
    >>> found.intercept.low < 0.0 < found.intercept.high, found.slope.low < 1.0 < found.slope.high
    (True, True)
    """
    positive, guess = rows.probabilities(target, score)
    given = numpy.clip(guess, log_loss.EPSILON, 1.0 - log_loss.EPSILON)
    logit = numpy.log(given) - numpy.log1p(-given)
    if not 0 < positive.sum() < positive.size or logit.min() == logit.max():
        return None
    ones = numpy.ones((logit.size, 1))
    level = _fit(positive, ones, logit)
    line = _fit(positive, numpy.column_stack([ones, logit]), numpy.zeros(logit.size))
    if level is None or line is None:
        return None
    z = student.normal(confidence)
    return Recalibration(intercept=_around(level, 0, z, logit.size), slope=_around(line, 1, z, logit.size))


def _around(fit: tuple[rows.Numbers, rows.Numbers], at: int, z: float, count: int) -> run.Interval:
    value, error = float(fit[0][at]), math.sqrt(float(fit[1][at, at]))
    return run.Interval(value=value, low=value - z * error, high=value + z * error, rows=count)


def _fit(positive: rows.Truths, design: rows.Numbers, offset: rows.Numbers) -> tuple[rows.Numbers, rows.Numbers] | None:
    """Maximum likelihood by Newton's steps: coefficients [k] and their covariance [k, k]; None when it runs away."""
    found = numpy.zeros(design.shape[1])
    for _ in range(_STEPS):
        chance = 1.0 / (1.0 + numpy.exp(-numpy.clip(offset + design @ found, -40.0, 40.0)))
        weight = chance * (1.0 - chance)
        information = (design * weight[:, None]).T @ design
        if numpy.linalg.cond(information) > 1e12:
            return None
        step = numpy.linalg.solve(information, design.T @ (positive - chance))
        found = found + numpy.clip(step, -2.0, 2.0)
        if float(numpy.abs(step).max()) < _ENOUGH:
            back = numpy.linalg.inv(information)
            pulls = design * (positive - chance)[:, None]
            return found, numpy.asarray(back @ (pulls.T @ pulls) @ back, dtype=numpy.float64)
    return None
