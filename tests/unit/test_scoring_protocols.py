"""The scorer's front door: one meaning for each body, and the caller's mistakes named without echoing them."""

import json
import time
from collections.abc import Callable
from typing import Any

import pytest

from podium.core.errors import Conflict, Invalid, NotFound, Refused, Unavailable
from podium.scoring import metrics, request
from podium.scoring.protocols import json_body, mlflow, oip, problem, reader, tensors, where
from tests import artifacts

MALFORMED = [
    b"",
    b" ",
    b"null",
    b"[]",
    b'"text"',
    b"1",
    b"{",
    b"{}}",
    b"{} {}",
    b'{"a":}',
    b'{"a":1,}',
    b"{'a':1}",
    b'{"a":NaN}',
    b'{"a":Infinity}',
    b'{"a":-Infinity}',
    b'{"a":1e400}',
    b'{"a":-1e400}',
    b'{"a":18446744073709551616}',
    b'{"a":[{"b":[1,-9223372036854775809]}]}',
    b'{"a":9223372036854775808}',
    b'{"a":"\\ud800"}',
    b'{"a":"\\ud800x"}',
    b'{"a":"\\udc00"}',
    b'{"\\ud800":1}',
    b'{"a":"\xff"}',
    b'{"a":"\xed\xa0\x80"}',
    b'{"a":"\x01"}',
    b'{"a":01}',
    b'{"a":+1}',
    b'{"a":.5}',
    b'{"a":0x10}',
    b'{"a":1,"a":2}',
    b'{"a":{"b":1,"b":1}}',
    b'{"a":[1,{"b":1,"b":1}]}',
    b'{"a":[1,[2,{"b":":","b":1}]]}',
    b'{"a":1,"\\u0061":2}',
    b'{"a":' + b"[" * 40 + b"]" * 40 + b"}",
    b'{"a":' + b'{"a":' * 64 + b"1" + b"}" * 64 + b"}",
    b'{"a":' + b"[" * 100_000,
    b"[" * 100_000 + b"]" * 100_000,
    b'{"a":["]",["]",' + b'["]",' * 40 + b"1" + b"]" * 42 + b"}",
    b"\xef\xbb\xbf{}",
    b'{"a":tru}',
    b'{"a":"',
    b'{"a":"\\',
    b'{"a":"\\x"}',
    b'\x00{"a":1}',
]


@pytest.mark.parametrize("body", MALFORMED, ids=range(len(MALFORMED)))
def test_malformed_json_is_the_callers_mistake(body: bytes) -> None:
    with pytest.raises(json_body.Malformed) as caught:
        json_body.parse(body)
    assert problem.of(caught.value)[0] == 400


@pytest.mark.parametrize(
    "body",
    [
        b"{}",
        b'{"a":":{[,"}',
        b'{"a":"\\"a\\":1","b":"\\\\"}',
        b'{"a":[{"a":1},{"a":2}]}',
        b'{"a":[1,{"a":{"a":[]}}]}',
        b'{"a":0.12345678901234567890123}',
        b'{"a":9223372036854775807}',
        b'{"a":"\\ud83d\\ude00"}',
        b'{"a":' + b"[" * 31 + b"]" * 31 + b"}",
    ],
)
def test_good_json_means_what_it_means_everywhere(body: bytes) -> None:
    assert json_body.parse(body) == json.loads(body)


def test_a_string_without_end_costs_no_more_than_its_bytes() -> None:
    for body in (b'{"a":"' + b'\\"' * 500_000, b'{"a":NaN,"b":"' + b'\\"' * 500_000 + b"\\", b'"' * 500_001 + b"NaN"):
        begun = time.process_time()
        with pytest.raises(json_body.Malformed):
            mlflow.parse(body)
        assert time.process_time() - begun < 1


def test_nan_is_null_where_mlflows_client_writes_it() -> None:
    table = b'{"dataframe_split":{"columns":["a","NaN"],"data":[[NaN,"\\"NaN"],[1, NaN ]]},"params":{"b":NaN}}'
    split = {"columns": ["a", "NaN"], "data": [[None, '"NaN'], [1, None]]}
    assert mlflow.parse(table) == {"dataframe_split": split, "params": {"b": None}}
    assert mlflow.parse(b'{"inputs":[[NaN,1.5]]}') == {"inputs": [[None, 1.5]]}
    for wrong in (
        b'{"inputs":[-NaN]}',
        b'{"inputs":[NaN1]}',
        b'{"inputs":[nan]}',
        b'{"inputs":[NaN,Infinity]}',
        b'{"inputs":[NaN],"inputs":[NaN]}',
        b'{"instances":[[NaN]]}',
        b'{"dataframe_records":[{"a":NaN}]}',
        b"NaN",
    ):
        with pytest.raises(json_body.Malformed):
            mlflow.parse(wrong)


def tensor(**changes: Any) -> dict[str, Any]:
    return {"name": "distance", "shape": [2], "datatype": "FP64", "data": [1.5, None]} | changes


HOUR = {"name": "hour", "shape": [2, 1], "datatype": "INT64", "data": [[1], [2]]}
KEY = {"name": "flight", "shape": [2], "datatype": "BYTES", "data": ["UA1", 7]}


def test_oip_tensors_become_columns() -> None:
    body = {"id": "a b", "inputs": [tensor(), HOUR, KEY, tensor(name="unknown")], "parameters": {}}
    sent = oip.read(body, lambda _: "req-1", artifacts.SIGNATURE)
    assert (sent.request_id, sent.count) == ("a b", 2)
    assert sent.columns["distance"] == [1.5, None]
    assert sent.columns["hour"] == [1, 2]
    assert request.keys(sent, "flight") == ["UA1", "7"]
    assert request.keys(sent, "absent") == ["", ""]
    assert oip.read({"inputs": [tensor()]}, lambda _: "req-1", artifacts.SIGNATURE).request_id == "req-1"


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "inputs"),
        ({"inputs": []}, "inputs"),
        ({"inputs": {}}, "inputs"),
        ({"inputs": [1]}, "inputs[0]"),
        ({"inputs": [tensor(name=3)]}, "inputs[0].name"),
        ({"inputs": [tensor(name="")]}, "inputs[0].name"),
        ({"inputs": [tensor(), tensor()]}, "inputs[1].name"),
        ({"inputs": [tensor(datatype="FP6")]}, "inputs[0].datatype"),
        ({"inputs": [tensor(datatype=None)]}, "inputs[0].datatype"),
        ({"inputs": [tensor(datatype=["FP64"])]}, "inputs[0].datatype"),
        ({"inputs": [tensor(datatype="BYTES")]}, "inputs[0].datatype"),
        ({"inputs": [tensor(datatype="BOOL")]}, "inputs[0].datatype"),
        ({"inputs": [tensor(shape=[])]}, "inputs[0].shape"),
        ({"inputs": [tensor(shape="2")]}, "inputs[0].shape"),
        ({"inputs": [tensor(shape=[-2])]}, "inputs[0].shape"),
        ({"inputs": [tensor(shape=[True])]}, "inputs[0].shape"),
        ({"inputs": [tensor(shape=[2.0])]}, "inputs[0].shape"),
        ({"inputs": [tensor(shape=[1, 2])]}, "inputs[0].shape"),
        ({"inputs": [tensor(shape=[2, 1, 1])]}, "inputs[0].shape"),
        ({"inputs": [tensor(shape=[3])]}, "inputs[0].data"),
        ({"inputs": [tensor(data=None)]}, "inputs[0].data"),
        ({"inputs": [tensor(shape=[2, 1], data=[[1], [2, 3]])]}, "inputs[0].data"),
        ({"inputs": [tensor(), dict(HOUR, shape=[1], data=[1])]}, "inputs[1].shape"),
        ({"inputs": [tensor()], "id": 7}, "id"),
        ({"inputs": [tensor()], "id": "x" * 200}, "id"),
        ({"inputs": [tensor()], "id": "a\nb"}, "id"),
        ({"inputs": [tensor()], "parameters": []}, "parameters"),
    ],
)
def test_bad_tensors_are_named_by_place(body: dict[str, Any], field: str) -> None:
    with pytest.raises(Invalid) as caught:
        oip.read(body, lambda _: "req-1", artifacts.SIGNATURE)
    assert caught.value.field == field


SPLIT = {"columns": ["hour", "distance", "other"], "data": [[1, 2.5, "x"], [None, 3, "y"]]}
RECORDS = [{"hour": 1, "distance": 2.5, "other": "x"}, {"hour": None, "distance": 3}]


@pytest.mark.parametrize(
    "body",
    [
        {"dataframe_split": SPLIT},
        {"dataframe_split": SPLIT | {"index": [7, 8]}, "params": {"any": 1}},
        {"dataframe_split": {"data": [[2.5, 1], [3, None]]}},
        {"dataframe_records": RECORDS},
        {"instances": RECORDS},
        {"instances": [[2.5, 1], [3, None]]},
        {"inputs": {"hour": [1, None], "distance": [[2.5], [3]]}},
        {"inputs": [[2.5, 1], [3, None]], "params": {}},
    ],
)
def test_mlflows_forms_mean_the_same(body: dict[str, Any]) -> None:
    sent = mlflow.read(body, "req-1", artifacts.SIGNATURE)
    assert sent.count == 2
    assert sent.columns["hour"] == [1, None]
    assert sent.columns["distance"] == [2.5, 3]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "body"),
        ({"instances": [], "inputs": []}, "body"),
        ({"dataframe_split": []}, "dataframe_split"),
        ({"dataframe_split": {"columns": ["a"]}}, "dataframe_split"),
        ({"dataframe_split": {"data": [[1]]}}, "dataframe_split.data"),
        ({"dataframe_split": {"columns": [1], "data": []}}, "dataframe_split.columns"),
        ({"dataframe_split": {"columns": ["a", "a"], "data": []}}, "dataframe_split.columns"),
        ({"dataframe_split": {"columns": ["a"], "data": [[1, 2]]}}, "dataframe_split.data"),
        ({"dataframe_split": {"columns": ["a"], "data": [1]}}, "dataframe_split.data"),
        ({"dataframe_records": {}}, "dataframe_records"),
        ({"dataframe_records": [1]}, "dataframe_records"),
        ({"dataframe_records": [{"hour": 1}, {}]}, "hour"),
        ({"instances": [[1]]}, "instances"),
        ({"instances": 1}, "instances"),
        ({"inputs": {"hour": 1}}, "inputs"),
        ({"inputs": {"hour": [1], "distance": []}}, "inputs"),
        ({"inputs": [], "params": 1}, "params"),
    ],
)
def test_bad_invocations_are_named_by_place(body: dict[str, Any], field: str) -> None:
    with pytest.raises(Invalid) as caught:
        mlflow.read(body, "req-1", artifacts.SIGNATURE)
    assert caught.value.field == field


@pytest.mark.parametrize("rows", [tensors.MOST_ROWS, tensors.MOST_ROWS + 1])
def test_a_request_has_only_so_many_rows(rows: int) -> None:
    signature = artifacts.SIGNATURE
    column = [1] * rows
    ways: dict[str, Callable[[], request.Rows]] = {
        "inputs[0].shape": lambda: oip.read(
            {"inputs": [tensor(shape=[rows], data=column), HOUR | {"shape": [rows], "data": column}]},
            lambda _: "req-1",
            signature,
        ),
        "instances": lambda: mlflow.read({"instances": [[1, 2]] * rows}, "req-1", signature),
        "inputs": lambda: mlflow.read({"inputs": {"distance": column, "hour": column}}, "req-1", signature),
        "body": lambda: mlflow.read_csv(b"distance,hour\n" + b"1,2\n" * rows, "req-1", signature),
    }
    for field, read in ways.items():
        if rows <= tensors.MOST_ROWS:
            assert read().count == rows
        else:
            with pytest.raises(Invalid, match="at most 100000 rows") as caught:
                read()
            assert caught.value.field == field


def test_compiled_readers_leave_too_many_rows_to_the_strict_one() -> None:
    known = reader.Reader(artifacts.SIGNATURE, reader.MLFLOW)
    for rows in (tensors.MOST_ROWS, tensors.MOST_ROWS + 1):
        body = b'{"dataframe_split":{"columns":["distance","hour"],"data":[' + b",".join([b"[1,2]"] * rows) + b"]}}"
        assert (known.read_large(body) is None) is (rows > tensors.MOST_ROWS)


def test_a_body_of_very_many_lists_is_refused_before_it_is_read() -> None:
    body = b'{"a":[' + b"[]," * (json_body.MOST_PARTS - 3) + b"[]]}"
    assert len(json_body.parse(body)["a"]) == json_body.MOST_PARTS - 2
    with pytest.raises(json_body.Malformed, match="lists and objects"):
        json_body.parse(body.replace(b"]]", b"],[],[]]"))


def test_what_no_request_needs_is_refused_before_it_is_decoded() -> None:
    known = reader.Reader(artifacts.SIGNATURE, reader.OIP)
    fields = ",".join(f'"{at}":{at}' for at in range(json_body.MOST_KEYS))
    assert len(json_body.parse(f'{{"a":{{{fields}}}}}'.encode())["a"]) == json_body.MOST_KEYS
    bodies = {
        "values": b'{"a":[' + b"1," * (json_body.MOST_VALUES + 1) + b"1]}",
        "keys in one object": f'{{"a":{{{fields},"b":1}}}}'.encode(),
        "nested deeper": b'{"a":' + b"[" * json_body.DEPTH + b"]" * json_body.DEPTH + b"}",
    }
    for what, body in bodies.items():
        for read in (json_body.parse, known.read_large):
            with pytest.raises(json_body.Malformed, match=what):
                read(body)
    at_most = b'{"a":[' + b"1," * json_body.MOST_VALUES + b"1]}"
    assert len(json_body.parse(at_most)["a"]) == json_body.MOST_VALUES + 1


def test_a_csv_has_no_more_lines_and_commas_than_rows_need() -> None:
    for what, body in {"lines": b"a" + b"\n" * 1_000_001, "commas": b'"\n",' + b"," * json_body.MOST_KEYS}.items():
        with pytest.raises(json_body.Malformed, match=what):
            mlflow.read_csv(body, "req-1", artifacts.SIGNATURE)
    text = '"' + "\n" * 500 + '"'
    sent = mlflow.read_csv(f"hour,note\n1,{text}\n".encode(), "req-1", artifacts.SIGNATURE)
    assert sent.columns == {"hour": [1], "note": ["\n" * 500]}


def test_csv_cells_take_the_features_types() -> None:
    sent = mlflow.read_csv(b"hour,distance,flight\r\n1,2.5,UA1\r\n,3,7\r\n", "req-1", artifacts.SIGNATURE)
    assert sent.columns == {"hour": [1, None], "distance": [2.5, 3.0], "flight": ["UA1", "7"]}


@pytest.mark.parametrize(
    "body",
    [b"", b"a,a\n1,2", b"hour\n1,2", b"hour\nx", b"\xff", b'hour\n"1', b"hour\n1.5", b"hour\n1_0", b"hour\n\xd9\xa3"],
)
def test_bad_csv_is_the_callers_mistake(body: bytes) -> None:
    with pytest.raises(Invalid):
        mlflow.read_csv(body, "req-1", artifacts.SIGNATURE)


def test_answers_carry_every_row() -> None:
    scored = request.Scored(
        request_id="r",
        prediction_ids=["r/0", "r/1"],
        scores=[0.25, 0.75],
        decisions=[False, True],
        versions=[1, 2],
    )
    answer = json.loads(oip.write("delay", scored))
    assert "model_version" not in answer
    assert [each["name"] for each in answer["outputs"]] == ["score", "decision", "prediction_id", "version"]
    records = json.loads(mlflow.write(scored))["predictions"]
    assert records[1] == {"score": 0.75, "decision": True, "prediction_id": "r/1", "version": 2}


@pytest.mark.parametrize("key", [True, 1.5, [], {}, "x" * 600, "a\x00"])
def test_a_key_is_text_or_a_whole_number(key: Any) -> None:
    with pytest.raises(Invalid, match="row 0"):
        request.keys(request.Rows(request_id="r", count=1, columns={"flight": [key]}), "flight")


def test_each_kind_of_error_has_its_status() -> None:
    statuses = [problem.of(kind("No."))[0] for kind in (Invalid, NotFound, Conflict, Refused, Unavailable)]
    assert statuses == [422, 404, 409, 403, 503]
    assert json.loads(problem.of(Invalid("No.", field="a", fix="b"))[1])["field"] == "a"


def test_metrics_are_prometheus_text() -> None:
    counts = metrics.Metrics()
    counts.count("podium_predictions_total", 3, endpoint="delay", version="1", role="champion")
    counts.answered(metrics.Asked("delay", "/v2/models/{endpoint}/infer", "POST", "200", infers=True), 1, 0.0007)
    text = counts.text({"podium_rollout_number": {"delay": 2.0}}).decode()
    assert 'podium_predictions_total{endpoint="delay",role="champion",version="1"} 3\n' in text
    said = 'endpoint="delay",http_request_method="POST",http_response_status_code="200",'
    route = 'http_route="/v2/models/{endpoint}/infer"'
    assert f'http_server_request_duration_seconds_bucket{{{said}{route},le="0.001"}} 1\n' in text
    assert 'podium_rollout_number{endpoint="delay"} 2\n' in text


def test_a_table_with_nan_is_not_searched_for_a_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(where, "find", lambda *_: pytest.fail("it was searched"))
    body = b'{"dataframe_split":{"columns":["a"],"data":[' + b"[1]," * 2000 + b"[NaN]]}}"
    assert mlflow.parse(body)["dataframe_split"]["data"][-1] == [None]
