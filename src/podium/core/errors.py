"""The five ways in which Podium says no.

Each message is a sentence that a person can act on: what is wrong, where, and what to do. Messages never echo input
that was not already checked.
"""


class PodiumError(Exception):
    """The root of every error that Podium raises on purpose."""

    kind = "error"

    def __init__(self, message: str, *, field: str | None = None, fix: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.field = field
        self.fix = fix

    def __str__(self) -> str:
        where = f"{self.field}: " if self.field else ""
        what_to_do = f" {self.fix}" if self.fix else ""
        return f"{where}{self.message}{what_to_do}"


class NotFound(PodiumError):
    """There is nothing under that name or id."""

    kind = "not-found"


class Conflict(PodiumError):
    """What was asked contradicts what is already there."""

    kind = "conflict"


class Refused(PodiumError):
    """The caller may not do this, or a rule (gate, approval, proof) forbids it."""

    kind = "refused"


class Invalid(PodiumError):
    """The input is wrong; `field` names which part and `fix` says what to write instead."""

    kind = "invalid"


class Unavailable(PodiumError):
    """A part that is needed does not answer, or is not installed; trying later or installing it helps."""

    kind = "unavailable"


ALL = (NotFound, Conflict, Refused, Invalid, Unavailable)


def missing_extra(extra: str, package: str) -> Unavailable:
    """Say which extra brings a package that is not installed."""
    return Unavailable(
        f"This needs the package {package!r}, which is not installed.", fix=f"Install it: pip install 'podium[{extra}]'"
    )
