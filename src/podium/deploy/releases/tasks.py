"""Jobs of releases: start one by the project file's plan, let it go on after approval, end what scorers refuse."""

from typing import Any

from podium.core import endpoint, version
from podium.core.errors import Conflict, Refused
from podium.core.release import Stage
from podium.deploy.endpoints import actions as endpoint_actions
from podium.deploy.endpoints import publish
from podium.deploy.endpoints import store as endpoints
from podium.deploy.releases import actions, refusal, renewal, rollback, stages
from podium.deploy.releases import store as rows
from podium.jobs.context import JobContext
from podium.manage.registry import store as registry
from podium.store.transaction import Transaction

_PAGE = 200


def release(context: JobContext) -> dict[str, Any] | None:
    """`deploy.release`: start the release of the version that passed its gates, if the project file says so."""
    coming = _version(context)
    with context.store.read() as connection:
        part = registry.model(connection, coming.project, coming.model).spec.release
    if not part.automatic:
        return {"release": None, "why": "The project file leaves it to people to start a release."}
    result: dict[str, Any] = {}
    try:
        with context.finishing(result=result) as tx:
            _endpoint(
                tx,
                coming,
                endpoint_actions.NewEndpoint(name=part.endpoint, environment=part.environment, model=coming.model),
            )
            wanted = actions.NewRelease(
                endpoint=part.endpoint, version=coming.number, reason="It passed its gates.", wait=True
            )
            started = actions.begin(context.store, tx, wanted)
            result.update(release=started.id, stage=started.stage)
    except (Conflict, Refused) as problem:
        return {"release": None, "why": str(problem)}
    return None


def next_one(context: JobContext) -> dict[str, Any] | None:
    """`deploy.next`: let the waiting release with the id `release` begin, now that the one before it has ended."""
    result: dict[str, Any] = {}
    try:
        with context.finishing(result=result) as tx:
            begun = actions.let_begin(context.store, tx, str(context.job.args["release"]))
            if begun is None:
                raise _NothingWaits
            result.update(release=begun.id, stage=begun.stage)
    except _NothingWaits:
        return {"release": None, "why": "It no longer waits, or another release is on its way."}
    return None


def _endpoint(tx: Transaction, coming: version.Version, wanted: endpoint_actions.NewEndpoint) -> endpoint.Endpoint:
    place = endpoints.find(tx.connection, coming.project, wanted.name)
    if place is None:
        return endpoint_actions.make(tx, wanted)
    if place.model != coming.model:
        raise Refused(f"The endpoint {place.name} serves another model.", field="release.endpoint")
    return place


class _NothingWaits(Exception):
    """Leaves the transaction without a change."""


def advance(context: JobContext) -> dict[str, Any] | None:
    """`deploy.advance`: let the releases that awaited this version's approval go on; where it decides already, its
    newest approvals go into the rollout.
    """
    coming = _version(context)
    with context.store.read() as connection:
        waiting = rows.list_all(connection, coming.project, digest=coming.digest, open_only=True)
    result: dict[str, Any] = {"advanced": [], "renewed": []}
    try:
        with context.finishing(result=result) as tx:
            for item in waiting:
                place, standing = actions.opened(tx, item.id)
                if standing.stage is Stage.AWAITING_APPROVAL and not publish.lacking(tx, place, standing.digest):
                    result["advanced"].append(stages.let_decide(context.store, tx, place, standing).id)
            result["renewed"] = renewal.renew(context.store, tx, coming)
            if not result["advanced"] and not result["renewed"]:
                raise _NothingWaits
    except (_NothingWaits, Conflict):
        return {"advanced": [], "renewed": []}
    return None


def refused(context: JobContext) -> dict[str, Any] | None:
    """`deploy.refused`: mark the release failed whose rollout no scorer takes; what served before is in force again."""
    named, _, number = str(context.job.args["rollout"]).rpartition("/")
    result: dict[str, Any] = {}
    try:
        with context.finishing(result=result) as tx:
            ended = refusal.fail(
                context.store, tx, named, int(number), f"No scorer takes rollout {number}: {context.job.args['why']}"
            )
            if ended is None:
                raise _NothingWaits
            result.update(release=ended.id, stage=ended.stage)
    except _NothingWaits:
        return {"release": None, "why": "The rollout is no longer in force, or nothing in it is new."}
    return None


def recheck(context: JobContext) -> dict[str, Any]:
    """`deploy.recheck`: withdraw, at every endpoint of the project, what is rejected or no longer approved."""
    withdrawn: list[dict[str, Any]] = []
    after = ""
    while True:
        with context.store.read() as connection:
            page = endpoints.list_all(connection, context.caller.project, after=after, limit=_PAGE)
        if not page:
            return {"withdrawn": withdrawn}
        for place in page:
            published = rollback.withdraw_unapproved(context.store, context.caller, place.name)
            if published is not None:
                withdrawn.append({"endpoint": place.name, "rollout": published.number})
        after = page[-1].name


def _version(context: JobContext) -> version.Version:
    with context.store.read() as connection:
        return registry.by_digest(connection, context.caller.project, str(context.job.args["version"]))
