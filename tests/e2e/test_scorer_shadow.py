"""A shadow scores what its champion decided, in batches and apart; what does not fit is counted, never waited for."""

import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import psutil
import pyarrow as pa

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
        threads = psutil.Process(scorer.process.pid).threads()
        assert max(_nice(scorer.process.pid, thread.id) for thread in threads) == 10
        assert min(_nice(scorer.process.pid, thread.id) for thread in threads) == 0
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
