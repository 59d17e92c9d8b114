"""How long outcomes take to come at an endpoint."""

import numpy
import pyarrow

from podium.core import access, check, time
from podium.deploy.endpoints import store as endpoints
from podium.measures.labels import maturity
from podium.monitor.intake import window as log
from podium.store.store import Store

DAYS = 90
_HOUR_US = 3_600_000_000
AGES_HOURS = (1, 6, 24, 48, 72, 120, 168, 336, 504, 720, 1080, 1440, 2160)


def of_endpoint(
    store: Store, caller: access.Caller, endpoint: str, *, days: int = DAYS, as_of_us: int | None = None
) -> list[check.Maturity]:
    """The share of the decided predictions of the last days whose outcome is known at some ages (1 hour to 90 days).

    Young predictions count for the ages that they have reached. An outcome that was corrected counts from then on.
    Empty without predictions. Raises `NotFound` for an unknown endpoint.
    """
    now_us = time.to_us(store.clock()) if as_of_us is None else as_of_us
    with store.read() as connection:
        place = endpoints.get(connection, caller.project, endpoint)
    query = log.Query(
        model=place.model,
        endpoint=endpoint,
        from_us=now_us - days * 24 * _HOUR_US,
        to_us=now_us,
        as_of_us=now_us,
        roles=("champion", "canary"),
        columns=(),
    )
    found = log.read_window(store, caller.project, query)
    if not found.num_rows:
        return []
    made = found.column("at").cast(pyarrow.int64()).to_numpy()
    known = found.column("outcome_at").cast(pyarrow.int64()).cast(pyarrow.float64(), safe=False).to_numpy()
    delay = numpy.maximum(0.0, known - made) / _HOUR_US
    return [
        check.Maturity(
            endpoint=endpoint,
            age_hours=int(point.age),
            share=point.share.value,
            low=point.share.low,
            high=point.share.high,
            rows=point.at_risk,
        )
        for point in maturity.curve(delay, (now_us - made) / _HOUR_US, AGES_HOURS)
    ]
