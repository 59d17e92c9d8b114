"""What a comparison means for a release."""

from datetime import timedelta

import msgspec
import pytest

from podium.core import project, release, time
from podium.core.release import Stage, Verdict
from podium.deploy.releases import rules

PART = project.ReleasePart(
    endpoint="delay",
    shadow=project.ShadowPart(min_duration="7d", max_duration="21d", min_rows=1000),
    canary=project.CanaryPart(weight=0.2, min_duration="7d"),
)
FEW = 10
"""Rows below which nothing was measured."""
LENIENT = project.ReleasePart(endpoint="delay", require="not-worse")


def item(stage: Stage) -> release.Release:
    return release.Release(
        id="release-1",
        project="flights",
        endpoint="delay",
        model="delay",
        version=2,
        digest="sha256:" + "0" * 64,
        replaces=1,
        stage=stage,
        stage_since_us=0,
        created_us=0,
        created_by="ada",
        reason="better data",
    )


def comparison(verdict: Verdict, rows: int = 5000) -> release.Comparison:
    value, low, high = (0.0, 0.0, 0.0) if rows < FEW else (0.012, 0.004, 0.02)
    return release.Comparison(
        verdict=verdict, metric="log_loss", rows=rows, difference=value, low=low, high=high, confidence=0.95
    )


def after(
    stage: Stage, verdict: Verdict, *, days: float, rows: int = 5000, part: project.ReleasePart = PART
) -> rules.Move:
    now_us = timedelta(days=days) // timedelta(microseconds=1)
    return rules.after_judgement(item(stage), comparison(verdict, rows), part, now_us)


@pytest.mark.parametrize(
    ("verdict", "days", "rows", "part", "to"),
    [
        (Verdict.BETTER, 7, 1000, PART, Stage.AWAITING_APPROVAL),
        (Verdict.BETTER, 6.99, 1000, PART, None),
        (Verdict.BETTER, 7, 999, PART, None),
        (Verdict.BETTER, 21, 999, PART, Stage.STOPPED),
        (Verdict.BETTER, 30, 1000, PART, Stage.AWAITING_APPROVAL),
        (Verdict.NOT_WORSE, 8, 5000, PART, None),
        (Verdict.NOT_WORSE, 8, 5000, LENIENT, Stage.AWAITING_APPROVAL),
        (Verdict.NOT_WORSE, 21, 5000, PART, Stage.STOPPED),
        (Verdict.NOT_ENOUGH_DATA, 8, 5000, LENIENT, None),
        (Verdict.NOT_ENOUGH_DATA, 21, 9, LENIENT, Stage.STOPPED),
        (Verdict.WORSE, 0.1, 10, PART, Stage.STOPPED),
    ],
)
def test_a_shadow_goes_on_only_when_proven_in_time(
    verdict: Verdict, days: float, rows: int, part: project.ReleasePart, to: Stage | None
) -> None:
    assert after(Stage.SHADOW, verdict, days=days, rows=rows, part=part).to is to


@pytest.mark.parametrize(
    ("verdict", "days", "rows", "to"),
    [
        (Verdict.NOT_WORSE, 7, 5000, Stage.CHAMPION),
        (Verdict.BETTER, 7, 5000, Stage.CHAMPION),
        (Verdict.BETTER, 6.9, 5000, None),
        (Verdict.NOT_ENOUGH_DATA, 7, 5000, Stage.CHAMPION),
        (Verdict.NOT_ENOUGH_DATA, 70, 5, None),
        (Verdict.WORSE, 0, 5000, Stage.ROLLED_BACK),
    ],
)
def test_a_canary_becomes_champion_when_its_time_is_over_and_it_is_not_seen_to_be_worse(
    verdict: Verdict, days: float, rows: int, to: Stage | None
) -> None:
    assert after(Stage.CANARY, verdict, days=days, rows=rows).to is to


def test_a_challenger_found_worse_while_it_awaits_approval_is_stopped() -> None:
    assert after(Stage.AWAITING_APPROVAL, Verdict.WORSE, days=1).to is Stage.STOPPED
    assert after(Stage.AWAITING_APPROVAL, Verdict.BETTER, days=100).to is None


def test_the_reason_names_the_figures() -> None:
    why = after(Stage.SHADOW, Verdict.WORSE, days=1).why
    assert "log_loss +0.012 (95% interval +0.004 to +0.02) on 5,000 rows" in why


@pytest.mark.parametrize("verdict", list(Verdict))
@pytest.mark.parametrize("stage", sorted(release.OPEN))
@pytest.mark.parametrize("days", [0, 10, 100])
def test_every_move_is_one_that_the_plan_allows(stage: Stage, verdict: Verdict, days: int) -> None:
    to = after(stage, verdict, days=days).to
    assert to is None or to in release.NEXT[stage]


def test_durations_are_read_as_the_project_file_writes_them() -> None:
    assert time.parse_duration(PART.shadow.max_duration) == timedelta(days=21)


GUARDED = project.ReleasePart(
    endpoint="delay", shadow=PART.shadow, guardrails=(project.GuardrailPart(metric="latency", margin=2.0),)
)


def rail(verdict: Verdict) -> release.Guarded:
    known = verdict is not Verdict.NOT_ENOUGH_DATA
    return release.Guarded(
        metric="latency",
        margin=2.0,
        verdict=verdict,
        rows=200,
        first=3.0 if known else None,
        second=9.0 if known else None,
        difference=-6.0,
        low=-7.0,
        high=-5.0,
    )


def after_rail(stage: Stage, seen: tuple[release.Guarded, ...], *, days: float) -> rules.Move:
    found = msgspec.structs.replace(comparison(Verdict.BETTER), guardrails=seen)
    return rules.after_judgement(item(stage), found, GUARDED, timedelta(days=days) // timedelta(microseconds=1))


@pytest.mark.parametrize(
    ("stage", "to"),
    [
        (Stage.SHADOW, Stage.STOPPED),
        (Stage.AWAITING_APPROVAL, Stage.STOPPED),
        (Stage.CANARY, Stage.ROLLED_BACK),
    ],
)
def test_a_better_challenger_that_breaks_a_guardrail_ends_with_the_reason(stage: Stage, to: Stage) -> None:
    move = after_rail(stage, (rail(Verdict.WORSE),), days=1)
    assert move.to is to
    assert "breaks a guardrail: latency 3 → 9, worse by +6 (95.0% interval +5 to +7, margin 2) on 200 rows" in move.why


@pytest.mark.parametrize(
    ("verdicts", "days", "to"),
    [
        ([Verdict.NOT_WORSE], 8, Stage.AWAITING_APPROVAL),
        ([Verdict.BETTER], 8, Stage.AWAITING_APPROVAL),
        ([Verdict.NOT_ENOUGH_DATA], 8, None),
        ([], 8, None),
        ([Verdict.NOT_ENOUGH_DATA], 21, Stage.STOPPED),
        ([Verdict.NOT_WORSE, Verdict.WORSE], 8, Stage.STOPPED),
    ],
)
def test_a_shadow_goes_on_only_when_its_guardrails_are_shown_to_be_kept(
    verdicts: list[Verdict], days: float, to: Stage | None
) -> None:
    move = after_rail(Stage.SHADOW, tuple(rail(each) for each in verdicts), days=days)
    assert move.to is to
    if to is None or verdicts == [Verdict.NOT_ENOUGH_DATA]:
        assert "guardrails" in move.why


def test_a_canary_whose_guardrails_are_not_seen_to_be_broken_becomes_champion() -> None:
    assert after_rail(Stage.CANARY, (rail(Verdict.NOT_ENOUGH_DATA),), days=8).to is Stage.CHAMPION
