"""People's decisions in the log's rows: what was referred counts as they decided it."""

import pyarrow
import pyarrow.compute

from podium.monitor.reviews import store as rows
from podium.store.store import Store


def fill(store: Store, project: str, scored: pyarrow.Table, by_us: int) -> pyarrow.Table:
    """Rows of the log (prediction_id, threshold, decision) with what people had decided by an instant.

    Where nobody has, `decision` stays null. Rows of versions without a threshold have none in any case.
    """
    decision = scored.column("decision")
    open_ = pyarrow.compute.and_(
        pyarrow.compute.is_null(decision), pyarrow.compute.is_valid(scored.column("threshold"))
    )
    asked = scored.filter(open_).column("prediction_id").to_pylist()
    if not asked:
        return scored
    with store.read() as connection:
        known = rows.decided(connection, project, asked, by_us)
    if not known:
        return scored
    said = pyarrow.array([known.get(each) for each in scored.column("prediction_id").to_pylist()], pyarrow.bool_())
    filled = pyarrow.compute.if_else(open_, said, decision)
    return scored.set_column(scored.column_names.index("decision"), "decision", filled)
