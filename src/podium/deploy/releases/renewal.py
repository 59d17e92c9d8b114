"""A yes that was said again goes into the rollouts in force, so that scorers know of it before the old one ends."""

from podium.core import endpoint, version
from podium.core.rollout import RouteRole
from podium.deploy.endpoints import publish
from podium.deploy.endpoints import store as endpoints
from podium.deploy.releases import stages
from podium.deploy.releases import store as rows
from podium.store.store import Store
from podium.store.transaction import Transaction


def renew(store: Store, tx: Transaction, said: version.Version) -> list[str]:
    """Publish again where a version decides by other approvals than those that hold now; the endpoints' names."""
    renewed = []
    for seen in endpoints.list_all(tx.connection, said.project, model=said.model, limit=1000):
        place = endpoints.get(tx.connection, said.project, seen.name, lock=True)
        if _outdated(tx, place, said):
            stages.serve(store, tx, place, rows.open_of(tx.connection, place.project, place.name))
            renewed.append(place.name)
    return renewed


def _outdated(tx: Transaction, place: endpoint.Endpoint, said: version.Version) -> bool:
    if not place.rollout or publish.lacking(tx, place, said.digest):
        return False
    in_force = endpoints.signed(tx.connection, place.project, place.name, place.rollout).rollout()
    deciding = [in_force.route(role) for role in (RouteRole.CHAMPION, RouteRole.CANARY)]
    held = {item.id for item in publish.holding(tx, place, said.digest)}
    return any(
        route is not None and route.digest == said.digest and {item.id for item in route.approvals} != held
        for route in deciding
    )
