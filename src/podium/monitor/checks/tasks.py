"""The job that closes a window: the log, the checks, the alerts, the open release, the triggers; each once."""

from typing import Any

from podium.core import access, check, endpoint, model, time
from podium.core.errors import Conflict, Refused
from podium.deploy.endpoints import store as endpoints
from podium.deploy.releases import actions as releases
from podium.deploy.releases import store as release_rows
from podium.jobs.context import JobContext
from podium.manage.registry import store as registry
from podium.monitor.checks import actions, closing, comparison
from podium.monitor.checks import store as rows
from podium.monitor.intake import compaction, shadows, window
from podium.monitor.triggers import actions as triggers
from podium.store.store import Store

WINDOW = actions.WINDOW


def close_window(context: JobContext) -> dict[str, Any]:
    """Close the window of `args["endpoint"]` that ends at `args["end_us"]` (by default: when the job was due)."""
    store, caller, project = context.store, context.caller, context.job.project
    end_us = int(context.job.args.get("end_us") or context.job.due_us)
    with store.read() as connection:
        place = endpoints.get(connection, project, str(context.job.args["endpoint"]))
        owner = registry.model(connection, project, place.model)
    context.progress(0.05, "bringing what was received into the log")
    written = compaction.compact(store, project, owner.name)
    context.progress(0.3, "completing the shadow's predictions")
    filled = shadows.back_fill(
        store,
        project,
        _since_shadow(store, place, owner, end_us),
        lambda fraction, words: context.progress(0.3 + 0.2 * fraction, words),
    )
    context.progress(0.5, "checking the window")
    closed = closing.close(store, caller, place, owner, end_us)
    context.progress(0.8, "comparing challenger and champion")
    verdict = judge(store, caller, place, owner, closed)
    context.progress(0.9, "looking at the triggers")
    decision = triggers.look(store, caller, _asked(store, place, owner, end_us))
    return {
        "window": closed.id,
        "rows": closed.rows,
        "matured": closed.matured,
        "checks": closed.checks,
        "broken": closed.broken,
        "written": written,
        "shadow_filled": filled,
        "verdict": verdict,
        "trigger": decision.reason,
        "run": decision.run,
    }


def _since_shadow(store: Store, place: endpoint.Endpoint, owner: model.Model, end_us: int) -> window.Query:
    """The predictions of the window, and of all the time that the open release has listened."""
    start_us = closing.span_of(owner, end_us).start_us
    with store.read() as connection:
        open_one = release_rows.open_of(connection, place.project, place.name)
    if open_one is not None:
        start_us = min(start_us, open_one.created_us)
    return window.Query(model=owner.name, endpoint=place.name, from_us=start_us, to_us=end_us, as_of_us=end_us)


def judge(
    store: Store, caller: access.Caller, place: endpoint.Endpoint, owner: model.Model, closed: check.ClosedWindow
) -> str | None:
    """Pass on once what the log says of the endpoint's open release; the verdict."""
    with store.read() as connection:
        done = rows.is_judged(connection, closed.id)
        item = release_rows.open_of(connection, place.project, place.name)
    if done or item is None or place.champion is None:
        return None
    found = comparison.compare(store, place.project, owner, item, closed.end_us)
    try:
        with store.write(caller) as tx:
            releases.judge_in(store, tx, item.id, found)
            rows.judged(tx.connection, closed.id)
            tx.done(None)
    except (Conflict, Refused) as problem:  # it ended meanwhile, or the champion's approvals no longer hold
        return f"{found.verdict}, which had no effect: {problem}"
    return found.verdict.value


def _asked(store: Store, place: endpoint.Endpoint, owner: model.Model, end_us: int) -> triggers.Asked:
    with store.read() as connection:
        now = endpoints.get(connection, place.project, place.name)
    return triggers.Asked(
        place=now,
        owner=owner,
        end_us=end_us,
        now_us=time.to_us(store.clock()),
    )


HANDLERS = {WINDOW: close_window}
