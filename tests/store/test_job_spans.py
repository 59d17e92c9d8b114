"""Jobs belong to the trace of what asked for them, and so do the jobs that they ask for, on both databases."""

from collections.abc import Callable, Mapping
from typing import Any

import pytest

from podium.core import access, event
from podium.core.errors import Refused
from podium.core.trace import Kind
from podium.jobs import attempt, queue
from podium.jobs import store as rows
from podium.jobs.context import JobContext
from podium.jobs.worker import Worker
from podium.store.store import Store
from tests import otlp

TRACE = "0af7651916cd43dd8448eb211c80319c"
PARENT = {"traceparent": f"00-{TRACE}-b7ad6b7169203331-01", "tracestate": "a=1"}
UNSAMPLED = {"traceparent": f"00-{TRACE}-b7ad6b7169203331-00"}
QUICK = attempt.Backoff(first_seconds=0.02, longest_seconds=0.1)


def add(store: Store, kind: str, trace: dict[str, str]) -> str:
    with store.write(access.system("flights", trace)) as tx:
        tx.record("thing.asked", event.Subject("thing", "t"), permission=access.Permission.DEPLOY)
        return queue.enqueue(tx, kind, {}, project="flights")


def work(store: Store, handlers: Mapping[str, attempt.Handler], export: otlp.Kept | None) -> None:
    Worker(store=store, handlers=handlers, name="one", poll_seconds=0.02, backoff=QUICK, export=export).run_until_idle()


def trace_of(store: Store, job_id: str) -> dict[str, str] | None:
    with store.read() as connection:
        return rows.get(connection, "flights", job_id).trace


def asks(kind: str, seen: list[str]) -> Callable[[JobContext], None]:
    """A handler that asks for another job."""

    def handler(context: JobContext) -> None:
        with context.finishing() as tx:
            seen.append(queue.enqueue(tx, kind, {}, project="flights"))
            tx.record("thing.asked", event.Subject("thing", "t"), permission=access.Permission.DEPLOY)

    return handler


def test_each_job_of_a_chain_is_a_span_under_the_one_that_asked_for_it(store: Store) -> None:
    kept, made = otlp.Kept(), list[str]()
    first = add(store, "first", PARENT)
    assert trace_of(store, first) == PARENT
    work(store, {"first": asks("second", made), "second": lambda _: None}, kept)
    one, two = kept.spans
    assert (one.name, two.name) == ("first", "second")
    assert (one.found.trace_id, one.found.parent_id, one.found.state) == (TRACE, "b7ad6b7169203331", "a=1")
    assert (two.found.trace_id, two.found.parent_id) == (TRACE, one.found.span_id)
    assert trace_of(store, made[0]) == {"traceparent": one.found.traceparent, "tracestate": "a=1"}
    assert one.about == {
        "podium.project": "flights",
        "podium.job.id": first,
        "podium.job.attempt": 1,
        "podium.job.ending": "done",
    }
    assert (one.failed, two.failed) == (False, False)
    assert {one.kind, two.kind} == {Kind.CONSUMER}


@pytest.mark.parametrize(("trace", "keeps"), [(PARENT, False), (UNSAMPLED, True)])
def test_where_nobody_keeps_its_span_a_job_passes_the_trace_on(
    store: Store, trace: dict[str, str], keeps: bool
) -> None:
    kept, made = otlp.Kept(), list[str]()
    add(store, "first", trace)
    work(store, {"first": asks("second", made), "second": lambda _: None}, kept if keeps else None)
    assert trace_of(store, made[0]) == trace
    assert kept.spans == []


def test_a_job_of_no_trace_has_no_span(store: Store) -> None:
    kept = otlp.Kept()
    plain = add(store, "first", {})
    work(store, {"first": lambda _: None}, kept)
    assert trace_of(store, plain) is None
    assert kept.spans == []


def test_each_attempt_has_its_span_and_says_how_it_ended(store: Store) -> None:
    kept, tries = otlp.Kept(), list[int]()

    def shaky(context: JobContext) -> None:
        tries.append(context.job.attempt)
        if len(tries) == 1:
            raise RuntimeError("once")

    def refused(context: JobContext) -> Any:
        raise Refused("Never.")

    add(store, "shaky", PARENT)
    work(store, {"shaky": shaky}, kept)
    add(store, "refused", PARENT)
    work(store, {"refused": refused}, kept)
    said = [(span.about["podium.job.attempt"], span.about["podium.job.ending"], span.failed) for span in kept.spans]
    assert said == [(1, "again", True), (2, "done", False), (1, "failed", True)]
    assert {span.found.parent_id for span in kept.spans} == {"b7ad6b7169203331"}
