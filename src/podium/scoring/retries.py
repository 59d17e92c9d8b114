"""Rollouts that could not be taken, and when each is tried again."""

import logging
import time
from collections.abc import Container
from typing import NamedTuple

_LOG = logging.getLogger("podium.scorer")
_REFUSED_SECONDS = 5.0
_UNAVAILABLE_SECONDS = 0.5
"""A rollout that is out of reach is asked for again after that time, then after twice as long, and so on."""
_LONGEST_SECONDS = 30.0


class _Retry(NamedTuple):
    """A rollout to be tried again."""

    number: int
    due: float
    wait: float
    why: str


class Retries:
    """Those of all endpoints, one of each."""

    def __init__(self) -> None:
        self._of: dict[str, _Retry] = {}

    def waits(self, endpoint: str, number: int) -> bool:
        """Whether that rollout is not to be tried now."""
        retry = self._of.get(endpoint)
        return retry is not None and retry.number == number and time.monotonic() < retry.due

    def again(self, endpoint: str, number: int, why: str, *, growing: bool = False) -> None:
        """Try that rollout later, and say once why."""
        before = self._of.get(endpoint)
        wait = _REFUSED_SECONDS
        if before is None or before.number != number or before.why != why:
            if why:
                _LOG.warning("endpoint %.80a: the rollout %s", endpoint, why)
            before = None
        if growing:
            wait = _UNAVAILABLE_SECONDS if before is None else min(before.wait * 2, _LONGEST_SECONDS)
        self._of[endpoint] = _Retry(number, time.monotonic() + wait, wait, why)

    def taken(self, endpoint: str) -> None:
        """Nothing of that endpoint is to be tried again."""
        self._of.pop(endpoint, None)

    def keep(self, listed: Container[str]) -> None:
        """Forget the endpoints that are not among these."""
        for endpoint in list(self._of):
            if endpoint not in listed:
                self._of.pop(endpoint, None)
