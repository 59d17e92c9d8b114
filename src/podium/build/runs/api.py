"""The routes of runs."""

from typing import Annotated

from litestar import Response, get, post
from litestar.params import Parameter

from podium.build.runs import actions, compare
from podium.build.runs import store as rows
from podium.core import project as projects
from podium.core import run
from podium.core.access import Caller, Permission
from podium.core.errors import NotFound
from podium.store.store import Store

_RUNS = "/api/v1/projects/{project:str}/runs"
_READ = {"permission": Permission.READ}
Limit = Annotated[int, Parameter(ge=1, le=1000)]
Tail = Annotated[int, Parameter(ge=1, le=1024 * 1024)]


@post(_RUNS, opt={"permission": Permission.BUILD}, sync_to_thread=True)
def request_run(store: Store, caller: Caller, project: str, data: run.RunRequest) -> run.Run:
    """Ask for a run; a worker trains it."""
    return actions.request(store, caller, data)


@get(_RUNS, opt=_READ, sync_to_thread=True)
def list_runs(
    store: Store,
    project: str,
    model: str | None = None,
    in_state: Annotated[run.RunState | None, Parameter(query="state")] = None,
    after: str | None = None,
    limit: Limit = 100,
) -> list[run.Run]:
    """A project's runs, newest first."""
    with store.read() as connection:
        return rows.find(connection, project, model=model, state=in_state, after=after, limit=limit)


@get(f"{_RUNS}/{{run_id:str}}", opt=_READ, sync_to_thread=True)
def get_run(store: Store, project: str, run_id: str) -> run.Run:
    """One run."""
    return _run(store, project, run_id)


@get(f"{_RUNS}/{{run_id:str}}/spec", opt=_READ, sync_to_thread=True)
def get_spec(store: Store, project: str, run_id: str) -> projects.Project:
    """The project file by which a run trains."""
    return actions.spec_of(store.blobs, _run(store, project, run_id))


@get(f"{_RUNS}/{{run_id:str}}/log", opt=_READ, sync_to_thread=True)
def get_log(store: Store, project: str, run_id: str, tail: Tail = 65536) -> Response[bytes]:
    """The last bytes that the training code printed: so far (at most 64 KiB), while the run goes on."""
    text = actions.log(store, _run(store, project, run_id))[-tail:]
    return Response(text, media_type="text/plain; charset=utf-8")


@get(f"{_RUNS}/{{run_id:str}}/files/{{name:str}}", opt=_READ, sync_to_thread=True)
def get_file(store: Store, project: str, run_id: str, name: str) -> Response[bytes]:
    """One artifact of a run by its name."""
    item = _run(store, project, run_id)
    address = None if item.result is None else item.result.files.get(name)
    if address is None:
        raise NotFound("The run has no artifact of that name.", field="name", fix="Its result lists them under files.")
    return Response(store.blobs.get(address), media_type="application/octet-stream", headers={"ETag": f'"{address}"'})


@get(f"{_RUNS}/{{run_id:str}}/compare/{{other:str}}", opt=_READ, sync_to_thread=True)
def compare_runs(store: Store, project: str, run_id: str, other: str) -> run.Comparison:
    """Two runs side by side: the inputs that differ, and every metric."""
    return compare.compare(_run(store, project, run_id), _run(store, project, other))


def _run(store: Store, project: str, run_id: str) -> run.Run:
    with store.read() as connection:
        return rows.get(connection, project, run_id)


routes = [request_run, list_runs, get_run, get_spec, get_log, get_file, compare_runs]
