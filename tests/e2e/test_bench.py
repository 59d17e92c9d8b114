"""The scorer's benchmark runs from start to end; and its load generator notices wrong answers."""

import contextlib
import itertools
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from podium.cli.bench import bars, growth, limit, load, measure, model, process, speed, tables, work, workers
from podium.cli.bench import page as pages
from podium.core import native
from podium.core.errors import Refused

pytestmark = pytest.mark.alone
ROOT = Path(__file__).parents[2]
SCORE = 0.123456789012345


def test_a_short_run_gives_a_whole_report(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    begin, end = pages.marks("scorer")
    page.write_text(f"# Before\n{begin}\nthe last run\n{end}\nafter\n")
    command = [sys.executable, "-m", "benches", "scorer", "--quick", "--seconds", "0.2", "--peers", "none"]
    command += ["--enforce", "--json", "--out", str(tmp_path), "--page", str(page)]
    made = subprocess.run(command, cwd=ROOT, capture_output=True, timeout=200, check=False)
    assert made.stdout, made.stderr.decode()
    report = msgspec.json.decode(made.stdout)
    assert report == msgspec.json.decode((tmp_path / "scorer.json").read_bytes())
    podium, ort = report["podium"], report["onnxruntime_100"]
    for side in (report["limit"], podium["durable"], podium["queued"]):
        for figure in ("c1_rps", "c1_p50_us", "c64_rps", "c64_p99_ms", "c64_cpu_us"):
            assert side[figure] > 0, figure
    for form in bars.FORMS:
        assert podium[f"{form}_100"]["rows_per_s"] > 0, podium[f"{form}_100"]
    assert ort["rows_per_s"] > 0
    assert report["peers"] == {}
    assert 0 < report["ratios"]["durable_of_limit"] < 1
    assert report["machine"]["cores"] >= 1
    assert {"name", "wanted", "value", "most", "passed", "factor"} == set(report["bars"][0])
    assert made.returncode == int(any(bar["passed"] is False for bar in report["bars"]))
    written = page.read_text()
    assert "the last run" not in written
    assert written.startswith("# Before\n")
    assert written.endswith("after\n")
    assert all(table.title in written for table in tables.of(report))
    assert (tmp_path / "scorer.svg").read_text().startswith("<svg")
    assert (tmp_path / "scorer.png").read_bytes().startswith(b"\x89PNG")


def test_models_in_one_scorer_are_asked_by_one_and_by_many_and_weighed_when_all_have_answered(tmp_path: Path) -> None:
    plan = speed.Plan(0.4, 2, tmp_path, lambda _text: None)
    found = growth.models_together(model.make(), plan, (1, 3))
    assert [step["work"] for step in found["steps"]] == [1, 3]
    for step in found["steps"]:
        assert step["cpu_us_c4"] > step["cpu_us_c64"] > 0
        assert step["rows_per_s_c64"] > step["rows_per_s_c4"] > 0
        assert step["answered_MB"] > step["idle_MB"] > 0
    assert set(found["mb_per_model"]) == {"idle_MB", "answered_MB"}
    said = found["said"]
    assert said.count("liff") == 3
    assert "With 64 connections" in said
    (table, *_) = tables.growing({"models": found, "body": {}, "idle_mb": 1.0, "after_load_mb": 2.0})
    assert {"MB, all have answered", "rows/s, 64 connections", "CPU µs, 64 connections"} < set(table.columns)


def test_two_processes_get_as_many_connections_each_as_one_has_alone(tmp_path: Path) -> None:
    found = workers.run(model.make(), speed.Plan(0.3, 1, tmp_path, lambda _text: None))
    one, two = found["1"], found["2"]
    assert [each.get("reason") for each in (one, two)] == [None, None]
    assert one["c64_runs"] == one["each64_runs"]
    if two["each64_rps"] is None:  # by chance more than 64 of them are one process's, which is slow just now
        assert "times status 429" in two["each64_reason"]
        assert found["one_row"]["each"]["keeps"] is None
    else:
        assert two["each64_runs"] != two["c64_runs"]
        assert two["each64_cores"] == pytest.approx(two["each64_rps"] * two["each64_cpu_us"] / 1e6, rel=0.01)
        assert found["one_row"]["each"]["keeps"] > 0
    assert found["one_row"]["in_all"]["keeps"] > 0
    assert {len(row) for row in tables.processes(found).rows} == {len(tables.processes(found).columns)}


@contextmanager
def _constant(answer: bytes, folder: Path) -> Iterator[process.Process]:
    command = [sys.executable, "-m", limit.__name__]
    with process.serving(command, log=folder / "log", given=answer) as server:
        server.listening()
        yield server


def _http(status: str, content: bytes) -> bytes:
    head = f"HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {len(content)}\r\n\r\n"
    return head.encode() + content


def _answer(score: float) -> bytes:
    return msgspec.json.encode({"outputs": [{"name": "score", "data": [score]}]})


def _work() -> work.Work:
    body = work.Body(b"{}", path="/")
    return work.Work(1, [body, body], [np.array([SCORE])] * 2, work.read_podium)


@pytest.mark.parametrize("connections", [1, 8])
def test_right_answers_are_counted(tmp_path: Path, connections: int) -> None:
    with _constant(_http("200 OK", _answer(SCORE)), tmp_path) as server:
        needles = measure.prove(server, _work())
        assert needles == [b"0.123456789012345"] * 2
        found = measure.load(server, _work(), needles, connections, 0.2)
    assert found.answers > 100
    assert 0 < found.p50_us <= found.p99_us <= found.max_us
    assert sum(count for _, count in found.histogram) == found.answers
    assert found.cpu_us > 0


def test_another_score_is_noticed_before_the_load_and_under_it(tmp_path: Path) -> None:
    with _constant(_http("200 OK", _answer(0.5)), tmp_path) as server:
        with pytest.raises(measure.Wrong, match=r"a score differs by 0\.377"):
            measure.prove(server, _work())
        with pytest.raises(Refused, match="times value"):
            measure.load(server, _work(), [repr(SCORE).encode()] * 2, 4, 0.2)


@pytest.mark.parametrize("connections", [1, 4])
def test_an_error_under_load_is_noticed(tmp_path: Path, connections: int) -> None:
    with (
        _constant(_http("503 Service Unavailable", _answer(SCORE)), tmp_path) as server,
        pytest.raises(Refused, match="times status 503"),
    ):
        measure.load(server, _work(), [b""] * 2, connections, 0.2)


def test_bytes_beyond_the_answer_are_noticed(tmp_path: Path) -> None:
    with (
        _constant(_http("200 OK", _answer(SCORE)) + b"more", tmp_path) as server,
        pytest.raises(Refused, match="times length"),
    ):
        measure.load(server, _work(), [b""] * 2, 4, 0.2)


def test_a_form_that_is_not_spoken_is_told_from_a_wrong_answer(tmp_path: Path) -> None:
    with (
        _constant(_http("415 Unsupported Media Type", b"{}"), tmp_path) as server,
        pytest.raises(measure.NotOffered, match="415"),
    ):
        measure.prove(server, _work())


CLIENTS = [False, pytest.param(True, marks=pytest.mark.skipif(not load.COMPILED, reason="there was no C compiler"))]


@pytest.mark.parametrize("compiled", CLIENTS)
@pytest.mark.parametrize("connections", [1, 4])
def test_closed_connections_are_noticed(connections: int, *, compiled: bool) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        stop = threading.Event()

        def close_all() -> None:
            listening.settimeout(0.1)
            while not stop.is_set():
                try:
                    listening.accept()[0].close()
                except TimeoutError:
                    continue

        thread = threading.Thread(target=close_all)
        thread.start()
        found = load.Load(_spec(listening.getsockname()[1], connections), compiled=compiled).run()
        stop.set()
        thread.join()
    assert found.answers == 0
    assert found.wrong["closed"] > 0


@pytest.mark.parametrize("compiled", CLIENTS)
@pytest.mark.parametrize("connections", [1, 3])
def test_both_clients_take_answers_in_any_pieces_and_notice_what_is_wrong(connections: int, *, compiled: bool) -> None:
    """A server that answers in one, two and many pieces; after each dozen a wrong value, status, a closed door."""
    good = _http("200 OK", b"the needle is here")
    answers = [
        [good],
        [good[:9], good[9:]],
        [good[at : at + 7] for at in range(0, len(good), 7)],
        *[[good]] * 9,
        [_http("200 OK", b"the needel is here")],
        [_http("503 Service Unavailable", b"the needle is here")],
        [],
    ]
    size = len(_work().requests()[0])

    def serve(taken: socket.socket) -> None:
        with taken, contextlib.suppress(OSError):
            for answer in itertools.cycle(answers):
                data = b""
                while len(data) < size:
                    piece = taken.recv(65536)
                    if not piece:
                        return
                    data += piece
                if not answer:
                    return
                for piece in answer:
                    taken.sendall(piece)
                    time.sleep(0.002 if len(answer) > 1 else 0)

    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.settimeout(0.1)
        stop = threading.Event()

        def accept() -> None:
            while not stop.is_set():
                with contextlib.suppress(TimeoutError):
                    threading.Thread(target=serve, args=(listening.accept()[0],), daemon=True).start()

        thread = threading.Thread(target=accept)
        thread.start()
        spec = msgspec.structs.replace(
            _spec(listening.getsockname()[1], connections),
            requests=[_work().requests()[0]],
            needles=[b"needle"],
            seconds=0.6,
        )
        found = load.Load(spec, compiled=compiled).run()
        stop.set()
        thread.join()
    rounds = found.answers / 12
    assert rounds > 2
    assert set(found.wrong) == {"value", "status 503", "closed"}
    assert all(abs(count - rounds) <= 2 * connections for count in found.wrong.values())
    assert 0 < found.p50_us <= found.p99_us <= found.max_us < 600_000


@pytest.mark.skipif(not load.COMPILED, reason="there was no C compiler")
def test_the_loop_in_c_refuses_what_does_not_go_together() -> None:
    drive = native.part(native.DRIVE).drive
    one, lengths, room = bytearray(24), bytes(8), bytearray(80)
    for state, requests, needles, known, taken in (
        (b"", [b"a"], [b"b"], lengths, 0),
        (one, [], [], lengths, 0),
        (one, [b"a"], [], lengths, 0),
        (one, [b"a"], ["b"], lengths, 0),
        (one, [b"a"], [b"b"], b"", 0),
        (one, [b"a"], [b"b"], lengths, 11),
        (bytearray(b"\1" * 24), [b"a"], [b"b"], lengths, 0),
    ):
        with pytest.raises(ValueError, match="do not go together"):
            drive(-1, bytearray(state), requests, needles, known, room, taken, 0)


def _spec(port: int, connections: int) -> load.Spec:
    given: dict[str, Any] = {"requests": _work().requests(), "needles": [b""] * 2}
    return load.Spec(
        host="127.0.0.1", port=port, connections=connections, seconds=0.2, warm_seconds=0.05, core=0, **given
    )
