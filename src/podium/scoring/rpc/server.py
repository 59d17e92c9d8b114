"""The service over gRPC: the same meaning, log and metrics as over HTTP, on the same event loop, on its own port."""

import asyncio
import contextlib
import logging
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from functools import partial
from typing import Any, NamedTuple, TypeAlias

from podium.core import errors, trace
from podium.core.errors import Invalid, PodiumError
from podium.core.trace import Trace
from podium.scoring import admission, codec, metrics, operate, request, routes
from podium.scoring.http import listen
from podium.scoring.protocols import oip, reader
from podium.scoring.protocols.grpc import infer, messages, wire
from podium.scoring.rpc import arriving, codes, door, health
from podium.scoring.rpc.library import aio, grpc
from podium.scoring.service import Service
from podium.version import VERSION

_LOG = logging.getLogger("podium.scorer")
_INFER = f"/{messages.INFERENCE}/ModelInfer"
"""The path of a call to score, as HTTP/2 has it."""
_CUT_SECONDS = 0.5
_MOST_CALLS = 4096
_MOST_OF_ONE = 1024
"""Of one connection: its client keeps those beyond to itself until others of its calls have ended."""
_METADATA_BYTES = 16 * 1024


class Limits(NamedTuple):
    """How large a message may be, and how long it may take to come."""

    message_bytes: int = 16 * 1024 * 1024
    message_seconds: float = arriving.SECONDS


class Call(NamedTuple):
    """A call under way, and the trace that it is part of, if it is part of one."""

    context: Any
    trace: Trace | None


class _Sent(NamedTuple):
    """A request to score: where, and how its rows are read."""

    place: routes.Place
    read: Callable[[codec.Asked], request.Rows]


Handler = Callable[[bytes, Call], Awaitable[Any]]
Waiting: TypeAlias = "asyncio.Future[request.Scored | PodiumError]"


@contextlib.asynccontextmanager
async def front(service: Service, address: tuple[str, int], limits: Limits) -> AsyncIterator[listen.Drain]:
    """Serve while the context lasts, which gives how to drain.

    Prints `podium scorer listening on grpc://host:port` when it answers.
    """
    server = Server(service, limits.message_bytes, limits.message_seconds)
    host, port = address
    bound = await server.start(host, port)
    sys.stdout.write(f"podium scorer listening on grpc://{listen.where(host, bound)}\n")
    sys.stdout.flush()
    try:
        yield server.stop
    finally:
        await server.stop(0.0)


class Server:
    """Answers one service's calls. Bytes are parsed here, so that what is broken in them is the caller's mistake."""

    def __init__(self, service: Service, message_limit: int, message_seconds: float = arriving.SECONDS) -> None:
        self._service = service
        self._arriving = arriving.Arriving(message_seconds)
        self._sweeper: asyncio.Future[None] | None = None
        self._health = health.Health(self._is_ready)
        self._port = 0
        self._stopping = False
        self._arrived = 0
        self._heads = infer.Heads()
        options = (
            ("grpc.max_receive_message_length", message_limit),
            ("grpc.max_send_message_length", -1),
            ("grpc.absolute_max_metadata_size", _METADATA_BYTES),
            ("grpc.max_concurrent_streams", _MOST_OF_ONE),
            ("grpc.so_reuseport", 1),
            ("grpc.max_connection_age_ms", round(1000 * door.AGE_SECONDS)),
        )
        self._server = aio.server(options=options, maximum_concurrent_rpcs=_MOST_CALLS)
        self._server.add_generic_rpc_handlers((self._inference(), self._checks()))

    async def start(self, host: str, port: int) -> int:
        """Listen; the port that it came to be. `Invalid` when that cannot be had."""
        try:
            bound = self._server.add_insecure_port(listen.where(host, port))
        except RuntimeError:
            raise Invalid("This port cannot be listened on.", field="grpc_port", fix="Choose a free one.") from None
        await self._server.start()
        self._sweeper = asyncio.ensure_future(self._arriving.watch())
        self._port = int(bound)
        return self._port

    async def stop(self, seconds: float) -> None:
        """Let nobody else in, and answer what comes over the connections that are there, as long as they last; let what
        runs then finish, within so many seconds in all.

        The library's own stop would cancel what has arrived and was not begun, so it comes when no more arrives. It
        waits without limit for what it has cancelled.
        """
        ends = time.monotonic() + seconds
        if not self._stopping:
            self._stopping = True
            self._health.end()
            await door.shut(self._port)
            await door.quiet(lambda: self._arrived, lambda: self._arriving.any, ends)
        self._arriving.end()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._server.stop(_left(ends)), _left(ends) + _CUT_SECONDS)
        if self._sweeper is not None:
            self._sweeper.cancel()

    def _inference(self) -> Any:
        unary: dict[str, Handler] = {
            "ServerLive": self._live,
            "ServerReady": self._ready,
            "ServerMetadata": self._metadata,
            "ModelReady": self._model_ready,
            "ModelMetadata": self._model_metadata,
            "ModelInfer": self._infer,
        }
        return grpc.method_handlers_generic_handler(
            messages.INFERENCE, {name: self._unary(name, handler) for name, handler in unary.items()}
        )

    def _checks(self) -> Any:
        async def watch(_messages: Any, context: Any) -> None:
            await self._health.watch(await self._arriving.message(context), context)

        return grpc.method_handlers_generic_handler(
            messages.HEALTH,
            {
                "Check": self._unary("Check", self._health.check),
                "Watch": grpc.stream_stream_rpc_method_handler(watch, response_serializer=_bytes),
            },
        )

    async def _live(self, _data: bytes, _call: Call) -> Any:
        return messages.ServerLiveResponse(live=True)

    async def _ready(self, _data: bytes, _call: Call) -> Any:
        return messages.ServerReadyResponse(ready=self._is_ready())

    def _is_ready(self) -> bool:
        return not self._stopping and operate.ready(self._service.parts)

    async def _metadata(self, _data: bytes, _call: Call) -> Any:
        return messages.ServerMetadataResponse(name="podium", version=VERSION, extensions=oip.EXTENSIONS)

    async def _model_ready(self, data: bytes, _call: Call) -> Any:
        asked = infer.parse(messages.ModelReadyRequest, data)
        try:
            operate.check_ready(self._service.parts, routes.Place(asked.name, asked.version))
        except errors.Unavailable:
            return messages.ModelReadyResponse(ready=False)
        return messages.ModelReadyResponse(ready=not self._stopping)

    async def _model_metadata(self, data: bytes, _call: Call) -> Any:
        asked = infer.parse(messages.ModelMetadataRequest, data)
        described = operate.described(self._service.parts.board, routes.Place(asked.name, asked.version))
        return messages.ModelMetadataResponse(**described)

    async def _infer(self, data: bytes, call: Call) -> Any:
        self._arrived += 1
        if not self._service.tick.gate.admit([len(data)], time.perf_counter()):
            self._count_one_more(data)
            raise admission.Crowded
        waiting: Waiting = asyncio.get_running_loop().create_future()
        endpoint = self._begin(data, waiting, () if call.trace is None else (call.trace,))
        scored = await waiting
        if isinstance(scored, PodiumError):
            raise scored
        return infer.write(scored, endpoint)

    def _begin(self, data: bytes, waiting: Waiting, traces: Sequence[Trace]) -> str:
        """Have a message scored that was let in; its endpoint. It counts as under way until that has ended.

        A call may be cancelled long before: its bytes are there until nothing works on them any more.
        """
        size = len(data)
        leave = self._service.tick.gate.leave

        def done(scored: request.Scored | PodiumError) -> None:
            leave(1, size)
            if not waiting.done():
                waiting.set_result(scored)

        try:
            asked = self._asked(data)
            self._service.infer(asked.place, asked.read, done, size=size, traces=traces, left=waiting.cancelled)
        except Exception:
            leave(1, size)
            raise
        return asked.place.endpoint

    def _asked(self, data: bytes) -> _Sent:
        """What a message asks for; a large one is taken apart when it is read."""
        if len(data) > reader.LARGE:
            named = wire.named(data, wire.most_fields(self._widest()))
            asked = _Sent(routes.Place(*named, route=_INFER), partial(self._heads.read_large, data))
        else:
            message = infer.parse(messages.ModelInferRequest, data)
            place = routes.Place(message.model_name, message.model_version, _INFER)
            asked = _Sent(place, partial(self._heads.read, message))
        if not asked.place.endpoint:
            raise Invalid(
                "The request names no endpoint.", field="model_name", fix="Send the endpoint's name as model_name."
            )
        return asked

    def _widest(self) -> int:
        """The features of the model that has most."""
        live = [each for loaded in self._service.parts.board.serving() for each in loaded.live]
        return max((len(each.runtime.manifest.signature.features) for each in live), default=0)

    def _count_one_more(self, data: bytes) -> None:
        """Count a message that was not let in; what a large one names is not looked for."""
        parts = self._service.parts
        endpoint = ""
        if len(data) <= reader.LARGE:
            with contextlib.suppress(PodiumError):
                endpoint = infer.parse(messages.ModelInferRequest, data).model_name
        named = endpoint if parts.board.serves(endpoint) else ""
        parts.counts.answered(metrics.Asked(named, _INFER, "POST", "429", infers=True))

    def _unary(self, name: str, handler: Handler) -> Any:
        watch = self._service.parts.watch

        async def answer(_messages: Any, context: Any) -> Any:
            data = await self._arriving.message(context)
            started = time.perf_counter()
            followed = watch.call(context.invocation_metadata() or ())
            found = followed.trace if followed is not None and followed.known else None
            status = grpc.StatusCode.CANCELLED.name
            try:
                answered = await handler(data, Call(context, found))
            except PodiumError as error:
                status = codes.of(error)[0].name
                await _refuse(context, error, found)
            except Exception:  # noqa: BLE001 - the process's edge: the caller gets a status, the log the cause
                status = grpc.StatusCode.INTERNAL.name
                _LOG.exception("a call failed")
                await context.abort(grpc.StatusCode.INTERNAL, "The scorer failed; its log says why.", _said(found))
            else:
                status = "OK"
                if found is not None:
                    context.set_trailing_metadata(_said(found))
                return answered
            finally:
                if followed is not None:
                    followed.tell(name, status, time.perf_counter() - started)

        return grpc.stream_unary_rpc_method_handler(answer, response_serializer=_bytes)


def _said(found: Trace | None) -> tuple[tuple[str, str], ...]:
    """What the caller is told of the trace."""
    return () if found is None else ((trace.TRACERESPONSE, found.traceparent),)


async def _refuse(context: Any, error: PodiumError, found: Trace | None) -> None:
    code, message, trailers = codes.of(error)
    await context.abort(code, message, (*trailers, *_said(found)))


def _bytes(message: Any) -> bytes:
    return bytes(message.SerializeToString())


def _left(ends: float) -> float:
    """Seconds until then."""
    return max(0.0, ends - time.monotonic())
