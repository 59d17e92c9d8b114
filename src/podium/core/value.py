"""What decisions were worth, in the unit of the project file's costs."""

import enum

import msgspec

from podium.core.run import Interval
from podium.core.window import Window


class Over(enum.StrEnum):
    """Whose decisions the same rows would else have had."""

    NEVER = "never"
    ALWAYS = "always"
    BASELINE = "baseline"
    """What would be done without a model: the rule of `[baseline]`, else the better of never and always acting."""
    FORMER = "former"
    """The champion before this one, which is asked the same rows."""
    CHALLENGER = "challenger"
    """A version that listens: the same rows."""
    CANARY = "canary"
    """A version that decides a share: its own rows."""


class Gain(msgspec.Struct, frozen=True, kw_only=True):
    """How much more the champion's decisions are worth than another's; above 0 is in the champion's favour."""

    over: Over
    who: str
    """The other in words, such as "never acting" or "version 3, the champion before"."""
    version: int | None = None
    per_decision: Interval
    total: float
    """The mean times the decisions of the window."""


class WindowValue(msgspec.Struct, frozen=True, kw_only=True):
    """What the champion's decisions in a closed window were worth, of the rows whose outcome is known."""

    endpoint: str
    version: int
    window: Window
    of: Window
    """When the rows were made: in the window, or with a label window so much earlier."""
    unit: str
    kpi: str
    """What the model is to move, in the words of the project file."""
    rows: int
    """Decisions with a known outcome, on which all figures rest."""
    waiting: int
    """Rows without an outcome, or that wait for a person's decision."""
    per_decision: Interval | None
    """Below 0: the decisions cost more than they brought. None with fewer than two decisions."""
    total: float
    """Of those rows."""
    expected: float | None
    """A decision's value on the test split of training."""
    gains: tuple[Gain, ...]
    groups: str
    """What belongs together in the intervals: "day", "hour" or "row"."""
    lacking: str = ""
    """Why there is no comparison with the champion before, where there was one."""

    def baseline(self) -> Gain | None:
        """The gain over what would be done without a model."""
        return self.gain(Over.BASELINE)

    def gain(self, over: Over) -> Gain | None:
        return next((each for each in self.gains if each.over is over), None)
