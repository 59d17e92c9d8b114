"""Traffic in which nothing ever moves: fifty columns of independent rows, whose every alarm is false."""

import msgspec
import numpy
import numpy.typing

from podium.bundle import columns
from podium.core import project, project_file, reference
from podium.core.signature import Field, FieldType, Signature, Task
from podium.measures.drift import reference as references
from podium.monitor.drill import rehearse, traffic

KINDS = ("normal", "lognormal", "20 categories", "200 categories")
_DAYS, _ROWS_A_DAY = 56, 800
MOVES = "normal_00"
"""The column into which faults are put."""
_PROJECT = """\
project = "still"
train = "train:fit"
[model]
name = "still"
purpose = "None."
owner = "Nobody"
decision = "None."
kpi = "None"
risk_tier = "low"
[data]
source = "still.parquet"
key = "key"
time = "at"
target = "target"
[features]
numeric = ["normal_00"]
[release]
endpoint = "still"
environment = "production"
"""


def setting(limits: project.MonitorPart, width: int = 50, seed: int = 11) -> rehearse.Setting:
    """Eight weeks of such traffic without outcomes; the model's scores come from the first column."""
    random = numpy.random.default_rng(seed)
    rows = _DAYS * _ROWS_A_DAY
    names = [f"{KINDS[place % len(KINDS)].replace(' ', '_')}_{place:02}" for place in range(width)]
    made = {name: _column(random, KINDS[place % len(KINDS)], rows) for place, name in enumerate(names)}
    signature = Signature(
        features=tuple(
            Field(name=name, type=FieldType.TEXT if "categories" in name else FieldType.NUMBER) for name in names
        ),
        task=Task.BINARY,
        key="key",
        target="target",
    )
    known = traffic.Traffic(
        features=made,
        target=numpy.full(rows, numpy.nan),
        score=_score(made),
        threshold=None,
        at_us=numpy.arange(rows) // _ROWS_A_DAY * traffic.DAY_US,
    )
    spec = project_file.parse(_PROJECT)
    spec = msgspec.structs.replace(spec, monitor=limits)
    return rehearse.Setting(known, signature, spec, _score, 7, _nothing())


def _column(random: numpy.random.Generator, kind: str, rows: int) -> numpy.typing.NDArray[numpy.generic]:
    if kind in ("normal", "lognormal"):
        values = random.standard_normal(rows)
        return numpy.exp(values) if kind == "lognormal" else values
    words = numpy.array([f"level {level}" for level in range(int(kind.split()[0]))], dtype=object)
    return words[random.integers(0, len(words), rows)]


def _score(features: columns.Columns) -> numpy.typing.NDArray[numpy.float64]:
    """The model: how far along the law the first column is."""
    return 1.0 / (1.0 + numpy.exp(-1.7 * numpy.asarray(features[MOVES], dtype=numpy.float64)))


def _nothing() -> reference.Reference:
    """What training without windows leaves: rows count as independent."""
    return reference.Reference(
        rows=0,
        numeric={},
        categorical={},
        score=references.numeric(numpy.array([0.5])),
        metrics={},
        cost_per_row=None,
    )
