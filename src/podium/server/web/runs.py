"""Training runs, and one run with all that is needed to repeat it."""

import msgspec
from litestar import Response

from podium.build.runs import actions
from podium.build.runs import store as rows
from podium.core import access
from podium.core.errors import PodiumError
from podium.core.run import Interval, Run
from podium.manage.registry import store as registry
from podium.server.web import page
from podium.store.store import Store

_LIMIT = 50
_LOG_TAIL = 8_000


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """A run in the list, with its primary metric."""

    run: Run
    metric: str | None
    interval: Interval | None


@page.view("/p/{project:str}/runs")
def runs(
    request: page.WebRequest,
    store: Store,
    caller: access.Caller,
    model: str | None = None,
    after: str | None = None,
) -> Response[str]:
    """Runs, newest first."""
    with store.read() as connection:
        found = rows.find(connection, caller.project, model=model or None, after=after, limit=_LIMIT)
        models = registry.list_models(connection, caller.project, limit=1000)
    primary = {item.name: item.spec.metrics.primary for item in models}
    return page.render(
        request,
        "runs.html",
        rows=[_row(item, primary.get(item.model)) for item in found],
        models=[item.name for item in models],
        model=model,
        more=found[-1].id if len(found) == _LIMIT else None,
    )


def _row(item: Run, metric: str | None) -> Row:
    test = {} if item.result is None else item.result.metrics.get("test", {})
    return Row(run=item, metric=metric, interval=test.get(metric or ""))


@page.view("/p/{project:str}/runs/{run:str}")
def one_run(request: page.WebRequest, store: Store, caller: access.Caller, run: str) -> Response[str]:
    """A run: inputs, parameters, metrics, environment, and the end of what its code printed."""
    with store.read() as connection:
        item = rows.get(connection, caller.project, run)
        made = registry.list_versions(connection, caller.project, model=item.model, dataset=item.dataset, limit=1000)
    return page.render(
        request,
        "run.html",
        run=item,
        versions=[one for one in made if one.run == item.id],
        log=_log(store, item),
    )


def _log(store: Store, item: Run) -> str | None:
    try:
        printed = actions.log(store, item)
    except PodiumError as missing:
        return missing.message
    cut = "… (the beginning is left out)\n" if len(printed) > _LOG_TAIL else ""
    return cut + printed[-_LOG_TAIL:].decode(errors="replace")
