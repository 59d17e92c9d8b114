"""The story of the demo: a year of flights, window by window; people act where people must."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import msgspec

from podium.cli import submit
from podium.cli.demo import cast
from podium.cli.demo.platform import Platform
from podium.cli.demo.traffic import Traffic
from podium.core import release
from podium.core import time as instants
from podium.core.errors import Refused

MODEL = "flight-delay"
PROJECT = "flights"
ENDPOINT = "flight-delay"
BEGIN = datetime(2013, 3, 1, 5, tzinfo=UTC)
"""Midnight in New York: the first two months are training data, known by then."""
YEAR_END = datetime(2014, 1, 1, 5, tzinfo=UTC)
WINDOW = timedelta(days=7)


class Window(msgspec.Struct, frozen=True, kw_only=True):
    """What one window brought, for the progress line."""

    number: int
    of: int
    end: datetime
    champion: int | None
    release: release.Release | None
    alerts: int
    scored: int
    rate: float


def windows(begin: datetime, end: datetime) -> list[tuple[datetime, datetime]]:
    """The windows of a story; the last one may be shorter."""
    bounds, start = [], begin
    while start < end:
        stop = min(end, start + WINDOW)
        bounds.append((start, stop))
        start = stop
    return bounds


def tell(platform: Platform, traffic: Traffic, first: submit.Project, until: datetime) -> Iterator[Window]:
    """Play the story from the first training to `until`; yields after each window."""
    begin_with_version_one(platform, first)
    traffic.skip_before(BEGIN)
    bounds = windows(BEGIN, until)
    for number, (start, end) in enumerate(bounds, 1):
        traffic.play(start, end, platform.set_clock)
        close_window(platform, end)
        yield _window(platform, traffic, number, len(bounds), end)


def begin_with_version_one(platform: Platform, first: submit.Project) -> None:
    """Train version 1 on what is known, and let people bring it to the endpoint."""
    scientist = platform.client(cast.SCIENTIST)
    run = submit.train(scientist, first, reason="first version, on January and February")
    scientist.jobs.wait_idle()
    finished = scientist.runs.get(run.id)
    if finished.error:
        raise Refused(f"Training failed: {finished.error}")
    people_act(platform)
    platform.settle(ENDPOINT)
    if platform.client(cast.ENGINEER).endpoints.status(ENDPOINT).endpoint.champion is None:
        raise Refused("Version 1 did not reach the endpoint.", fix="Run: podium versions show flight-delay 1.")


def close_window(platform: Platform, end: datetime) -> None:
    """Let the platform look at what happened, retrain if it finds reason to, and ask people."""
    platform.drain()
    engineer = platform.client(cast.ENGINEER)
    engineer.checks.close_window(ENDPOINT, instants.to_us(end))
    engineer.jobs.wait_idle()
    people_act(platform)
    platform.settle(ENDPOINT)


def people_act(platform: Platform) -> None:
    """The validator, then the owner, look at each version whose release waits for their yes."""
    for person, role in ((cast.VALIDATOR, "validator"), (cast.OWNER, "owner")):
        client = platform.client(person)
        waiting = {
            item.version for item in client.releases.list(ENDPOINT) if item.stage is release.Stage.AWAITING_APPROVAL
        }
        for pending in client.approvals.pending():
            if pending.version not in waiting or role not in pending.lacks:
                continue
            if person is cast.VALIDATOR:
                client.versions.validate(pending.model, pending.version, comment=_opinion(pending.version))
            else:
                client.versions.approve(pending.model, pending.version, comment="The value justifies it.")
        client.jobs.wait_idle()


def _opinion(version: int) -> str:
    return f"Gates, parity and slices of version {version} checked on the recorded evidence."


def _window(platform: Platform, traffic: Traffic, number: int, of: int, end: datetime) -> Window:
    engineer = platform.client(cast.ENGINEER)
    status = engineer.endpoints.status(ENDPOINT)
    releases = [item for item in engineer.releases.list(ENDPOINT) if item.stage in release.OPEN]
    return Window(
        number=number,
        of=of,
        end=end,
        champion=status.endpoint.champion,
        release=releases[0] if releases else None,
        alerts=len(engineer.alerts.list(state="open")),
        scored=traffic.scored,
        rate=traffic.scored / traffic.seconds_scoring if traffic.seconds_scoring else 0.0,
    )
