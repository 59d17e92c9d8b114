"""Routes of intake: segments and outcomes in; predictions out, one by one, as Arrow, and replayed."""

import io
from typing import Annotated

import msgspec
import pyarrow
from litestar import Response, get, post, put
from litestar.params import Parameter

from podium.core import explanation, outcome, prediction, time
from podium.core.access import Caller, Permission
from podium.core.errors import Invalid
from podium.deploy.endpoints import store as endpoints
from podium.monitor.intake import actions, replay, segments, window
from podium.monitor.intake import store as rows
from podium.store.store import Store

_PROJECT = "/api/v1/projects/{project:str}"
_ENDPOINT = _PROJECT + "/endpoints/{name:str}"
ARROW = "application/vnd.apache.arrow.stream"
_READ = {"permission": Permission.READ}
_INTAKE = {"permission": Permission.INTAKE}
Limit = Annotated[int, Parameter(ge=1, le=1000)]
ManyRows = Annotated[int, Parameter(ge=1, le=1_000_000)]


class SampleRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How many predictions of an endpoint to replay, of which time, and the seed that chooses them."""

    endpoint: str
    number: int = 100
    seed: int = 0
    from_us: int = 0
    to_us: int | None = None


@put(_PROJECT + "/segments/{scorer:str}/{name:str}", opt=_INTAKE, status_code=200, sync_to_thread=True)
def receive_segment(
    store: Store,
    caller: Caller,
    scorer: str,
    name: str,
    body: bytes,
    podium_digest: Annotated[str, Parameter(header="Podium-Digest")],
) -> rows.Segment:
    """Keep a sealed log segment (an Arrow IPC stream); the answer means that it is durable."""
    return actions.receive_segment(store, caller, scorer, name, body, podium_digest)


@get(_PROJECT + "/segments", opt=_READ, sync_to_thread=True)
def list_segments(store: Store, caller: Caller, after: str = "", limit: Limit = 100) -> list[rows.Segment]:
    """Received segments, in the order of receipt."""
    with store.read() as connection:
        return rows.list_segments(connection, caller.project, after=after, limit=limit)


@post(_ENDPOINT + "/outcomes", opt=_INTAKE, status_code=200, sync_to_thread=True)
def receive_outcomes(
    store: Store,
    caller: Caller,
    name: str,
    body: bytes,
    content_type: Annotated[str, Parameter(header="Content-Type")] = "application/json",
) -> outcome.OutcomeBatch:
    """Keep outcomes, a JSON list or an Arrow IPC stream; the answer means that they are durable."""
    sent = body if content_type.startswith(ARROW) else _parse(body)
    return actions.receive_outcomes(store, caller, name, sent)


@get(_ENDPOINT + "/outcomes", opt=_READ, sync_to_thread=True)
def list_outcomes(
    store: Store, caller: Caller, name: str, after: str = "", limit: Limit = 100
) -> list[outcome.OutcomeBatch]:
    """Receipts of an endpoint's outcomes, in the order of receipt."""
    with store.read() as connection:
        return rows.list_outcomes(connection, caller.project, name, after=after, limit=limit)


@get(_ENDPOINT + "/predictions", opt=_READ, sync_to_thread=True)
def read_predictions(  # noqa: PLR0913 - one argument a filter
    store: Store,
    caller: Caller,
    name: str,
    from_: Annotated[str | None, Parameter(query="from")] = None,
    to: str | None = None,
    columns: str | None = None,
    roles: str | None = None,
    limit: ManyRows = 100_000,
) -> Response[bytes]:
    """Predictions with their outcomes as an Arrow stream, oldest first; `columns` and `roles`: separated by commas."""
    query = msgspec.structs.replace(
        _query(store, caller, name),
        from_us=0 if from_ is None else time.to_us(time.parse_instant(from_, "from")),
        to_us=_later(store) if to is None else time.to_us(time.parse_instant(to, "to")),
        columns=None if columns is None else tuple(columns.split(",")),
        roles=segments.ROLES if roles is None else _roles(roles),
    )
    table = window.read_window(store, caller.project, window.first(store, caller.project, query, limit)).slice(0, limit)
    sink = io.BytesIO()
    with pyarrow.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return Response(content=sink.getvalue(), media_type=ARROW)


@get(_PROJECT + "/predictions/{prediction_id:path}", opt=_READ, sync_to_thread=True)
def get_prediction(store: Store, caller: Caller, prediction_id: str) -> list[prediction.Prediction]:
    """The log's rows under an id (it holds a slash): what decided first, then the shadow, with the outcome if known."""
    return replay.get(store, caller.project, prediction_id.removeprefix("/"))


@post(_PROJECT + "/replays/{prediction_id:path}", opt=_READ, status_code=200, sync_to_thread=True)
def replay_prediction(store: Store, caller: Caller, prediction_id: str, role: str | None = None) -> prediction.Replay:
    """Compute a prediction again from its stored features and its version's bundle."""
    return replay.replay(store, caller.project, prediction_id.removeprefix("/"), role)


@post(_PROJECT + "/explanations/{prediction_id:path}", opt=_READ, status_code=200, sync_to_thread=True)
def explain_prediction(
    store: Store, caller: Caller, prediction_id: str, role: str | None = None
) -> explanation.Explanation:
    """What each feature added to a logged prediction's score."""
    return replay.explain(store, caller.project, prediction_id.removeprefix("/"), role)


@post(_PROJECT + "/replays", opt=_READ, status_code=200, sync_to_thread=True)
def replay_sample(store: Store, caller: Caller, data: SampleRequest) -> prediction.Replays:
    """Compute a random sample of an endpoint's predictions again."""
    query = msgspec.structs.replace(
        _query(store, caller, data.endpoint),
        from_us=data.from_us,
        to_us=_later(store) if data.to_us is None else data.to_us,
    )
    found = replay.sample(store, caller.project, query, data.number, data.seed)
    different = [each for each in found if not each.identical]
    return prediction.Replays(replayed=len(found), identical=len(found) - len(different), different=different)


def _query(store: Store, caller: Caller, endpoint: str) -> window.Query:
    with store.read() as connection:
        place = endpoints.get(connection, caller.project, endpoint)
    now_us = time.to_us(store.clock())
    return window.Query(model=place.model, endpoint=endpoint, from_us=0, to_us=now_us, as_of_us=now_us)


def _later(store: Store) -> int:
    return time.to_us(store.clock()) + 1


def _roles(text: str) -> tuple[str, ...]:
    chosen = tuple(text.split(","))
    if not set(chosen) <= set(segments.ROLES):
        raise Invalid("A role is champion, canary or shadow.", field="roles")
    return chosen


def _parse(body: bytes) -> list[outcome.Outcome]:
    try:
        return msgspec.json.decode(body, type=list[outcome.Outcome])
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        raise Invalid(
            "This is not a JSON list of outcomes.", fix="Each has value, at_us, and key or prediction_id."
        ) from None


routes = [
    receive_segment,
    list_segments,
    receive_outcomes,
    list_outcomes,
    read_predictions,
    get_prediction,
    replay_prediction,
    replay_sample,
    explain_prediction,
]
