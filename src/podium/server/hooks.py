"""What follows what: each event kind, and the job that it starts in the same transaction."""

from collections.abc import Mapping, Sequence
from typing import Any

from podium.build.runs import actions as runs
from podium.core import event
from podium.deploy.releases import waiting
from podium.jobs import queue
from podium.manage.approvals import actions as approvals
from podium.manage.approvals import expiry
from podium.monitor.delivery import actions as delivery
from podium.store.transaction import Hook, Transaction


def _start(kind: str, argument: str, *details: str, priority: int = 0) -> Hook:
    """A job with the event's subject as an argument, and with these of its details."""

    def hook(tx: Transaction, made: event.Event) -> None:
        args: dict[str, Any] = {argument: made.subject.id, **{name: made.detail[name] for name in details}}
        queue.enqueue(tx, kind, args, project=made.project, unique_key=f"{kind}:{made.id}", priority=priority)

    return hook


def _when_passed(hook: Hook) -> Hook:
    def checked(tx: Transaction, made: event.Event) -> None:
        if made.detail.get("passed") is True:
            hook(tx, made)

    return checked


def _when(detail: str, hook: Hook) -> Hook:
    """Only where that detail says something."""

    def checked(tx: Transaction, made: event.Event) -> None:
        if made.detail.get(detail):
            hook(tx, made)

    return checked


FOLLOW: Mapping[str, Sequence[Hook]] = {
    "run.requested": (_start("build.train", "run"),),
    "run.finished": (_start("deploy.package", "run"),),
    "version.registered": (_start("manage.gates", "version", priority=5),),
    "version.gates-evaluated": (_when_passed(_start("deploy.release", "version", priority=5)),),
    "version.approved": (_start("deploy.advance", "version", priority=10),),
    "version.rejected": (_start("deploy.recheck", "version", priority=10),),
    "approval.given": (expiry.plan,),
    "approval.voided": (_start("deploy.recheck", "version", priority=10),),
    "approval.expiring": (delivery.spread,),
    "approval.expired": (_start("deploy.recheck", "approval", priority=10), _when("lacks", delivery.spread)),
    "release.completed": (waiting.follow,),
    "release.failed": (waiting.follow,),
    "release.rolled-back": (waiting.follow,),
    "release.stopped": (waiting.follow,),
    "rollout.refused": (_start("deploy.refused", "rollout", "why", priority=10),),
    "segment.received": (_when("referred", _start("monitor.reviews", "segment", priority=5)),),
    "evidence.attached": (approvals.void_changed,),
    "alert.opened": (delivery.spread,),
    "alert.reopened": (delivery.spread,),
    "alert.acknowledged": (delivery.spread,),
    "alert.snoozed": (delivery.spread,),
    "alert.resolved": (delivery.spread,),
    "job.failed": (runs.follow_job, delivery.give_up),
    "job.cancelled": (runs.follow_job, delivery.give_up),
}
