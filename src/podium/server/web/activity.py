"""What happened: the chain of events, newest first."""

from litestar import Response

from podium.core import access
from podium.manage.audit import store as audit
from podium.server.web import page, words
from podium.store.store import Store

_LIMIT = 100


@page.view("/p/{project:str}/activity")
def activity(
    request: page.WebRequest,
    store: Store,
    caller: access.Caller,
    kind: str = "",
    actor: str = "",
    before: int | None = None,
) -> Response[str]:
    """Events, narrowed by kind (`version.` stands for all that begin so) and by person."""
    wanted = audit.Filter(project=caller.project, kind=kind.strip() or None, actor=actor.strip() or None)
    with store.read() as connection:
        found = audit.list_entries(connection, wanted, before=before, limit=_LIMIT)
    return page.render(
        request,
        "activity.html",
        events=words.lines(found),
        kind=kind,
        actor=actor,
        more=found[-1].number if len(found) == _LIMIT else None,
    )
