"""What is rehearsed on: two months of real flights, a model that learnt from the two before, and the year that came."""

import tempfile
from pathlib import Path
from typing import NamedTuple

import msgspec
import numpy
import pyarrow
import pyarrow.compute
import pyarrow.parquet

from podium.build.runs.training import context, evaluate, export, user
from podium.build.runs.training import table as tables
from podium.bundle import columns
from podium.bundle.engines.onnx import session
from podium.bundle.explain import explainer
from podium.bundle.explain import table as explained
from podium.bundle.export import frame
from podium.cli.demo import flights
from podium.cli.demo.flights import data
from podium.core import bundle, project, project_file, reference
from podium.core.dataset import Part
from podium.monitor.drill import rehearse
from podium.monitor.drill.traffic import Traffic

PROJECT = Path(flights.__file__).parent / "project"
TRAINED, DECIDED = ("01", "02"), ("03", "04")
"""Months of 2013."""
LATER = tuple(f"{month:02}" for month in range(3, 13))
_TREES = 60


class Flights(NamedTuple):
    """What is rehearsed, and all flights that came after training."""

    setting: rehearse.Setting
    later: Traffic


def flights_of(limits: project.MonitorPart) -> Flights:
    """The demo's project with other limits, trained as the platform trains, and the flights that came after."""
    spec = project_file.parse((PROJECT / "podium.toml").read_text(encoding="utf-8"))
    spec = msgspec.structs.replace(spec, monitor=limits, params=dict(spec.params) | {"trees": _TREES})
    table = data.load()
    months = pyarrow.compute.utf8_slice_codeunits(table["day"], 5, 7)  # of the local day
    made, found = _train(table.filter(pyarrow.compute.is_in(months, pyarrow.array(TRAINED))), spec)
    scorer = session.Scorer(made.files[bundle.MODEL])
    decided, later = (
        _traffic(table.filter(pyarrow.compute.is_in(months, pyarrow.array(some))), made, scorer, found.threshold)
        for some in (DECIDED, LATER)
    )
    setting = rehearse.Setting(
        decided,
        made.signature,
        spec,
        scorer.predict,
        7,
        msgspec.json.decode(made.files[bundle.REFERENCE], type=reference.Reference),
        explainer.Native(
            made.files[explained.ENCODER],
            made.files[explained.FILE],
            tuple(field.name for field in made.signature.features),
        ),
    )
    return Flights(setting, later)


def _train(table: pyarrow.Table, spec: project.Project) -> tuple[export.Exported, evaluate.Evaluated]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "flights.parquet"
        pyarrow.parquet.write_table(table, path)
        known = tables.read(path, spec)
    context.fix_randomness(spec.seed)
    rows, validation = (
        context.Rows(frame.frame(known.signature, known.take(part)), known.target[known.places(part)])
        for part in (Part.TRAIN, Part.VALIDATION)
    )
    given = context.Context(spec.params, spec.seed, validation, lambda _done, _text: None)
    fitted = user.fit(PROJECT, spec.train, rows, given)
    found = evaluate.evaluate(known, evaluate.score(fitted, known.signature, known.features), spec)
    return export.export(fitted, known, found), found


def _traffic(table: pyarrow.Table, made: export.Exported, scorer: session.Scorer, threshold: float | None) -> Traffic:
    features = columns.from_arrow(made.signature, table.select([field.name for field in made.signature.features]))
    return Traffic(
        features=features,
        target=table["late"].to_numpy().astype(numpy.float64),
        score=scorer.predict(features),
        threshold=threshold,
        at_us=table["scheduled_at"].cast(pyarrow.int64()).to_numpy(),
    )
