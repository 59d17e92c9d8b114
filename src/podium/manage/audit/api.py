"""Routes of the audit trail: a project's activity, everything for auditors, the proof, the export."""

from collections.abc import Iterator, Sequence
from typing import Annotated

import msgspec
from litestar import get
from litestar.di import Provide
from litestar.params import Parameter
from litestar.response import Stream

from podium.core import access, event, time
from podium.core.access import Permission
from podium.manage.audit import store as rows
from podium.store import events
from podium.store.store import Store

_PROJECT = "/api/v1/projects/{project:str}"

Limit = Annotated[int, Parameter(ge=1, le=1000)]


def chosen(
    kind: str | None = None,
    actor: str | None = None,
    noun: str | None = None,
    subject: str | None = None,
    since: str | None = None,
    until: str | None = None,
) -> rows.Filter:
    """Which events a request asks for; `since` and `until` are ISO 8601 instants."""
    return rows.Filter(
        kind=kind,
        actor=actor,
        noun=noun,
        subject=subject,
        since_us=None if since is None else time.to_us(time.parse_instant(since, "since")),
        until_us=None if until is None else time.to_us(time.parse_instant(until, "until")),
    )


_CHOSEN = {"wanted": Provide(chosen, sync_to_thread=False)}


@get(_PROJECT + "/events", opt={"permission": Permission.READ}, dependencies=_CHOSEN, sync_to_thread=True)
def activity(
    store: Store,
    caller: access.Caller,
    wanted: rows.Filter,
    after: int | None = None,
    before: int | None = None,
    limit: Limit = 100,
) -> Sequence[event.Entry]:
    """A project's activity: newest first before a number, or oldest first `after` one."""
    own = msgspec.structs.replace(wanted, project=caller.project)
    with store.read() as connection:
        return rows.list_entries(connection, own, after=after, before=before, limit=limit)


@get(_PROJECT + "/audit/export", opt={"permission": Permission.AUDIT}, dependencies=_CHOSEN, sync_to_thread=True)
def export_project(store: Store, caller: access.Caller, wanted: rows.Filter) -> Stream:
    """A project's events as JSON lines."""
    return _export(store, msgspec.structs.replace(wanted, project=caller.project))


@get(_PROJECT + "/audit/verify", opt={"permission": Permission.AUDIT}, sync_to_thread=True)
def verify_project(store: Store) -> event.Verified:
    """Recompute the chain; it is one for all projects."""
    return _verify(store)


@get("/api/v1/audit/events", opt={"permission": Permission.AUDIT}, dependencies=_CHOSEN, sync_to_thread=True)
def everything(
    store: Store,
    wanted: rows.Filter,
    after: int | None = None,
    before: int | None = None,
    limit: Limit = 100,
) -> Sequence[event.Entry]:
    """The events of all projects, those about users and tokens too."""
    with store.read() as connection:
        return rows.list_entries(connection, wanted, after=after, before=before, limit=limit)


@get("/api/v1/audit/export", opt={"permission": Permission.AUDIT}, dependencies=_CHOSEN, sync_to_thread=True)
def export_all(store: Store, wanted: rows.Filter) -> Stream:
    """The events of all projects as JSON lines."""
    return _export(store, wanted)


@get("/api/v1/audit/verify", opt={"permission": Permission.AUDIT}, sync_to_thread=True)
def verify(store: Store) -> event.Verified:
    """Recompute the chain from the stored bytes."""
    return _verify(store)


def _verify(store: Store) -> event.Verified:
    with store.read() as connection:
        return events.verify(connection)


def _export(store: Store, wanted: rows.Filter) -> Stream:
    def lines() -> Iterator[bytes]:
        with store.read() as connection:
            yield from rows.export_lines(connection, wanted)

    return Stream(lines(), media_type="application/x-ndjson")


routes = [activity, export_project, verify_project, everything, export_all, verify]
