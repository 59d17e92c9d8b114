"""Whether a model's fused form gives ONNX Runtime's bits, on the rows of the export and on odd ones."""

from typing import Any

import numpy as np
import numpy.typing as npt

from podium.bundle import columns, grid
from podium.bundle.engines.onnx import file, fused, session

_ODD_NUMBERS = (np.nan, 0.0, -0.0, 5e-324, -1e300, 1e300)
_ODD_TEXTS = (columns.NULL_TEXT, "", "\N{SNOWMAN} never seen")


def is_alike(data: bytes, scorer: session.Scorer, table: columns.Columns, found: npt.NDArray[np.float64]) -> bool:
    """Whether it does; `found` is what ONNX Runtime says of the table. False where there is no fused form."""
    try:
        mine = fused.Scorer(file.read(data))
    except (file.Unreadable, fused.Unsupported):
        return False
    strange = odd(table)
    return grid.same_numbers(mine.predict(table), found) and grid.same_numbers(
        mine.predict(strange), scorer.predict(strange)
    )


def odd(table: columns.Columns) -> columns.Columns:
    """Rows of the table, in each of which one feature is null, tiny, huge or never seen."""
    rows = columns.count(table)
    changed: list[tuple[str, Any]] = [
        (name, value)
        for name, column in table.items()
        for value in (_ODD_TEXTS if column.dtype == object else _ODD_NUMBERS)
    ]
    made = columns.take(table, np.arange(len(changed)) % rows)
    for at, (name, value) in enumerate(changed):
        made[name][at] = value
    return made
