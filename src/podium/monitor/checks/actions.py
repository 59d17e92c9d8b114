"""Asking for a window to be closed; what was measured in it; days in numbers."""

from podium.core import access, check, event, time, window
from podium.core.errors import NotFound
from podium.deploy.endpoints import store as endpoints
from podium.jobs import queue
from podium.measures.sketch import score_labels
from podium.monitor.checks import kept_measures, parts, told
from podium.monitor.checks import store as rows
from podium.store.store import Store

WINDOW = "monitor.window"


def request(store: Store, caller: access.Caller, endpoint: str, end_us: int) -> str:
    """Start the job that closes the endpoint's window which ends at an instant; its id, the same when asked again."""
    with store.write(caller) as tx:
        endpoints.get(tx.connection, caller.project, endpoint)
        job = queue.enqueue(
            tx,
            WINDOW,
            {"endpoint": endpoint, "end_us": end_us},
            project=caller.project,
            unique_key=f"{WINDOW}:{endpoint}:{end_us}",
        )
        tx.record(
            "window.requested",
            event.Subject("endpoint", endpoint),
            permission=access.Permission.MONITOR,
            detail={"end_us": end_us, "job": job},
        )
        return tx.done(job)


def measures(store: Store, caller: access.Caller, endpoint: str, end_us: int | None = None) -> check.WindowMeasures:
    """Every measure of each feature in the closed window that ends at an instant, or in the newest with measures.

    `NotFound` where nothing was measured: no row was decided, or the window was closed by an older version.
    """
    with store.read() as connection:
        endpoints.get(connection, caller.project, endpoint)
        found = kept_measures.find(connection, caller.project, endpoint, end_us)
    if found is None:
        raise NotFound(
            "No window with measures of its features ends then."
            if end_us
            else "No window's features were measured yet.",
            field="end_us",
            fix=f"podium close {endpoint}",
        )
    return found


def days(
    store: Store,
    caller: access.Caller,
    endpoint: str,
    *,
    version: int | None = None,
    first_day: str = "",
    last_day: str = "9999-12-31",
) -> list[check.Day]:
    """Each version's summarised days, by day, then version."""
    span = window.Window(
        time.to_us(time.parse_instant(first_day, "first")) if first_day else 0,
        time.to_us(time.parse_instant(last_day, "last")) + 1,
    )
    with store.read() as connection:
        found = rows.list_days(connection, caller.project, endpoint, version=version, span=span)
    return [_day(endpoint, number, start_us, parts.decode(body)) for number, start_us, body in found]


def _day(endpoint: str, version: int, start_us: int, part: parts.Part) -> check.Day:
    labels = parts.labels(part)
    positives = sum(count for _, count in labels.positive)
    binary = positives + sum(count for _, count in labels.negative)
    losses = {name: labels.mean(name) for name in labels.sums}
    features = told.means(part)
    return check.Day(
        endpoint=endpoint,
        version=version,
        day=time.from_us(start_us).date().isoformat(),
        rows=part.rows,
        matured=labels.rows,
        mean_score=features.pop(parts.SCORE, None),
        positive_rate=positives / binary if binary else None,
        losses={name: value for name, value in losses.items() if value is not None},
        auc=score_labels.auc(labels),
        missing=told.missing(part),
        means=features,
    )
