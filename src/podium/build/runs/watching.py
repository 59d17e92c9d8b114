"""What a worker does while a run trains: tells its progress, shows what it prints, ends it when its time is over."""

from pathlib import Path
from time import monotonic

from podium.build.runs import store as rows
from podium.core.errors import Refused
from podium.core.job import Progress
from podium.core.run import Run
from podium.jobs.context import JobContext

TAIL_BYTES = 64 * 1024
"""How much of the newest lines is shown while it runs."""
_SHOW_SECONDS = 2.0


class Watch:
    """One attempt at a run. `log`: the file to which the code prints; `seconds`: how long it may take, 0 for any."""

    def __init__(self, context: JobContext, item: Run, log: Path, seconds: float) -> None:
        self._context = context
        self._item = item
        self._log = log
        self._seconds = seconds
        self._began = monotonic()
        self._looked = self._began
        self._shown = 0

    def tell(self, progress: Progress) -> None:
        """Called several times a second. Raises `Refused` when the time is over, and as `JobContext.progress` does."""
        now = monotonic()
        if self._seconds and now - self._began > self._seconds:
            raise Refused(
                f"The training took longer than the {self._seconds:g} seconds that this platform allows, and was ended "
                f"at: {progress.message}.",
                field="train",
                fix="Train on fewer rows or with fewer rounds, or have the setting train_seconds raised.",
            )
        if now - self._looked >= _SHOW_SECONDS:
            self._looked = now
            self._show()
        self._context.progress(progress.fraction, progress.message)

    def _show(self) -> None:
        size = self._log.stat().st_size
        if size == self._shown:
            return
        self._shown = size
        with self._log.open("rb") as log:
            log.seek(max(0, size - TAIL_BYTES))
            tail = log.read(TAIL_BYTES)
        with self._context.store.plumbing() as connection:
            rows.show(connection, self._item, tail)
