"""How long rows waited for their turn before a model is asked: that is part of their time limit."""

from contextvars import ContextVar

from podium.core.errors import Unavailable

WAITED: ContextVar[float] = ContextVar("waited", default=0.0)
"""Seconds in the queue of the endpoint."""


def left(seconds: float) -> float:
    """What is left of a time limit; `Unavailable` when it was over before the turn came."""
    rest = seconds - WAITED.get()
    if rest <= 0:
        raise busy()
    return rest


def busy() -> Unavailable:
    """What those are told whose time was over while the model answered others."""
    return Unavailable(
        "The model was busy with other rows for the whole time limit.",
        field="model",
        fix="Send the rows again later, or have more scorers serve them.",
    )
