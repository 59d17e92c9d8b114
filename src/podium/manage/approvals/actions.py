"""Says yes, says no, and takes a yes back."""

import base64

import msgspec

from podium.core import access, approval, digest, event, time
from podium.core import name as names
from podium.core.access import Permission, Role
from podium.core.approval import Approval, Decision
from podium.core.errors import Conflict, Invalid
from podium.core.project import Project
from podium.core.version import Version, VersionState
from podium.manage.approvals import rules
from podium.manage.approvals import store as rows
from podium.manage.policies import store as policies
from podium.manage.registry import actions as registry
from podium.manage.registry import store as versions
from podium.store.store import Store
from podium.store.transaction import Transaction

_PERMISSION = {Role.VALIDATOR: Permission.VALIDATE, Role.OWNER: Permission.APPROVE}
_LONGEST_COMMENT = 10_000


class Answer(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a person says of a version. `environment` empty: where the project file releases to."""

    decision: Decision = Decision.YES
    comment: str = ""
    environment: str = ""


class Withdrawal(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Why a yes is taken back, and in which environment."""

    why: str
    environment: str = ""


class _Same(Exception):
    """The same person said the same before, and it does not end soon: nothing changes."""

    def __init__(self, item: Approval) -> None:
        super().__init__()
        self.item = item


def signed_bytes(item: Approval) -> bytes:
    """What is signed: the canonical bytes of the approval with `signature` and `void` empty."""
    return digest.canonical(msgspec.structs.replace(item, signature="", void=None))


def validate(store: Store, caller: access.Caller, model: str, number: int, answer: Answer) -> Approval:
    """A validator's yes or no. A first yes makes the candidate validated; a no rejects the version."""
    return _say(store, caller, (model, number), Role.VALIDATOR, answer)


def approve(store: Store, caller: access.Caller, model: str, number: int, answer: Answer) -> Approval:
    """An owner's yes or no. When every required role's yes holds, the version is approved; a no rejects it."""
    return _say(store, caller, (model, number), Role.OWNER, answer)


def reject(store: Store, caller: access.Caller, model: str, number: int, *, role: Role, comment: str) -> Approval:
    """A no: the version is rejected for good."""
    return _say(store, caller, (model, number), role, Answer(decision=Decision.NO, comment=comment))


def _say(store: Store, caller: access.Caller, version: tuple[str, int], role: Role, answer: Answer) -> Approval:
    rules.check_role(caller, role)
    if len(answer.comment) > _LONGEST_COMMENT:
        raise Invalid("The comment is too long.", field="comment", fix=f"At most {_LONGEST_COMMENT} characters.")
    try:
        with store.write(caller) as tx:
            item = versions.version(tx.connection, caller.project, *version, lock=True)
            spec = versions.model(tx.connection, item.project, item.model).spec
            made = _make(store, tx, item, spec, role, answer)
            if answer.decision is Decision.NO:
                _refuse(tx, item, made)
            else:
                _accept(tx, item, spec, made)
            return tx.done(made)
    except _Same as same:
        return same.item


def _make(store: Store, tx: Transaction, item: Version, spec: Project, role: Role, answer: Answer) -> Approval:
    environment = names.check(answer.environment or spec.release.environment, "environment")
    held = rows.holding(
        tx.connection, project=item.project, digest=item.digest, environment=environment, now_us=tx.now_us
    )
    if answer.decision is Decision.YES:
        lasting = rules.lasting(held, spec.approvals, tx.now_us)
        same = next((one for one in lasting if (one.person, one.role) == (tx.caller.name, role)), None)
        if same is not None and item.state is not VersionState.REJECTED:
            raise _Same(same)
        rules.check_ready(item, role, spec.approvals.required, held)
        rules.check_four_eyes(tx.caller, item, versions.spec_author(tx.connection, item.project, item.spec_digest))
        rules.check_one_role(tx.caller, role, held)
    valid_for = time.parse_duration(spec.approvals.valid_for, "approvals.valid_for")
    made = Approval(
        id=tx.new_id("approval"),
        project=item.project,
        model=item.model,
        version=item.number,
        digest=item.digest,
        evidence=policies.digest_of_all(tx.connection, item.project, item.digest),
        environment=environment,
        role=role,
        person=tx.caller.name,
        decision=answer.decision,
        comment=answer.comment,
        created_us=tx.now_us,
        expires_us=time.to_us(tx.now + valid_for),
    )
    signature = base64.b64encode(store.signer(signed_bytes(made))).decode()
    made = msgspec.structs.replace(made, signature=signature)
    rows.add(tx.connection, made)
    return made


def _refuse(tx: Transaction, item: Version, made: Approval) -> None:
    _record(tx, "approval.refused", made)
    for other in rows.of_version(tx.connection, item.project, item.digest):
        if other.decision is Decision.YES and other.void is None:
            rows.set_void(tx.connection, other.id, f"{made.person} rejected the version.")
    registry.step_in(
        tx, item, VersionState.REJECTED, permission=_PERMISSION[made.role], why=made.comment, detail=_place(made)
    )


def _accept(tx: Transaction, item: Version, spec: Project, made: Approval) -> None:
    _record(tx, "approval.given", made)
    held = rows.holding(
        tx.connection, project=item.project, digest=item.digest, environment=made.environment, now_us=tx.now_us
    )
    complete = not rules.lacking(spec.approvals.required, held)
    if item.state is VersionState.CANDIDATE and (made.role is Role.VALIDATOR or complete):
        item = _step(tx, item, VersionState.VALIDATED, made)
    if not complete:
        return
    if item.state is VersionState.APPROVED:
        tx.record(
            "version.approved",
            registry.subject(item),
            permission=_PERMISSION[made.role],
            parents=(event.Subject("approval", made.id),),
            detail={"model": item.model, "number": item.number, "from": item.state, "why": made.comment} | _place(made),
        )
    elif item.state is not VersionState.RETIRED:
        _step(tx, item, VersionState.APPROVED, made)


def _step(tx: Transaction, item: Version, to: VersionState, made: Approval) -> Version:
    permission = _PERMISSION[made.role]
    return registry.step_in(tx, item, to, permission=permission, why=made.comment, detail=_place(made))


def _place(made: Approval) -> dict[str, str]:
    return {"environment": made.environment}


def _record(tx: Transaction, kind: str, made: Approval) -> None:
    tx.record(
        kind,
        event.Subject("approval", made.id),
        permission=_PERMISSION[made.role],
        parents=(event.Subject("version", made.digest),),
        detail={
            "model": made.model,
            "number": made.version,
            "digest": made.digest,
            "evidence": made.evidence,
            "environment": made.environment,
            "as": made.role,
            "expires_us": made.expires_us,
            "comment": made.comment,
        },
    )


def withdraw(
    store: Store, caller: access.Caller, model: str, number: int, *, role: Role, withdrawal: Withdrawal
) -> list[Approval]:
    """Take back every yes in a role that holds for a version in an environment: one's own, or a colleague's."""
    rules.check_role(caller, role)
    with store.write(caller) as tx:
        item = versions.version(tx.connection, caller.project, model, number, lock=True)
        spec = versions.model(tx.connection, item.project, item.model).spec
        environment = withdrawal.environment or spec.release.environment
        held = rows.holding(
            tx.connection, project=item.project, digest=item.digest, environment=environment, now_us=tx.now_us
        )
        taken = [one for one in held if one.role is role]
        if not taken:
            raise Conflict(f"No yes of a {role} holds for this version there.", field="version")
        why = f"{caller.name} withdrew it: {withdrawal.why}"
        return tx.done(_void(tx, item, taken, why, _PERMISSION[role]))


def void_changed(tx: Transaction, made: event.Event) -> None:
    """Follows `evidence.attached`, in its transaction: what was approved on other evidence is void."""
    item = versions.by_digest(tx.connection, tx.caller.project, made.subject.id, lock=True)
    current = policies.digest_of_all(tx.connection, item.project, item.digest)
    changed = [
        one
        for one in rows.of_version(tx.connection, item.project, item.digest)
        if one.evidence != current and one.holds(tx.now_us)
    ]
    if changed:
        name = str(made.detail.get("name", ""))
        permission = Permission.BUILD if tx.caller.may(Permission.BUILD) else Permission.VALIDATE
        _void(tx, item, changed, f"The evidence changed: {name}.", permission)


def _void(
    tx: Transaction, item: Version, taken: list[Approval], why: str, permission: Permission
) -> list[approval.Approval]:
    for one in taken:
        rows.set_void(tx.connection, one.id, why)
    tx.record(
        "approval.voided",
        registry.subject(item),
        permission=permission,
        parents=tuple(event.Subject("approval", one.id) for one in taken),
        detail={
            "model": item.model,
            "number": item.number,
            "why": why,
            "approvals": [one.id for one in taken],
            "environments": sorted({one.environment for one in taken}),
        },
    )
    return [msgspec.structs.replace(one, void=why) for one in taken]
