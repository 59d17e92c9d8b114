"""The job that evaluates a new version's gates."""

from typing import Any

from podium.jobs.context import JobContext
from podium.manage.policies import actions
from podium.manage.registry import store as versions


def evaluate(context: JobContext) -> dict[str, Any] | None:
    """`manage.gates`: evaluate the gates of the version whose digest is the argument `version`."""
    answer: dict[str, Any] = {}
    with context.finishing(result=answer) as tx:
        item = versions.by_digest(tx.connection, context.caller.project, str(context.job.args["version"]))
        results = actions.evaluate_in(tx, item)
        failed = [result.name for result in results if not result.passed]
        answer.update(passed=not failed, failed=failed)
    return None
