"""Asking for a window to be closed; days in numbers."""

from podium.core import access, check, event
from podium.deploy.endpoints import store as endpoints
from podium.jobs import queue
from podium.measures.sketch import score_labels
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
    with store.read() as connection:
        found = rows.list_summaries(
            connection, caller.project, endpoint, version=version, first_day=first_day, last_day=last_day
        )
    return [_day(endpoint, number, day, body) for number, day, body in found]


def _day(endpoint: str, version: int, day: str, body: rows.Summary) -> check.Day:
    labels = body.labels
    positives = sum(count for _, count in labels.positive)
    binary = positives + sum(count for _, count in labels.negative)
    means = {name: labels.mean(name) for name in labels.sums}
    features = {name: sketch.mean for name, sketch in body.numeric.items()}
    nulls = {name: sketch.nulls for name, sketch in body.numeric.items()}
    nulls |= {name: sketch.nulls for name, sketch in body.categorical.items()}
    return check.Day(
        endpoint=endpoint,
        version=version,
        day=day,
        rows=body.rows,
        matured=labels.rows,
        mean_score=body.score.mean,
        positive_rate=positives / binary if binary else None,
        losses={name: value for name, value in means.items() if value is not None},
        auc=score_labels.auc(labels),
        missing={name: count for name, count in nulls.items() if count},
        means={name: value for name, value in features.items() if value is not None},
    )
