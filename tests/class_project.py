"""A small project whose target is one of three classes: its file, its code, and data made from a seed."""

from typing import Any

import msgspec
import numpy
import pyarrow

from podium.core import project

LABELS = ("on time", "late", "cancelled")
LOGISTIC = """
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

def fit(features, target, context):
    numbers = make_pipeline(SimpleImputer(strategy="median"), StandardScaler())
    columns = ColumnTransformer([
        ("numbers", numbers, ["distance", "hour"]),
        ("words", OneHotEncoder(handle_unknown="ignore", sparse_output=False), ["kind"]),
    ])
    model = LogisticRegression(C=float(context.params.get("c", 1.0)))
    return Pipeline([("columns", columns), ("model", model)]).fit(features, target)
"""


def spec(**parts: Any) -> project.Project:
    """The project file, with some parts replaced."""
    base: dict[str, Any] = {
        "project": "flights",
        "train": "train:fit",
        "params": {"c": 1.0},
        "seed": 3,
        "model": {
            "name": "fate",
            "purpose": "Says what becomes of a flight.",
            "owner": "operations",
            "decision": "Plan the gates for what is most probable.",
            "risk_tier": "low",
            "kpi": "missed connections",
            "task": "multiclass",
            "classes": list(LABELS),
        },
        "data": {"source": "flights.parquet", "key": "id", "time": "at", "target": "fate"},
        "features": {"numeric": ["distance"], "integer": ["hour"], "categorical": ["kind"]},
        "release": {"endpoint": "fate"},
        "metrics": {
            "primary": "log_loss",
            "report": ["accuracy", "macro_f1", "macro_auc", "log_loss", "brier"],
            "slices": ["kind"],
        },
        "monitor": {"min_rows": 50, "metrics": ["accuracy", "macro_f1", "brier", "macro_auc"], "outcome_psi": 0.2},
    }
    return msgspec.convert(base | parts, project.Project)


def data(rows: int = 3000, seed: int = 1, shift: float = 0.0) -> pyarrow.Table:
    """Flights that are late in the evening, and cancelled when they are short; some distances are null."""
    random = numpy.random.default_rng(seed)
    hour = random.integers(5, 23, rows)
    distance = random.gamma(2.0, 400.0, rows) + shift
    kind = random.choice(["jet", "prop", "cargo"], rows, p=[0.7, 0.25, 0.05])
    sums = numpy.column_stack([numpy.full(rows, 1.5), (hour - 12) * 0.3 + (kind == "prop"), 1.0 - distance / 400.0])
    fate = (sums + random.gumbel(0.0, 1.0, sums.shape)).argmax(axis=1)
    return pyarrow.table(
        {
            "id": [f"f{number}" for number in range(rows)],
            "at": pyarrow.array(numpy.arange(rows) * 60_000_000, pyarrow.timestamp("us", "UTC")),
            "hour": hour,
            "distance": pyarrow.array(distance, mask=random.random(rows) < 0.05),
            "kind": kind,
            "fate": numpy.array(LABELS, dtype=object)[fate],
            "number": fate,
        }
    )
