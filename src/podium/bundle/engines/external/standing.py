"""Whether an external model is counted on: not after a question without an answer, until it answers or time has passed.

Who finds it not ready may send it no more rows, and only rows could show that it answers again. So the doubt ends by
itself: then it is ready until the next rows say otherwise.
"""

import time
from collections.abc import Callable

DOUBT_SECONDS = 10.0
"""As long as Kubernetes lets pass between two probes, where nobody says otherwise."""


class Standing:
    """What the last questions say; of any thread."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._failed: float | None = None

    @property
    def good(self) -> bool:
        """Whether the next question may be expected to have an answer."""
        failed = self._failed
        return failed is None or self._now() - failed > DOUBT_SECONDS

    def answered(self) -> None:
        """A question had its answer."""
        self._failed = None

    def failed(self) -> None:
        """A question had none."""
        self._failed = self._now()
