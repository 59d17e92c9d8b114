"""A model of three classes in production without its scorer: trained here, served by a rollout, logged and judged."""

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from podium.build.runs.training import evaluate, export
from podium.build.runs.training import table as tables
from podium.build.runs.training.context import Context
from podium.bundle import columns
from podium.bundle.export import frame
from podium.core import digest, endpoint, project, rollout, version
from podium.core.dataset import Part
from podium.core.outcome import Outcome
from podium.monitor.intake import actions as intake
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
    manifest = production.described(
        model="fate",
        signature=made.signature,
        threshold=None,
        parity=made.parity,
        run=f"run-{number}",
        created_us=number,
    )
    return production.register(store, manifest, made.files)


def start(store: Store, made: export.Exported, wanted: project.Project, shadow: export.Exported | None = None) -> Any:
    """A model with its champion in force, and a shadow if there is one; the rollout."""
    production.register_model(store, wanted)
    champion = register(store, made)
    other = None if shadow is None else register(store, shadow, 2)
    production.make_endpoint(store, "fate")
    return production.serve(store, champion, other)


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
        manifest = production.manifest_of(store, route.digest)
        seen = columns.from_arrow(manifest.signature, data)
        chances = production.predict(store, manifest, seen)
        core = {
            "prediction_id": ids,
            "request_id": ids,
            "at": at,
            "key": data.column("id").to_pylist(),
            "score": chances.max(axis=1),
            "threshold": pa.nulls(rows, pa.float64()),
            "decision": pa.nulls(rows, pa.bool_()),
        }
        table = production.logged(document, route, core, columns.to_arrow(manifest.signature, seen))
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


def model_of(store: Store) -> Any:
    return production.model_of(store, "fate")


def place_of(store: Store) -> endpoint.Endpoint:
    return production.place_of(store, "fate")
