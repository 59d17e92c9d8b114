"""A release that met one further on: it waits, and the end of that one lets it begin."""

from podium.core import event
from podium.deploy.releases import store as rows
from podium.jobs import queue
from podium.store.transaction import Transaction

NEXT = "deploy.next"
WHY = "It waits for the end of the release before it."


def follow(tx: Transaction, ended: event.Event) -> None:
    """Follows the end of a release: where another waits behind it, the job that lets it begin."""
    endpoint = str(ended.detail["endpoint"])
    behind = rows.waiting_of(tx.connection, ended.project, endpoint)
    if behind is not None:
        args = {"release": behind.id}
        queue.enqueue(tx, NEXT, args, project=ended.project, unique_key=f"{NEXT}:{ended.id}", priority=5)
