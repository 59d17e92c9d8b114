"""Bytes in, digest out: the only way by which files reach the platform. A path or address is never accepted."""

import msgspec
from litestar import post

from podium.core.access import Permission
from podium.core.errors import Invalid
from podium.store.store import Store


class Kept(msgspec.Struct, frozen=True, kw_only=True):
    """What was kept."""

    digest: str
    bytes: int


@post("/api/v1/projects/{project:str}/blobs", opt={"permission": Permission.BUILD}, sync_to_thread=True)
def keep_blob(store: Store, project: str, body: bytes) -> Kept:
    """Keep some bytes: training code, a difference to a commit. The same bytes again change nothing."""
    if not body:
        raise Invalid("There are no bytes.", field="body")
    return Kept(digest=store.blobs.put(body), bytes=len(body))
