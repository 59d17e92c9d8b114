"""Routes of models, versions, and the bundles that scorers fetch."""

from collections.abc import Sequence
from typing import Annotated

import msgspec
from litestar import Response, get, post, put
from litestar.params import Parameter

from podium.core import access, bundle, digest, project
from podium.core.access import Permission
from podium.core.errors import Invalid, NotFound
from podium.core.model import Model
from podium.core.version import Version, VersionState
from podium.manage.registry import actions, dependencies
from podium.manage.registry import store as rows
from podium.store.store import Store

_PROJECT = "/api/v1/projects/{project:str}"
_MODEL = _PROJECT + "/models/{name:str}"
_VERSION = _MODEL + "/versions/{number:int}"
_LARGEST_SOURCE = 64 * 1024 * 1024

Limit = Annotated[int, Parameter(ge=1, le=1000)]


class Apply(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A project file, and the code that goes with it."""

    spec: project.Project
    source_digest: str


class Source(msgspec.Struct, frozen=True, kw_only=True):
    """Code that was uploaded."""

    digest: str
    bytes: int


class Why(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The reason of a change."""

    why: str = ""


class Note(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What people should know."""

    note: str


@post(_PROJECT + "/sources", opt={"permission": Permission.BUILD}, sync_to_thread=True)
def put_source(store: Store, body: bytes) -> Source:
    """Upload the code of a project (the bytes of a .tar.gz), or a file of a model made elsewhere; its digest."""
    if len(body) > _LARGEST_SOURCE:
        raise Invalid("The upload is larger than 64 MB.", field="body", fix="Leave data out of it.")
    return Source(digest=store.blobs.put(body), bytes=len(body))


@get(_PROJECT + "/models", opt={"permission": Permission.READ}, sync_to_thread=True)
def list_models(
    store: Store, caller: access.Caller, *, retired: bool | None = None, after: str = "", limit: Limit = 100
) -> Sequence[Model]:
    """The inventory, by name."""
    with store.read() as connection:
        return rows.list_models(connection, caller.project, retired=retired, after=after, limit=limit)


@put(_PROJECT + "/models", opt={"permission": Permission.BUILD}, sync_to_thread=True)
def apply(store: Store, caller: access.Caller, data: Apply) -> Model:
    """Register a model from its project file, or change it."""
    return actions.apply(store, caller, data.spec, data.source_digest)


@get(_MODEL, opt={"permission": Permission.READ}, sync_to_thread=True)
def get_model(store: Store, caller: access.Caller, name: str) -> Model:
    """A model."""
    with store.read() as connection:
        return rows.model(connection, caller.project, name)


@post(_MODEL + "/retire", opt={"permission": Permission.APPROVE}, sync_to_thread=True)
def retire_model(store: Store, caller: access.Caller, name: str) -> Model:
    """Take a model out of use."""
    return actions.retire_model(store, caller, name)


@post(_MODEL + "/restore", opt={"permission": Permission.APPROVE}, sync_to_thread=True)
def restore_model(store: Store, caller: access.Caller, name: str) -> Model:
    """Undo the retirement of a model."""
    return actions.restore_model(store, caller, name)


@get(_MODEL + "/dependencies", opt={"permission": Permission.READ}, sync_to_thread=True)
def model_dependencies(store: Store, caller: access.Caller, name: str) -> dependencies.Dependencies:
    """Which data a model's versions come from, and which data its predictions feed."""
    with store.read() as connection:
        return dependencies.of_model(connection, caller.project, name)


@get(_PROJECT + "/versions", opt={"permission": Permission.READ}, sync_to_thread=True)
def list_all_versions(
    store: Store,
    caller: access.Caller,
    version_state: Annotated[VersionState | None, Parameter(query="state")] = None,
    dataset: str | None = None,
    limit: Limit = 100,
) -> Sequence[Version]:
    """Versions of all models, newest first; those in a state, or made from a dataset."""
    states = () if version_state is None else (version_state.value,)
    with store.read() as connection:
        return rows.list_versions(connection, caller.project, states=states, dataset=dataset, limit=limit)


@get(_MODEL + "/versions", opt={"permission": Permission.READ}, sync_to_thread=True)
def list_versions(
    store: Store, caller: access.Caller, name: str, after: int | None = None, limit: Limit = 100
) -> Sequence[Version]:
    """Versions of a model, newest first; `after` is the last number of the page before."""
    with store.read() as connection:
        rows.model(connection, caller.project, name)
        return rows.list_versions(connection, caller.project, model=name, before=after, limit=limit)


@get(_VERSION, opt={"permission": Permission.READ}, sync_to_thread=True)
def get_version(store: Store, caller: access.Caller, name: str, number: int) -> Version:
    """A version."""
    with store.read() as connection:
        return rows.version(connection, caller.project, name, number)


@get(_VERSION + "/manifest", opt={"permission": Permission.READ}, sync_to_thread=True)
def get_manifest(store: Store, caller: access.Caller, name: str, number: int) -> bundle.Manifest:
    """What a version's bundle is: engine, signature, files, parity."""
    with store.read() as connection:
        item = rows.version(connection, caller.project, name, number)
        return rows.manifest(connection, caller.project, item.digest)


@post(_VERSION + "/retire", opt={"permission": Permission.APPROVE}, sync_to_thread=True)
def retire_version(store: Store, caller: access.Caller, name: str, number: int, data: Why) -> Version:
    """Retire a version."""
    return actions.retire(store, caller, name, number, data.why)


@put(_VERSION + "/note", opt={"permission": Permission.BUILD}, sync_to_thread=True)
def set_note(store: Store, caller: access.Caller, name: str, number: int, data: Note) -> Version:
    """Write what people should know of a version."""
    return actions.set_note(store, caller, name, number, data.note)


@get(_PROJECT + "/specs/{spec_digest:str}", opt={"permission": Permission.READ}, sync_to_thread=True)
def get_spec(store: Store, caller: access.Caller, spec_digest: str) -> project.Project:
    """A project file by its digest, as it was when a run or version was made."""
    with store.read() as connection:
        return rows.spec(connection, caller.project, digest.check(spec_digest))


@get(_PROJECT + "/datasets/by-digest/{address:str}/versions", opt={"permission": Permission.READ}, sync_to_thread=True)
def versions_from(store: Store, caller: access.Caller, address: str, limit: Limit = 100) -> Sequence[Version]:
    """The versions that a dataset version went into, newest first."""
    with store.read() as connection:
        return rows.list_versions(connection, caller.project, dataset=digest.check(address), limit=limit)


@get(_PROJECT + "/bundles/{address:str}/files/{path:path}", opt={"permission": Permission.SERVE}, sync_to_thread=True)
def serve_file(store: Store, caller: access.Caller, address: str, path: str) -> Response[bytes]:
    """`manifest.json`, or a file that it lists, of a registered bundle: for scorers."""
    return _file(store, caller.project, address, path)


@get(_VERSION + "/files/{path:path}", opt={"permission": Permission.READ}, sync_to_thread=True)
def read_file(store: Store, caller: access.Caller, name: str, number: int, path: str) -> Response[bytes]:
    """The same of a version, for people."""
    with store.read() as connection:
        item = rows.version(connection, caller.project, name, number)
    return _file(store, caller.project, item.digest, path)


def _file(store: Store, project_name: str, address: str, path: str) -> Response[bytes]:
    wanted = path.removeprefix("/")
    with store.read() as connection:
        manifest = rows.manifest(connection, project_name, digest.check(address))
    listed = {file.path: file.digest for file in manifest.files} | {bundle.MANIFEST: address}
    if wanted not in listed:
        raise NotFound("The bundle has no such file.", field="path", fix=f"It has: {', '.join(sorted(listed))}.")
    blob = listed[wanted]
    return Response(
        store.blobs.get(blob),
        media_type="application/octet-stream",
        headers={"ETag": f'"{blob}"', "Cache-Control": "private, max-age=31536000, immutable"},
    )


routes = [
    put_source,
    list_models,
    apply,
    get_model,
    retire_model,
    restore_model,
    model_dependencies,
    list_all_versions,
    list_versions,
    get_version,
    get_manifest,
    retire_version,
    set_note,
    get_spec,
    versions_from,
    serve_file,
    read_file,
]
