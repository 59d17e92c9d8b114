"""The same rows in each peer's protocol, and the scores read from its answers."""

import msgspec
import numpy as np
import pytest

from podium.cli.bench import work
from podium.cli.bench.peers import known, protocols
from podium.core.errors import Invalid

VALUES: work.Values = {"integer_0": [7, 8], "number_1": [1.5, None], "text_3": ["amber", "birch"]}


def test_a_name_stands_for_all_ways_of_a_peer() -> None:
    assert [peer.name for peer in known.choose("mlflow")] == ["mlflow", "mlflow_onnx"]
    assert [peer.name for peer in known.choose("litserve_onnx_batching, ray")] == [
        "ray",
        "ray_batching",
        "ray_onnx",
        "ray_onnx_batching",
        "litserve_onnx_batching",
    ]
    assert known.choose("none") == ()
    assert known.choose("all") == known.ALL
    assert len({peer.name for peer in known.ALL}) == len(known.ALL) == 20
    with pytest.raises(Invalid):
        known.choose("nobody")


def test_every_product_of_the_table_is_there() -> None:
    assert {peer.product for peer in known.ALL} == {"mlflow", "bentoml", "ray", "litserve", "mlserver", "fastapi"}
    assert {peer.product for peer in known.ALL if peer.by_hand} == {"fastapi"}
    assert {peer.model for peer in known.ALL} == {"sklearn", "onnx"}


def test_the_rows_are_the_same_in_every_protocol() -> None:
    assert msgspec.json.decode(protocols.records(VALUES).content) == {
        "rows": [
            {"integer_0": 7, "number_1": 1.5, "text_3": "amber"},
            {"integer_0": 8, "number_1": None, "text_3": "birch"},
        ]
    }
    assert msgspec.json.decode(protocols.split(VALUES).content) == {
        "dataframe_split": {"columns": list(VALUES), "data": [[7, 1.5, "amber"], [8, None, "birch"]]}
    }
    tensors = msgspec.json.decode(protocols.oip_plain(VALUES).content)
    assert {one["name"]: one["data"] for one in tensors["inputs"]} == VALUES
    assert {one["name"]: one["shape"] for one in tensors["inputs"]} == {name: [2, 1] for name in VALUES}
    grouped = msgspec.json.decode(protocols.tensors({name: values[:1] for name, values in VALUES.items()}).content)
    assert grouped == {"inputs": {"numbers": [[7, 1.5]], "texts": [["amber"]]}}


@pytest.mark.parametrize(
    ("read", "content"),
    [
        (protocols.read_scores, {"scores": [0.25, 0.5]}),
        (protocols.read_scores, [0.25, 0.5]),
        (protocols.read_mlflow, {"predictions": [[0.75, 0.25], [0.5, 0.5]]}),
        (protocols.read_mlflow, {"predictions": {"score": [[0.25], [0.5]]}}),
        (protocols.read_oip, {"outputs": [{"shape": [2, 1], "data": [0.25, 0.5]}]}),
        (protocols.read_oip, {"outputs": [{"shape": [2, 2], "data": [0.75, 0.25, 0.5, 0.5]}]}),
    ],
)
def test_the_scores_are_read_from_every_answer(read: work.Reader, content: object) -> None:
    assert np.array_equal(read({}, msgspec.json.encode(content)), [0.25, 0.5])
