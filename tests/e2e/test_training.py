"""Training in real processes: the same run twice gives the same model; failures and cancelling leave nothing."""

import sys
import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import numpy
import psutil
import pytest

from podium.build import archive
from podium.build.runs import actions, process, tasks
from podium.build.runs import store as rows
from podium.build.runs.training import request
from podium.bundle import columns, golden, losses
from podium.bundle.engines.onnx import session
from podium.bundle.explain import explainer
from podium.core import access, bundle, digest, event, project, reference, run
from podium.core.errors import Unavailable
from podium.core.job import JobState, Progress
from podium.jobs import actions as jobs
from podium.jobs import queue, worker
from podium.jobs import store as job_rows
from podium.store import events
from podium.store.store import Store
from podium.store.transaction import Transaction
from tests import training_project as made
from tests.patience import until

CallerOf = Callable[..., access.Caller]


def prepare(folder: Path, code: str, data: Any = None) -> Path:
    (folder / "source").mkdir(parents=True)
    (folder / "out").mkdir()
    (folder / "source" / "train.py").write_text(code)
    made.write(folder / "data.parquet", made.data() if data is None else data)
    return folder


def train(folder: Path, spec: project.Project, tell: Callable[[Progress], None] = lambda _: None) -> int:
    def asked(descriptor: int) -> request.Request:
        return request.Request(spec=spec, params=dict(spec.params), seed=spec.seed, progress=descriptor)

    return process.run(folder, tell, asked).code


def answer(folder: Path) -> request.Answer:
    return msgspec.json.decode((folder / "result.json").read_bytes(), type=request.Answer)


@pytest.mark.parametrize("code", [made.HISTOGRAM, made.LIGHTGBM], ids=["histogram", "lightgbm"])
def test_the_same_run_twice_gives_the_same_model(tmp_path: Path, code: str) -> None:
    found = []
    for name in ("first", "second"):
        folder = prepare(tmp_path / name, code)
        assert train(folder, made.spec()) == 0, (folder / "log.txt").read_text()
        found.append((folder, answer(folder).result))
    (one, first), (two, second) = found
    assert first.metrics == second.metrics
    assert first.slices == second.slices
    assert first.threshold == second.threshold
    for name in ("model.onnx", "golden.arrow", "reference.json"):
        assert (one / "out" / name).read_bytes() == (two / "out" / name).read_bytes(), name


def test_everything_that_training_leaves(tmp_path: Path) -> None:
    folder = prepare(tmp_path / "run", made.HISTOGRAM)
    told: list[Progress] = []
    assert train(folder, made.spec(), told.append) == 0, (folder / "log.txt").read_text()
    found = answer(folder)
    result = found.result
    assert 0.7 < result.metrics["test"]["auc"].value < 0.95
    assert result.metrics["test"]["auc"].low < result.metrics["test"]["auc"].value
    assert set(result.metrics["validation"]) == {"log_loss", "auc", "recall", "cost_per_row"}
    assert set(result.slices["kind"]) == {"jet", "prop"}
    assert result.baseline_cost["model"] < min(result.baseline_cost["never"], result.baseline_cost["always"])
    assert result.baseline_cost["model"] == pytest.approx(result.metrics["test"]["cost_per_row"].value)
    assert result.threshold is not None
    assert 0.0 < result.threshold < 0.5
    assert sum(result.rows.values()) == 3000
    assert result.parity["max_abs_error"] <= 1e-6
    assert result.parity["rows"] == result.rows["test"]
    assert 0.0 < result.feature_latency_us < 100_000
    assert any(package.startswith("scikit-learn==") for package in found.environment.packages)
    assert "rows" in (folder / "log.txt").read_text()
    kept = msgspec.json.decode((folder / "out" / "reference.json").read_bytes(), type=reference.Reference)
    assert set(kept.numeric) == {"distance", "hour"}
    assert set(kept.categorical) == {"kind", "holiday"}
    assert kept.apart is None
    assert kept.cost_per_row == result.baseline_cost["model"]
    scorer = session.Scorer((folder / "out" / "model.onnx").read_bytes())
    table, expected = golden.decode(result.signature, (folder / "out" / "golden.arrow").read_bytes())
    assert columns.count(table) > 100
    numpy.testing.assert_allclose(scorer.predict(table), expected, atol=1e-6)
    encoder, data = ((folder / "out" / name).read_bytes() for name in ("explain.onnx", "explain.arrow"))
    told_why = explainer.Native(encoder, data, ("distance", "hour", "kind", "holiday")).explain(table)
    margin = told_why.base + told_why.values.sum(axis=1)
    numpy.testing.assert_allclose(1 / (1 + numpy.exp(-margin)), expected, atol=1e-6)
    assert told[-1].fraction > 0.0
    assert kept.importance.keys() == {"distance", "hour", "kind", "holiday"}
    assert sum(kept.importance.values()) == pytest.approx(1.0, abs=1e-5)
    assert min(kept.importance.values()) > 0.0


def test_a_band_for_people_is_chosen_by_what_a_look_costs(tmp_path: Path) -> None:
    folder = prepare(tmp_path / "run", made.HISTOGRAM)
    assert train(folder, made.spec(review={"cost": 0.4})) == 0, (folder / "log.txt").read_text()
    result = answer(folder).result
    assert result.threshold is not None
    assert result.review is not None
    assert 0.0 <= result.review.low <= result.threshold <= result.review.high
    assert 0.0 < result.referred < 0.9
    assert result.baseline_cost["with_review"] < result.baseline_cost["model"]


def test_a_regression_without_costs(tmp_path: Path) -> None:
    data = made.data()
    data = data.set_column(data.schema.get_field_index("distance"), "distance", data.column("distance").fill_null(1.0))
    folder = prepare(tmp_path / "run", made.LINEAR, data)
    spec = made.spec(
        model=msgspec.to_builtins(made.spec().model) | {"task": "regression"},
        data={"source": "x", "key": "id", "time": "at", "target": "delay"},
        metrics={"primary": "rmse", "report": ["mae", "r2"]},
        monitor={"estimated_drop": 0.1, "told_apart": 0.05},
        costs=None,
    )
    assert train(folder, spec) == 0, (folder / "log.txt").read_text()
    result = answer(folder).result
    assert result.threshold is None
    assert result.baseline_cost == {}
    assert set(result.metrics["test"]) == {"rmse", "mae", "r2"}
    nullable = {field.name: field.nullable for field in result.signature.features}
    assert nullable["distance"] is False
    out = folder / request.OUT
    known = msgspec.json.decode((out / bundle.REFERENCE).read_bytes(), type=reference.Reference)
    assert known.pattern is not None
    assert set(known.pattern.columns) == set(known.numeric)
    assert known.apart is not None
    assert known.apart.columns == known.pattern.columns
    assert len(known.apart.rows) == 1_024 * len(known.apart.columns)
    assert known.target is not None
    assert sum(known.target.counts) == result.rows["test"]
    assert known.contributions is not None
    assert known.contributions.means.keys() == nullable.keys()
    assert losses.Learned((out / losses.FILE).read_bytes()).about.measure == "rmse"


def test_users_code_sees_no_secret(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PODIUM_TOKEN", "secret")
    code = "import os\n\ndef fit(features, target, context):\n    raise KeyError(sorted(os.environ))\n"
    folder = prepare(tmp_path / "run", code)
    assert train(folder, made.spec()) == 1
    failure = msgspec.json.decode((folder / "failure.json").read_bytes(), type=request.Failure)
    assert "HOME" in failure.message
    assert "PODIUM" not in failure.message
    assert "train.py, line 4" in failure.message


def test_a_process_that_is_told_to_stop_takes_its_children_along(tmp_path: Path) -> None:
    code = (
        "import subprocess, time, pathlib, signal\n"
        "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        "def fit(features, target, context):\n"
        "    child = subprocess.Popen(['sleep', '600'])\n"
        "    pathlib.Path('child').write_text(str(child.pid))\n"
        "    context.progress(0.5, 'asleep')\n"
        "    time.sleep(600)\n"
    )
    folder = prepare(tmp_path / "run", code)

    def stop(progress: Progress) -> None:
        if progress.message == "asleep":
            raise queue.Cancelled("enough")

    with pytest.raises(queue.Cancelled):
        train(folder, made.spec(), stop)
    child = int((folder / "source" / "child").read_text())
    assert not psutil.pid_exists(child) or psutil.Process(child).status() == psutil.STATUS_ZOMBIE


def enqueue(tx: Transaction, told: event.Event) -> None:
    queue.enqueue(tx, "build.train", {"run": told.subject.id}, project=told.project)


def work(store: Store) -> None:
    worker.Worker(store=store, handlers={"build.train": tasks.train}, name="w").run_until_idle()


def asked(store: Store, folder: Path, code: str, **changes: Any) -> run.RunRequest:
    folder.mkdir()
    (folder / "train.py").write_text(code)
    return run.RunRequest(
        model="delay",
        spec=made.spec(),
        dataset=made.register(store),
        code=run.Code(source_digest=store.blobs.put(archive.pack(folder))),
        reason="a test",
        **changes,
    )


def job_of(store: Store, item: run.Run) -> Any:
    with store.read() as connection:
        return job_rows.get(connection, "flights", item.job or "")


def reread(store: Store, item: run.Run) -> run.Run:
    with store.read() as connection:
        return rows.get(connection, "flights", item.id)


def test_a_requested_run_is_trained_by_a_worker(store: Store, caller: CallerOf, tmp_path: Path) -> None:
    store.hooks = {"run.requested": [enqueue]}
    found = actions.request(store, caller("scientist"), asked(store, tmp_path / "p", made.HISTOGRAM))
    work(store)
    found = reread(store, found)
    assert found.state is run.RunState.FINISHED, found.error
    assert found.result is not None
    assert set(found.result.files) == {
        "model.onnx",
        "golden.arrow",
        "reference.json",
        "explain.onnx",
        "explain.arrow",
    }
    for address in found.result.files.values():
        assert digest.of_bytes(store.blobs.get(address)) == address
    assert b"validation" in store.blobs.get(found.log or "")
    assert job_of(store, found).state is JobState.DONE
    with store.read() as connection:
        told = events.read(connection, kind="run.finished")[0].event()
    assert {parent.id for parent in told.parents} == {found.dataset, found.spec_digest, found.code.source_digest}


def test_a_run_whose_code_is_wrong_fails_with_its_lines(store: Store, caller: CallerOf, tmp_path: Path) -> None:
    store.hooks = {"run.requested": [enqueue], "job.failed": [actions.follow_job]}
    code = "def fit(features, target, context):\n    print('before')\n    return features['nothing']\n"
    found = actions.request(store, caller("scientist"), asked(store, tmp_path / "p", code))
    work(store)
    found = reread(store, found)
    assert found.state is run.RunState.FAILED
    assert found.error is not None
    assert "KeyError: 'nothing'" in found.error
    assert "train.py, line 3: return features['nothing']" in found.error
    assert found.result is None
    assert store.blobs.get(found.log or "").startswith(b"before")
    job = job_of(store, found)
    assert (job.state, job.attempt, job.error) == (JobState.FAILED, 1, found.error)
    with store.read() as connection:
        assert len(events.read(connection, kind="run.failed")) == 1


def test_a_cancelled_run_ends(store: Store, caller: CallerOf, tmp_path: Path) -> None:
    store.hooks = {"run.requested": [enqueue], "job.cancelled": [actions.follow_job]}
    code = (
        "import time\n\ndef fit(features, target, context):\n    context.progress(0.5, 'asleep')\n    time.sleep(600)\n"
    )
    found = actions.request(store, caller("scientist"), asked(store, tmp_path / "p", code))
    thread = threading.Thread(target=work, args=(store,))
    thread.start()
    until(lambda: (job := reread(store, found)).job is not None and job_of(store, job).message == "asleep")
    found = reread(store, found)
    jobs.cancel(store, caller("engineer"), "flights", found.job or "")
    thread.join(60)
    assert not thread.is_alive()
    assert reread(store, found).state is run.RunState.CANCELLED
    assert job_of(store, found).state is JobState.CANCELLED


SLEEPS = (
    "import time\n\ndef fit(features, target, context):\n    print('going to bed')\n"
    "    context.progress(0.5, 'asleep')\n    time.sleep(600)\n"
)


def test_a_run_that_takes_too_long_is_ended_and_says_why(store: Store, caller: CallerOf, tmp_path: Path) -> None:
    store.hooks = {"run.requested": [enqueue], "job.failed": [actions.follow_job]}
    found = actions.request(store, caller("scientist"), asked(store, tmp_path / "p", SLEEPS))
    limited = partial(tasks.train, seconds=3.0)
    worker.Worker(store=store, handlers={"build.train": limited}, name="w").run_until_idle()
    found = reread(store, found)
    assert found.state is run.RunState.FAILED
    assert found.error is not None
    assert found.error.startswith("train: The training took longer than the 3 seconds that this platform allows")
    assert "train_seconds" in found.error
    assert found.log is not None
    assert job_of(store, found).attempt == 1  # it is not tried again: it would take as long


def test_what_a_run_prints_can_be_read_while_it_runs(store: Store, caller: CallerOf, tmp_path: Path) -> None:
    store.hooks = {"run.requested": [enqueue], "job.cancelled": [actions.follow_job]}
    found = actions.request(store, caller("scientist"), asked(store, tmp_path / "p", SLEEPS))
    thread = threading.Thread(target=work, args=(store,))
    thread.start()
    until(lambda: actions.log(store, reread(store, found)))
    found = reread(store, found)
    printed = actions.log(store, found)
    assert (printed, found.state, found.log) == (b"going to bed\n", run.RunState.RUNNING, None)
    jobs.cancel(store, caller("engineer"), "flights", found.job or "")
    thread.join(60)
    assert not thread.is_alive()
    found = reread(store, found)
    assert found.log is not None
    assert actions.log(store, found) == printed
    with store.read() as connection:
        assert rows.shown(connection, found) == b""


CALLS = """
import urllib.request

def fit(features, target, context):
    urllib.request.urlopen("http://127.0.0.1:9/", timeout=5)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the network cannot be taken away")
@pytest.mark.parametrize("declared", [False, True])
def test_training_has_the_network_only_where_the_project_file_declares_it(tmp_path: Path, declared: bool) -> None:
    folder = prepare(tmp_path / "run", CALLS)
    assert train(folder, made.spec(training={"network": declared})) == 1
    failure = msgspec.json.decode((folder / "failure.json").read_bytes(), type=request.Failure)
    assert "train.py, line 5: urllib.request.urlopen" in failure.message
    assert ("Connection refused" in failure.message) is declared
    assert failure.message.endswith("network = true under [training].") is not declared


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the network cannot be taken away")
def test_a_run_says_what_it_had_of_the_network(tmp_path: Path) -> None:
    code = "import joblib\n\n" + made.HISTOGRAM.replace(
        "    encode =", "    print(joblib.Parallel(2)(joblib.delayed(abs)(n) for n in (-1, -2)))\n    encode ="
    )
    folder = prepare(tmp_path / "run", code)
    spec = made.spec()
    ended = process.run(
        folder,
        lambda _: None,
        lambda descriptor: request.Request(spec=spec, params=dict(spec.params), seed=3, progress=descriptor),
    )
    assert (ended.code, ended.network) == (0, "off"), (folder / "log.txt").read_text()
    assert "[1, 2]" in (folder / "log.txt").read_text()  # several processes of joblib do without a network


def test_missing_packages_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "_NEEDED", ("a_package_that_is_not_there",))
    with pytest.raises(Unavailable, match="train"):
        train(prepare(tmp_path / "run", made.LINEAR), made.spec())
