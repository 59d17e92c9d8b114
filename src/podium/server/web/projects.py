"""The first page: the projects that the caller may see."""

from litestar import Response, get

from podium.core import access
from podium.manage.access import actions as people
from podium.manage.access import store as grants
from podium.manage.registry import store as registry
from podium.server import auth
from podium.server.web import page, show
from podium.store.store import Store


@get("/", opt={"public": True}, sync_to_thread=True, include_in_schema=False)
def projects(request: page.WebRequest, store: Store) -> Response[str]:
    """Projects by name; straight to the only one. Signed-in people only: roles are held in projects, not here."""
    caller = auth.authenticate(store, auth.secret_of(request), access.EVERYWHERE)
    request.state.caller = caller
    with store.read() as connection:
        held = grants.list_grants(connection, user=caller.name)
        named = {grant.project for grant in held} - {access.EVERYWHERE}
        known = sorted(named | set(registry.list_projects(connection)))
    seen = [(name, sorted(people.roles_in(held, name))) for name in known]
    mine = [(name, roles) for name, roles in seen if _may_read(roles)]
    if len(mine) == 1:
        return page.go(show.address(mine[0][0]))
    return page.render(request, "projects.html", projects=mine)


def _may_read(roles: list[access.Role]) -> bool:
    return any(access.Permission.READ in access.GRANTS[role] for role in roles)
