"""The two clocks: the system's, and one that a rehearsal sets through a file."""

from datetime import UTC, datetime
from pathlib import Path

from podium.core import time
from podium.core.errors import Invalid, Unavailable


def system() -> time.Clock:
    """The clock of this machine."""
    return lambda: datetime.now(UTC)  # noqa: TID251 - the one home of the real clock


def file(path: Path) -> time.Clock:
    """A clock that reads microseconds since 1970 from a file, which a rehearsal replaces atomically."""

    def now() -> datetime:
        try:
            return time.from_us(int(path.read_text()))
        except FileNotFoundError:
            raise Unavailable(
                "The rehearsal's clock file is missing.", field="clock", fix=f"Expected {path}."
            ) from None

    return now


def set_file(path: Path, now: datetime) -> None:
    """Set a rehearsal's clock: readers see the old instant or the new one, never half of it."""
    temporary = path.with_name(path.name + ".new")
    temporary.write_text(str(time.to_us(now)))
    temporary.replace(path)


def choose(setting: str) -> time.Clock:
    """The clock that a setting names: `system`, or `file:<path>`."""
    if setting == "system":
        return system()
    if setting.startswith("file:"):
        return file(Path(setting.removeprefix("file:")))
    raise Invalid("There is no such clock.", field="clock", fix="Write system, or file:<path>.")
