"""Very many rows are scored in pieces, to the same bits."""

from pathlib import Path

import numpy as np

from podium.bundle import grid, read
from podium.bundle.runtime import Runtime
from podium.core import digest
from podium.scoring.engine import Batch, Deciding, Live, Loaded
from podium.scoring.log import rows
from tests import scoring_kit as kit

ROWS = 3 * 4096 + 1


def test_twelve_thousand_rows_score_as_one_by_one_and_in_their_order(tmp_path: Path) -> None:
    named = kit.write_bundle(tmp_path)
    folder = tmp_path / "bundles" / named.removeprefix(digest.PREFIX)
    runtime = Runtime(folder, read.verify(folder, named))
    document = kit.document(1, kit.route("champion", 1, named))
    source = rows.Source(
        endpoint=kit.ENDPOINT,
        model=kit.MODEL,
        version=1,
        digest=named,
        role="champion",
        rollout=1,
        threshold=0.5,
        signature=runtime.manifest.signature,
    )
    champion = Live(document.routes[0], runtime, source)
    numbers = np.column_stack([np.linspace(50.0, 3000.0, ROWS), np.arange(ROWS) % 24.0])
    seen = grid.Grid(numbers, np.empty((ROWS, 0), dtype=object))
    names = [str(at) for at in range(ROWS)]
    batch = Batch(names, names, names, seen, lambda _: seen, 0)
    outcome = Loaded(document, [champion], kit.PUBLIC).score(batch, Deciding(champion, None))
    apart = np.concatenate([runtime.predict_grid(grid.take(seen, slice(at, at + 1))) for at in range(0, ROWS, 97)])
    assert outcome.scores.shape == (ROWS,)
    assert np.array_equal(outcome.scores, runtime.predict_grid(seen))
    assert np.allclose(outcome.scores[::97], apart, rtol=1e-14, atol=0.0)
