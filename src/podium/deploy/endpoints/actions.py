"""Endpoints: make one, look at one, take one away; what scorers report."""

from typing import Any

import msgspec

from podium.core import access, endpoint, event, name
from podium.core.errors import Conflict, Invalid, NotFound, Refused
from podium.deploy.endpoints import publish, refusals
from podium.deploy.endpoints import store as rows
from podium.manage.registry import store as registry
from podium.store.store import Store
from podium.store.transaction import Transaction

_DEPLOY = access.Permission.DEPLOY
_LARGEST_REPORT = 64 * 1024


class NewEndpoint(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a person decides about an endpoint."""

    name: str
    environment: str
    model: str


def create(store: Store, caller: access.Caller, wanted: NewEndpoint) -> endpoint.Endpoint:
    """Make an endpoint for a model. Raises `Conflict` when the name is taken, `NotFound` without the model."""
    with store.write(caller) as tx:
        return tx.done(make(tx, wanted))


def make(tx: Transaction, wanted: NewEndpoint) -> endpoint.Endpoint:
    """Make an endpoint within an action. Rollout numbers go on where an endpoint of that name once ended."""
    project = tx.caller.project
    name.check(wanted.name, "name")
    name.check(wanted.environment, "environment")
    model = registry.model(tx.connection, project, name.check(wanted.model, "model"))
    if model.retired:
        raise Refused(f"The model {model.name} is retired.", field="model")
    if rows.find(tx.connection, project, wanted.name) is not None:
        raise Conflict("There is an endpoint of that name already.", field="name", fix="Choose another name.")
    made = endpoint.Endpoint(
        id=tx.new_id("endpoint"),
        project=project,
        name=wanted.name,
        environment=wanted.environment,
        model=wanted.model,
        rollout=rows.last_number(tx.connection, project, wanted.name),
        champion=None,
        created_us=tx.now_us,
    )
    rows.add(tx.connection, made)
    tx.record(
        "endpoint.created",
        event.Subject("endpoint", made.name),
        permission=_DEPLOY,
        parents=[event.Subject("model", made.model)],
        detail={"environment": made.environment, "model": made.model},
    )
    return made


def remove(store: Store, tx: Transaction, place: endpoint.Endpoint) -> None:
    """Take away an endpoint where nothing decides, or whose model is retired; a last, empty rollout closes its history.

    Raises `Conflict` while applications may depend on it.
    """
    retired = registry.model(tx.connection, place.project, place.model).retired
    if place.champion is not None and not retired:
        raise Conflict(
            f"Version {place.champion} decides at {place.name}.",
            field="endpoint",
            fix="Retire the model first, so that no application depends on it.",
        )
    if place.rollout:
        publish.publish(store, tx, place, [])
    rows.remove(tx.connection, place.project, place.name)
    tx.record(
        "endpoint.deleted",
        event.Subject("endpoint", place.name),
        permission=_DEPLOY,
        detail={"environment": place.environment, "model": place.model},
    )


def status(store: Store, caller: access.Caller, named: str) -> endpoint.Status:
    """An endpoint, its rollout in force, and which rollout each scorer says that it serves."""
    with store.read() as connection:
        place = rows.get(connection, caller.project, named)
        try:
            document = rows.signed(connection, caller.project, named, place.rollout).rollout()
        except NotFound:
            document = None
        said = rows.list_scorers(connection, caller.project)
    served = [(item, item.serves(named)) for item in said]
    scorers = tuple(
        endpoint.Served(scorer=item.name, number=number, at_us=item.at_us)
        for item, number in served
        if number is not None
    )
    settled = bool(scorers) and all(item.number == place.rollout for item in scorers)
    refused = tuple(no for item in said if (no := item.refuses(named)) is not None and no.number == place.rollout)
    return endpoint.Status(endpoint=place, rollout=document, scorers=scorers, settled=settled, refused=refused)


def report(store: Store, caller: access.Caller, scorer: str, said: dict[str, Any], at_us: int) -> None:
    """Keep what a scorer says of itself; when no scorer takes the rollout in force of an endpoint, record that."""
    name.check(scorer, "scorer")
    if len(msgspec.json.encode(said)) > _LARGEST_REPORT:
        raise Invalid("The report is larger than 64 KiB.", field="status")
    with store.read() as connection:
        known = rows.list_scorers(connection, caller.project)
        in_force = rows.in_force(connection, caller.project)
    before = next((item for item in known if item.name == scorer), None)
    item = refusals.taken(endpoint.Scorer(name=scorer, at_us=at_us, status=said), before)
    condemned = refusals.condemned([item, *(each for each in known if each.name != scorer)], in_force)
    if not condemned or access.Role.SCORER not in caller.roles:
        with store.plumbing() as connection:
            rows.report(connection, caller.project, item)
        return
    item = refusals.remembered(item, condemned)
    with store.write(caller) as tx:
        rows.report(tx.connection, caller.project, item)
        for named, refused in condemned.items():
            tx.record(
                "rollout.refused",
                event.Subject("rollout", f"{named}/{refused[0].number}"),
                permission=access.Permission.SERVE,
                detail={
                    "endpoint": named,
                    "number": refused[0].number,
                    "scorers": [each.scorer for each in refused],
                    "why": refused[0].reason,
                },
            )
