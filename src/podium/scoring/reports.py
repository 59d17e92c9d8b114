"""Telling the control plane what is served: at once when it changed, else now and then."""

import logging
import time
from collections.abc import Callable
from typing import Any

from podium.core.errors import PodiumError
from podium.scoring.source import ControlPlane

_LOG = logging.getLogger("podium.scorer")
_SECONDS = 5.0


class Reports:
    """What was told last, and when."""

    def __init__(self) -> None:
        self._told: tuple[float, dict[str, Any]] | None = None
        self._due = 0.0
        """When it is tried again after it was not taken."""

    def tell(
        self, plane: ControlPlane, scorer: str, status: dict[str, Any], more: Callable[[], dict[str, Any]]
    ) -> None:
        """Tell the status if that is due. `more`: asked for what else belongs to a report."""
        now = time.monotonic()
        if now < self._due or (self._told is not None and self._told[1] == status and now - self._told[0] <= _SECONDS):
            return
        try:
            plane.report(scorer, {**status, **more()})
        except PodiumError as problem:
            if not self._due:
                _LOG.warning("the control plane does not take this scorer's status: %s", problem)
            self._due = time.monotonic() + _SECONDS
            return
        self._told = (time.monotonic(), status)
        self._due = 0.0
