"""Publish what an endpoint serves: a numbered rollout document, signed, with the approvals that let it decide."""

from collections.abc import Sequence

import msgspec

from podium.core import access, approval, digest, endpoint, event, rollout, version
from podium.core.errors import Refused
from podium.core.rollout import RouteRole
from podium.deploy.endpoints import store as rows
from podium.manage.approvals import rules
from podium.manage.approvals import store as approvals
from podium.manage.registry import store as registry
from podium.store.store import Store
from podium.store.transaction import Transaction

_EXACT = 1e-9


def route(tx: Transaction, role: RouteRole, served: version.Version, weight: float) -> rollout.Route:
    """A version's route; its threshold, and what it refers to people, are the bundle's."""
    found = registry.manifest(tx.connection, served.project, served.digest)
    return rollout.Route(
        role=role,
        version=served.number,
        digest=served.digest,
        weight=weight,
        threshold=found.threshold,
        review=found.band,
    )


def publish(
    store: Store, tx: Transaction, place: endpoint.Endpoint, routes: Sequence[rollout.Route]
) -> rollout.Rollout:
    """Put the next rollout in force; consecutive numbers even when several publish at once.

    Raises `Refused` when a route that decides lacks an approval which the model's project file requires.
    """
    _check_weights(routes)
    required = required_roles(tx, place)
    allowed = tuple(_with_approvals(tx, place, item, required) for item in routes)
    champion = next((item.version for item in allowed if item.role is RouteRole.CHAMPION), None)
    canary = next((f"{place.name}/{item.version}" for item in allowed if item.role is RouteRole.CANARY), "")
    document = rollout.Rollout(
        format=2 if any(item.review is not None for item in allowed) else 1,
        project=place.project,
        endpoint=place.name,
        environment=place.environment,
        model=place.model,
        number=rows.serve(tx.connection, place, champion),
        routes=allowed,
        required=required,
        salt=canary,
        created_us=tx.now_us,
    )
    body = digest.canonical(document)
    rows.keep(tx.connection, document, rollout.Signed(body=body, signature=store.signer(body), key_id=store.key_id))
    tx.record(
        "rollout.published",
        event.Subject("rollout", f"{place.name}/{document.number}"),
        permission=access.Permission.DEPLOY,
        parents=[event.Subject("version", item.digest) for item in allowed],
        detail={
            "endpoint": place.name,
            "number": document.number,
            "routes": [{"role": item.role, "version": item.version, "weight": item.weight} for item in allowed],
        },
    )
    return document


def required_roles(tx: Transaction, place: endpoint.Endpoint) -> tuple[str, ...]:
    """The roles whose yes a version needs before it decides here."""
    return registry.model(tx.connection, place.project, place.model).spec.approvals.required


def holding(tx: Transaction, place: endpoint.Endpoint, bundle: str) -> list[approval.Approval]:
    """The approvals of a bundle that hold now, in this endpoint's environment."""
    return approvals.holding(
        tx.connection, project=place.project, digest=bundle, environment=place.environment, now_us=tx.now_us
    )


def lacking(tx: Transaction, place: endpoint.Endpoint, bundle: str) -> tuple[str, ...]:
    """The required roles whose yes does not hold for a bundle here, now."""
    return rules.lacking(required_roles(tx, place), holding(tx, place, bundle))


def refusal(place: endpoint.Endpoint, number: int, lacks: Sequence[str]) -> Refused:
    """Say that a version may not decide here."""
    return Refused(
        f"Version {number} may not decide in {place.environment}: no yes holds in the role {' and '.join(lacks)}.",
        field="version",
        fix="Have it validated and approved, then try again.",
    )


def _with_approvals(
    tx: Transaction, place: endpoint.Endpoint, item: rollout.Route, required: Sequence[str]
) -> rollout.Route:
    if item.role is RouteRole.SHADOW:
        return item
    held = holding(tx, place, item.digest)
    lacks = rules.lacking(required, held)
    if lacks:
        raise refusal(place, item.version, lacks)
    return msgspec.structs.replace(item, approvals=tuple(held))


def _check_weights(routes: Sequence[rollout.Route]) -> None:
    roles = [item.role for item in routes]
    deciding = [item.weight for item in routes if item.role is not RouteRole.SHADOW]
    if roles.count(RouteRole.CHAMPION) > 1 or roles.count(RouteRole.CANARY) > 1:
        raise Refused("An endpoint has one champion and one canary at most.", field="routes")
    if RouteRole.CANARY in roles and RouteRole.CHAMPION not in roles:
        raise Refused("A canary needs a champion beside it.", field="routes")
    if deciding and abs(sum(deciding) - 1) > _EXACT:
        raise Refused("The weights of champion and canary make 1 together.", field="routes")
    if any(item.weight for item in routes if item.role is RouteRole.SHADOW):
        raise Refused("A shadow decides nothing: its weight is 0.", field="routes")
