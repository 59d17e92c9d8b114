"""The fitted pipeline over pandas tables."""

import pickle
from pathlib import Path
from typing import Any

import given
import pandas as pd


def load(files: Path) -> Any:
    """The estimator."""
    return pickle.loads((files / "model.pkl").read_bytes())


def predictor(files: Path) -> given.Predictor:
    """Records in, scores out."""
    fitted = load(files)
    names = given.described(files)
    kinds = {name: "object" for name in names["texts"]} | {name: "float64" for name in names["numbers"]}

    def predict(rows: list[dict[str, Any]]) -> list[float]:
        frame = pd.DataFrame(rows, columns=names["all"]).astype(kinds)
        scores: list[float] = fitted.predict_proba(frame)[:, 1].tolist()
        return scores

    return predict
