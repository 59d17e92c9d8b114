"""Which body runs each kind of job, and how many of a kind may run at once."""

from collections.abc import Mapping
from functools import partial

from podium.build.runs import tasks as runs
from podium.core.config import Config
from podium.deploy.packaging import tasks as packaging
from podium.deploy.releases import tasks as releases
from podium.jobs.attempt import Handler
from podium.manage.approvals import tasks as approvals
from podium.manage.policies import tasks as policies
from podium.monitor.checks import tasks as checks
from podium.monitor.delivery import tasks as delivery
from podium.monitor.drill import tasks as drill
from podium.monitor.intake import tasks as intake
from podium.monitor.reviews import tasks as reviews


def of(config: Config) -> Mapping[str, Handler]:
    """The handlers of a worker with these settings, by kind."""
    outside = delivery.Outside(hook_hosts=config.hook_hosts, mail_server=config.mail_server, mail_from=config.mail_from)
    train = partial(runs.train, seconds=config.train_seconds)
    return {**_HANDLERS, "build.train": train, "monitor.deliver": partial(delivery.deliver, outside)}


_HANDLERS: Mapping[str, Handler] = {
    "deploy.package": packaging.package,
    "manage.gates": policies.evaluate,
    "manage.remind": approvals.remind,
    "manage.expire": approvals.expire,
    "deploy.release": releases.release,
    "deploy.advance": releases.advance,
    "deploy.next": releases.next_one,
    "deploy.recheck": releases.recheck,
    "deploy.refused": releases.refused,
    "monitor.intake": intake.compact,
    "monitor.reviews": reviews.ask,
    "monitor.drill": drill.run,
    "monitor.window": checks.close_window,
}
LIMITS: Mapping[str, int] = {
    "build.train": 1,
    "monitor.intake": 1,
    "monitor.reviews": 1,
    "monitor.window": 1,
    "monitor.drill": 1,
}
SCHEDULABLE = frozenset({"monitor.intake", "monitor.window", "monitor.drill", "deploy.recheck"})
"""Kinds that people may put on a schedule."""
