"""Jobs of intake: bring what was received into the log."""

from typing import Any

from podium.jobs.context import JobContext
from podium.monitor.intake import compaction
from podium.monitor.intake import store as rows

COMPACT = "monitor.intake"


def compact(context: JobContext) -> dict[str, Any]:
    """Compact the models that have something waiting (or the one in `args["model"]`)."""
    project = context.job.project
    named = context.job.args.get("model")
    with context.store.read() as connection:
        models = [named] if named else rows.models_waiting(connection, project)
    written: dict[str, Any] = {}
    for place, model in enumerate(models):
        context.progress(place / max(1, len(models)), f"compacting the log of {model}")
        written[model] = compaction.compact(context.store, project, model)
    return written


HANDLERS = {COMPACT: compact}
