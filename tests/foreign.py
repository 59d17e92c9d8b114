"""A model from elsewhere, as files: a Python function that needs no package, and rows that it has scored."""

import math
from collections.abc import Mapping
from typing import Any

import msgspec
import numpy
import pyarrow

from podium.build.datasets import actions as datasets
from podium.core import access, bundle, digest, engine, run
from podium.store.store import Store
from tests import training_project

CODE = """
import math


def score(rows):
    answers = []
    for row in rows:
        far = 0.0 if row["distance"] is None else row["distance"] / 4000
        late = (row["hour"] - 14) * 0.25 + 1.5 * bool(row["holiday"]) + 0.8 * (row["kind"] == "prop") - 1.0 + far
        answers.append(1 / (1 + math.exp(-late)))
    return answers
"""
SPEC = engine.Python(python="3.11", call="model:score", rows="dicts", limits=engine.Limits(memory_mb=512))
FILES = {
    bundle.ENGINE: digest.canonical(SPEC),
    "requirements.txt": b"# nothing\n",
    "code/model.py": CODE.encode(),
}


def answers(table: pyarrow.Table) -> list[float]:
    """What the model says where it comes from."""
    said: dict[str, Any] = {}
    exec(CODE, said)  # the model's own code, in the test's process
    found: list[float] = said["score"](table.to_pylist())
    return found


def scored(rows: int = 3000) -> pyarrow.Table:
    """The test project's data with the model's answers."""
    table = training_project.data(rows)
    return table.append_column("expected", pyarrow.array(answers(table)))


def imported(
    store: Store, files: Mapping[str, bytes] = FILES, kind: bundle.Engine = bundle.Engine.PYTHON, **more: Any
) -> run.Imported:
    """The list of the model's files, which are kept as blobs."""
    kept = {path: store.blobs.put(data) for path, data in files.items()}
    return run.Imported(engine=kind, files=kept, **more)


def asked(store: Store, given: run.Imported, table: pyarrow.Table, **parts: Any) -> run.RunRequest:
    """A request to take the model over."""
    return run.RunRequest(
        model="delay",
        spec=spec(**parts),
        dataset=datasets.register_table(store, access.system("flights"), "flights", table, "a test").digest,
        code=run.Code(source_digest=store.blobs.put(digest.canonical(given)), imported=given),
        reason="bought",
    )


def spec(**parts: Any) -> Any:
    """A project file that trains nothing and allows Python models."""
    return training_project.spec(**({"train": "none", "bundle": {"allow": ["python"]}} | parts))


def shifted(table: pyarrow.Table, by: float) -> pyarrow.Table:
    """The same rows, with other expected answers."""
    column = numpy.minimum(table.column("expected").to_numpy() + by, 1.0)
    place = table.schema.get_field_index("expected")
    return table.set_column(place, "expected", pyarrow.array(column))


def close(one: float, other: float) -> bool:
    return math.isclose(one, other, abs_tol=1e-12)


def other_limits(**changes: Any) -> dict[str, bytes]:
    """The same model under other limits."""
    changed = msgspec.structs.replace(SPEC, limits=engine.Limits(**changes))
    return FILES | {bundle.ENGINE: digest.canonical(changed)}
