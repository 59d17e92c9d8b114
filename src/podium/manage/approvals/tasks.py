"""The jobs that wait for the end of a yes."""

from collections.abc import Callable
from typing import Any

from podium.jobs.context import JobContext
from podium.manage.approvals import expiry
from podium.store.transaction import Transaction


def remind(context: JobContext) -> dict[str, Any] | None:
    """`manage.remind`: tell people that the yes with the id `approval` ends soon."""
    return _tell(context, expiry.remind)


def expire(context: JobContext) -> dict[str, Any] | None:
    """`manage.expire`: record that the yes with the id `approval` has ended."""
    return _tell(context, expiry.expire)


class _NothingToTell(Exception):
    """Leaves the transaction without a change."""


def _tell(context: JobContext, say: Callable[[Transaction, str], bool]) -> dict[str, Any] | None:
    try:
        with context.finishing(result={"told": True}) as tx:
            if not say(tx, str(context.job.args["approval"])):
                raise _NothingToTell
    except _NothingToTell:
        return {"told": False}
    return None
