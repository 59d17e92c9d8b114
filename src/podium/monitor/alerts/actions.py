"""Alerts: opened, updated and resolved by the checks of a window; acknowledged, snoozed and resolved by people."""

from collections.abc import Mapping, Sequence

import msgspec

from podium.core import access, alert, check, event
from podium.core.alert import AlertState
from podium.core.errors import Conflict, Invalid
from podium.monitor.alerts import grouping, message
from podium.monitor.alerts import store as rows
from podium.store.store import Store
from podium.store.transaction import Transaction

_MONITOR = access.Permission.MONITOR
_LONGEST_SNOOZE_US = 90 * 86_400_000_000


class Findings(msgspec.Struct, frozen=True, kw_only=True):
    """What a window says of the version that decides: kinds that broke for long enough, and kinds that are well."""

    endpoint: str
    version: int
    since_us: int
    """The start of the window."""
    broken: Mapping[check.CheckKind, Sequence[check.Check]]
    recovered: frozenset[check.CheckKind]
    around: message.Around = message.Around()
    """What else the window says."""
    first_us: Mapping[tuple[str, str | None], int] = {}
    """By measure and column: the start of the first of the last windows in which that check broke."""

    def since(self, causes: Sequence[check.Check]) -> int:
        """Since when some checks have broken."""
        return min(self.first_us.get((each.measure, each.column), self.since_us) for each in causes)


def apply(tx: Transaction, found: Findings) -> list[alert.Alert]:
    """Open, update and resolve an endpoint's alerts by what a window found; those that were opened."""
    standing = {
        (each.version, each.kind): each for each in rows.unresolved(tx.connection, tx.caller.project, found.endpoint)
    }
    opened = []
    groups = grouping.by_cause(found.broken)
    for kind, causes in groups.items():
        before = standing.pop((found.version, kind.value), None)
        if before is None:
            opened.append(_open(tx, found, kind, causes))
        else:
            _update(tx, before, causes, found)
        for covered in {each.kind for each in causes} - set(groups):
            if (found.version, covered.value) in standing:
                part = standing.pop((found.version, covered.value))
                _resolve(tx, part, f"It is part of the alert of {kind.value} now.")
    for (version, _kind), before in standing.items():
        if version != found.version:
            _resolve(tx, before, f"Version {version} no longer decides here.")
        elif all(check.CheckKind(each) in found.recovered for each in before.covers()):
            _resolve(tx, before, "The checks are well again.")
    return opened


def acknowledge(store: Store, caller: access.Caller, identifier: str, note: str) -> alert.Alert:
    """A person has seen an alert and deals with it. Raises `Conflict` when it is resolved."""
    with store.write(caller) as tx:
        before = _standing(tx, identifier)
        changed = msgspec.structs.replace(
            before,
            state=AlertState.ACKNOWLEDGED,
            acknowledged_by=caller.name,
            snoozed_until_us=None,
            note=note,
            updated_us=tx.now_us,
        )
        rows.change(tx.connection, changed)
        _record(tx, "alert.acknowledged", changed)
        return tx.done(changed)


def snooze(store: Store, caller: access.Caller, identifier: str, until_us: int, note: str) -> alert.Alert:
    """Let an alert sleep until an instant; if its checks still break in a window after it, it opens again.

    Raises `Invalid` for an instant that is past or more than 90 days away, `Conflict` when the alert is resolved.
    """
    with store.write(caller) as tx:
        if not tx.now_us < until_us <= tx.now_us + _LONGEST_SNOOZE_US:
            raise Invalid(
                "An alert sleeps until an instant within the next 90 days.", field="until", fix="Write for example 2d."
            )
        before = _standing(tx, identifier)
        changed = msgspec.structs.replace(
            before, state=AlertState.SNOOZED, snoozed_until_us=until_us, note=note, updated_us=tx.now_us
        )
        rows.change(tx.connection, changed)
        _record(tx, "alert.snoozed", changed)
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
        kinds=_kinds(causes),
        state=AlertState.OPEN,
        message=message.compose(kind, causes, found.since(causes), found.around),
        causes=tuple(each.id for each in causes),
        opened_us=tx.now_us,
        since_us=found.since(causes),
        updated_us=tx.now_us,
    )
    rows.add(tx.connection, made)
    _record(tx, "alert.opened", made)
    return made


def _update(tx: Transaction, before: alert.Alert, causes: Sequence[check.Check], found: Findings) -> None:
    since_us = min(before.opened_us if before.since_us is None else before.since_us, found.since(causes))
    changed = msgspec.structs.replace(
        before,
        kinds=_kinds(causes),
        message=message.compose(check.CheckKind(before.kind), causes, since_us, found.around),
        causes=tuple(each.id for each in causes),
        since_us=since_us,
        updated_us=tx.now_us,
    )
    woken = before.state is AlertState.SNOOZED and tx.now_us >= (before.snoozed_until_us or 0)
    if woken:
        changed = msgspec.structs.replace(changed, state=AlertState.OPEN, snoozed_until_us=None)
    rows.change(tx.connection, changed)
    _record(tx, "alert.reopened" if woken else "alert.updated", changed)


def _kinds(causes: Sequence[check.Check]) -> tuple[str, ...]:
    return tuple(sorted({each.kind.value for each in causes}))


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
            "kinds": list(item.kinds),
            "message": item.message,
            "note": item.note,
        },
    )
