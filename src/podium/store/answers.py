"""Remembered answers to requests that carried an idempotency key, so that a repeat changes nothing."""

from sqlalchemy import Column, Connection, LargeBinary, String, Table, insert, select

from podium.core import access
from podium.core.errors import Conflict
from podium.store import schema

answers = Table(
    "answers",
    schema.metadata,
    Column("caller", String(128), primary_key=True),
    Column("key", String(128), primary_key=True),
    Column("request", String(80)),
    Column("body", LargeBinary, nullable=False),
    Column("at_us", schema.Instant, nullable=False),
)


def remember(connection: Connection, caller: access.Caller, body: bytes, at_us: int) -> None:
    """Keep the answer in the transaction that did the work."""
    connection.execute(
        insert(answers).values(
            caller=caller.name, key=caller.idempotency_key, request=caller.request_digest, body=body, at_us=at_us
        )
    )


def recall(connection: Connection, caller: access.Caller) -> bytes | None:
    """The answer already given under this caller's key, if any; `Conflict` when the request was another one."""
    if caller.idempotency_key is None:
        return None
    found = connection.execute(
        select(answers.c.request, answers.c.body).where(
            answers.c.caller == caller.name, answers.c.key == caller.idempotency_key
        )
    ).first()
    if found is None:
        return None
    if found.request != caller.request_digest:
        raise Conflict(
            "This key was used for another request.", field="Idempotency-Key", fix="Use a new key for a new request."
        )
    return bytes(found.body)
