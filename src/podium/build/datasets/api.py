"""Routes of datasets. The server takes bytes, never a path or an address to read from."""

from collections.abc import Sequence
from typing import Annotated

from litestar import Response, get, post, put
from litestar.params import Parameter

from podium.build.datasets import actions
from podium.build.datasets import store as rows
from podium.core import access, dataset, digest
from podium.core.access import Permission
from podium.store.store import Store

_PROJECT = "/api/v1/projects/{project:str}"
_DATASET = _PROJECT + "/datasets/{name:str}"
_VERSION = _PROJECT + "/dataset-versions/{address:str}"
PARQUET = "application/vnd.apache.parquet"

Limit = Annotated[int, Parameter(ge=1, le=1000)]


@post(_DATASET, opt={"permission": Permission.BUILD}, sync_to_thread=True)
def add_version(
    store: Store, caller: access.Caller, name: str, source: str, body: bytes, parents: list[str] | None = None
) -> dataset.DatasetVersion:
    """Keep the body, a Parquet file, as the next version; the same rows again give the version that is there."""
    return actions.register(store, caller, name, body, source, parents or ())


@put(_DATASET, opt={"permission": Permission.BUILD}, sync_to_thread=True)
def put_version(
    store: Store, caller: access.Caller, name: str, source: str, body: bytes, parents: list[str] | None = None
) -> dataset.DatasetVersion:
    """The same as POST."""
    return actions.register(store, caller, name, body, source, parents or ())


@get(_PROJECT + "/datasets", opt={"permission": Permission.READ}, sync_to_thread=True)
def list_versions(
    store: Store, caller: access.Caller, after: str | None = None, limit: Limit = 100
) -> Sequence[dataset.DatasetVersion]:
    """Every dataset version, newest first; `after` is the last id of the page before."""
    with store.read() as connection:
        return rows.find_all(connection, caller.project, after=after, limit=limit)


@get(_DATASET, opt={"permission": Permission.READ}, sync_to_thread=True)
def list_versions_of(
    store: Store, caller: access.Caller, name: str, after: str | None = None, limit: Limit = 100
) -> Sequence[dataset.DatasetVersion]:
    """One dataset's versions, newest first; `after` is the last id of the page before."""
    with store.read() as connection:
        rows.newest(connection, caller.project, name)
        return rows.find_all(connection, caller.project, name=name, after=after, limit=limit)


@get(_VERSION, opt={"permission": Permission.READ}, sync_to_thread=True)
def get_version(store: Store, caller: access.Caller, address: str) -> dataset.DatasetVersion:
    """One dataset version by its digest, with its profile."""
    with store.read() as connection:
        return rows.get(connection, caller.project, digest.check(address))


@get(_VERSION + "/content", opt={"permission": Permission.READ}, sync_to_thread=True, media_type=PARQUET)
def download(store: Store, caller: access.Caller, address: str) -> Response[bytes]:
    """A dataset version's Parquet bytes."""
    data = actions.read_bytes(store, caller, address)
    return Response(data, media_type=PARQUET, headers={"ETag": f'"{address}"'})


routes = [add_version, put_version, list_versions, list_versions_of, get_version, download]
