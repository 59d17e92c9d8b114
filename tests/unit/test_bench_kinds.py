"""The kinds of model that the benchmark serves are what their rows say."""

from pathlib import Path

import numpy

from podium.bundle import columns, read
from podium.bundle.engines import place
from podium.bundle.engines.onnx import fused, model, session
from podium.bundle.export import frame
from podium.cli.bench import folder, kinds
from podium.cli.bench import model as benchmark
from podium.core.rollout import Durability
from podium.scoring import cache

FUSED, RUNTIME = "ONNX, fused", "ONNX Runtime"


def test_the_fused_executor_and_onnx_runtime_have_a_row_each_and_give_the_same_bits(tmp_path: Path) -> None:
    made = benchmark.make()
    rows = columns.take(frame.table(made.signature, made.rows), slice(0, 200))
    found = {}
    for kind in kinds.ALL:
        if kind.title not in (FUSED, RUNTIME):
            continue
        folder.prepare(tmp_path / kind.name, [kind.make(made, "")], Durability.DURABLE)
        kept = cache.Cache(tmp_path / kind.name)
        (path,) = kept.rollout_files().values()
        named = kept.bundle(cache.read_signed(path).rollout().routes[0].digest)
        found[kind.title] = model.load(named, read.load_manifest(named), place.Place(folder=tmp_path))
    assert isinstance(found[FUSED], fused.Scorer)
    assert isinstance(found[RUNTIME], session.Scorer)
    assert numpy.asarray(found[FUSED].predict(rows)).tobytes() == numpy.asarray(found[RUNTIME].predict(rows)).tobytes()
