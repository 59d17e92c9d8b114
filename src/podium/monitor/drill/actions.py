"""Asking for a drill."""

import msgspec

from podium.core import access, drill, event
from podium.core.errors import Conflict
from podium.deploy.endpoints import store as endpoints
from podium.jobs import queue
from podium.store.store import Store

JOB = "monitor.drill"


def request(store: Store, caller: access.Caller, endpoint: str, wanted: drill.DrillRequest) -> str:
    """Start the job that rehearses the endpoint's rules; its id. `Conflict` where nothing decides yet."""
    with store.write(caller) as tx:
        place = endpoints.get(tx.connection, caller.project, endpoint)
        if place.champion is None:
            raise Conflict("Nothing decides at this endpoint yet.", field="endpoint", fix="Release a version first.")
        job = queue.enqueue(
            tx, JOB, {"endpoint": endpoint, **msgspec.structs.asdict(wanted)}, project=caller.project, max_attempts=2
        )
        tx.record(
            "drill.requested",
            event.Subject("endpoint", endpoint),
            permission=access.Permission.MONITOR,
            detail={"job": job, **msgspec.structs.asdict(wanted)},
        )
        return tx.done(job)
