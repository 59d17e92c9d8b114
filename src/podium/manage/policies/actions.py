"""Attaches evidence to versions and evaluates the gates over it."""

from typing import Any

import msgspec

from podium.core import access, digest, event
from podium.core import name as names
from podium.core.access import Permission
from podium.core.errors import Conflict, Invalid
from podium.core.evidence import Evidence, GateResult
from podium.core.version import Version
from podium.manage.gates import expression
from podium.manage.gates import names as known
from podium.manage.policies import store as rows
from podium.manage.registry import actions as registry
from podium.manage.registry import store as versions
from podium.store.store import Store
from podium.store.transaction import Transaction

_LARGEST = 1_000_000
"""Bytes of one piece of evidence."""


def attach_in(tx: Transaction, item: Version, name: str, content: dict[str, Any]) -> Evidence:
    """Attach evidence to a version within an action. The same under the same name again is the same evidence.

    Not-a-number and infinity become null, so that no gate passes on them.
    """
    names.check(name, "evidence")
    plain: dict[str, Any] = msgspec.json.decode(digest.canonical(content))
    content_digest = digest.of_value(plain)
    if len(digest.canonical(plain)) > _LARGEST:
        raise Invalid(f"The evidence is larger than {_LARGEST} bytes.", field="content", fix="Attach a summary.")
    held = versions.by_digest(tx.connection, item.project, item.digest, lock=True)
    for before in rows.list_evidence(tx.connection, held.project, held.digest):
        if (before.name, before.digest) == (name, content_digest):
            return before
    made = Evidence(
        id=tx.new_id("evidence"),
        project=held.project,
        version=held.digest,
        name=name,
        content=plain,
        digest=content_digest,
        created_us=tx.now_us,
        created_by=tx.caller.name,
    )
    rows.add(tx.connection, made, rows.next_number(tx.connection, held.project, held.digest))
    tx.record(
        "evidence.attached",
        event.Subject("version", held.digest),
        permission=_attaching(tx),
        parents=(event.Subject("evidence", content_digest),),
        detail={"model": held.model, "number": held.number, "name": name, "evidence": content_digest},
    )
    return made


def _attaching(tx: Transaction) -> Permission:
    return Permission.BUILD if tx.caller.may(Permission.BUILD) else Permission.VALIDATE


def attach_report(
    store: Store, caller: access.Caller, version: tuple[str, int], name: str, content: dict[str, Any]
) -> Evidence:
    """Attach a person's own findings to a version (model and number). Gates see them as `reports.<name>`.

    What Podium measured cannot be attached by people. Approvals given before are void.
    """
    if name in known.BUILT_IN:
        raise Invalid("Only Podium attaches this evidence.", field="name", fix="Choose another name.")
    model, number = version
    with store.write(caller) as tx:
        item = versions.version(tx.connection, caller.project, model, number, lock=True)
        made = attach_in(tx, item, name, content)
        if not tx.recorded:
            raise Conflict("This evidence is attached already.", field="content")
        return tx.done(made)


def evaluate_in(tx: Transaction, item: Version) -> list[GateResult]:
    """Evaluate all gates of the version's own project file over its evidence in force, and keep the results."""
    held = versions.by_digest(tx.connection, item.project, item.digest, lock=True)
    spec = versions.spec(tx.connection, held.project, held.spec_digest)
    content = {found.name: found.content for found in rows.list_evidence(tx.connection, held.project, held.digest)}
    results = [expression.evaluate(gate, content) for gate in spec.gates]
    failed = [result.name for result in results if not result.passed]
    rows.set_results(tx.connection, held.project, held.digest, results)
    versions.set_version(tx.connection, msgspec.structs.replace(held, gates_passed=not failed))
    tx.record(
        "version.gates-evaluated",
        registry.subject(held),
        permission=_attaching(tx),
        detail={
            "model": held.model,
            "number": held.number,
            "passed": not failed,
            "failed": failed,
            "problems": {result.name: result.problem for result in results if result.problem},
            "evidence": rows.digest_of_all(tx.connection, held.project, held.digest),
        },
    )
    return results


def evaluate(store: Store, caller: access.Caller, model: str, number: int) -> list[GateResult]:
    """Evaluate a version's gates again."""
    with store.write(caller) as tx:
        item = versions.version(tx.connection, caller.project, model, number)
        return tx.done(evaluate_in(tx, item))
