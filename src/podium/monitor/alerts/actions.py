"""Alerts: opened, updated and resolved by the checks of a window; acknowledged and resolved by people."""

from collections.abc import Mapping, Sequence

import msgspec

from podium.core import access, alert, check, event
from podium.core.alert import AlertState
from podium.core.errors import Conflict
from podium.monitor.alerts import message
from podium.monitor.alerts import store as rows
from podium.store.store import Store
from podium.store.transaction import Transaction

_MONITOR = access.Permission.MONITOR


class Findings(msgspec.Struct, frozen=True, kw_only=True):
    """What a window says of the version that decides: kinds that broke for long enough, and kinds that are well."""

    endpoint: str
    version: int
    since_us: int
    """The start of the window: what an alert that opens now says as since when."""
    broken: Mapping[check.CheckKind, Sequence[check.Check]]
    recovered: frozenset[check.CheckKind]


def apply(tx: Transaction, found: Findings) -> list[alert.Alert]:
    """Open, update and resolve an endpoint's alerts by what a window found; those that were opened."""
    standing = {
        (each.version, each.kind): each for each in rows.unresolved(tx.connection, tx.caller.project, found.endpoint)
    }
    opened = []
    for kind, causes in found.broken.items():
        before = standing.pop((found.version, kind.value), None)
        if before is None:
            opened.append(_open(tx, found, kind, causes))
        else:
            _update(tx, before, kind, causes)
    for (version, kind_name), before in standing.items():
        if version != found.version:
            _resolve(tx, before, f"Version {version} no longer decides here.")
        elif check.CheckKind(kind_name) in found.recovered:
            _resolve(tx, before, "The checks are well again.")
    return opened


def acknowledge(store: Store, caller: access.Caller, identifier: str, note: str) -> alert.Alert:
    """A person has seen an alert and deals with it. Raises `Conflict` when it is resolved."""
    with store.write(caller) as tx:
        before = _standing(tx, identifier)
        changed = msgspec.structs.replace(
            before, state=AlertState.ACKNOWLEDGED, acknowledged_by=caller.name, note=note, updated_us=tx.now_us
        )
        rows.change(tx.connection, changed)
        _record(tx, "alert.acknowledged", changed)
        return tx.done(changed)


def resolve(store: Store, caller: access.Caller, identifier: str, note: str) -> alert.Alert:
    """A person closes an alert. The next window opens a new one if its checks still break."""
    with store.write(caller) as tx:
        return tx.done(_resolve(tx, _standing(tx, identifier), note))


def _standing(tx: Transaction, identifier: str) -> alert.Alert:
    before = rows.get(tx.connection, tx.caller.project, identifier, lock=True)
    if before.state is AlertState.RESOLVED:
        raise Conflict("This alert is resolved.", field="alert")
    return before


def _open(tx: Transaction, found: Findings, kind: check.CheckKind, causes: Sequence[check.Check]) -> alert.Alert:
    made = alert.Alert(
        id=tx.new_id("alert"),
        project=tx.caller.project,
        endpoint=found.endpoint,
        version=found.version,
        kind=kind.value,
        state=AlertState.OPEN,
        message=message.compose(kind, causes, found.since_us),
        causes=tuple(each.id for each in causes),
        opened_us=tx.now_us,
        updated_us=tx.now_us,
    )
    rows.add(tx.connection, made)
    _record(tx, "alert.opened", made)
    return made


def _update(tx: Transaction, before: alert.Alert, kind: check.CheckKind, causes: Sequence[check.Check]) -> None:
    since_us = min(before.opened_us, causes[0].window.start_us)
    changed = msgspec.structs.replace(
        before,
        message=message.compose(kind, causes, since_us),
        causes=tuple(each.id for each in causes),
        updated_us=tx.now_us,
    )
    rows.change(tx.connection, changed)
    _record(tx, "alert.updated", changed)


def _resolve(tx: Transaction, before: alert.Alert, note: str) -> alert.Alert:
    changed = msgspec.structs.replace(
        before, state=AlertState.RESOLVED, resolved_us=tx.now_us, updated_us=tx.now_us, note=note
    )
    rows.change(tx.connection, changed)
    _record(tx, "alert.resolved", changed)
    return changed


def _record(tx: Transaction, kind: str, item: alert.Alert) -> None:
    tx.record(
        kind,
        event.Subject("alert", item.id),
        permission=_MONITOR,
        parents=[event.Subject("endpoint", item.endpoint)],
        detail={
            "endpoint": item.endpoint,
            "version": item.version,
            "kind": item.kind,
            "message": item.message,
            "note": item.note,
        },
    )
