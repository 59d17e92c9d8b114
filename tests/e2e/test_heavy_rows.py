"""A model whose rows take long is asked beside the loop, so that nobody else waits for it."""

import asyncio
import collections
import json
import time
from pathlib import Path

import httpx
import msgspec
import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from podium.bundle import layout
from podium.core import bundle
from podium.scoring.protocols import reader
from tests import engine_kit
from tests import scoring_kit as kit
from tests.e2e import test_slow_neighbour as street

HEAVY = "/v2/models/heavy/infer"
WIDTH, TURNS = 1200, 4


def heavy() -> engine_kit.Kind:
    """The model of the kit, which does much arithmetic besides that comes to nothing: each row costs milliseconds."""
    model = engine_kit.onnx_files()[bundle.MODEL]
    made = onnx.load_from_string(model)
    graph = made.graph
    last = next(node for node in graph.node if layout.SCORE in node.output)
    last.output[0] = "score_before"
    graph.initializer.extend(
        [
            numpy_helper.from_array(np.full((3, WIDTH), 1e-9), "wide"),
            numpy_helper.from_array(np.full((WIDTH, WIDTH), 1e-9), "turn"),
            numpy_helper.from_array(np.zeros((WIDTH, 1)), "narrow"),
        ]
    )
    graph.node.append(helper.make_node("MatMul", ["known", "wide"], ["turned0"]))
    for at in range(TURNS):
        graph.node.append(helper.make_node("MatMul", [f"turned{at}", "turn"], [f"turned{at + 1}"]))
    graph.node.append(helper.make_node("MatMul", [f"turned{TURNS}", "narrow"], ["nothing_more"]))
    graph.node.append(helper.make_node("Add", ["score_before", "nothing_more"], [layout.SCORE]))
    assert graph.output[0].type.tensor_type.elem_type == TensorProto.DOUBLE
    described = layout.of(engine_kit.SIGNATURE)
    helper.set_model_props(made, {layout.KEY: msgspec.json.encode(described).decode()})
    return engine_kit.Kind(bundle.Engine.ONNX, {bundle.MODEL: made.SerializeToString()})


def test_a_crowd_before_a_heavy_model_keeps_nobody_from_a_quick_one(tmp_path: Path) -> None:
    kit.prepare(tmp_path)
    engine_kit.serve(tmp_path, "heavy", engine_kit.write_bundle(tmp_path, heavy()))
    body = json.dumps(engine_kit.tensors(engine_kit.rows(2)[1:] * 200)).encode()

    async def main(url: str) -> tuple[list[int], collections.Counter[int]]:
        enough = asyncio.Event()
        waiting = asyncio.ensure_future(street.crowd(url + HEAVY, body, 80, enough))
        quick = []
        async with httpx.AsyncClient(base_url=url, timeout=60) as client:
            await asyncio.sleep(2.0)
            for _ in range(100):
                answer = await client.post(f"/v2/models/{kit.ENDPOINT}/infer", json=kit.tensors())
                quick.append(answer.status_code)
                await asyncio.sleep(0.01)
        enough.set()
        return quick, await waiting

    with kit.Process(tmp_path) as scorer:
        quick, told = asyncio.run(main(scorer.url))
        assert set(quick) == {200}
        assert set(told) <= {200, 429}
        assert told[200] > 0


def test_rows_that_take_long_keep_nobody_waiting(tmp_path: Path) -> None:
    kit.prepare(tmp_path)
    engine_kit.serve(tmp_path, "heavy", engine_kit.write_bundle(tmp_path, heavy()))
    body = json.dumps(engine_kit.tensors(engine_kit.rows(2)[1:] * 3000)).encode()
    assert len(body) < reader.LARGE, "large ones are scored beside the loop in any case"

    async def ask(url: str) -> tuple[httpx.Response, list[float]]:
        async with httpx.AsyncClient(base_url=url, timeout=60) as client:
            waiting = asyncio.ensure_future(client.post(HEAVY, content=body))
            took = []
            await asyncio.sleep(0.1)
            while not waiting.done():
                begun = time.perf_counter()
                quick = await client.post(f"/v2/models/{kit.ENDPOINT}/infer", json=kit.tensors())
                took.append(time.perf_counter() - begun)
                assert quick.status_code == 200
                await asyncio.sleep(0.02)
            return waiting.result(), took

    with kit.Process(tmp_path) as scorer:
        answer, took = asyncio.run(ask(scorer.url))
        assert answer.status_code == 200, answer.text
        expected = engine_kit.score(engine_kit.rows(2)[1])
        assert kit.output(answer.json(), "score") == [expected] * 3000
        assert len(took) >= 10
        assert max(took) < answer.elapsed.total_seconds() / 2
