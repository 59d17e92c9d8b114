"""Back to what served before, in one command; and away with what may not serve any more."""

import msgspec

from podium.core import access, endpoint, release, rollout
from podium.core.errors import Conflict, Refused
from podium.core.release import Stage
from podium.core.rollout import RouteRole
from podium.core.version import VersionState
from podium.deploy.endpoints import publish
from podium.deploy.endpoints import store as endpoints
from podium.deploy.releases import actions, rules, stages
from podium.deploy.releases import store as rows
from podium.manage.registry import store as registry
from podium.store.store import Store
from podium.store.transaction import Transaction


def rollback(store: Store, caller: access.Caller, named: str, reason: str) -> release.Release:
    """Take an endpoint back: a canary is withdrawn; else the version before the champion decides again.

    Returns the release that was rolled back. Raises `Refused` when nothing served before, or when the version before
    may not decide any more (rejected, or its approvals no longer hold).
    """
    with store.write(caller) as tx:
        place = endpoints.get(tx.connection, caller.project, named, lock=True)
        standing = rows.open_of(tx.connection, caller.project, named)
        if standing is not None and standing.stage is Stage.CANARY:
            return tx.done(actions.end(store, tx, place, standing, rules.Move(Stage.ROLLED_BACK, reason)))
        return tx.done(_dethrone(store, tx, place, standing, reason))


def _dethrone(
    store: Store, tx: Transaction, place: endpoint.Endpoint, standing: release.Release | None, reason: str
) -> release.Release:
    last, previous = _before(tx, place)
    if standing is not None:
        stages.stop(tx, standing, f"{place.name} was rolled back: there is another champion to compare with.")
    back = registry.version(tx.connection, place.project, place.model, previous)
    stages.restore(tx, back, reason)
    ended = stages.change(tx, last, Stage.ROLLED_BACK, reason)
    stages.serve(store, tx, msgspec.structs.replace(place, champion=previous), None)
    stages.retire(tx, place, last.version, f"It was rolled back at {place.name}: {reason}")
    stages.record(tx, "release.rolled-back", ended, to_version=previous, why=reason)
    return ended


def _before(tx: Transaction, place: endpoint.Endpoint) -> tuple[release.Release, int]:
    if place.champion is None:
        raise Conflict("No version decides at this endpoint.", field="endpoint", fix="Start a release.")
    last = rows.made_champion(tx.connection, place.project, place.name, place.champion)
    if last is None or last.replaces is None:
        raise Refused(
            f"Version {place.champion} is the first that served at {place.name}: there is none to go back to.",
            field="endpoint",
            fix="Start a release of another version, or reject this one to stop it.",
        )
    return last, last.replaces


def withdraw_unapproved(store: Store, caller: access.Caller, named: str) -> rollout.Rollout | None:
    """Publish a rollout without the routes that may not serve any more; None when there was nothing to publish.

    A version may serve while it is not rejected and, if it decides, its approvals hold. When the champion goes, nothing
    decides until a person releases or rolls back; an open release goes with its own version or with its champion.
    """
    try:
        with store.write(caller) as tx:
            return tx.done(_withdraw(store, tx, named))
    except _AllMayServe:
        return None


class _AllMayServe(Exception):
    """Leaves the transaction without a change."""


def _withdraw(store: Store, tx: Transaction, named: str) -> rollout.Rollout | None:
    place = endpoints.get(tx.connection, tx.caller.project, named, lock=True)
    standing = rows.open_of(tx.connection, place.project, named)
    champion_lost = place.champion is not None and not _may(tx, place, place.champion, RouteRole.CHAMPION)
    release_lost = standing is not None and (champion_lost or _lost(tx, place, standing))
    if not champion_lost and not release_lost:
        raise _AllMayServe
    if standing is not None and release_lost:
        why = "the champion" if champion_lost else f"version {standing.version}"
        stages.stop(tx, standing, f"Withdrawn: {why} was rejected, or its approvals no longer hold.")
    if place.champion is None:
        return None
    left = msgspec.structs.replace(place, champion=None) if champion_lost else place
    return stages.serve(store, tx, left, None)


def _lost(tx: Transaction, place: endpoint.Endpoint, item: release.Release) -> bool:
    role = RouteRole.CANARY if item.stage is Stage.CANARY else RouteRole.SHADOW
    return not _may(tx, place, item.version, role)


def _may(tx: Transaction, place: endpoint.Endpoint, number: int, role: RouteRole) -> bool:
    served = registry.version(tx.connection, place.project, place.model, number)
    if served.state is VersionState.REJECTED:
        return False
    if role is RouteRole.SHADOW:
        return True
    return not publish.lacking(tx, place, served.digest)
