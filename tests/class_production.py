"""A model of three classes in production without its scorer: trained here, served by a rollout, logged and judged."""

from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from podium.build.runs.training import evaluate, export
from podium.build.runs.training import table as tables
from podium.build.runs.training.context import Context
from podium.bundle import columns
from podium.bundle.engines.onnx import session
from podium.bundle.export import frame
from podium.core import bundle, digest, endpoint, project, rollout, run, version
from podium.core.dataset import Part
from podium.core.outcome import Outcome
from podium.deploy.endpoints import actions as endpoint_actions
from podium.deploy.endpoints import store as endpoint_rows
from podium.manage.registry import actions as versions
from podium.manage.registry import store as registry
from podium.monitor.intake import actions as intake
from podium.monitor.intake import segments
from podium.store.store import Store
from tests import class_project, production, training_project

SYSTEM, DAY_US, START_US = production.SYSTEM, production.DAY_US, production.START_US
LABELS = class_project.LABELS


def spec(**parts: Any) -> project.Project:
    """The project file with quick releases, by windows of a day."""
    monitor = {
        "window": "1d",
        "min_rows": 200,
        "metrics": ["accuracy", "macro_f1", "macro_auc", "brier"],
        "outcome_psi": 0.2,
        "estimated_drop": 0.1,
        "segment_excess": 1.0,
    }
    base = {
        "monitor": monitor,
        "release": {"endpoint": "fate", "shadow": {"min_rows": 200, "min_duration": "1d"}},
        "approvals": {"required": []},
    }
    return class_project.spec(**(base | parts))


def make(folder: Path, wanted: project.Project, *, blind: bool = False) -> export.Exported:
    """A trained version's files; a `blind` one was fitted on hours of other flights."""
    data = class_project.data(6000)
    at = pa.array(np.arange(6000) * (10 * DAY_US // 6000), pa.timestamp("us", "UTC"))
    path = training_project.write(folder / "data.parquet", data.set_column(1, "at", at))
    table = tables.read(path, wanted)
    code: dict[str, Any] = {}
    exec(class_project.LOGISTIC, code)
    rows = frame.frame(table.signature, table.take(Part.TRAIN))
    if blind:
        rows["hour"] = rows["hour"].to_numpy()[::-1]
    given = Context({}, 0, None, lambda *_: None)  # type: ignore[arg-type]
    fitted = code["fit"](rows, table.target[table.places(Part.TRAIN)], given)
    found = evaluate.evaluate(table, evaluate.score(fitted, table.signature, table.features), wanted)
    return export.export(fitted, table, found)


def register(store: Store, made: export.Exported, number: int = 1) -> version.Version:
    """The next version, of those files."""
    for data in made.files.values():
        store.blobs.put(data)
    manifest = bundle.Manifest(
        project="flights",
        model="fate",
        engine=bundle.Engine.ONNX,
        signature=made.signature,
        threshold=None,
        files=tuple(
            bundle.File(path=path, digest=digest.of_bytes(data), bytes=len(data))
            for path, data in sorted(made.files.items())
        ),
        parity=made.parity,
        run=f"run-{number}",
        dataset=digest.of_bytes(b"data"),
        source=digest.of_bytes(b"code"),
        created_us=number,
    )
    address = store.blobs.put(digest.canonical(manifest))
    item = run.Run(
        id=f"run-{number}",
        project="flights",
        model="fate",
        number=number,
        state=run.RunState.FINISHED,
        dataset=digest.of_bytes(b"data"),
        spec_digest=model_of(store).spec_digest,
        params={},
        seed=0,
        code=run.Code(source_digest=digest.of_bytes(b"code")),
        reason="first",
        created_us=number,
        created_by="ada",
    )
    with store.write(SYSTEM) as tx:
        return tx.done(versions.register_in(tx, item, manifest, address))


def start(store: Store, made: export.Exported, wanted: project.Project, shadow: export.Exported | None = None) -> Any:
    """A model with its champion in force, and a shadow if there is one; the rollout."""
    versions.apply(store, SYSTEM, wanted, store.blobs.put(b"the code"))
    champion = register(store, made)
    other = None if shadow is None else register(store, shadow, 2)
    endpoint_actions.create(
        store, SYSTEM, endpoint_actions.NewEndpoint(name="fate", environment="production", model="fate")
    )
    with store.plumbing() as connection:
        place = endpoint_rows.get(connection, "flights", "fate")
        number = endpoint_rows.serve(connection, place, champion.number)
        routes = [_route(rollout.RouteRole.CHAMPION, champion, 1.0)]
        routes += [] if other is None else [_route(rollout.RouteRole.SHADOW, other, 0.0)]
        document = rollout.Rollout(
            project="flights",
            endpoint="fate",
            environment="production",
            model="fate",
            number=number,
            routes=tuple(routes),
            required=(),
            created_us=START_US,
        )
        body = digest.canonical(document)
        signed = rollout.Signed(body=body, signature=store.signer(body), key_id=store.key_id)
        endpoint_rows.keep(connection, document, signed)
    return document


def _route(role: rollout.RouteRole, item: version.Version, weight: float) -> rollout.Route:
    return rollout.Route(role=role, version=item.number, digest=item.digest, weight=weight, threshold=None)


def day(
    store: Store,
    document: rollout.Rollout,
    number: int,
    rows: int = 600,
    *,
    shift: float = 0.0,
    turn: int = 0,
    roles: tuple[str, ...] = ("champion", "shadow"),
) -> list[str]:
    """Log a day's predictions by every route, and outcomes; the labels. `turn`: how far truths are turned."""
    data = class_project.data(rows, seed=1000 + number, shift=shift)
    at = START_US + number * DAY_US + np.arange(rows) * (DAY_US // rows)
    ids = [f"p-{number}-{row}" for row in range(rows)]
    parts = []
    for route in document.routes:
        if route.role.value not in roles:
            continue
        manifest = manifest_of(store, route.digest)
        seen = columns.from_arrow(manifest.signature, data)
        chances = session.Scorer(store.blobs.get(manifest.file(bundle.MODEL).digest)).predict(seen)
        core = {
            "prediction_id": ids,
            "request_id": ids,
            "at": pa.array(at, pa.timestamp("us", "UTC")),
            "endpoint": ["fate"] * rows,
            "model": ["fate"] * rows,
            "version": [route.version] * rows,
            "digest": [route.digest] * rows,
            "role": [route.role.value] * rows,
            "rollout": [document.number] * rows,
            "key": data.column("id").to_pylist(),
            "score": chances.max(axis=1),
            "threshold": pa.nulls(rows, pa.float64()),
            "decision": pa.nulls(rows, pa.bool_()),
        }
        table = pa.table(core).cast(segments.CORE)
        logged = columns.to_arrow(manifest.signature, seen)
        for name in logged.column_names:
            table = table.append_column(name, logged.column(name))
        for place, label in enumerate(LABELS):
            table = table.append_column(f"p.{label}", pa.array(chances[:, place]))
        parts.append(table)
    whole = pa.concat_tables(parts)
    body = production.segment(whole)
    intake.receive_segment(store, SYSTEM, "scorer-1", f"day-{number}-{'-'.join(roles)}", body, digest.of_bytes(body))
    places = pc.index_in(data.column("fate"), pa.array(LABELS)).to_numpy()
    truth = [LABELS[(place + turn) % len(LABELS)] for place in places.tolist()]
    known_us = START_US + (number + 1) * DAY_US - 1
    batch = [Outcome(value=label, at_us=known_us, prediction_id=name) for name, label in zip(ids, truth, strict=True)]
    intake.receive_outcomes(store, SYSTEM, "fate", batch)
    return truth


def manifest_of(store: Store, address: str) -> bundle.Manifest:
    return msgspec.json.decode(store.blobs.get(address), type=bundle.Manifest)


def model_of(store: Store) -> Any:
    with store.read() as connection:
        return registry.model(connection, "flights", "fate")


def place_of(store: Store) -> endpoint.Endpoint:
    with store.read() as connection:
        return endpoint_rows.get(connection, "flights", "fate")
