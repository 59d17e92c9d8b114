"""Releases: start one, judge it, let it go on, stop it."""

from typing import Annotated

import msgspec

from podium.core import access, endpoint, release, version
from podium.core.errors import Conflict, Refused
from podium.core.release import Stage
from podium.core.version import VersionState
from podium.deploy.endpoints import actions as endpoint_actions
from podium.deploy.endpoints import publish
from podium.deploy.endpoints import store as endpoints
from podium.deploy.releases import rules, stages, waiting
from podium.deploy.releases import store as rows
from podium.manage.registry import store as registry
from podium.store.store import Store
from podium.store.transaction import Transaction

SUPERSEDED = "superseded"


class NewRelease(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which version goes to which endpoint, and why."""

    endpoint: str
    version: int
    reason: Annotated[str, msgspec.Meta(min_length=1, max_length=2000)]
    model: str | None = None
    """Whose version it is, for certainty: an endpoint serves one model."""
    wait: bool = False
    """Where another release is further on than shadow: wait for its end, instead of being refused."""


def start(store: Store, caller: access.Caller, wanted: NewRelease) -> release.Release:
    """Begin to bring a version to an endpoint: in shadow, or awaiting approval where nothing decides yet.

    A release still in shadow is superseded, and one that waits. While another one is further on it waits for that one's
    end if `wanted.wait`, else raises `Conflict`. `Refused` for a version that did not pass its gates or was rejected.
    """
    with store.write(caller) as tx:
        return tx.done(begin(store, tx, wanted))


def begin(store: Store, tx: Transaction, wanted: NewRelease) -> release.Release:
    """Start a release within an action."""
    place = endpoints.get(tx.connection, tx.caller.project, wanted.endpoint, lock=True)
    if wanted.model is not None and wanted.model != place.model:
        raise Conflict(f"{place.name} serves {place.model}.", field="model", fix="Choose that model's endpoint.")
    coming = registry.version(tx.connection, tx.caller.project, place.model, wanted.version)
    _check_startable(place, coming)
    made = _made(tx, wanted, place, coming)
    if not _make_room(tx, place, coming, wait=wanted.wait):
        made = msgspec.structs.replace(made, stage=Stage.WAITING, note=waiting.WHY)
    rows.add(tx.connection, made)
    stages.record(tx, "release.started", made, stage=made.stage, reason=made.reason)
    return made if made.stage is Stage.WAITING else set_out(store, tx, place, made)


def _made(tx: Transaction, wanted: NewRelease, place: endpoint.Endpoint, coming: version.Version) -> release.Release:
    return release.Release(
        id=tx.new_id("release"),
        project=place.project,
        endpoint=place.name,
        model=place.model,
        version=coming.number,
        digest=coming.digest,
        replaces=place.champion,
        stage=Stage.AWAITING_APPROVAL if place.champion is None else Stage.SHADOW,
        stage_since_us=tx.now_us,
        created_us=tx.now_us,
        created_by=tx.caller.name,
        reason=wanted.reason,
    )


def set_out(store: Store, tx: Transaction, place: endpoint.Endpoint, made: release.Release) -> release.Release:
    """Put a release's first stage in force."""
    if made.stage is Stage.SHADOW:
        stages.serve(store, tx, place, made)
        return made
    return _go_on_if_approved(store, tx, place, made)


def let_begin(store: Store, tx: Transaction, identifier: str) -> release.Release | None:
    """Let a waiting release begin; it stops if its version may not any more. None while another one is on its way."""
    place = endpoints.get(
        tx.connection, tx.caller.project, rows.get(tx.connection, tx.caller.project, identifier).endpoint, lock=True
    )
    item = rows.get(tx.connection, tx.caller.project, identifier)
    if item.stage is not Stage.WAITING or rows.open_of(tx.connection, place.project, place.name) is not None:
        return None
    try:
        _check_startable(place, registry.version(tx.connection, place.project, place.model, item.version))
    except (Conflict, Refused) as problem:
        return stages.stop(tx, item, problem.message)
    first = Stage.AWAITING_APPROVAL if place.champion is None else Stage.SHADOW
    item = msgspec.structs.replace(item, replaces=place.champion)
    return set_out(store, tx, place, stages.change(tx, item, first, "The release before it has ended."))


def _check_startable(place: endpoint.Endpoint, coming: version.Version) -> None:
    if coming.number == place.champion:
        raise Conflict(f"Version {coming.number} decides at {place.name} already.", field="version")
    if coming.state is VersionState.REJECTED:
        raise Refused(f"Version {coming.number} is rejected.", field="version", fix="Build a new version.")
    if coming.gates_passed is not True:
        raise Refused(
            f"Version {coming.number} has not passed its gates.",
            field="version",
            fix="See which gate failed on the version's page.",
        )


def _make_room(tx: Transaction, place: endpoint.Endpoint, coming: version.Version, *, wait: bool) -> bool:
    """Supersede what is not yet far on; False when the release has to wait for the end of one that is."""
    standing = rows.open_of(tx.connection, place.project, place.name)
    behind = rows.waiting_of(tx.connection, place.project, place.name)
    far = standing is not None and standing.stage is not Stage.SHADOW
    for item in (behind, standing):
        if item is not None and (item.version == coming.number or (item is standing and far and not wait)):
            raise Conflict(
                f"The release of version {item.version} to {place.name} is at {item.stage}.",
                field="endpoint",
                fix="Wait for it to end (podium release start --wait), or stop it.",
            )
    for item in (behind, None if far else standing):
        if item is not None:
            stages.stop(tx, item, f"{SUPERSEDED} by version {coming.number}")
    return not far


def judge(store: Store, caller: access.Caller, identifier: str, comparison: release.Comparison) -> release.Release:
    """Keep what a comparison of challenger and champion says, and do what follows from it by the project's rules.

    Raises `Conflict` when the release has ended.
    """
    with store.write(caller) as tx:
        return tx.done(judge_in(store, tx, identifier, comparison))


def judge_in(store: Store, tx: Transaction, identifier: str, comparison: release.Comparison) -> release.Release:
    """Judge a release within an action."""
    place, item = opened(tx, identifier)
    part = registry.model(tx.connection, item.project, item.model).spec.release
    move = rules.after_judgement(item, comparison, part, tx.now_us)
    judged = msgspec.structs.replace(item, comparison=comparison, note=move.why)
    rows.change(tx.connection, judged)
    stages.record(
        tx, "release.judged", judged, stage=judged.stage, verdict=comparison.verdict, to=move.to, why=move.why
    )
    if move.to is None:
        return judged
    if move.to is Stage.AWAITING_APPROVAL:
        return _go_on_if_approved(store, tx, place, stages.change(tx, judged, move.to, move.why))
    if move.to is Stage.CHAMPION:
        return stages.crown(store, tx, place, judged, move.why)
    return end(store, tx, place, judged, move)


def end(
    store: Store, tx: Transaction, place: endpoint.Endpoint, item: release.Release, move: rules.Move
) -> release.Release:
    """Stop a release or roll its canary back, and leave the champion alone in force."""
    if move.to is Stage.ROLLED_BACK:
        ended = stages.change(tx, item, Stage.ROLLED_BACK, move.why)
        stages.record(tx, "release.rolled-back", ended, why=move.why)
    else:
        ended = stages.stop(tx, item, move.why)
    if place.champion is not None:
        stages.serve(store, tx, place, None)
    return ended


def advance(store: Store, caller: access.Caller, identifier: str) -> release.Release:
    """Let a release go on: awaiting approval, once the approvals hold; in canary, once its time is over.

    Raises `Refused` while the rules do not yet let it, `Conflict` where only a comparison can move it.
    """
    with store.write(caller) as tx:
        place, item = opened(tx, identifier)
        if item.stage is Stage.AWAITING_APPROVAL:
            return tx.done(stages.let_decide(store, tx, place, item))
        if item.stage is Stage.CANARY and item.comparison is not None:
            part = registry.model(tx.connection, item.project, item.model).spec.release
            move = rules.after_judgement(item, item.comparison, part, tx.now_us)
            if move.to is Stage.CHAMPION:
                return tx.done(stages.crown(store, tx, place, item, move.why))
            raise Refused(move.why, field="release")
        raise Conflict(
            f"A release at {item.stage} goes on when its window's comparison says so.",
            field="release",
            fix="Close a window of the endpoint, or stop the release.",
        )


def stop(store: Store, caller: access.Caller, identifier: str, reason: str) -> release.Release:
    """End an open release; the champion goes on alone. One that waits is taken back."""
    with store.write(caller) as tx:
        behind = rows.get(tx.connection, caller.project, identifier)
        if behind.stage is Stage.WAITING:
            endpoints.get(tx.connection, caller.project, behind.endpoint, lock=True)
            return tx.done(stages.stop(tx, rows.get(tx.connection, caller.project, identifier), reason))
        place, item = opened(tx, identifier)
        return tx.done(end(store, tx, place, item, rules.Move(Stage.STOPPED, reason)))


def remove_endpoint(store: Store, caller: access.Caller, named: str) -> None:
    """Delete an endpoint where nothing decides, with the release that was on its way there."""
    with store.write(caller) as tx:
        place = endpoints.get(tx.connection, caller.project, named, lock=True)
        for item in (
            rows.waiting_of(tx.connection, caller.project, named),
            rows.open_of(tx.connection, caller.project, named),
        ):
            if item is not None:
                stages.stop(tx, item, "The endpoint was deleted.")
        endpoint_actions.remove(store, tx, place)
        tx.done(None)


def opened(tx: Transaction, identifier: str) -> tuple[endpoint.Endpoint, release.Release]:
    """An open release with its endpoint, both held until the transaction ends; `Conflict` when it has ended."""
    named = rows.get(tx.connection, tx.caller.project, identifier).endpoint
    place = endpoints.get(tx.connection, tx.caller.project, named, lock=True)
    item = rows.get(tx.connection, tx.caller.project, identifier)
    if item.stage is Stage.WAITING:
        raise Conflict(item.note, field="release", fix="Stop the one before it, or this one.")
    if item.stage not in release.OPEN:
        raise Conflict(f"This release has ended: it is {item.stage}.", field="release", fix="Start a new one.")
    return place, item


def _go_on_if_approved(
    store: Store, tx: Transaction, place: endpoint.Endpoint, item: release.Release
) -> release.Release:
    return item if publish.lacking(tx, place, item.digest) else stages.let_decide(store, tx, place, item)
