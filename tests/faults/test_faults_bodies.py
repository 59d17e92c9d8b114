"""Every kind of bad body: the caller's mistake, named, never repeated; and the scorer stays as large as it was."""

import gzip
import http.client
import json
import time
import zlib
from pathlib import Path
from typing import Any, NamedTuple

import psutil
import pytest

from tests import scoring_kit as kit
from tests.faults import load
from tests.faults.conftest import Record
from tests.faults.lines import trials as forms
from tests.unit.test_scoring_protocols import MALFORMED

CANARY = "zq81canary"
OIP, MLFLOW = "/v2/models/delay/infer", "/invocations"
JSON = {"Content-Type": "application/json"}
_MB = 1024 * 1024
MOST_GROWTH = 50 * _MB
_QUIET_SECONDS = 6.0
"""The scorer gives back what large bodies took when none has come for five seconds."""
AGAIN = " as an invocation"
FIELDS = {
    "a feature too few": "hour",
    "text for a number": "distance",
    "a fraction for a whole number": "hour",
    "true for a number": "distance",
    "a list for a number": "distance",
    "an object for a number": "distance",
    "null where the model has no answer": "score",
    "a number beyond the model": "hour",
    "a whole number beyond float64": "hour",
    "an object for the key": "flight",
    "a key without end": "flight",
    "an id without end": "id",
    "an id of two lines": "id",
    "an id that is a number": "id",
    "a shape that lies": "inputs[0].data",
    "a negative shape": "inputs[0].shape",
    "a shape without end": "inputs[0].data",
    "a shape of three": "inputs[0].shape",
    "a shape of text": "inputs[0].shape",
    "no such datatype": "inputs[0].datatype",
    "another's datatype": "inputs[0].datatype",
    "a name that is a number": "inputs[0].name",
    "no data": "inputs[0].data",
    "data that is text": "inputs[0].data",
    "no tensors": "inputs",
    "one tensor twice": "inputs[1].name",
    "rows of two lengths": "instances",
    "a text of 4 MB": "inputs[0]",
    "a name of 4 MB": "inputs",
    "four million texts": "inputs[0].data",
    "four million numbers": "inputs[0].data",
    "nine hundred thousand rows": "instances",
    "NaN in a tensor": "inputs[1].data[1]",
    "1e400 in a tensor": "inputs[0].data[0]",
    "2^64 in a row": "instances[1].hour",
    "half a surrogate as a key": "instances[0].flight",
    "bytes that are no UTF-8": "inputs[0].data[0]",
    "one name twice in a row": "instances[0].hour",
    "NaN in records": "instances[0].distance",
    "NaN in a table": "score",
    "Infinity in a table": "dataframe_split.data[0][0]",
    "CSV with text": "distance",
    "no such type": "Content-Type",
    "a form": "Content-Type",
    "another charset": "Content-Type",
    "a type without end": "Content-Type",
    "no type": "Content-Type",
    "an unknown encoding": "Content-Encoding",
}
"""By kind: what the answer must name; of all others it is the body as a whole."""


class Bad(NamedTuple):
    """A body that must be refused, and how."""

    kind: str
    body: bytes
    statuses: tuple[int, ...]
    path: str = OIP
    headers: dict[str, str] = JSON


def _oip(kind: str, rows: dict[str, list[Any]], **more: Any) -> Bad:
    return Bad(kind, json.dumps(kit.tensors(rows, **more)).encode(), (422,))


def _tensor(kind: str, **changes: Any) -> Bad:
    sent = kit.tensors({"distance": [1.0], "hour": [1]})
    sent["inputs"][0] |= changes
    return Bad(kind, json.dumps(sent).encode(), (400, 422))


def _zipped(kind: str, body: bytes, statuses: tuple[int, ...], encoding: str = "gzip") -> Bad:
    return Bad(kind, body, statuses, OIP, {**JSON, "Content-Encoding": encoding})


def _typed(kind: str, media: str) -> Bad:
    return Bad(kind, json.dumps(kit.tensors()).encode(), (415,), OIP, {"Content-Type": media})


def _bomb() -> bytes:
    """256 MB of zeros in a quarter of a megabyte, gzipped over and over: no inflater may give all of it room."""
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    return b"".join(packer.compress(bytes(_MB)) for _ in range(256)) + packer.flush()


def _many(value: bytes) -> bytes:
    """Sixteen megabytes of that value in one tensor: to be read it takes many times as much."""
    return (
        b'{"inputs":[{"name":"distance","datatype":"FP64","shape":[1],"data":['
        + (value + b",") * _times(value)
        + b"0]}]}"
    )


def _times(value: bytes) -> int:
    return 16_000_000 // (len(value) + 1)


def _pair(distances: bytes, hours: bytes) -> bytes:
    """Two rows in two tensors."""
    form = b'{"name":"%s","datatype":"%s","shape":[2],"data":%s}'
    given = form % (b"distance", b"FP64", distances), form % (b"hour", b"INT64", hours)
    return b'{"inputs":[%s,%s]}' % given


GOOD = json.dumps(kit.tensors()).encode()
KINDS = [
    *(Bad(f"malformed {number}", body, (400, 422)) for number, body in enumerate(MALFORMED)),
    *(Bad(f"malformed {number}{AGAIN}", body, (400, 422), MLFLOW) for number, body in enumerate(MALFORMED)),
    _oip("a feature too few", {"distance": [1.0]}),
    _oip("text for a number", {"distance": [CANARY], "hour": [1]}),
    _oip("a fraction for a whole number", {"distance": [1.0], "hour": [1.5]}),
    _oip("true for a number", {"distance": [True], "hour": [1]}),
    _oip("a list for a number", {"distance": [[1.0]], "hour": [1]}),
    _oip("an object for a number", {"distance": [{}], "hour": [1]}),
    _oip("null where the model has no answer", {"distance": [None], "hour": [1]}),
    _oip("a number beyond the model", {"distance": [1e308], "hour": [2**62]}),
    _oip("a whole number beyond float64", {"distance": [1.0], "hour": [2**53 + 2]}),
    _oip("an object for the key", {"distance": [1.0], "hour": [1], "flight": [{CANARY: 1}]}),
    _oip("a key without end", {"distance": [1.0], "hour": [1], "flight": [CANARY * 1000]}),
    _oip("an id without end", {"distance": [1.0], "hour": [1]}, id=CANARY * 30),
    _oip("an id of two lines", {"distance": [1.0], "hour": [1]}, id=f"{CANARY}\n"),
    _oip("an id that is a number", {"distance": [1.0], "hour": [1]}, id=7),
    _tensor("a shape that lies", shape=[2]),
    _tensor("a negative shape", shape=[-1]),
    _tensor("a shape without end", shape=[2**62]),
    _tensor("a shape of three", shape=[1, 1, 1]),
    _tensor("a shape of text", shape=CANARY),
    _tensor("no such datatype", datatype=CANARY),
    _tensor("another's datatype", datatype="BYTES"),
    _tensor("a name that is a number", name=5),
    _tensor("no data", data=None),
    _tensor("data that is text", data=CANARY),
    Bad("no tensors", json.dumps({"inputs": []}).encode(), (422,)),
    Bad("one tensor twice", json.dumps({"inputs": kit.tensors({"hour": [1]})["inputs"] * 2}).encode(), (422,)),
    Bad("an unknown form", json.dumps({CANARY: CANARY}).encode(), (422,), MLFLOW),
    Bad("two forms", json.dumps({"instances": [], "inputs": {}}).encode(), (422,), MLFLOW),
    Bad("rows of two lengths", json.dumps({"instances": [[1], [1, 2]]}).encode(), (422,), MLFLOW),
    Bad("a text of 4 MB", json.dumps({"inputs": [CANARY * 400_000]}).encode(), (422,)),
    Bad("a name of 4 MB", json.dumps({CANARY * 400_000: 1}).encode(), (422,)),
    Bad("four million texts", _many(b'"a"'), (422,)),
    Bad("four million numbers", _many(b"0.5"), (422,)),
    Bad("a million keys", b"{%b}" % b",".join(b'"%d":1' % at for at in range(1_400_000)), (400,)),
    Bad("eight million digits", _many(b"0"), (400,)),
    Bad("five million empty texts", _many(b'""'), (400,)),
    Bad("nine hundred thousand rows", b'{"instances":[' + b"[1,1]," * 900_000 + b"[]]}", (422,), MLFLOW),
    Bad("CSV of commas", b"," * 16_000_000, (400,), MLFLOW, {"Content-Type": "text/csv"}),
    Bad("CSV of nothing", b"\n" * 16_000_000, (400,), MLFLOW, {"Content-Type": "text/csv"}),
    Bad("a million brackets", b'{"inputs":' + b"[" * 1_000_000 + b"]" * 1_000_000 + b"}", (400,)),
    Bad("a text of quotes without end", b'{"inputs":"' + b'\\"' * 500_000, (400,)),
    Bad("NaN in a tensor", _pair(b"[0.5,1.5]", b"[1,NaN]"), (400,)),
    Bad("1e400 in a tensor", _pair(b"[1e400,1.5]", b"[1,2]"), (400,)),
    Bad("bytes that are no UTF-8", _pair(b'["\xff"]', b"[1,2]"), (400,)),
    Bad("2^64 in a row", b'{"instances":[{"hour":1},{"hour":18446744073709551616}]}', (400,), MLFLOW),
    Bad("half a surrogate as a key", b'{"instances":[{"flight":"\\ud800"}]}', (400,), MLFLOW),
    Bad("one name twice in a row", b'{"instances":[{"hour":1,"hour":2}]}', (400,), MLFLOW),
    Bad("NaN in records", b'{"instances":[{"distance":NaN,"hour":1}]}', (400,), MLFLOW),
    Bad("NaN in a table", b'{"dataframe_split":{"columns":["distance","hour"],"data":[[1,NaN]]}}', (422,), MLFLOW),
    Bad(
        "Infinity in a table",
        b'{"dataframe_split":{"columns":["distance","hour"],"data":[[Infinity,1]]}}',
        (400,),
        MLFLOW,
    ),
    Bad("a number of a million digits", b'{"inputs":' + b"9" * 1_000_000 + b"}", (400, 422)),
    Bad("CSV with too few cells", b"distance,hour\n1\n", (422,), MLFLOW, {"Content-Type": "text/csv"}),
    Bad("CSV with text", f"distance,hour\n{CANARY},1\n".encode(), (422,), MLFLOW, {"Content-Type": "text/csv"}),
    Bad("CSV in no encoding", b"distance\xff\n1\n", (400,), MLFLOW, {"Content-Type": "text/csv"}),
    _typed("no such type", "text/html"),
    _typed("a form", "application/x-www-form-urlencoded"),
    _typed("another charset", "application/json; charset=utf-16"),
    _typed("a type without end", "application/" + CANARY * 50),
    Bad("no type", GOOD, (415,), MLFLOW, {}),
    Bad("17 MB", b" " * (17 * _MB), (413,)),
    _zipped("a bomb", _bomb(), (413, 415)),
    _zipped("a bomb in a bomb", gzip.compress(_bomb()), (400, 413, 415)),
    _zipped("gzip cut short", gzip.compress(GOOD)[:-12], (400, 415)),
    _zipped("gzip that is none", GOOD, (400, 415)),
    _zipped("deflate that is none", CANARY.encode(), (400, 415), "deflate"),
    _zipped("an unknown encoding", GOOD, (415,), CANARY),
]


def ask(connection: http.client.HTTPConnection, bad: Bad) -> tuple[http.client.HTTPResponse, bytes]:
    connection.request("POST", bad.path, bad.body, bad.headers)
    answer = connection.getresponse()
    return answer, answer.read()


def fault(url: str, bad: Bad) -> str | None:
    """What is wrong with the answer to a bad body, if anything."""
    connection = load.connect(url)
    try:
        answer, data = ask(connection, bad)
    finally:
        connection.close()
    if answer.status not in bad.statuses:
        return f"{bad.kind}: status {answer.status}"
    if answer.headers["Content-Type"] != "application/problem+json":
        return f"{bad.kind}: {answer.headers['Content-Type']}"
    if CANARY.encode() in data:
        return f"{bad.kind}: the answer repeats the input"
    told = json.loads(data)
    if told.get("field") != FIELDS.get(bad.kind, "body"):
        return f"{bad.kind}: it names {told.get('field')}"
    if not told.get("fix"):
        return f"{bad.kind}: nothing is said that mends it"
    return None


@pytest.mark.parametrize("rounds", forms("bad-bodies"))
def test_bad_bodies(rounds: int, tmp_path: Path, record: Record) -> None:
    """Memory is judged twice: by what stays once all is over, of which only good requests came before; and by the most
    that there ever was, once each kind has come."""
    kit.prepare(tmp_path)
    wrong: list[str] = []
    with kit.Process(tmp_path) as process:
        watched = psutil.Process(process.process.pid)
        for rows in (1, 10, 1000):
            good = kit.tensors({"distance": [1.0] * rows, "hour": [1] * rows})
            assert process.infer(good).status_code == 200
        before = watched.memory_info().rss
        for bad in KINDS:
            fault(process.url, bad)
        known = largest = watched.memory_info().rss
        for _ in range(rounds):
            for bad in KINDS:
                found = fault(process.url, bad)
                wrong += [found] if found else []
                largest = max(largest, watched.memory_info().rss)
            cut(process.url)
        assert process.infer(kit.tensors()).status_code == 200
        time.sleep(_QUIET_SECONDS)
        stays = watched.memory_info().rss - before
        process.stop()
    kinds = len({bad.kind.removesuffix(AGAIN) for bad in KINDS})
    assert kinds >= 60
    record(
        "bad-bodies",
        rounds,
        f"{kinds} kinds in {len(KINDS)} requests a round, {len(wrong)} wrong answers; memory grew by "
        f"{max(0, stays) / _MB:.0f} MB in all, and after "
        f"the first of each by {max(0, largest - known) / _MB:.0f} MB at most"
        + "".join(f"; {each}" for each in sorted(set(wrong))[:5]),
        held=not wrong and max(stays, largest - known) <= MOST_GROWTH,
    )


def cut(url: str) -> None:
    """A client that goes away in the middle of its body."""
    connection = load.connect(url)
    connection.putrequest("POST", OIP)
    connection.putheader("Content-Type", "application/json")
    connection.putheader("Content-Length", "1000")
    connection.endheaders(b'{"inputs":')
    connection.close()
