"""What a comparison means for a release: on, back, out, or wait. Pure: no clock, no database."""

from datetime import timedelta

import msgspec

from podium.core import project, release, time
from podium.core.release import Stage, Verdict


class Move(msgspec.Struct, frozen=True):
    """Where a release goes, and why, in words; `to` is None when it stays where it is."""

    to: Stage | None
    why: str


def after_judgement(
    item: release.Release, comparison: release.Comparison, part: project.ReleasePart, now_us: int
) -> Move:
    """What follows from comparing an open release's challenger with the champion at an instant."""
    if comparison.verdict is Verdict.WORSE:
        to = Stage.ROLLED_BACK if item.stage is Stage.CANARY else Stage.STOPPED
        return Move(to, f"The challenger is worse: {described(comparison)}.")
    broken = [each for each in comparison.guardrails if each.verdict is Verdict.WORSE]
    if broken:
        to = Stage.ROLLED_BACK if item.stage is Stage.CANARY else Stage.STOPPED
        return Move(to, f"The challenger breaks a guardrail: {'; '.join(guarded(each) for each in broken)}.")
    waited = timedelta(microseconds=now_us - item.stage_since_us)
    if item.stage is Stage.SHADOW:
        return _after_shadow(waited, comparison, part)
    if item.stage is Stage.CANARY:
        return _after_canary(waited, comparison, part)
    return Move(None, "People have not yet said yes.")


def _after_shadow(waited: timedelta, comparison: release.Comparison, part: project.ReleasePart) -> Move:
    shadow = part.shadow
    enough_rows = comparison.rows >= shadow.min_rows
    kept = not _open_guardrails(comparison, part)
    if waited >= time.parse_duration(shadow.min_duration) and enough_rows and proven(comparison, part) and kept:
        return Move(Stage.AWAITING_APPROVAL, f"The challenger proved itself: {described(comparison)}.")
    if waited >= time.parse_duration(shadow.max_duration):
        return Move(
            Stage.STOPPED,
            f"After {shadow.max_duration} in shadow the challenger is not proven {_lacking(comparison, part)}.",
        )
    if waited < time.parse_duration(shadow.min_duration):
        return Move(None, f"It listens for at least {shadow.min_duration}.")
    if not enough_rows:
        return Move(None, f"It is judged on at least {shadow.min_rows:,} rows; there are {comparison.rows:,}.")
    return Move(None, f"The challenger is not yet proven {_lacking(comparison, part)}.")


def _after_canary(waited: timedelta, comparison: release.Comparison, part: project.ReleasePart) -> Move:
    if waited < time.parse_duration(part.canary.min_duration):
        return Move(None, f"It decides a part for at least {part.canary.min_duration}.")
    if not _measured(comparison):
        return Move(None, "There is not enough data to see how the canary does.")
    shown = "is better" if comparison.verdict is Verdict.BETTER else "is not seen to be worse"
    return Move(Stage.CHAMPION, f"It proved itself in shadow, and the canary {shown}: {described(comparison)}.")


def _measured(comparison: release.Comparison) -> bool:
    """Whether there were rows enough for an interval, wide as it may be."""
    return comparison.low < comparison.high


def proven(comparison: release.Comparison, part: project.ReleasePart) -> bool:
    """Whether the verdict is the one that the project file requires of a challenger."""
    if comparison.verdict is Verdict.NOT_WORSE:
        return part.require == "not-worse"
    return comparison.verdict is Verdict.BETTER


def _open_guardrails(comparison: release.Comparison, part: project.ReleasePart) -> list[str]:
    """What there is to say of guardrails that are not shown to be kept; those not looked at at all included."""
    if len(comparison.guardrails) < len(part.guardrails):
        return ["its guardrails have not been looked at"]
    return [guarded(each) for each in comparison.guardrails if each.verdict not in (Verdict.BETTER, Verdict.NOT_WORSE)]


def _lacking(comparison: release.Comparison, part: project.ReleasePart) -> str:
    if proven(comparison, part):
        return f"to keep its guardrails: {'; '.join(_open_guardrails(comparison, part))}"
    return f"{'better' if part.require == 'better' else 'not worse'}: {described(comparison)}"


def described(comparison: release.Comparison) -> str:
    """A comparison in words: the metric, the difference with its interval, the rows."""
    if not _measured(comparison):
        return f"{comparison.metric} on {comparison.rows:,} rows, which is not enough to say"
    return (
        f"{comparison.metric} {comparison.difference:+.5g} "
        f"({comparison.confidence:.0%} interval {comparison.low:+.5g} to {comparison.high:+.5g}) "
        f"on {comparison.rows:,} rows; above 0 favours the challenger"
    )


def guarded(item: release.Guarded) -> str:
    """A guardrail in words: both figures, by how much it is worse with its interval, and the margin."""
    name = f"{item.metric} by {item.by}" if item.by else item.metric
    if item.first is None or item.second is None:
        return f"{name} on {item.rows:,} rows, which is not enough to say"
    return (
        f"{name} {item.first:.5g} → {item.second:.5g}, worse by {-item.difference:+.5g} "
        f"({item.confidence:.1%} interval {-item.high:+.5g} to {-item.low:+.5g}, margin {item.margin:.5g}) "
        f"on {item.rows:,} rows"
    )
