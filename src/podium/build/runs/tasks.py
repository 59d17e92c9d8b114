"""The job that trains: a process of its own, then artifacts, result and the job's end together."""

import contextlib
import signal
import tempfile
from pathlib import Path
from typing import Any

import msgspec

from podium.build import archive
from podium.build.runs import actions, process, watching
from podium.build.runs import store as rows
from podium.build.runs.training import request
from podium.bundle import read
from podium.bundle.engines import place, registry
from podium.core.errors import Invalid, NotFound, PodiumError, Refused
from podium.core.run import Run, RunState
from podium.jobs import queue
from podium.jobs.context import JobContext

_ENDED = (RunState.FINISHED, RunState.FAILED, RunState.CANCELLED)


def train(context: JobContext, *, seconds: float = 0.0) -> dict[str, Any] | None:
    """`build.train`: run a requested run (args: `run`) to its end; `seconds`: how long it may train, 0 for any time.

    Its failure is the job's, with the user's own lines; a cancelled or lost job ends the process and all it started.
    """
    with context.store.read() as connection:
        item = rows.get(connection, context.job.project, str(context.job.args["run"]))
    if item.state in _ENDED:
        raise Refused(f"The run is already {item.state}.", field="run", fix="Request a new one.")
    item = actions.start(context.store, context.caller, item, context.job.id)
    with tempfile.TemporaryDirectory(prefix="podium-train-") as name:
        folder = Path(name)
        try:
            _train(context, item, folder, seconds)
        except queue.Cancelled:
            _end(context, item, folder, RunState.CANCELLED, "The job was cancelled.")
            raise
        except (Invalid, Refused, NotFound) as problem:
            _end(context, item, folder, RunState.FAILED, str(problem))
            raise
    return None


def _train(context: JobContext, item: Run, folder: Path, seconds: float) -> None:
    spec = actions.spec_of(context.store.blobs, item)
    context.progress(0.0, "Fetching data and code")
    (folder / request.OUT).mkdir()
    (folder / request.SOURCE).mkdir()
    _fetch_source(context, item, folder / request.SOURCE)
    context.store.blobs.fetch(item.dataset, folder / request.DATA)
    imported, engines = item.code.imported, str(place.Place().folder)

    def asked(descriptor: int) -> request.Request:
        return request.Request(
            spec=spec, params=item.params, seed=item.seed, progress=descriptor, imported=imported, engines=engines
        )

    watched = watching.Watch(context, item, folder / request.LOG, seconds)
    ended = process.run(folder, watched.tell, asked, context.caller.trace)
    answer = _answer(folder, ended.code)
    environment = msgspec.structs.replace(answer.environment, network=ended.network)
    context.progress(0.99, "Keeping the artifacts")
    _finish(context, item, folder, msgspec.structs.replace(answer, environment=environment))


def _fetch_source(context: JobContext, item: Run, folder: Path) -> None:
    """The code that trains, or the files of the model that is imported."""
    if item.code.imported is None:
        archive.unpack(context.store.blobs.get(item.code.source_digest), folder)
        return
    for name, digest in item.code.imported.files.items():
        path = folder / read.check_path(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        context.store.blobs.fetch(digest, path)
    registry.prepare(folder, item.code.imported.engine, place.Place())


def _answer(folder: Path, code: int) -> request.Answer:
    if code == 0:
        return msgspec.json.decode((folder / request.RESULT).read_bytes(), type=request.Answer)
    if not (folder / request.FAILURE).exists():
        raise _died(code)
    failure = msgspec.json.decode((folder / request.FAILURE).read_bytes(), type=request.Failure)
    if not failure.expected:
        raise RuntimeError(f"training broke: {failure.message}")
    raise Invalid(failure.message, field=failure.field, fix=failure.fix)


def _died(code: int) -> PodiumError:
    if code == -signal.SIGKILL:
        return Refused("The training process was killed, most likely for want of memory.", fix="Train on fewer rows.")
    how = f"by signal {-code}" if code < 0 else f"with exit code {code}"
    return Refused(f"The training process ended {how} without a result.", field="train", fix="Read the run's log.")


def _finish(context: JobContext, item: Run, folder: Path, answer: request.Answer) -> None:
    blobs = context.store.blobs
    out = folder / request.OUT
    made = sorted(path for path in out.rglob("*") if path.is_file())
    files = {path.relative_to(out).as_posix(): blobs.put_file(path) for path in made}
    result = msgspec.structs.replace(answer.result, files=files)
    log = blobs.put(process.log_tail(folder))
    with context.finishing(result={"run": item.id, "files": files}) as tx:
        actions.finish_in(tx, item, result, answer.environment, log)


def _end(context: JobContext, item: Run, folder: Path, state: RunState, error: str) -> None:
    """End the run without a result, as long as the job is still this worker's."""
    log = context.store.blobs.put(process.log_tail(folder))
    with context.store.write(context.caller) as tx:
        with contextlib.suppress(queue.Cancelled):
            queue.hold(tx.connection, context.job)
        if not actions.end_in(tx, item, state, error, log):
            raise queue.LeaseLost("The job is no longer this worker's.")
