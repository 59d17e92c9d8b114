"""Whether a scorer says that it is ready where a model in a process of its own is gone, over HTTP and over gRPC."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import grpc
import psutil

from podium.core import digest
from podium.core.rollout import Route
from podium.scoring.protocols.grpc import messages
from tests import engine_kit
from tests import scoring_kit as kit
from tests.patience import ended, until

HTTP_MODEL = f"/v2/models/{kit.ENDPOINT}"


class Ready:
    """What a scorer says, as HTTP statuses; gRPC's answers as those of the same meaning."""

    def __init__(self, scorer: kit.Process, channel: grpc.Channel) -> None:
        self._scorer = scorer
        self._ask = {
            name: channel.unary_unary(f"/{messages.INFERENCE}/{name}") for name in ("ServerReady", "ModelReady")
        }
        self._check = channel.unary_unary(f"/{messages.HEALTH}/Check")

    def server(self) -> int:
        told = messages.ServerReadyResponse.FromString(self._ask["ServerReady"](b"")).ready
        health = messages.HealthCheckResponse.FromString(self._check(b"")).status
        assert (health == messages.HealthCheckResponse.SERVING) == told
        return self._same("/v2/health/ready", told)

    def model(self, version: str = "") -> int:
        asked = messages.ModelReadyRequest(name=kit.ENDPOINT, version=version)
        told = messages.ModelReadyResponse.FromString(self._ask["ModelReady"](asked.SerializeToString())).ready
        return self._same(f"{HTTP_MODEL}/versions/{version}/ready" if version else f"{HTTP_MODEL}/ready", told)

    def _same(self, path: str, told: bool) -> int:
        status = self._scorer.http.get(path).status_code
        assert status == (200 if told else 503), path
        return status

    def up(self) -> dict[str, str]:
        """The metric's numbers by version."""
        start = f'podium_model_up{{endpoint="{kit.ENDPOINT}",version="'
        lines = [each for each in self._scorer.http.get("/metrics").text.splitlines() if each.startswith(start)]
        return dict(each.removeprefix(start).split('"} ') for each in lines)


@contextmanager
def serving(folder: Path, *roles: tuple[str, str, float]) -> Iterator[tuple[Ready, Path]]:
    """A scorer with a version for each role and kind; what it says, and where the bundle in Python lies."""
    kit.prepare(folder)
    routes: list[Route] = []
    python = folder
    for number, (role, kind, weight) in enumerate(roles, 1):
        named = engine_kit.write_bundle(folder, engine_kit.kinds("")[kind]())
        python = folder / "bundles" / named.removeprefix(digest.PREFIX) if kind == "python" else python
        routes.append(kit.route(role, number, named, weight))
    kit.put_rollout(folder, kit.sign(kit.document(2, *routes)))
    with kit.Process(folder, grpc_port=0) as scorer, grpc.insecure_channel(scorer.grpc) as channel:
        until(lambda: scorer.status().get("rollouts") == {kit.ENDPOINT: 2})
        yield Ready(scorer, channel), python


@contextmanager
def gone(folder: Path) -> Iterator[None]:
    """Its processes are dead, and none can be started."""
    away = folder.with_name("away")
    folder.rename(away)
    try:
        workers = [each for each in psutil.Process().children(recursive=True) if _is_worker(each)]
        assert workers
        for each in workers:
            each.kill()
        until(lambda: all(map(ended, workers)))
        yield
    finally:
        away.rename(folder)


def _is_worker(process: psutil.Process) -> bool:
    try:
        return any("guest.py" in part for part in process.cmdline())
    except psutil.NoSuchProcess:
        return False


def test_a_scorer_whose_only_champion_is_gone_is_not_ready_until_it_is_back(tmp_path: Path) -> None:
    with serving(tmp_path, ("champion", "python", 1.0)) as (ready, python):
        assert ready.server() == ready.model() == ready.model("1") == 200
        assert ready.up() == {"1": "1"}
        with gone(python):
            assert ready.server() == ready.model() == ready.model("1") == 503
            assert ready.up() == {"1": "0"}
        until(lambda: ready.model() == 200)
        assert ready.server() == ready.model("1") == 200
        assert ready.up() == {"1": "1"}


def test_a_canary_that_is_gone_makes_its_endpoint_not_ready_and_not_its_scorer(tmp_path: Path) -> None:
    with serving(tmp_path, ("champion", "onnx", 0.5), ("canary", "python", 0.5)) as (ready, python):
        assert ready.server() == ready.model() == 200
        with gone(python):
            assert ready.model() == ready.model("2") == 503
            assert ready.server() == ready.model("1") == 200
            assert ready.up() == {"1": "1", "2": "0"}
        until(lambda: ready.model() == 200)


def test_a_shadow_that_is_gone_changes_nothing(tmp_path: Path) -> None:
    with serving(tmp_path, ("champion", "onnx", 1.0), ("shadow", "python", 0.0)) as (ready, python), gone(python):
        assert ready.server() == ready.model() == 200
        assert ready.up() == {"1": "1"}
