"""Move a release from stage to stage, and put what each stage serves in force."""

import msgspec

from podium.core import access, endpoint, event, release, rollout, version
from podium.core.release import Stage
from podium.core.rollout import RouteRole
from podium.core.version import VersionState
from podium.deploy.endpoints import publish
from podium.deploy.endpoints import store as endpoints
from podium.deploy.releases import store as rows
from podium.manage.registry import actions as versions
from podium.manage.registry import store as registry
from podium.store.store import Store
from podium.store.transaction import Transaction

_DEPLOY = access.Permission.DEPLOY


def record(tx: Transaction, kind: str, item: release.Release, **detail: object) -> None:
    """Say what happened to a release; its parents are the version that it brings and the one that it replaces."""
    parents = [event.Subject("version", item.digest)]
    if item.replaces is not None:
        replaced = registry.version(tx.connection, item.project, item.model, item.replaces)
        parents.append(event.Subject("version", replaced.digest))
    shown = {"endpoint": item.endpoint, "model": item.model, "version": item.version, **detail}
    tx.record(kind, event.Subject("release", item.id), permission=_DEPLOY, parents=parents, detail=shown)


def change(tx: Transaction, item: release.Release, to: Stage, why: str) -> release.Release:
    """Put a release at its next stage, or raise `Conflict` when its plan does not allow it."""
    changed = msgspec.structs.replace(item, stage=release.step(item, to), stage_since_us=tx.now_us, note=why)
    rows.change(tx.connection, changed)
    record(tx, "release.stage-changed", changed, **{"from": item.stage, "to": to, "why": why})
    return changed


def serve(store: Store, tx: Transaction, place: endpoint.Endpoint, open_one: release.Release | None) -> rollout.Rollout:
    """Publish what an endpoint serves while a release is open (None: its champion alone)."""
    routes = []
    champion = _version(tx, place, place.champion)
    coming = None if open_one is None else _version(tx, place, open_one.version)
    deciding = open_one is not None and open_one.stage is Stage.CANARY
    weight = _canary_weight(tx, place) if deciding else 0.0
    if champion is not None:
        routes.append(publish.route(tx, RouteRole.CHAMPION, champion, 1 - weight))
    if coming is not None and champion is not None:
        role = RouteRole.CANARY if deciding else RouteRole.SHADOW
        routes.append(publish.route(tx, role, coming, weight))
    return publish.publish(store, tx, place, routes)


def crown(store: Store, tx: Transaction, place: endpoint.Endpoint, item: release.Release, why: str) -> release.Release:
    """Make a release's version the champion, and retire the version that it replaces."""
    changed = change(tx, item, Stage.CHAMPION, why)
    before = place.champion
    serve(store, tx, msgspec.structs.replace(place, champion=item.version), None)
    if before is not None:
        retire(tx, place, before, f"Version {item.version} replaced it at {place.name}.")
    record(tx, "release.completed", changed, why=why)
    return changed


def retire(tx: Transaction, place: endpoint.Endpoint, number: int, why: str) -> None:
    """Retire a version that no longer decides at any endpoint."""
    others = endpoints.list_all(tx.connection, place.project, model=place.model, limit=1000)
    if any(other.champion == number for other in others):
        return
    left = registry.version(tx.connection, place.project, place.model, number)
    if left.state is VersionState.APPROVED:
        versions.retire_in(tx, left, why)


def restore(tx: Transaction, served: version.Version, why: str) -> None:
    """Bring a retired version back before it decides again; its approvals are checked when it is published."""
    if served.state is VersionState.RETIRED:
        versions.restore_in(tx, served, why)


def stop(tx: Transaction, item: release.Release, why: str) -> release.Release:
    """End a release; the rollout is the caller's to publish."""
    changed = change(tx, item, Stage.STOPPED, why)
    record(tx, "release.stopped", changed, why=why)
    return changed


def let_decide(store: Store, tx: Transaction, place: endpoint.Endpoint, item: release.Release) -> release.Release:
    """From `awaiting-approval` on: to canary, or to champion where nothing decides yet.

    Raises `Refused` while a required approval does not hold.
    """
    lacks = publish.lacking(tx, place, item.digest)
    if lacks:
        raise publish.refusal(place, item.version, lacks)
    restore(tx, registry.version(tx.connection, item.project, item.model, item.version), f"Released to {place.name}.")
    if place.champion is None:
        return crown(store, tx, place, item, "It is approved, and no version decides here yet.")
    if _canary_weight(tx, place) == 0:
        return crown(store, tx, place, item, "It is approved, and the project file asks for no canary.")
    changed = change(tx, item, Stage.CANARY, "It is approved.")
    serve(store, tx, place, changed)
    return changed


def _version(tx: Transaction, place: endpoint.Endpoint, number: int | None) -> version.Version | None:
    return None if number is None else registry.version(tx.connection, place.project, place.model, number)


def _canary_weight(tx: Transaction, place: endpoint.Endpoint) -> float:
    return registry.model(tx.connection, place.project, place.model).spec.release.canary.weight
