"""Routes of approvals."""

from collections.abc import Sequence
from typing import Annotated

from litestar import get, post
from litestar.params import Parameter

from podium.core import access, time
from podium.core.access import Permission, Role
from podium.core.approval import Approval, Pending
from podium.manage.approvals import actions
from podium.manage.approvals import pending as waiting
from podium.manage.approvals import store as rows
from podium.manage.registry import store as versions
from podium.store.store import Store

_PROJECT = "/api/v1/projects/{project:str}"
_VERSION = _PROJECT + "/models/{name:str}/versions/{number:int}"

Limit = Annotated[int, Parameter(ge=1, le=1000)]


@get(_PROJECT + "/approvals", opt={"permission": Permission.READ}, sync_to_thread=True)
def list_approvals(
    store: Store, caller: access.Caller, model: str | None = None, after: str = "", limit: Limit = 100
) -> Sequence[Approval]:
    """Every yes and no, in the order they were given; void and expired ones too."""
    with store.read() as connection:
        return rows.list_all(connection, caller.project, model=model, after=after, limit=limit)


@get(_PROJECT + "/approvals/pending", opt={"permission": Permission.READ}, sync_to_thread=True)
def list_pending(store: Store, caller: access.Caller, limit: Limit = 100) -> Sequence[Pending]:
    """What waits for whom."""
    with store.read() as connection:
        return waiting.pending(connection, caller.project, time.to_us(store.clock()), limit=limit)


@get(_VERSION + "/approvals", opt={"permission": Permission.READ}, sync_to_thread=True)
def of_version(store: Store, caller: access.Caller, name: str, number: int) -> Sequence[Approval]:
    """Every yes and no given to a version."""
    with store.read() as connection:
        item = versions.version(connection, caller.project, name, number)
        return rows.of_version(connection, caller.project, item.digest)


@post(_VERSION + "/validate", opt={"permission": Permission.VALIDATE}, sync_to_thread=True)
def validate(store: Store, caller: access.Caller, name: str, number: int, data: actions.Answer) -> Approval:
    """A validator's yes or no."""
    return actions.validate(store, caller, name, number, data)


@post(_VERSION + "/approve", opt={"permission": Permission.APPROVE}, sync_to_thread=True)
def approve(store: Store, caller: access.Caller, name: str, number: int, data: actions.Answer) -> Approval:
    """An owner's yes or no."""
    return actions.approve(store, caller, name, number, data)


@post(_VERSION + "/validate/withdraw", opt={"permission": Permission.VALIDATE}, sync_to_thread=True)
def withdraw_validation(
    store: Store, caller: access.Caller, name: str, number: int, data: actions.Withdrawal
) -> Sequence[Approval]:
    """Take validators' yes back."""
    return actions.withdraw(store, caller, name, number, role=Role.VALIDATOR, withdrawal=data)


@post(_VERSION + "/approve/withdraw", opt={"permission": Permission.APPROVE}, sync_to_thread=True)
def withdraw_approval(
    store: Store, caller: access.Caller, name: str, number: int, data: actions.Withdrawal
) -> Sequence[Approval]:
    """Take owners' yes back."""
    return actions.withdraw(store, caller, name, number, role=Role.OWNER, withdrawal=data)


routes = [
    list_approvals,
    list_pending,
    of_version,
    validate,
    approve,
    withdraw_validation,
    withdraw_approval,
]
