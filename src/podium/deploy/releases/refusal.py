"""A rollout that no scorer takes: its release has failed, and what served before is in force again."""

import msgspec

from podium.core import endpoint, release, rollout, version
from podium.core.release import Stage
from podium.core.rollout import RouteRole
from podium.core.version import VersionState
from podium.deploy.endpoints import publish
from podium.deploy.endpoints import store as endpoints
from podium.deploy.releases import stages
from podium.deploy.releases import store as rows
from podium.manage.registry import store as registry
from podium.store.store import Store
from podium.store.transaction import Transaction


def fail(store: Store, tx: Transaction, named: str, number: int, why: str) -> release.Release | None:
    """Mark the release failed that brought a refused rollout, and publish what served before.

    A champion new with this rollout is taken back; else the release on its way is ended and the champion goes on
    alone. None when the rollout is no longer in force, or no release brought anything new with it.
    """
    place = endpoints.find(tx.connection, tx.caller.project, named, lock=True)
    if place is None or place.rollout != number:
        return None
    standing = rows.open_of(tx.connection, place.project, named)
    last = _new_champion(tx, place)
    if last is not None:
        return _take_back(store, tx, place, standing, _failed(tx, last, why))
    if standing is None:
        return None
    ended = _failed(tx, standing, why)
    if place.champion is not None:
        stages.serve(store, tx, place, None)
    return ended


def _failed(tx: Transaction, item: release.Release, why: str) -> release.Release:
    ended = stages.change(tx, item, Stage.FAILED, why)
    stages.record(tx, "release.failed", ended, why=why)
    return ended


def _new_champion(tx: Transaction, place: endpoint.Endpoint) -> release.Release | None:
    """The release that made the champion, if no scorer ever served a rollout in which that version is champion."""
    if place.champion is None:
        return None
    last = rows.made_champion(tx.connection, place.project, place.name, place.champion)
    taken = _taken(tx, place)
    if last is None or taken is None:
        return last
    known = taken.route(RouteRole.CHAMPION)
    served = known is not None and known.version == place.champion
    return None if served or last.stage_since_us < taken.created_us else last


def _taken(tx: Transaction, place: endpoint.Endpoint) -> rollout.Rollout | None:
    """The newest rollout that a scorer ever served."""
    number = max((item.took(place.name) for item in endpoints.list_scorers(tx.connection, place.project)), default=0)
    return endpoints.signed(tx.connection, place.project, place.name, number).rollout() if number else None


def _take_back(
    store: Store,
    tx: Transaction,
    place: endpoint.Endpoint,
    standing: release.Release | None,
    failed: release.Release,
) -> release.Release:
    if standing is not None:
        stages.stop(tx, standing, f"Version {failed.version} failed: there is another champion to compare with.")
    back = _before(tx, place, failed.replaces)
    if back is not None:
        stages.restore(tx, back, failed.note)
    champion = None if back is None else back.number
    stages.serve(store, tx, msgspec.structs.replace(place, champion=champion), None)
    stages.retire(tx, place, failed.version, f"It failed at {place.name}: {failed.note}")
    return failed


def _before(tx: Transaction, place: endpoint.Endpoint, number: int | None) -> version.Version | None:
    """The version that decided before, if it still may."""
    if number is None:
        return None
    back = registry.version(tx.connection, place.project, place.model, number)
    may = back.state is not VersionState.REJECTED and not publish.lacking(tx, place, back.digest)
    return back if may else None
