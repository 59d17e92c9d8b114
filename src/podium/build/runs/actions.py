"""What happens to runs: requested, started, finished, failed, cancelled."""

from typing import Any

import msgspec

from podium.build.datasets import store as datasets
from podium.build.runs import imports
from podium.build.runs import store as rows
from podium.core import digest, event, project
from podium.core import name as names
from podium.core.access import Caller, Permission
from podium.core.errors import Conflict, Invalid, NotFound
from podium.core.run import Environment, Result, Run, RunRequest, RunState
from podium.store.blobs import Blobs
from podium.store.store import Store
from podium.store.transaction import Transaction

KIND = "build.train"
"""The kind of the jobs that train."""
_REASON_LIMIT = 2000
_ENDED = {"job.failed": RunState.FAILED, "job.cancelled": RunState.CANCELLED}


def request(store: Store, caller: Caller, asked: RunRequest) -> Run:
    """Ask for a run; the event `run.requested` starts its job. Raises `Invalid`, or `NotFound` for data or code."""
    keep_spec(store.blobs, asked.spec)
    check(store, caller, asked)
    with store.write(caller) as tx:
        return tx.done(request_in(tx, asked))


def keep_spec(blobs: Blobs, spec: project.Project) -> str:
    """Keep a project file's content as a blob under its own digest, from where `spec_of` reads it."""
    return blobs.put(digest.canonical(spec))


def spec_of(blobs: Blobs, item: Run) -> project.Project:
    """The project file by which a run trains."""
    return msgspec.json.decode(blobs.get(item.spec_digest), type=project.Project)


def check(store: Store, caller: Caller, asked: RunRequest) -> None:
    """Raise `Invalid` when the request contradicts itself, `NotFound` when its data or code was never stored."""
    names.check(asked.model, "model")
    if asked.spec.model.name != asked.model:
        raise Invalid("The project file is of another model.", field="spec.model.name")
    if asked.spec.project != caller.project:
        raise Invalid("The project file is of another project.", field="spec.project")
    if len(asked.reason) > _REASON_LIMIT:
        raise Invalid(f"A reason has at most {_REASON_LIMIT} characters.", field="reason")
    unknown = sorted(set(asked.params) - set(asked.spec.params))
    if unknown:
        raise Invalid(
            "There is no such parameter in the project file.",
            field="params",
            fix=names.nearest(unknown[0], asked.spec.params) if asked.spec.params else "Add it under [params].",
        )
    imports.check(store, asked)
    with store.read() as connection:
        datasets.get(connection, caller.project, digest.check(asked.dataset, "dataset"))
    if not store.blobs.exists(digest.check(asked.code.source_digest, "code.source_digest")):
        raise NotFound("The training code was never sent.", field="code.source_digest", fix="Push the project first.")


def request_in(tx: Transaction, asked: RunRequest) -> Run:
    """The same in a transaction that is already open; the caller has done `keep_spec` and `check`."""
    made = Run(
        id=tx.new_id("run"),
        project=tx.caller.project,
        model=asked.model,
        number=rows.next_number(tx.connection, tx.caller.project, asked.model),
        state=RunState.REQUESTED,
        dataset=asked.dataset,
        spec_digest=digest.of_value(asked.spec),
        params={**asked.spec.params, **asked.params},
        seed=asked.spec.seed if asked.seed is None else asked.seed,
        code=asked.code,
        reason=asked.reason,
        created_us=tx.now_us,
        created_by=tx.caller.name,
    )
    rows.add(tx.connection, made)
    tx.record("run.requested", subject(made), permission=Permission.BUILD, parents=parents(made), detail=_about(made))
    return made


def log(store: Store, item: Run) -> bytes:
    """The end of what a run's code printed: so far, while it runs."""
    if item.log is not None:
        return store.blobs.get(item.log)
    with store.read() as connection:
        return rows.shown(connection, item)


def start(store: Store, caller: Caller, item: Run, job: str) -> Run:
    """Say that a worker has begun (or, after a lost worker, begun again). Raises `Conflict` when the run has ended."""
    with store.write(caller) as tx:
        values: dict[str, Any] = {"started_us": tx.now_us, "job": job}
        if not rows.change(tx.connection, item, RunState.RUNNING, values):
            raise Conflict("The run has already ended.", field="run")
        tx.record("run.started", subject(item), permission=Permission.BUILD, detail=_about(item) | {"job": job})
        return rows.get(tx.connection, item.project, item.id)


def finish_in(tx: Transaction, item: Run, result: Result, environment: Environment, log: str) -> Run:
    """The run's success, in the transaction that also ends its job. Raises `Conflict` when the run has ended."""
    values = {"finished_us": tx.now_us, "result": result, "environment": environment, "log": log}
    if not rows.change(tx.connection, item, RunState.FINISHED, values):
        raise Conflict("The run has already ended.", field="run")
    tx.record(
        "run.finished",
        subject(item),
        permission=Permission.BUILD,
        parents=parents(item),
        detail=_about(item) | {"metrics": msgspec.to_builtins(result.metrics.get("test", {})), "files": result.files},
    )
    return rows.get(tx.connection, item.project, item.id)


def end_in(tx: Transaction, item: Run, state: RunState, error: str, log: str | None = None) -> bool:
    """The run's end without a result (failed or cancelled), with its event; False when it had ended before."""
    values = {"finished_us": tx.now_us, "error": error} | ({} if log is None else {"log": log})
    if not rows.change(tx.connection, item, state, values):
        return False
    tx.record(
        f"run.{state.value}",
        subject(item),
        permission=Permission.BUILD,
        parents=parents(item),
        detail=_about(item) | {"error": error},
    )
    return True


def follow_job(tx: Transaction, made: event.Event) -> None:
    """A hook for `job.failed` and `job.cancelled`: the run of a job that ended without one ends with it."""
    state = _ENDED.get(made.kind)
    if state is None or made.detail.get("kind") != KIND:
        return
    item = rows.of_job(tx.connection, made.project, made.subject.id)
    if item is not None:
        end_in(tx, item, state, str(made.detail.get("error") or "The job was cancelled."))


def subject(item: Run) -> event.Subject:
    """The run, as events name it."""
    return event.Subject("run", item.id)


def parents(item: Run) -> tuple[event.Subject, ...]:
    """What the run is made from, as events name it."""
    return (
        event.Subject("dataset", item.dataset),
        event.Subject("spec", item.spec_digest),
        event.Subject("source", item.code.source_digest),
    )


def _about(item: Run) -> dict[str, Any]:
    return {"model": item.model, "number": item.number, "reason": item.reason}
