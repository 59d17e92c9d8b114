"""The service over HTTP as a bare ASGI application: reads the body, waits for the answer, writes it."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from podium.scoring import answers
from podium.scoring.call import Answer, Call
from podium.scoring.service import Service

_LOG = logging.getLogger("podium.scorer")
_BODY_SECONDS = 30.0

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[MutableMapping[str, Any], Receive, Send], Awaitable[None]]


class _TooLarge(Exception):
    pass


class _Gone(Exception):
    pass


def make(started: Callable[[asyncio.AbstractEventLoop], Service], body_limit: int) -> App:
    """The ASGI application."""
    made: list[Service] = []

    async def app(scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        if not made:
            made.append(started(asyncio.get_running_loop()))
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        try:
            body = await _body(receive, headers.get("content-length"), body_limit)
            waiting: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
            made[0].submit(Call(scope["method"], scope["path"], headers, body), waiting.set_result)
            answer = await waiting
        except _Gone:
            return
        except _TooLarge:
            answer = answers.too_large(body_limit)._replace(headers=(("connection", "close"),))
        except TimeoutError:
            answer = answers.too_slow()._replace(headers=(("connection", "close"),))
        except Exception:  # noqa: BLE001 - the process's edge: the caller gets a problem, the log the cause
            _LOG.exception("a request failed")
            answer = answers.broken()
        await _write(send, answer)

    return app


async def _body(receive: Receive, stated: str | None, limit: int) -> bytes:
    if stated is not None and stated.isascii() and stated.isdigit() and int(stated) > limit:
        raise _TooLarge
    message = await receive()
    if message["type"] == "http.disconnect":
        raise _Gone
    body: bytes = message.get("body", b"")
    if len(body) > limit:
        raise _TooLarge
    if not message.get("more_body", False):
        return body
    async with asyncio.timeout(_BODY_SECONDS):
        return await _rest(receive, bytearray(body), limit)


async def _rest(receive: Receive, body: bytearray, limit: int) -> bytes:
    more = True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise _Gone
        body += message.get("body", b"")
        if len(body) > limit:
            raise _TooLarge
        more = message.get("more_body", False)
    return bytes(body)


async def _write(send: Send, answer: Answer) -> None:
    headers = [
        (b"content-type", answer.media.encode()),
        (b"content-length", str(len(answer.body)).encode()),
        *((name.encode(), value.encode()) for name, value in answer.headers),
    ]
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    await send({"type": "http.response.body", "body": answer.body})
