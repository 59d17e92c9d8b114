"""A shadow scores what its champion decided, in a process apart; what does not fit is counted, never waited for."""

import fcntl
import os
import re
import signal
import sys
import termios
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import msgspec
import psutil
import pyarrow as pa
import pytest

from podium.bundle import golden, write
from podium.core import bundle, digest
from podium.core.signature import Field, FieldType
from podium.version import VERSION
from tests import artifacts, patience
from tests import scoring_kit as kit


def prepare(folder: Path) -> None:
    first, second = kit.prepare(folder, -1.0, -0.5)
    routes = (kit.route("champion", 1, first), kit.route("shadow", 2, second, 0.0))
    kit.put_rollout(folder, kit.sign(kit.document(2, *routes)))


def rows(count: int, start: int = 0) -> dict[str, list[Any]]:
    return {"distance": [100.0 + start + at for at in range(count)], "hour": [at % 24 for at in range(count)]}


def logged(folder: Path) -> dict[str, dict[str, dict[str, Any]]]:
    found: dict[str, dict[str, dict[str, Any]]] = {"champion": {}, "shadow": {}}
    for path in (folder / "log").glob("*.arrow"):
        for row in pa.ipc.open_stream(path.read_bytes()).read_all().to_pylist():
            assert row["prediction_id"] not in found[row["role"]]
            found[row["role"]][row["prediction_id"]] = row
    return found


def metric(scorer: kit.Process, name: str) -> float:
    text = scorer.http.get("/metrics").text
    return sum(float(value) for value in re.findall(rf"^{name}(?:{{.*}})? (\S+)$", text, re.MULTILINE))


def test_many_requests_are_scored_together_as_they_were_sent(tmp_path: Path) -> None:
    prepare(tmp_path)
    with kit.Process(tmp_path) as scorer:
        with ThreadPoolExecutor(8) as pool:
            bodies = [kit.tensors(rows(1 + at % 7, at * 10), id=f"r{at}") for at in range(300)]
            assert {answer.status_code for answer in pool.map(scorer.infer, bodies)} == {200}
        scorer.drain()
        assert metric(scorer, "podium_shadow_dropped_total") == 0
        assert {thread.nice for thread in _threads(shadows(scorer))} == {19}
        own = os.getpriority(os.PRIO_PROCESS, 0)
        assert {thread.nice for thread in _threads(psutil.Process(scorer.process.pid))} == {own, max(own, 10)}
    found = logged(tmp_path)
    assert len(found["champion"]) == sum(1 + at % 7 for at in range(300))
    assert found["shadow"].keys() == found["champion"].keys()
    for name, mine in found["shadow"].items():
        theirs = found["champion"][name]
        same = ("request_id", "at", "key", "f.distance", "f.hour", "endpoint", "rollout")
        assert [mine[field] for field in same] == [theirs[field] for field in same]
        assert (mine["version"], theirs["version"]) == (2, 1)
        assert mine["score"] > theirs["score"]


def _nice(process: int, thread: int) -> int:
    text = Path(f"/proc/{process}/task/{thread}/stat").read_text()
    return int(text.rpartition(")")[2].split()[16])


def test_what_does_not_fit_into_the_queue_is_dropped_and_counted(tmp_path: Path) -> None:
    prepare(tmp_path)
    with kit.Process(tmp_path, shadow_rows=10) as scorer:
        assert scorer.infer(kit.tensors(rows(50))).status_code == 200
        assert metric(scorer, "podium_shadow_dropped_total") == 50
        assert scorer.infer(kit.tensors(rows(4))).status_code == 200
        scorer.drain()
        assert metric(scorer, "podium_shadow_rows_waiting") == 0
    found = logged(tmp_path)
    assert (len(found["champion"]), len(found["shadow"])) == (54, 4)


@pytest.mark.parametrize("same", [True, False])
def test_what_is_too_many_bytes_is_dropped_and_counted_too(tmp_path: Path, same: bool) -> None:
    """Those of the rows, or of the requests that have to be read again for the shadow."""
    first, second = kit.prepare(tmp_path, -1.0, -0.5)
    other = second if same else other_signature(tmp_path, -0.5)
    kit.put_rollout(
        tmp_path, kit.sign(kit.document(2, kit.route("champion", 1, first), kit.route("shadow", 2, other, 0.0)))
    )
    with kit.Process(tmp_path, shadow_bytes=3_000) as scorer:
        assert scorer.infer(kit.tensors(rows(400))).status_code == 200
        assert metric(scorer, "podium_shadow_dropped_total") == 400
        assert scorer.infer(kit.tensors(rows(1), id="x" * 30)).status_code == 200
        scorer.drain()
        assert metric(scorer, "podium_shadow_dropped_total") == 400
    assert len(logged(tmp_path)["shadow"]) == 1


def test_a_shadow_that_keeps_nothing_up_loses_rows_but_no_answer(tmp_path: Path) -> None:
    prepare(tmp_path)
    with kit.Process(tmp_path, shadow_rows=200) as scorer:
        with ThreadPoolExecutor(8) as pool:
            bodies = [kit.tensors(rows(20, at)) for at in range(400)]
            assert {answer.status_code for answer in pool.map(scorer.infer, bodies)} == {200}
        scorer.drain()
        dropped = metric(scorer, "podium_shadow_dropped_total")
    found = logged(tmp_path)
    assert len(found["champion"]) == 8000
    assert len(found["shadow"]) + dropped == 8000


def shadows(scorer: kit.Process) -> psutil.Process:
    """The process of a scorer's shadows."""
    found: list[psutil.Process] = []

    def there() -> bool:
        found[:] = [each for each in psutil.Process(scorer.process.pid).children() if "shadow" in str(each.cmdline())]
        return len(found) == 1

    patience.until(there, "the shadows have no process of their own")
    return found[0]


class _Thread(msgspec.Struct):
    nice: int


def _threads(process: psutil.Process) -> list[_Thread]:
    texts = [Path(f"/proc/{process.pid}/task/{each.id}/stat").read_text() for each in process.threads()]
    return [_Thread(int(text.rpartition(")")[2].split()[16])) for text in texts]


def test_there_is_no_process_without_a_shadow_and_one_as_soon_as_a_rollout_has_some(tmp_path: Path) -> None:
    first, second = kit.prepare(tmp_path, -1.0, -0.5)
    with kit.Process(tmp_path) as scorer:
        assert scorer.infer(kit.tensors(rows(3))).status_code == 200
        scorer.drain()
        assert psutil.Process(scorer.process.pid).children() == []
        routes = (kit.route("champion", 1, first), kit.route("shadow", 2, second, 0.0))
        kit.put_rollout(tmp_path, kit.sign(kit.document(2, *routes)))
        patience.until(lambda: scorer.status()["rollouts"] == {"delay": 2})
        child = shadows(scorer)
        assert scorer.stop() == 0
        assert patience.ended(child)


def test_the_shadows_process_may_die_and_what_it_had_is_counted(tmp_path: Path) -> None:
    prepare(tmp_path)
    with kit.Process(tmp_path) as scorer:
        assert scorer.infer(kit.tensors(rows(5))).status_code == 200
        scorer.drain()
        child = shadows(scorer)
        child.suspend()
        assert scorer.infer(kit.tensors(rows(7))).status_code == 200
        assert metric(scorer, "podium_shadow_rows_waiting") == 7
        patience.until(lambda: metric(scorer, "podium_shadow_rows_waiting") == 7)
        child.kill()
        patience.until(lambda: metric(scorer, "podium_shadow_rows_waiting") == 0)
        dropped = metric(scorer, "podium_shadow_dropped_total")
        assert scorer.infer(kit.tensors(rows(11))).status_code == 200
        scorer.drain()
        assert shadows(scorer).pid != child.pid
        assert metric(scorer, "podium_shadow_dropped_total") == dropped
    found = logged(tmp_path)
    assert len(found["champion"]) == 23
    assert len(found["shadow"]) == 23 - dropped
    assert dropped in (0, 7)  # 0: it died before they were handed on


def test_answers_do_not_wait_for_a_process_that_hangs(tmp_path: Path) -> None:
    prepare(tmp_path)
    with kit.Process(tmp_path, shadow_rows=100) as scorer:
        assert scorer.infer(kit.tensors(rows(1))).status_code == 200
        scorer.drain()
        child = shadows(scorer)
        child.suspend()
        for at in range(30):
            assert scorer.infer(kit.tensors(rows(10, at))).status_code == 200
        assert metric(scorer, "podium_shadow_rows_waiting") == 100
        assert metric(scorer, "podium_shadow_dropped_total") == 200
        child.resume()
        scorer.drain()
        assert metric(scorer, "podium_shadow_rows_waiting") == 0
        assert metric(scorer, "podium_shadow_dropped_total") == 200
    assert len(logged(tmp_path)["shadow"]) == 101


def _unread(process: psutil.Process) -> int:
    """Bytes in the pipe that is its standard input."""
    end = os.open(f"/proc/{process.pid}/fd/0", os.O_RDONLY | os.O_NONBLOCK)
    try:
        return int.from_bytes(fcntl.ioctl(end, termios.FIONREAD, bytes(4)), sys.byteorder)
    finally:
        os.close(end)


def test_what_was_handed_on_is_logged_though_the_scorer_dies(tmp_path: Path) -> None:
    prepare(tmp_path)
    with kit.Process(tmp_path) as scorer:
        assert scorer.infer(kit.tensors(rows(9))).status_code == 200
        patience.until(lambda: metric(scorer, "podium_shadow_rows_waiting") == 0)
        child = shadows(scorer)
        child.send_signal(signal.SIGINT)  # as everything at a terminal gets it
        child.send_signal(signal.SIGTERM)
        child.suspend()
        assert scorer.infer(kit.tensors(rows(4))).status_code == 200
        patience.until(lambda: _unread(child) > 0, "the rows were not handed on")
        scorer.kill()
        child.resume()
        patience.until(lambda: patience.ended(child))
    sealed = [pa.ipc.open_stream(path.read_bytes()).read_all() for path in (tmp_path / "log").glob("*.arrow")]
    assert sum(len(each) for each in sealed if set(each["role"].to_pylist()) == {"shadow"}) == 13


def test_large_requests_are_scored_by_the_shadow_as_well(tmp_path: Path) -> None:
    prepare(tmp_path)
    with kit.Process(tmp_path) as scorer:
        assert scorer.infer(kit.tensors(rows(5000))).status_code == 200
        assert scorer.infer(kit.tensors(rows(1300, 7))).status_code == 200
        scorer.drain()
        assert metric(scorer, "podium_shadow_dropped_total") == 0
    found = logged(tmp_path)
    assert found["shadow"].keys() == found["champion"].keys()
    assert len(found["shadow"]) == 6300
    for name, mine in found["shadow"].items():
        assert (mine["f.distance"], mine["f.hour"]) == (
            found["champion"][name]["f.distance"],
            found["champion"][name]["f.hour"],
        )


def other_signature(folder: Path, bias: float) -> str:
    """A bundle that takes the hour as any number, where the champion's takes whole ones."""
    features = tuple(Field(name=each.name, type=FieldType.NUMBER) for each in artifacts.SIGNATURE.features)
    manifest = msgspec.structs.replace(
        kit.manifest(), signature=msgspec.structs.replace(artifacts.SIGNATURE, features=features)
    )
    files = artifacts.files(bias)
    files = {**files, bundle.GOLDEN: _golden(manifest, files)}
    named = write.seal(manifest, files)[0]
    write.write(folder / "bundles" / named.removeprefix(digest.PREFIX), manifest, files)
    (folder / "proven" / named.removeprefix(digest.PREFIX)).write_text(VERSION)
    return named


def _golden(manifest: bundle.Manifest, files: dict[str, bytes]) -> bytes:
    table = pa.ipc.open_file(files[bundle.GOLDEN]).read_all()
    columns = {name: table[name].to_numpy().astype(float) for name in ("distance", "hour")}
    expected = next(table[name] for name in table.column_names if name not in columns)
    return golden.encode(manifest.signature, columns, expected.to_numpy())


def test_a_shadow_that_sees_rows_in_another_way_reads_the_request_again(tmp_path: Path) -> None:
    (first,) = kit.prepare(tmp_path, -1.0)
    routes = (
        kit.route("champion", 1, first),
        kit.route("shadow", 2, kit.write_bundle(tmp_path, -0.5), 0.0),
        kit.route("shadow", 3, other_signature(tmp_path, -0.2), 0.0),
    )
    kit.put_rollout(tmp_path, kit.sign(kit.document(2, *routes)))
    with kit.Process(tmp_path) as scorer:
        assert scorer.infer(kit.tensors(rows(6))).status_code == 200
        scorer.drain()
        assert metric(scorer, "podium_shadow_dropped_total") == 0
        text = scorer.http.get("/metrics").text
    for version in (2, 3):
        assert f'podium_predictions_total{{endpoint="delay",role="shadow",version="{version}"}} 6' in text
    said: dict[int, dict[str, float]] = {1: {}, 2: {}, 3: {}}
    for path in (tmp_path / "log").glob("*.arrow"):
        for row in pa.ipc.open_stream(path.read_bytes()).read_all().to_pylist():
            said[row["version"]][row["prediction_id"]] = row["score"]
    assert said[1].keys() == said[2].keys() == said[3].keys()
    assert all(said[1][name] < said[2][name] < said[3][name] for name in said[1])
