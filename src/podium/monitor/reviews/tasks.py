"""Jobs of reviews: what a segment refers to people goes into their queue."""

from typing import Any

from podium.jobs.context import JobContext
from podium.monitor.reviews import actions
from podium.monitor.reviews import store as rows

ASK = "monitor.reviews"


def ask(context: JobContext) -> dict[str, Any] | None:
    """Put the referred predictions of the segment in `args["segment"]` (a digest) into the queue, each once."""
    found = actions.read(context.store, str(context.job.args["segment"]))
    with context.store.read() as connection:
        project = context.caller.project
        known = rows.known(connection, project, [each.prediction_id for each in found])
    if all(each.prediction_id in known for each in found):
        return {"asked": 0}
    answer: dict[str, Any] = {}
    with context.finishing(result=answer) as tx:
        answer["asked"] = actions.keep(tx, found)
    return None


HANDLERS = {ASK: ask}
