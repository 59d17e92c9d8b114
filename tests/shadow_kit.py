"""A board with a shadow, as a scorer has one, and batches for it."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

import numpy as np

from podium.bundle import grid
from podium.core.signature import Signature
from podium.scoring import cache, engine, metrics
from podium.scoring.board import Board
from podium.scoring.log.places import Limits
from podium.scoring.proof import Limits as ProofLimits
from tests import scoring_kit as kit

LIMITS = Limits(seconds=60.0)


class Parts(NamedTuple):
    """What a scorer's shadows are made of."""

    board: Board
    kept: cache.Cache
    counts: metrics.Metrics

    @property
    def loaded(self) -> engine.Loaded:
        return self.board.get(kit.ENDPOINT)

    def scored(self) -> int:
        return self.counts.value("podium_predictions_total", endpoint=kit.ENDPOINT, version="2", role="shadow")

    def dropped(self) -> int:
        return self.counts.value("podium_shadow_dropped_total", endpoint=kit.ENDPOINT)


def adopt(folder: Path, shadow: Callable[[Path, float], str]) -> Parts:
    """A board whose endpoint has a shadow."""
    (first,) = kit.prepare(folder)
    routes = (kit.route("champion", 1, first), kit.route("shadow", 2, shadow(folder, -0.5), 0.0))
    counts = metrics.Metrics()
    board = Board(kit.PROJECT, "", lambda: datetime.fromtimestamp(kit.NOW / 1e6, UTC), counts)
    board.keys = dict(kit.PUBLIC)
    board.limits = ProofLimits(proven=folder / "proven")
    kept = cache.Cache(folder)
    board.adopt(kit.ENDPOINT, kit.sign(kit.document(2, *routes)), kept.bundle)
    return Parts(board, kept, counts)


def batch(
    loaded: engine.Loaded, count: int, again: Callable[[Signature], grid.Grid] = engine.as_they_are
) -> engine.Batch:
    """Golden rows of the champion."""
    assert loaded.champion is not None
    runtime = loaded.champion.runtime
    rows = grid.of(runtime.order, runtime.golden_rows())
    seen = grid.take(rows, np.arange(count) % len(rows))
    named = [f"p{at}" for at in range(count)]
    return engine.Batch(named, named, named, seen, again, kit.NOW)
