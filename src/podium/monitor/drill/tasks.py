"""The job that rehearses the rules on a copy of the champion's traffic."""

from typing import Any

import msgspec
import numpy
import pyarrow
import pyarrow.compute

from podium.bundle import columns
from podium.core import access, drill, event, model, time
from podium.core.errors import Refused
from podium.core.signature import Signature
from podium.deploy.endpoints import store as endpoints
from podium.jobs.context import JobContext
from podium.manage.registry import store as registry
from podium.monitor.checks import closing, natives, summaries
from podium.monitor.drill import rehearse, traffic
from podium.monitor.drill import store as rows
from podium.monitor.intake import bundles, chances, compaction, window

_MONTH_DAYS = 30
_MOST_ROWS = 200_000
_LOADED = 0.2


def run(context: JobContext) -> dict[str, Any]:
    """Rehearse for `args["endpoint"]`, as `DrillRequest` says; the drill's id."""
    args = dict(context.job.args)
    endpoint = str(args.pop("endpoint"))
    wanted = msgspec.convert(args, drill.DrillRequest)
    store, project = context.store, context.job.project
    with store.read() as connection:
        place = endpoints.get(connection, project, endpoint)
        owner = registry.model(connection, project, place.model)
        if place.champion is None:
            raise Refused("Nothing decides at this endpoint.", field="endpoint")
        version = registry.version(connection, project, owner.name, place.champion)
    context.progress(0.02, "bringing what was received into the log")
    compaction.compact(store, project, owner.name)
    context.progress(0.05, "reading the traffic")
    length = time.parse_duration(owner.spec.monitor.window, "monitor.window").days or 1
    with bundles.cache(store) as cache:
        runtime = cache.get(version.digest)
        signature = runtime.manifest.signature
        known = _traffic(context, owner, endpoint, version.number, wanted.days, signature)
        asked = owner.spec.monitor.contribution_moved > 0
        setting = rehearse.Setting(
            known,
            signature,
            owner.spec,
            (lambda table: chances.shares(runtime.predict(table))) if signature.labels else runtime.predict,
            length,
            closing.reference_of(store, owner, version.number),
            natives.of(store.blobs, version.digest).native if asked else None,
        )
        found = rehearse.run(
            setting, wanted, lambda done, words: context.progress(_LOADED + done * (1 - _LOADED), words)
        )
    days = len(traffic.days(known))
    made = drill.Drill(
        id=store.new_id("drill"),
        project=project,
        endpoint=endpoint,
        version=version.number,
        at_us=time.to_us(store.clock()),
        from_us=int(known.at_us.min()),
        to_us=int(known.at_us.max()),
        days=days,
        rows=known.count,
        rows_a_window=round(known.count / days * length),
        window=owner.spec.monitor.window,
        seed=wanted.seed,
        quiet_windows=found.quiet.windows,
        false_alarms=found.quiet.alarms,
        false_alarms_per_month=found.quiet.alarms / found.quiet.windows * _MONTH_DAYS / length,
        falsely_by=found.quiet.by,
        faults=tuple(found.faults),
        monitors=tuple(found.monitors),
    )
    result = {"drill": made.id}
    with context.finishing(result=result) as tx:
        rows.add(tx.connection, made)
        tx.record(
            "drill.finished",
            event.Subject("drill", made.id),
            permission=access.Permission.MONITOR,
            parents=[event.Subject("endpoint", endpoint), event.Subject("version", version.digest)],
            detail={
                "endpoint": endpoint,
                "version": made.version,
                "false_alarms_per_month": made.false_alarms_per_month,
                "detected": {each.fault: each.detected / each.runs for each in made.faults},
            },
        )
    return result


def _traffic(
    context: JobContext, owner: model.Model, endpoint: str, version: int, days: int, signature: Signature
) -> traffic.Traffic:
    """The version's rows of the last whole days whose outcome is known; thinned evenly above 200,000."""
    now_us = time.to_us(context.store.clock())
    query = window.Query(
        model=owner.name,
        endpoint=endpoint,
        from_us=(now_us // traffic.DAY_US - days) * traffic.DAY_US,
        to_us=now_us,
        as_of_us=now_us,
        roles=("champion", "canary"),
        versions=(version,),
        matured=True,
    )
    found = summaries.usable(window.read_window(context.store, context.job.project, query))
    if not found.num_rows:
        raise traffic.too_few(0)
    step = -(-found.num_rows // _MOST_ROWS) or 1
    found = found.take(numpy.arange(0, found.num_rows, step)) if step > 1 else found
    threshold = found.column("threshold").drop_null()
    return traffic.Traffic(
        features=columns.from_log(signature, found),
        target=summaries.numbers(found.column("outcome")),
        score=summaries.scores(found, signature.labels),
        threshold=threshold[-1].as_py() if len(threshold) else None,
        at_us=numpy.asarray(found.column("at").cast("int64"), dtype=numpy.int64),
        keys=_numbers(found.column("key")),
    )


def _numbers(keys: pyarrow.ChunkedArray) -> traffic.Places:
    """A number for each key, -1 for none."""
    found = pyarrow.compute.dictionary_encode(keys).combine_chunks()
    return numpy.asarray(found.indices.fill_null(-1), dtype=numpy.int64)
