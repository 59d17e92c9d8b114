"""The cycle from a finished run to a release, through the real actions and jobs, with a small made model."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import msgspec

from podium.build.runs import actions as runs
from podium.core import access, approval, event, project, release, run, version
from podium.deploy.endpoints import actions as endpoint_actions
from podium.deploy.endpoints import store as endpoints
from podium.deploy.packaging import tasks as packaging
from podium.deploy.releases import actions as release_actions
from podium.deploy.releases import store as releases
from podium.deploy.releases import tasks as released
from podium.deploy.releases import waiting
from podium.jobs import queue
from podium.jobs.attempt import Handlers
from podium.jobs.worker import Worker
from podium.manage.approvals import actions as approvals
from podium.manage.approvals import expiry
from podium.manage.approvals import tasks as endings
from podium.manage.policies import tasks as policies
from podium.manage.registry import actions as registry
from podium.manage.registry import store as versions
from podium.monitor.delivery import tasks as delivery
from podium.store import events
from podium.store.store import Store
from podium.store.transaction import Hook, Transaction
from tests import artifacts, training_project

CallerOf = Callable[..., access.Caller]
HANDLERS: Handlers = {
    "deploy.package": packaging.package,
    "manage.remind": endings.remind,
    "manage.expire": endings.expire,
    "manage.gates": policies.evaluate,
    "deploy.release": released.release,
    "deploy.advance": released.advance,
    "deploy.next": released.next_one,
    "deploy.recheck": released.recheck,
    "deploy.refused": released.refused,
}
ENVIRONMENT = run.Environment(python="3.11", platform="here", packages=())
GATES = [{"name": "good", "expression": "metrics.test.auc.value > 0.7 && parity.max_abs_error <= parity.tolerance"}]


def _start(kind: str, argument: str) -> Hook:
    def hook(tx: Transaction, made: event.Event) -> None:
        queue.enqueue(tx, kind, {argument: made.subject.id}, project=made.project, unique_key=f"{kind}:{made.id}")

    return hook


def _refused(tx: Transaction, made: event.Event) -> None:
    args = {"rollout": made.subject.id, "why": made.detail["why"]}
    queue.enqueue(tx, "deploy.refused", args, project=made.project, unique_key=f"deploy.refused:{made.id}")


def _when_passed(tx: Transaction, made: event.Event) -> None:
    if made.detail["passed"] is True:
        _start("deploy.release", "version")(tx, made)


FOLLOW: dict[str, Sequence[Hook]] = {
    "run.finished": (_start("deploy.package", "run"),),
    "version.registered": (_start("manage.gates", "version"),),
    "version.gates-evaluated": (_when_passed,),
    "version.approved": (_start("deploy.advance", "version"),),
    "version.rejected": (_start("deploy.recheck", "version"),),
    "approval.given": (expiry.plan,),
    "approval.expired": (_start("deploy.recheck", "approval"),),
    "approval.voided": (_start("deploy.recheck", "version"),),
    "rollout.refused": (_refused,),
    **{f"release.{end}": (waiting.follow,) for end in ("completed", "failed", "rolled-back", "stopped")},
}


def spec(**parts: Any) -> project.Project:
    """A project file whose release names an endpoint; `release` parts are merged."""
    plan = {"endpoint": "late", "shadow": {"min_duration": "7d", "max_duration": "21d", "min_rows": 100}}
    return training_project.spec(**({"gates": GATES} | parts | {"release": plan | parts.get("release", {})}))


def begin(store: Store, caller: CallerOf, **parts: Any) -> None:
    """Join events to jobs, and put the model in the inventory."""
    store.hooks = FOLLOW
    registry.apply(store, caller("scientist", "grace"), spec(**parts), store.blobs.put(b"code"))


def finish_run(store: Store, caller: CallerOf, bias: float, **changes: Any) -> run.Run:
    """A run that a scientist asked for and that ended well; another `bias` is another model."""
    with store.read() as connection:
        current = versions.model(connection, "flights", "delay").spec
    asked = run.RunRequest(
        model="delay",
        spec=current,
        dataset=training_project.register(store),
        code=run.Code(source_digest=store.blobs.put(b"code")),
    )
    item = runs.request(store, caller("scientist", "ada"), asked)
    blobs = {path: store.blobs.put(data) for path, data in artifacts.files(bias).items()}
    result = msgspec.structs.replace(artifacts.result(blobs), **changes)
    with store.write(caller()) as tx:
        return runs.finish_in(tx, item, result, ENVIRONMENT, store.blobs.put(b"printed"))


def work(store: Store, outside: str = "") -> None:
    """Do all jobs that are due; `outside`: where hooks may reach."""
    deliver = partial(delivery.deliver, delivery.Outside(hook_hosts=outside))
    Worker(
        store=store, handlers={**HANDLERS, "monitor.deliver": deliver}, name="here", poll_seconds=0.01
    ).run_until_idle()


def make_version(store: Store, caller: CallerOf, bias: float) -> version.Version:
    """Train, package, register, evaluate the gates, and start what follows."""
    finish_run(store, caller, bias)
    work(store)
    with store.read() as connection:
        return versions.list_versions(connection, "flights", model="delay", limit=1)[0]


def approve(store: Store, caller: CallerOf, number: int, **answer: Any) -> list[approval.Approval]:
    """Two people say yes; then the jobs that follow."""
    said = approvals.Answer(comment="read it", **answer)
    given = [
        approvals.validate(store, caller("validator", "vera"), "delay", number, said),
        approvals.approve(store, caller("owner", "olaf"), "delay", number, said),
    ]
    work(store)
    return given


def start(store: Store, caller: CallerOf, number: int, endpoint: str = "late") -> release.Release:
    """An engineer starts a release; the endpoint is made if it is not there."""
    engineer = caller("engineer", "emil")
    with store.read() as connection:
        there = endpoints.find(connection, "flights", endpoint)
    if there is None:
        wanted = endpoint_actions.NewEndpoint(name=endpoint, environment="production", model="delay")
        endpoint_actions.create(store, engineer, wanted)
    wanted_release = release_actions.NewRelease(endpoint=endpoint, version=number, reason="Try it.")
    return release_actions.start(store, engineer, wanted_release)


def last_release(store: Store) -> release.Release:
    """The newest release of the project."""
    with store.read() as connection:
        return releases.list_all(connection, "flights", limit=1)[0]


def kinds(store: Store, noun: str) -> list[str]:
    """The kinds of all events about a noun, in order."""
    with store.read() as connection:
        told = [item.event() for item in events.read(connection, project="flights", limit=1000)]
    return [item.kind for item in told if item.subject.noun == noun]


def comparison(verdict: release.Verdict, rows: int = 1000) -> release.Comparison:
    """What the monitor would say."""
    return release.Comparison(
        verdict=verdict, metric="log_loss", rows=rows, difference=0.01, low=0.002, high=0.018, confidence=0.95
    )
