"""Dataset versions, and the profile of one."""

from litestar import Response

from podium.build.datasets import store as rows
from podium.core import access
from podium.core import digest as digests
from podium.manage.registry import store as registry
from podium.server.web import page
from podium.store.store import Store

_LIMIT = 50
_COLUMNS = 100


@page.view("/p/{project:str}/data")
def data(
    request: page.WebRequest,
    store: Store,
    caller: access.Caller,
    digest: str | None = None,
    after: str | None = None,
) -> Response[str]:
    """Dataset versions, newest first; with a digest, that one's columns and the versions made from it."""
    with store.read() as connection:
        if digest is not None:
            chosen = rows.get(connection, caller.project, digests.check(digest))
            used = registry.list_versions(connection, caller.project, dataset=digest, limit=_LIMIT)
            return page.render(
                request,
                "dataset.html",
                dataset=chosen,
                columns=chosen.columns[:_COLUMNS],
                left_out=max(0, len(chosen.columns) - _COLUMNS),
                versions=used,
            )
        found = rows.find_all(connection, caller.project, after=after, limit=_LIMIT)
    return page.render(request, "data.html", datasets=found, more=found[-1].id if len(found) == _LIMIT else None)
