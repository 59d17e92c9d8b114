"""A yes ends by itself: people are told before, and its end is an event like any other."""

from podium.core import access, event, time
from podium.core.access import Permission
from podium.core.approval import Approval
from podium.core.version import Version, VersionState
from podium.jobs import queue
from podium.manage.approvals import rules
from podium.manage.approvals import store as rows
from podium.manage.registry import store as versions
from podium.store.store import Store
from podium.store.transaction import Transaction

REMIND, EXPIRE = "manage.remind", "manage.expire"
_IN_USE = (VersionState.VALIDATED, VersionState.APPROVED)


def plan(tx: Transaction, made: event.Event) -> None:
    """Follows `approval.given`: the jobs that tell of its end, due before it and at it."""
    _plan(tx, rows.get(tx.connection, made.project, made.subject.id))


def plan_missing(store: Store) -> int:
    """The same for every yes that was given before there were such jobs; how many there were."""
    with store.read() as connection:
        found = rows.without_job(connection, EXPIRE)
    for item in found:
        with store.write(access.system(item.project)) as tx:
            _plan(tx, item)
            tx.record("approval.planned", event.Subject("approval", item.id), permission=Permission.APPROVE)
    return len(found)


def _plan(tx: Transaction, item: Approval) -> None:
    part = versions.model(tx.connection, item.project, item.model).spec.approvals
    for kind, due_us in ((REMIND, rules.reminder_us(item, part)), (EXPIRE, item.expires_us)):
        due = time.from_us(due_us)
        args = {"approval": item.id}
        queue.enqueue(tx, kind, args, project=item.project, unique_key=f"{kind}:{item.id}", due=due)


def remind(tx: Transaction, identifier: str) -> bool:
    """Tell that a yes ends soon; whether it was worth telling: the version is in use and nobody else's yes lasts."""
    item, version = _found(tx, identifier)
    if not item.holds(tx.now_us) or version.state not in _IN_USE:
        return False
    lacks = _lacking(tx, item, item.expires_us)
    if item.role not in lacks:
        return False
    text = (
        f"{_said(item)} ends on {_when(item.expires_us)}. "
        f"Unless somebody says yes as {item.role} again before, the version decides there no longer."
    )
    _record(tx, "approval.expiring", item, lacks, text)
    return True


def expire(tx: Transaction, identifier: str) -> bool:
    """Record that a yes has ended, and which roles a version in use lacks now; False where it was void before."""
    item, version = _found(tx, identifier)
    if item.void is not None or tx.now_us < item.expires_us:
        return False
    lacks = _lacking(tx, item, tx.now_us) if version.state in _IN_USE else ()
    text = f"{_said(item)} ended on {_when(item.expires_us)}."
    if lacks:
        text += f" No yes holds as {' and '.join(lacks)}: the version does not decide there."
    _record(tx, "approval.expired", item, lacks, text)
    return True


def _found(tx: Transaction, identifier: str) -> tuple[Approval, Version]:
    item = rows.get(tx.connection, tx.caller.project, identifier)
    return item, versions.by_digest(tx.connection, item.project, item.digest, lock=True)


def _lacking(tx: Transaction, item: Approval, at_us: int) -> tuple[str, ...]:
    required = versions.model(tx.connection, item.project, item.model).spec.approvals.required
    held = rows.holding(
        tx.connection, project=item.project, digest=item.digest, environment=item.environment, now_us=at_us
    )
    return rules.lacking(required, held)


def _said(item: Approval) -> str:
    return (
        f"The yes of {item.person} as {item.role} to version {item.version} of {item.model} "
        f"(for {item.environment}, given on {_when(item.created_us)})"
    )


def _when(at_us: int) -> str:
    return f"{time.from_us(at_us):%Y-%m-%d %H:%M} UTC"


def _record(tx: Transaction, kind: str, item: Approval, lacks: tuple[str, ...], message: str) -> None:
    tx.record(
        kind,
        event.Subject("approval", item.id),
        permission=Permission.APPROVE,
        parents=(event.Subject("version", item.digest),),
        detail={
            "model": item.model,
            "number": item.version,
            "environment": item.environment,
            "as": item.role,
            "person": item.person,
            "expires_us": item.expires_us,
            "lacks": list(lacks),
            "message": message,
        },
    )
