"""A shadow at which the shadows' process dies or hangs is left out for a while; the others' rows are scored."""

import re
from pathlib import Path

import numpy as np
import onnx
import psutil
import pyarrow as pa
from onnx import TensorProto, helper, numpy_helper

from podium.bundle import layout
from podium.core import bundle
from tests import engine_kit, patience
from tests import scoring_kit as kit
from tests.e2e import test_scorer_shadow as shadowed

MUCH = 9e8


def failing() -> engine_kit.Kind:
    """As the model is, but that ONNX Runtime gives up on very large amounts."""
    made = onnx.load_from_string(engine_kit.onnx_files()[bundle.MODEL])
    made.graph.node[-1].output[0] = "before"
    constants = {"much": np.array([[MUCH]]), "nought": np.zeros((1, 1))}
    made.graph.initializer.extend([numpy_helper.from_array(value, name) for name, value in constants.items()])
    nodes = (
        helper.make_node("GreaterOrEqual", ["sum", "much"], ["is_much"]),
        helper.make_node("Cast", ["is_much"], ["place"], to=TensorProto.INT64),
        helper.make_node("GatherElements", ["nought", "place"], ["noughts"], axis=0),
        helper.make_node("Add", ["before", "noughts"], [layout.SCORE]),
    )
    made.graph.node.extend(nodes)
    return engine_kit.Kind(bundle.Engine.ONNX, {bundle.MODEL: made.SerializeToString()})


def prepare(folder: Path) -> None:
    """Two endpoints with a shadow each."""
    first, second = kit.prepare(folder, -1.0, -0.5)
    for endpoint in ("good", "bad"):
        routes = (kit.route("champion", 1, first), kit.route("shadow", 2, second, 0.0))
        kit.put_rollout(folder, kit.sign(kit.document(1, *routes, endpoint=endpoint)), endpoint)


def metric(scorer: kit.Process, name: str, **labels: str) -> float:
    text = scorer.http.get("/metrics").text
    wanted = "{" + ",".join(f'{key}="{value}"' for key, value in sorted(labels.items())) + "}" if labels else ""
    return sum(float(value) for value in re.findall(rf"^{name}{re.escape(wanted)} (\S+)$", text, re.MULTILINE))


def scored(scorer: kit.Process, endpoint: str) -> float:
    return metric(scorer, "podium_predictions_total", endpoint=endpoint, role="shadow", version="2")


def dropped(scorer: kit.Process, endpoint: str) -> float:
    return metric(scorer, "podium_shadow_dropped_total", endpoint=endpoint)


def shadow_rows(folder: Path) -> dict[str, int]:
    """In the sealed log, by endpoint."""
    found: dict[str, int] = {}
    for path in (folder / "log").glob("*.arrow"):
        for row in pa.ipc.open_stream(path.read_bytes()).read_all().to_pylist():
            if row["role"] == "shadow":
                found[row["endpoint"]] = found.get(row["endpoint"], 0) + 1
    return found


def asked_last(scorer: kit.Process) -> psutil.Process:
    """The shadows' process, which was asked for the bad one's row and then for the good one's, and does nothing."""
    for endpoint in ("good", "bad"):
        assert scorer.infer(kit.tensors(), endpoint).status_code == 200
    scorer.drain()
    child = shadowed.shadows(scorer)
    child.suspend()
    assert scorer.infer(kit.tensors(shadowed.rows(1)), "bad").status_code == 200
    patience.until(lambda: shadowed._unread(child) > 0, "the row was not handed on")
    for at in range(20):
        assert scorer.infer(kit.tensors(shadowed.rows(10, at)), "good").status_code == 200
    return child


def test_a_death_costs_the_others_nothing(tmp_path: Path) -> None:
    prepare(tmp_path)
    with kit.Process(tmp_path) as scorer:
        before = 0.0
        for turn in range(1, 3):
            child = asked_last(scorer)
            waiting = shadowed._unread(child)
            patience.until(lambda: shadowed._unread(child) > waiting, "the rows were not handed on")  # noqa: B023
            child.kill()
            patience.until(lambda: scored(scorer, "good") == turn * 203, "others' rows are lost")  # noqa: B023
            assert dropped(scorer, "good") == 0
            before = dropped(scorer, "bad")
            assert before == turn
        assert scorer.infer(kit.tensors(shadowed.rows(1)), "bad").status_code == 200
        patience.until(lambda: dropped(scorer, "bad") == before + 1, "the one that is to blame is asked again at once")
        patience.until(lambda: _asked_again(scorer), "it is never asked again")
        scorer.drain()
        counted = {each: scored(scorer, each) for each in ("good", "bad")}
    assert shadow_rows(tmp_path) == counted


def _asked_again(scorer: kit.Process) -> bool:
    before = scored(scorer, "bad")
    assert scorer.infer(kit.tensors(shadowed.rows(1)), "bad").status_code == 200
    scorer.drain()
    return scored(scorer, "bad") > before


def test_one_that_hangs_is_not_waited_for_long(tmp_path: Path) -> None:
    prepare(tmp_path)
    with kit.Process(tmp_path) as scorer:
        asked_last(scorer)
        patience.until(lambda: scored(scorer, "good") == 203, "others wait for it")
        assert (dropped(scorer, "good"), dropped(scorer, "bad")) == (0, 1)


def test_rows_on_which_a_shadow_fails_are_counted_and_no_others(tmp_path: Path) -> None:
    """Neither those beside them in one call, nor any of another endpoint."""
    kit.prepare(tmp_path)
    plain = engine_kit.Kind(bundle.Engine.ONNX, engine_kit.onnx_files())
    first, second = engine_kit.write_bundle(tmp_path, plain), engine_kit.write_bundle(tmp_path, failing())
    for endpoint, shadow in (("good", first), ("bad", second)):
        routes = (kit.route("champion", 1, first), kit.route("shadow", 2, shadow, 0.0))
        kit.put_rollout(tmp_path, kit.sign(kit.document(1, *routes, endpoint=endpoint)), endpoint)
    with kit.Process(tmp_path) as scorer:
        rows = engine_kit.rows(60)
        asked = [row | ({"amount": MUCH + 1} if at % 3 == 0 else {}) for at, row in enumerate(rows)]
        patience.until(lambda: scorer.status()["rollouts"].keys() == {"good", "bad", "delay"})
        for row in asked:
            for endpoint in ("good", "bad"):
                assert scorer.infer(engine_kit.tensors([row]), endpoint).status_code == 200
        scorer.drain()
        child = shadowed.shadows(scorer)
        assert (scored(scorer, "good"), dropped(scorer, "good")) == (60, 0)
        assert (scored(scorer, "bad"), dropped(scorer, "bad")) == (40, 20)
        assert child.is_running()
    assert shadow_rows(tmp_path) == {"good": 60, "bad": 40}
