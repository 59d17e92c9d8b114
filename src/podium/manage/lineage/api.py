"""The route of lineage."""

from typing import Annotated

from litestar import get
from litestar.params import Parameter

from podium.core import access, event, lineage
from podium.core.access import Permission
from podium.manage.lineage import graph
from podium.store.store import Store

Depth = Annotated[int, Parameter(ge=1, le=50)]


@get(
    "/api/v1/projects/{project:str}/lineage/{noun:str}/{subject:str}",
    opt={"permission": Permission.READ},
    sync_to_thread=True,
)
def trace(
    store: Store,
    caller: access.Caller,
    noun: str,
    subject: str,
    direction: graph.Direction = "both",
    depth: Depth = 10,
) -> lineage.Lineage:
    """What a subject (a dataset or version by digest, a run by id, a model by name) came from and what came of it."""
    with store.read() as connection:
        return graph.trace(connection, caller.project, event.Subject(noun, subject), direction=direction, depth=depth)


routes = [trace]
