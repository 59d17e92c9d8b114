"""Every kind of model behind one interface: through the real scorer each answers as the one in ONNX does."""

import json
import os
import re
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import msgspec
import psutil
import pytest
import tritonclient.grpc as triton_grpc
from tritonclient.utils import InferenceServerException

from podium.bundle import columns, read, runtime
from podium.bundle.engines import place
from podium.core import bundle, digest
from podium.core.errors import Invalid
from tests import engine_kit, ways_in
from tests import scoring_kit as kit
from tests.patience import ended, until
from tests.vendor import Vendor

KINDS = tuple(engine_kit.kinds(""))
OF_THEIR_OWN = ("python", "pickle", "r", "pmml")
CODE = ("python", "r")
HEALED_SECONDS = 60.0
HARMS = [(kind, harm) for kind in CODE for harm in ("die", "sleep", "eat")] + [("python", "junk"), ("python", "huge")]
HARMS += [("pmml", harm) for harm in ("sleep", "eat")]
LIMITS = {
    "python": engine_kit.LIMITS,
    "pickle": engine_kit.LIMITS,
    "r": engine_kit.LIMITS,
    "pmml": engine_kit.JAVA_LIMITS,
}


class Plant:
    """A scorer with an endpoint for each kind, and the vendor that serves two of them."""

    def __init__(self, folder: Path, home: Path) -> None:
        self.folder = folder
        self.vendor = Vendor()
        self.served: set[str] = set()
        self.bundles: dict[str, Path] = {}
        """Where each kind's lies."""
        self.vendor.list_in(home, "the token")
        (home / ".cache").symlink_to(Path.home() / ".cache")
        kit.prepare(folder)
        before = os.environ["HOME"]
        os.environ["HOME"] = str(home)
        try:
            self.process = kit.Process(folder, grpc_port=0)
        finally:
            os.environ["HOME"] = before

    def serve(self, kind: str) -> None:
        """Have the scorer serve a kind, and wait until it does."""
        engine_kit.need(kind)
        if kind in self.served:
            return
        made = engine_kit.kinds(self.vendor.url)[kind]()
        named = engine_kit.write_bundle(self.folder, made)
        self.bundles[kind] = self.folder / "bundles" / named.removeprefix(digest.PREFIX)
        engine_kit.serve(self.folder, kind, named)
        deadline = time.monotonic() + 240
        while self.ready(kind) != 200:
            refused = self.process.status().get("refused", {})
            assert kind not in refused, refused
            assert time.monotonic() < deadline
            time.sleep(0.1)
        self.served.add(kind)

    def ready(self, kind: str) -> int:
        return self.process.http.get(f"/v2/models/{kind}/ready").status_code

    def number(self, name: str, kind: str) -> int:
        """What the metrics say of the one version of a kind."""
        text = self.process.http.get("/metrics").text
        found = re.search(rf'^{name}{{endpoint="{kind}",version="1"}} (\d+)$', text, re.MULTILINE)
        assert found is not None
        return int(found[1])

    def infer(self, kind: str, rows: list[engine_kit.Row], timeout: float = 60.0) -> httpx.Response:
        body = engine_kit.tensors(rows)
        return self.process.http.post(f"/v2/models/{kind}/infer", json=body, timeout=timeout)

    def workers(self, kind: str) -> list[psutil.Process]:
        """The processes of a kind's model, of this scorer."""
        children = psutil.Process(self.process.process.pid).children(recursive=True)
        return [each for each in children if kind == _kind_of(each)]

    def close(self) -> None:
        self.process.stop()
        self.vendor.close()


def _kind_of(process: psutil.Process) -> str:
    """The kind of the model that a process serves; nothing of any other process, or of one that ended meanwhile."""
    try:
        line = process.cmdline()
        if any("guest.R" in part for part in line):
            return "r"
        if not any("guest.py" in part for part in line):
            return ""
        said = json.loads(Path(line[-1]).read_text())
    except (psutil.NoSuchProcess, FileNotFoundError):
        return ""
    if said["open"]:
        return "pmml"
    return "pickle" if said["model"] else "python"


@pytest.fixture(scope="module")
def plant(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Plant]:
    made = Plant(tmp_path_factory.mktemp("scorer"), tmp_path_factory.mktemp("home"))
    yield made
    made.close()


def healed(plant: Plant, kind: str, within: float = HEALED_SECONDS) -> float:
    """Seconds until the kind answers again; every answer before says try again."""
    begun = time.monotonic()
    while True:
        answer = plant.infer(kind, engine_kit.rows(2))
        if answer.status_code == 200:
            return time.monotonic() - begun
        assert answer.status_code == 503, answer.text
        assert answer.headers["retry-after"] == "1"
        assert time.monotonic() - begun < within, answer.text
        time.sleep(0.02)


def scores(answer: httpx.Response) -> list[float]:
    assert answer.status_code == 200, answer.text
    return kit.output(answer.json(), "score")


def plain(answer: httpx.Response) -> Any:
    """An answer without what differs between two endpoints that answer the same."""
    body = answer.json()
    for name in ("id", "name", "model_name", "instance", "platform"):
        body.pop(name, None)
    for output in body.get("outputs", []):
        if output["name"] == "prediction_id" and "data" in output:
            output["data"] = [each.rpartition("/")[2] for each in output["data"]]
        if output["name"] == "score" and "data" in output:
            output["data"] = [round(each, 12) for each in output["data"]]
    return answer.status_code, body


@pytest.mark.parametrize("kind", KINDS)
def test_metadata_and_readiness_are_those_of_any_model(plant: Plant, kind: str) -> None:
    plant.serve("onnx")
    plant.serve(kind)
    for path in ("", "/ready", "/versions/1"):
        mine = plant.process.http.get(f"/v2/models/{kind}{path}")
        assert mine.status_code == 200
        engine = engine_kit.kinds("")[kind]().engine
        assert path == "/ready" or mine.json()["platform"] == f"podium_{engine}"
        assert plain(mine) == plain(plant.process.http.get(f"/v2/models/onnx{path}"))


@pytest.mark.parametrize("kind", KINDS)
def test_metadata_and_readiness_over_grpc_are_those_over_http(plant: Plant, kind: str) -> None:
    plant.serve(kind)
    known = plant.process.http.get(f"/v2/models/{kind}").json()
    with triton_grpc.InferenceServerClient(plant.process.grpc) as client:
        assert client.is_model_ready(kind)
        assert client.is_model_ready(kind, "1")
        with pytest.raises(InferenceServerException, match="NOT_FOUND"):
            client.is_model_ready("never served")
        told = client.get_model_metadata(kind, as_json=True)
    assert {name: told[name] for name in ("name", "versions", "platform")} == {
        name: known[name] for name in ("name", "versions", "platform")
    }
    for tensors in ("inputs", "outputs"):
        mine = [(each["name"], each["datatype"], list(map(int, each["shape"]))) for each in told[tensors]]
        assert mine == [(each["name"], each["datatype"], each["shape"]) for each in known[tensors]]


NULL = {"amount": None, "hour": 3, "kind": None, "holiday": None}
BODIES = {
    "three rows": engine_kit.tensors(engine_kit.rows(3)),
    "nulls": engine_kit.tensors([NULL]),
    "unseen categories": engine_kit.tensors([NULL | {"kind": "never seen 🚲"}, NULL | {"kind": "prop"}]),
    "no rows": engine_kit.tensors([]),
    "a thousand rows": engine_kit.tensors(engine_kit.rows(1000)),
    "extremes": engine_kit.tensors([NULL | {"amount": -1e300, "hour": 2**53}, NULL | {"amount": 5e-324}]),
    "no answer": engine_kit.tensors([NULL, NULL | {"amount": 2e9}]),
    "null where none may be": engine_kit.tensors([NULL | {"hour": None}]),
    "a number in text": engine_kit.tensors([NULL | {"amount": "many"}]),
    "a feature short": {"inputs": engine_kit.tensors([NULL])["inputs"][1:]},
    "not json": "{",
}


@pytest.mark.parametrize("kind", KINDS[1:])
def test_answers_and_refusals_are_those_of_the_model_in_onnx(plant: Plant, kind: str) -> None:
    plant.serve("onnx")
    plant.serve(kind)
    for name, body in BODIES.items():
        content = body if isinstance(body, str) else json.dumps(body)
        mine, known = (
            plain(plant.process.http.post(f"/v2/models/{each}/infer", content=content, timeout=60))
            for each in (kind, "onnx")
        )
        assert mine == known, name
    assert plain(plant.infer("onnx", engine_kit.rows(3)))[0] == 200


@pytest.mark.parametrize("kind", KINDS)
def test_a_row_scores_the_same_alone_and_among_others(plant: Plant, kind: str) -> None:
    plant.serve(kind)
    given = engine_kit.rows(1000)
    whole = scores(plant.infer(kind, given))
    assert whole == pytest.approx([engine_kit.score(row) for row in given], abs=1e-12)
    for at in (0, 3, 499, 999):
        assert scores(plant.infer(kind, [given[at]])) == [whole[at]]
    assert scores(plant.infer(kind, given[100:107])) == whole[100:107]


@pytest.mark.parametrize("kind", KINDS)
def test_every_way_in_gives_the_scores_of_json_to_the_last_bit(plant: Plant, kind: str) -> None:
    plant.serve(kind)
    for given in (engine_kit.rows(1), engine_kit.rows(40), engine_kit.rows(1000)):
        known = ways_in.json(plant.process, kind, ways_in.sayable(given))
        assert known == pytest.approx([engine_kit.score(row) for row in ways_in.sayable(given)], abs=1e-12)
        for way, ask in ways_in.OTHERS.items():
            assert ask(plant.process, kind, ways_in.sayable(given)) == known, way
    given = engine_kit.rows(40)
    assert ways_in.arrow_stream(plant.process, kind, given) == ways_in.json(plant.process, kind, given)  # with nulls
    for way, ask in ways_in.OTHERS.items():
        none = ways_in.sayable([NULL | {"hour": 3}, NULL | {"amount": 2e9}])
        assert ask(plant.process, kind, none) == ways_in.REFUSED[way], way


@pytest.mark.parametrize("kind", KINDS)
def test_many_callers_at_once_get_their_own_answers(plant: Plant, kind: str) -> None:
    plant.serve(kind)
    given = engine_kit.rows(40)

    def ask(place: int) -> bool:
        part = given[place : place + 1 + place % 4]
        answer = httpx.post(f"{plant.process.url}/v2/models/{kind}/infer", json=engine_kit.tensors(part), timeout=60)
        return scores(answer) == pytest.approx([engine_kit.score(row) for row in part], abs=1e-12)

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(ask, range(40)))


@pytest.mark.parametrize("kind", OF_THEIR_OWN)
def test_a_killed_process_is_replaced(plant: Plant, kind: str) -> None:
    plant.serve(kind)
    scorer = plant.process.process.pid
    before = scores(plant.infer(kind, engine_kit.rows(20)))
    (worker,) = plant.workers(kind)
    worker.kill()
    assert healed(plant, kind) < HEALED_SECONDS
    (other,) = plant.workers(kind)
    assert other.pid != worker.pid
    assert scores(plant.infer(kind, engine_kit.rows(20))) == before
    assert plant.process.process.pid == scorer
    assert plant.process.process.poll() is None


@pytest.mark.parametrize("kind", OF_THEIR_OWN)
def test_a_model_whose_process_cannot_start_again_is_not_ready_until_it_can(plant: Plant, kind: str) -> None:
    plant.serve("onnx")
    plant.serve(kind)
    healed(plant, kind)
    restarts = plant.number("podium_model_restarts_total", kind)
    folder = plant.bundles[kind]
    away = folder.with_name("away")
    folder.rename(away)
    try:
        (worker,) = plant.workers(kind)
        worker.kill()
        until(lambda: plant.ready(kind) == 503)
        until(lambda: plant.number("podium_model_restarts_total", kind) > restarts)
        answer = plant.infer(kind, engine_kit.rows(2))
        assert answer.status_code == 503, answer.text
        assert plant.ready(kind) == plant.ready(f"{kind}/versions/1") == 503
        assert plant.number("podium_model_up", kind) == 0
        assert plant.ready("onnx") == 200
        assert plant.number("podium_model_up", "onnx") == 1
        assert plant.process.http.get("/v2/health/ready").status_code == 200
    finally:
        away.rename(folder)
    until(lambda: plant.ready(kind) == 200)
    assert plant.number("podium_model_up", kind) == 1
    assert plant.infer(kind, engine_kit.rows(2)).status_code == 200


@pytest.mark.parametrize("kind", ["oip", "mlflow"])
def test_a_vendors_model_is_not_ready_after_a_failure_until_it_answers_or_time_has_passed(
    plant: Plant, kind: str
) -> None:
    plant.serve(kind)
    assert plant.infer(kind, engine_kit.rows(2)).status_code == 200
    for _ in range(2):
        assert plant.ready(kind) == 200
        plant.vendor.mood = "forbidden"
        assert plant.infer(kind, engine_kit.rows(2)).status_code == 503
        assert plant.ready(kind) == 503
        assert plant.number("podium_model_up", kind) == 0
        plant.vendor.mood = "well"
        assert plant.infer(kind, engine_kit.rows(2)).status_code == 200
    plant.vendor.mood = "forbidden"
    assert plant.infer(kind, engine_kit.rows(2)).status_code == 503
    plant.vendor.mood = "well"
    assert plant.ready(kind) == 503
    asked = len(plant.vendor.calls)
    until(lambda: plant.ready(kind) == 200)
    assert len(plant.vendor.calls) == asked, "nobody's rows are made up to try a vendor"


def test_an_idle_process_that_hangs_is_found_and_replaced(plant: Plant) -> None:
    plant.serve("python")
    healed(plant, "python")
    (worker,) = plant.workers("python")
    worker.suspend()
    until(lambda: ended(worker))
    assert healed(plant, "python") < HEALED_SECONDS


@pytest.mark.alone
def test_a_model_starts_within_a_second_once_its_environment_is_there(tmp_path: Path) -> None:
    kind = engine_kit.kinds("")["pickle"]()
    folder = tmp_path / "bundles" / engine_kit.write_bundle(tmp_path, kind).removeprefix(digest.PREFIX)
    where = place.Place(folder=tmp_path / "engines")
    seconds = []
    for _ in range(3):
        begun = time.perf_counter()
        loaded = runtime.Runtime(folder, read.load_manifest(folder), where)
        seconds.append(time.perf_counter() - begun)
        assert loaded.check_golden() <= 1e-12
        loaded.close()
    assert min(seconds[1:]) <= 1.0


@pytest.mark.alone
@pytest.mark.parametrize(("kind", "harm"), HARMS)
def test_a_model_that_misbehaves_harms_its_own_process_only(plant: Plant, kind: str, harm: str) -> None:
    plant.serve("onnx")
    plant.serve(kind)
    healed(plant, kind)
    resident = psutil.Process(plant.process.process.pid).memory_info().rss
    (worker,) = plant.workers(kind)
    begun = time.monotonic()
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(plant.infer, kind, [NULL, NULL | {"kind": harm}])
        while not waiting.done():  # the scorer answers everybody else meanwhile
            asked = time.monotonic()
            assert httpx.get(f"{plant.process.url}/v2/health/live", timeout=30).status_code == 200
            assert scores(
                httpx.post(f"{plant.process.url}/v2/models/onnx/infer", json=engine_kit.tensors([NULL]), timeout=30)
            ) == [0.2]
            assert time.monotonic() - asked < 1.0
        answer = waiting.result()
    assert answer.status_code == 503, answer.text
    assert answer.headers["retry-after"] == "1"
    assert time.monotonic() - begun < LIMITS[kind].seconds + 4.0
    assert ended(worker)
    assert healed(plant, kind) < HEALED_SECONDS
    assert psutil.Process(plant.process.process.pid).memory_info().rss - resident < 64 << 20


@pytest.mark.parametrize("kind", CODE)
def test_an_error_of_the_model_is_the_callers_and_not_told_to_him(plant: Plant, kind: str) -> None:
    plant.serve(kind)
    healed(plant, kind)
    (worker,) = plant.workers(kind)
    answer = plant.infer(kind, [NULL | {"kind": "raise"}])
    assert answer.status_code == 422
    assert "fails on these rows" in answer.text
    assert "secret" not in answer.text
    assert plant.workers(kind) == [worker]


@pytest.mark.parametrize("kind", CODE)
def test_code_that_asks_for_the_network_is_refused_it(plant: Plant, kind: str) -> None:
    plant.serve(kind)
    healed(plant, kind)
    assert plant.infer(kind, [NULL | {"kind": "net"}]).status_code == 422


@pytest.mark.parametrize("kind", OF_THEIR_OWN)
def test_a_models_process_has_no_network_no_privileges_and_a_limit_of_memory(plant: Plant, kind: str) -> None:
    plant.serve(kind)
    healed(plant, kind)
    (worker,) = plant.workers(kind)
    about = Path(f"/proc/{worker.pid}")
    for thread in (about / "task").iterdir():  # Java has many, which JPype's interpreter started after the launcher
        told = dict(line.split(":", 1) for line in (thread / "status").read_text().splitlines() if ":" in line)
        assert int(told["CapEff"], 16) == int(told["CapBnd"], 16) == 0
        assert told["NoNewPrivs"].strip() == "1"
        assert told["Seccomp"].strip() == "2"
    environment = worker.environ()
    assert not [name for name in environment if name.startswith(("PODIUM", "PYTHONPATH"))]
    assert (about / "ns" / "net").readlink() != Path("/proc/self/ns/net").readlink()
    assert (about / "net" / "route").read_text().splitlines()[1:] == []  # nor is its loopback interface up:
    assert (about / "net" / "if_inet6").read_text() == (about / "net" / "fib_trie").read_text() == ""
    most = LIMITS[kind].memory_mb << 20
    assert worker.rlimit(psutil.RLIMIT_DATA) == (most, most)


@pytest.mark.skipif(not engine_kit.signals_can_be_kept(), reason="Linux before 6.12, or without Landlock")
@pytest.mark.parametrize("kind", CODE)
def test_a_model_cannot_end_the_scorer_but_what_it_started(plant: Plant, kind: str) -> None:
    plant.serve(kind)
    healed(plant, kind)
    (worker,) = plant.workers(kind)
    assert plant.infer(kind, [NULL | {"kind": "murder"}]).status_code == 422
    assert plant.process.process.poll() is None
    assert plant.workers(kind) == [worker]


@pytest.mark.parametrize("declared", [False, True])
def test_a_model_has_the_network_only_where_its_bundle_declares_it(tmp_path: Path, declared: bool) -> None:
    rows = columns.from_rows(engine_kit.SIGNATURE, [NULL | {"kind": "net"}])
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.settimeout(5.0 if declared else 0.5)
        limits = msgspec.structs.replace(engine_kit.LIMITS, network=declared)
        files = engine_kit.python_files(limits=limits)
        code = files["code/steps.py"].replace(b'("127.0.0.1", 9)', b'("127.0.0.1", %d)' % listening.getsockname()[1])
        made = engine_kit.Kind(bundle.Engine.PYTHON, files | {"code/steps.py": code})
        folder = tmp_path / "bundles" / engine_kit.write_bundle(tmp_path, made).removeprefix(digest.PREFIX)
        loaded = runtime.Runtime(folder, read.load_manifest(folder), place.Place(folder=tmp_path / "engines"))
        try:
            if declared:
                assert loaded.predict(rows).tolist() == [0.2]
                listening.accept()[0].close()
            else:
                with pytest.raises(Invalid, match="fails on these rows"):
                    loaded.predict(rows)
                with pytest.raises(TimeoutError):
                    listening.accept()
        finally:
            loaded.close()


@pytest.mark.alone
def test_a_vendors_failures_are_his_and_pass(plant: Plant) -> None:
    plant.serve("oip")
    rows = engine_kit.rows(4)
    expected = scores(plant.infer("oip", rows))
    assert plant.vendor.calls[-1]["authorization"] == "Bearer the token"
    for mood in ("busy", "slow", "junk", "short", "gone", "moved", "forbidden", "drip"):
        plant.vendor.mood = mood
        begun = time.monotonic()
        answer = plant.infer("oip", rows)
        assert answer.status_code == 503, (mood, answer.text)
        assert time.monotonic() - begun < 3.5, mood
    plant.vendor.mood = "busy once"
    assert scores(plant.infer("oip", rows)) == expected
    assert plant.vendor.mood == "well"
    assert scores(plant.infer("oip", rows)) == expected


def test_nothing_is_left_of_models_when_the_scorer_is_killed(plant: Plant, tmp_path: Path) -> None:
    kit.prepare(tmp_path)
    made = engine_kit.kinds("")["python"]()
    engine_kit.serve(tmp_path, "python", engine_kit.write_bundle(tmp_path, made))
    scorer = kit.Process(tmp_path)
    children: list[psutil.Process] = []
    deadline = time.monotonic() + 60
    while not children:
        assert time.monotonic() < deadline
        if scorer.http.get("/v2/models/python/ready").status_code == 200:
            children = psutil.Process(scorer.process.pid).children(recursive=True)
    scorer.kill()
    until(lambda: all(map(ended, children)))


@pytest.mark.alone
def test_callers_of_a_hung_model_keep_no_other_model_from_answering(plant: Plant) -> None:
    plant.serve("python")
    plant.serve("pickle")
    healed(plant, "python")
    healed(plant, "pickle")
    body = engine_kit.tensors([NULL | {"kind": "sleep"}])
    with ThreadPoolExecutor(24) as pool:
        waiting = []
        for _ in range(24):
            waiting.append(
                pool.submit(httpx.post, f"{plant.process.url}/v2/models/python/infer", json=body, timeout=60)
            )
            time.sleep(0.02)
        slowest = 0.0
        for _ in range(10):
            asked = time.monotonic()
            assert scores(plant.infer("pickle", [NULL])) == [0.2]
            slowest = max(slowest, time.monotonic() - asked)
        answers = [each.result() for each in waiting]
    assert {each.status_code for each in answers} <= {429, 503}
    assert slowest < 1.0
    limit = engine_kit.LIMITS.seconds
    assert max(each.elapsed.total_seconds() for each in answers) < 2 * limit + 1.5  # waiting, and being asked
    healed(plant, "python", within=90.0)  # it hung several times running: each start is waited for longer


@pytest.mark.alone
def test_callers_of_a_slow_model_wait_within_their_limit_and_do_not_end_its_process(plant: Plant) -> None:
    plant.serve("python")
    healed(plant, "python")
    (worker,) = plant.workers("python")
    limit = engine_kit.LIMITS.seconds

    def ask(place: int) -> httpx.Response:
        time.sleep(0.02 * place)
        body = engine_kit.tensors([NULL | {"kind": "slow"}])
        return httpx.post(f"{plant.process.url}/v2/models/python/infer", json=body, timeout=60)

    with ThreadPoolExecutor(40) as pool:
        answers = list(pool.map(ask, range(40)))
    good = [each for each in answers if each.status_code == 200]
    late = [each for each in answers if each.status_code == 503]
    assert len(good) >= 2
    assert len(late) >= 8
    assert {each.status_code for each in answers} <= {200, 429, 503}
    assert all("busy with other rows" in each.text and each.headers["retry-after"] == "1" for each in late)
    assert max(each.elapsed.total_seconds() for each in late) < limit + 1.0
    assert max(each.elapsed.total_seconds() for each in good) < 2 * limit + 1.0
    assert plant.workers("python") == [worker]
    assert scores(plant.infer("python", [NULL])) == [0.2]


def test_a_version_that_is_replaced_takes_its_process_along(plant: Plant) -> None:
    plant.serve("python")
    healed(plant, "python")
    (before,) = plant.workers("python")
    made = engine_kit.Kind(bundle.Engine.PYTHON, engine_kit.python_files() | {"code/more.py": b"# another version\n"})
    engine_kit.serve(plant.folder, "python", engine_kit.write_bundle(plant.folder, made), number=2)
    deadline = time.monotonic() + 120
    while True:
        answer = plant.infer("python", [NULL])
        assert answer.status_code == 200, answer.text
        if kit.output(answer.json(), "version") == [2]:
            break
        assert time.monotonic() < deadline
        time.sleep(0.1)
    while [each.pid for each in plant.workers("python")] == [before.pid] or len(plant.workers("python")) != 1:
        assert plant.infer("python", [NULL]).status_code == 200
        assert time.monotonic() < deadline
        time.sleep(0.1)
    until(lambda: ended(before))
