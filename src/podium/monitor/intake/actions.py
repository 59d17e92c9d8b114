"""Receiving: once the answer leaves, the segment or the outcomes are durable; sending again changes nothing."""

import re
from collections.abc import Sequence

import pyarrow

from podium.core import access, digest, event, name, outcome
from podium.core import endpoint as core_endpoint
from podium.core.errors import Conflict, Invalid
from podium.deploy.endpoints import store as endpoints
from podium.manage.registry import store as registry
from podium.monitor.intake import outcomes, segments
from podium.monitor.intake import store as rows
from podium.store.store import Store

_INTAKE = access.Permission.INTAKE
_SEGMENT = re.compile(r"^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$")


def receive_segment(
    store: Store, caller: access.Caller, scorer: str, named: str, data: bytes, expected: str
) -> rows.Segment:
    """Keep a scorer's sealed segment. The same bytes again give the same receipt; other bytes raise `Conflict`."""
    name.check(scorer, "scorer")
    if _SEGMENT.match(named) is None:
        raise Invalid("A segment's name has letters, digits, dots, dashes and underscores.", field="name")
    address = digest.of_bytes(data)
    if address != digest.check(expected, "Podium-Digest"):
        raise Invalid("The bytes are not those that the digest names.", field="Podium-Digest", fix="Send them again.")
    known = _known(store, caller, scorer, named, address)
    if known is not None:
        return known
    received = segments.parse(data)
    store.blobs.put(data)
    try:
        return _keep(store, caller, scorer, named, address, received)
    except Conflict:
        again = _known(store, caller, scorer, named, address)
        if again is None:
            raise
        return again


def _known(store: Store, caller: access.Caller, scorer: str, named: str, address: str) -> rows.Segment | None:
    with store.read() as connection:
        known = rows.find_segment(connection, caller.project, scorer, named)
    if known is not None and known.digest != address:
        raise Conflict("This scorer sent other bytes under this name.", field="name", fix="Use a name once.")
    return known


def _keep(
    store: Store, caller: access.Caller, scorer: str, named: str, address: str, received: segments.Received
) -> rows.Segment:
    with store.write(caller) as tx:
        made = rows.Segment(
            id=tx.new_id("segment"),
            project=caller.project,
            scorer=scorer,
            name=named,
            model=received.model,
            digest=address,
            rows=received.table.num_rows,
            from_us=received.from_us,
            to_us=received.to_us,
            received_us=tx.now_us,
        )
        rows.settle_columns(tx.connection, caller.project, received.model, segments.kinds(received.table))
        rows.add_segment(tx.connection, made)
        tx.record(
            "segment.received",
            event.Subject("segment", made.digest),
            permission=_INTAKE,
            parents=[event.Subject("version", each) for each in received.digests],
            detail={
                "scorer": scorer,
                "name": named,
                "model": made.model,
                "endpoints": list(received.endpoints),
                "rows": made.rows,
                "referred": received.referred,
            },
        )
        return tx.done(made)


def receive_outcomes(
    store: Store, caller: access.Caller, endpoint: str, sent: Sequence[outcome.Outcome] | bytes
) -> outcome.OutcomeBatch:
    """Keep outcomes (structs, or the bytes of an Arrow IPC stream) of an endpoint. The same content is kept once."""
    with store.read() as connection:
        place = endpoints.get(connection, caller.project, endpoint)
        owner = registry.find_model(connection, caller.project, place.model)
    classes = () if owner is None else owner.spec.model.classes
    read = outcomes.from_arrow(sent, classes) if isinstance(sent, bytes) else outcomes.from_structs(sent, classes)
    return _receive_outcomes(store, caller, place, read)


def _receive_outcomes(
    store: Store, caller: access.Caller, place: core_endpoint.Endpoint, table: pyarrow.Table
) -> outcome.OutcomeBatch:
    endpoint = place.name
    data = outcomes.to_parquet(table)
    address = digest.of_bytes(data)
    with store.read() as connection:
        known = rows.find_outcomes(connection, caller.project, endpoint, address)
    if known is not None:
        return known
    store.blobs.put(data)
    try:
        return _keep_outcomes(store, caller, endpoint, place.model, table, address)
    except Conflict:
        with store.read() as connection:
            known = rows.find_outcomes(connection, caller.project, endpoint, address)
        if known is None:
            raise
        return known


def _keep_outcomes(
    store: Store, caller: access.Caller, endpoint: str, model: str, table: pyarrow.Table, address: str
) -> outcome.OutcomeBatch:
    with store.write(caller) as tx:
        made = outcome.OutcomeBatch(
            id=tx.new_id("outcomes"), endpoint=endpoint, rows=table.num_rows, digest=address, received_us=tx.now_us
        )
        rows.add_outcomes(tx.connection, caller.project, model, made)
        tx.record(
            "outcomes.received",
            event.Subject("outcomes", made.digest),
            permission=_INTAKE,
            parents=[event.Subject("endpoint", endpoint)],
            detail={"endpoint": endpoint, "model": model, "rows": made.rows},
        )
        return tx.done(made)
