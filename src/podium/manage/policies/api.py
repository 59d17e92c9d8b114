"""Routes of evidence and gates."""

from collections.abc import Sequence
from typing import Any

import msgspec
from litestar import get, post

from podium.core import access, project
from podium.core.access import Permission
from podium.core.errors import Invalid
from podium.core.evidence import Evidence, GateResult
from podium.manage.gates import expression
from podium.manage.policies import actions
from podium.manage.policies import store as rows
from podium.manage.registry import store as versions
from podium.store.store import Store

_PROJECT = "/api/v1/projects/{project:str}"
_VERSION = _PROJECT + "/models/{name:str}/versions/{number:int}"


class Report(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A person's findings on a version."""

    name: str
    content: dict[str, Any]


class GateCheck(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An expression to check; for a model, with its own metrics and slices."""

    expression: str
    model: str | None = None


class GateAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """Whether an expression is a gate, and if not, why."""

    valid: bool
    problem: str | None = None


@get(_VERSION + "/evidence", opt={"permission": Permission.READ}, sync_to_thread=True)
def list_evidence(
    store: Store, caller: access.Caller, name: str, number: int, *, history: bool = False
) -> Sequence[Evidence]:
    """The evidence in force for a version; with `history`, all that was ever attached."""
    with store.read() as connection:
        item = versions.version(connection, caller.project, name, number)
        return (rows.history if history else rows.list_evidence)(connection, caller.project, item.digest)


@post(_VERSION + "/evidence", opt={"permission": Permission.VALIDATE}, sync_to_thread=True)
def attach(store: Store, caller: access.Caller, name: str, number: int, data: Report) -> Evidence:
    """Attach a report to a version; approvals given before are void."""
    return actions.attach_report(store, caller, (name, number), data.name, data.content)


@get(_VERSION + "/gates", opt={"permission": Permission.READ}, sync_to_thread=True)
def list_gates(store: Store, caller: access.Caller, name: str, number: int) -> Sequence[GateResult]:
    """The results of a version's gates."""
    with store.read() as connection:
        item = versions.version(connection, caller.project, name, number)
        return rows.results(connection, caller.project, item.digest)


@post(_VERSION + "/gates", opt={"permission": Permission.VALIDATE}, sync_to_thread=True)
def evaluate(store: Store, caller: access.Caller, name: str, number: int) -> Sequence[GateResult]:
    """Evaluate a version's gates again, over the evidence in force."""
    return actions.evaluate(store, caller, name, number)


@post(_PROJECT + "/gate-checks", status_code=200, opt={"permission": Permission.READ}, sync_to_thread=True)
def check(store: Store, caller: access.Caller, data: GateCheck) -> GateAnswer:
    """Say whether an expression is a gate, without keeping anything."""
    spec: project.Project | None = None
    if data.model is not None:
        with store.read() as connection:
            spec = versions.model(connection, caller.project, data.model).spec
    try:
        expression.check_expression(data.expression, spec)
    except Invalid as wrong:
        return GateAnswer(valid=False, problem=str(wrong))
    return GateAnswer(valid=True)


routes = [list_evidence, attach, list_gates, evaluate, check]
