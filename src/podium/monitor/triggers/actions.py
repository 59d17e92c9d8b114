"""Triggers: at the end of a window, start a retraining on newer data, or say why not."""

import msgspec

from podium.build.datasets import actions as datasets
from podium.build.datasets import store as dataset_rows
from podium.build.runs import actions as runs
from podium.build.runs import store as run_rows
from podium.core import access, dataset, endpoint, event, model, run, trigger
from podium.deploy.releases import store as releases
from podium.monitor.alerts import store as alerts
from podium.monitor.triggers import fresh, rules, training
from podium.monitor.triggers import store as rows
from podium.store.store import Store

_NAME_LENGTH = 52


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """Where a window closed, and when."""

    place: endpoint.Endpoint
    owner: model.Model
    end_us: int
    now_us: int


def look(store: Store, caller: access.Caller, asked: Asked) -> trigger.Decision:
    """Decide once for the end of a window; asked again, the same answer."""
    with store.read() as connection:
        known = rows.find(connection, caller.project, asked.place.name, asked.end_us)
        every = run_rows.find(connection, caller.project, model=asked.owner.name, limit=100_000)
    if known is not None:
        return known
    if not asked.owner.spec.triggers or asked.owner.retired:
        return _not(store, asked, "The project file has no triggers.")
    if not every:
        return _not(store, asked, "There was no first run to go on from.")
    base = _base(store, caller.project, every[-1])
    now = _situation(store, asked, every)
    found = rules.due(asked.owner.spec.triggers, now)
    if found is None:
        return _not(store, asked, "No trigger is due.")
    obstacle = rules.blocked(found, now)
    if obstacle is not None:
        return _not(store, asked, f"{found.why}; but not now. {obstacle}", found)
    return _fire(store, caller, asked, found, (base, _base(store, caller.project, every[0])))


def _base(store: Store, project: str, item: run.Run) -> dataset.DatasetVersion:
    with store.read() as connection:
        return dataset_rows.get(connection, project, item.dataset)


def _situation(store: Store, asked: Asked, every: list[run.Run]) -> rules.Situation:
    project, name = asked.place.project, asked.place.name
    newest = every[0]
    trained = _base(store, project, newest)
    least = min((each.rows for each in asked.owner.spec.triggers if each.on == "new_data"), default=0)
    with store.read() as connection:
        before = rows.list_all(connection, project, name, before_us=asked.end_us, limit=1)
        standing = [
            kind
            for each in alerts.list_all(connection, project, endpoint=name, limit=1000)
            if each.state != "resolved" and each.version == asked.place.champion
            for kind in sorted(each.covers())
        ]
        open_one = releases.open_of(connection, project, name)
    return rules.Situation(
        now_us=asked.now_us,
        since_us=max([newest.created_us, *(each.at_us for each in before)]),
        standing=standing,
        new_rows=fresh.count(store, asked.owner.spec, _since(store, asked, trained), least) if least else 0,
        newest=newest,
        code=asked.owner.source_digest,
        stage=None if open_one is None else open_one.stage,
    )


def _fire(
    store: Store,
    caller: access.Caller,
    asked: Asked,
    found: rules.Due,
    data: tuple[dataset.DatasetVersion, dataset.DatasetVersion],
) -> trigger.Decision:
    base = data[0]
    spec = asked.owner.spec
    table = training.collect(store, spec, base, asked.place.name, asked.end_us)
    if found.trigger.on != "code_change" and not _newer(store, asked, data, table.num_rows):
        return _not(store, asked, f"{found.why}; but there is nothing newer than the last training data.", found)
    made = datasets.register_table(
        store,
        caller,
        f"{spec.model.name[:_NAME_LENGTH]}-retraining",
        table,
        f"{base.name} {base.number}, and the log of {asked.place.name} with the outcomes known at {asked.end_us} µs. "
        "Only rows with an outcome are in it: where acting on a prediction changes or hides what would have come, "
        "these rows say less of the others.",
        (base.digest,),
    )
    wanted = run.RunRequest(
        model=spec.model.name,
        dataset=made.digest,
        spec=spec,
        code=run.Code(source_digest=asked.owner.source_digest),
        reason=f"trigger: {found.why}",
    )
    runs.keep_spec(store.blobs, spec)
    runs.check(store, caller, wanted)
    with store.write(caller) as tx:
        started = runs.request_in(tx, wanted)
        decision = _decision(
            asked, f"{found.why}; run {started.number} was asked for.", found, run=started.id, dataset=made.digest
        )
        rows.add(tx.connection, decision)
        tx.record(
            "trigger.fired",
            event.Subject("run", started.id),
            permission=access.Permission.MONITOR,
            parents=[
                event.Subject("dataset", made.digest),
                event.Subject("dataset", base.digest),
                event.Subject("log", asked.owner.name),
                event.Subject("endpoint", asked.place.name),
            ],
            detail={"on": found.trigger.on, "reason": found.why, "rows": made.rows, "window_end_us": asked.end_us},
        )
        return tx.done(decision)


def _newer(store: Store, asked: Asked, data: tuple[dataset.DatasetVersion, dataset.DatasetVersion], rows: int) -> bool:
    """Whether training data of so many rows knows more than that of the newest run."""
    base, trained = data
    if trained.digest == base.digest or base.digest in trained.parents:
        return rows > trained.rows
    return fresh.count(store, asked.owner.spec, _since(store, asked, trained)) > 0


def _since(store: Store, asked: Asked, trained: dataset.DatasetVersion) -> fresh.Since:
    """From the instant whose outcomes are in the newest run's data: the end of the window that made it, else when it
    was registered."""
    with store.read() as connection:
        made = rows.of_dataset(connection, asked.place.project, asked.place.name, trained.digest)
    from_us = trained.created_us if made is None else made.end_us
    return fresh.Since(endpoint=asked.place.name, from_us=min(from_us, asked.end_us), to_us=asked.end_us)


def _not(store: Store, asked: Asked, reason: str, found: rules.Due | None = None) -> trigger.Decision:
    made = _decision(asked, reason, found)
    with store.plumbing() as connection:
        rows.add(connection, made)
    return made


def _decision(
    asked: Asked, reason: str, found: rules.Due | None, *, run: str | None = None, dataset: str | None = None
) -> trigger.Decision:
    return trigger.Decision(
        project=asked.place.project,
        endpoint=asked.place.name,
        model=asked.owner.name,
        end_us=asked.end_us,
        at_us=asked.now_us,
        fired=run is not None,
        reason=reason,
        trigger=None if found is None else found.trigger.on,
        run=run,
        dataset=dataset,
    )
