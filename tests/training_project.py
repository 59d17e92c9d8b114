"""A small project to train in tests: its file, its code, and data made from a seed."""

from pathlib import Path
from typing import Any

import msgspec
import numpy
import pyarrow
import pyarrow.parquet

from podium.build.datasets import actions as datasets
from podium.core import access, project
from podium.store.store import Store

HISTOGRAM = """
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import OrdinalEncoder

def fit(features, target, context):
    print("rows", len(features), "validation", len(context.validation.target))
    context.progress(0.5, "half way")
    encode = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1)
    columns = ColumnTransformer([("text", encode, ["kind"])], remainder="passthrough")
    model = HistGradientBoostingClassifier(max_iter=int(context.params["trees"]), random_state=context.seed)
    return Pipeline([("columns", columns), ("model", model)]).fit(features, target)
"""
LIGHTGBM = """
import lightgbm

def fit(features, target, context):
    numbers = features[["hour", "distance", "holiday"]]
    model = lightgbm.LGBMClassifier(n_estimators=int(context.params["trees"]), random_state=context.seed, verbose=-1,
                                    deterministic=True, force_row_wise=True)
    return model.fit(numbers, target)
"""
LINEAR = """
from sklearn.linear_model import Ridge

def fit(features, target, context):
    return Ridge().fit(features[["hour", "distance"]], target)
"""


def spec(**parts: Any) -> project.Project:
    """The project file, with some parts replaced."""
    base: dict[str, Any] = {
        "project": "flights",
        "train": "train:fit",
        "params": {"trees": 20},
        "seed": 3,
        "model": {
            "name": "delay",
            "purpose": "Says whether a flight will be late.",
            "owner": "operations",
            "decision": "Warn the passengers.",
            "risk_tier": "low",
            "kpi": "missed connections",
        },
        "data": {"source": "flights.parquet", "key": "id", "time": "at", "target": "late"},
        "features": {
            "numeric": ["distance"],
            "integer": ["hour"],
            "categorical": ["kind"],
            "boolean": ["holiday"],
        },
        "release": {"endpoint": "delay"},
        "metrics": {"primary": "log_loss", "report": ["auc", "log_loss", "recall"], "slices": ["kind"]},
        "costs": {"false_positive": 1.0, "false_negative": 4.0},
    }
    return msgspec.convert(base | parts, project.Project)


def data(rows: int = 3000, seed: int = 1) -> pyarrow.Table:
    """Flights that are late more often in the evening and on holidays; some distances are null."""
    random = numpy.random.default_rng(seed)
    hour, holiday = random.integers(5, 23, rows), random.random(rows) < 0.1
    distance = random.gamma(2.0, 400.0, rows)
    kind = random.choice(["jet", "prop", "cargo"], rows, p=[0.7, 0.25, 0.05])
    logit = (hour - 14) * 0.25 + 1.5 * holiday + 0.8 * (kind == "prop") - 1.0
    late = random.random(rows) < 1.0 / (1.0 + numpy.exp(-logit))
    return pyarrow.table(
        {
            "id": [f"f{number}" for number in range(rows)],
            "at": pyarrow.array(numpy.arange(rows) * 60_000_000, pyarrow.timestamp("us", "UTC")),
            "hour": hour,
            "distance": pyarrow.array(distance, mask=random.random(rows) < 0.05),
            "kind": kind,
            "holiday": holiday,
            "late": late.astype(numpy.int64),
            "delay": (logit * 10 + random.normal(0, 5, rows)),
            "unused": numpy.zeros(rows),
        }
    )


def write(path: Path, table: pyarrow.Table) -> Path:
    """The table as a Parquet file."""
    pyarrow.parquet.write_table(table, path)
    return path


def register(store: Store) -> str:
    """Keep the data as a dataset version of the project; its digest."""
    return datasets.register_table(store, access.system("flights"), "flights", data(), "made by a test").digest
