"""The same rows in the peers' protocols, and the scores read from their answers."""

from collections.abc import Mapping

import msgspec
import numpy as np

from podium.bundle import layout
from podium.cli.bench import work


def records(values: work.Values) -> work.Body:
    names = list(values)
    rows = [dict(zip(names, row, strict=True)) for row in zip(*values.values(), strict=True)]
    return work.Body(msgspec.json.encode({"rows": rows}))


def read_scores(_headers: Mapping[str, str], content: bytes) -> work.Scores:
    answer = msgspec.json.decode(content)
    return np.asarray(answer["scores"] if isinstance(answer, dict) else answer, dtype=np.float64)


def split(values: work.Values) -> work.Body:
    rows = list(zip(*values.values(), strict=True))
    return work.Body(msgspec.json.encode({"dataframe_split": {"columns": list(values), "data": rows}}))


def tensors(values: work.Values) -> work.Body:
    text = [name for name in values if name.startswith("text")]
    numbers = [[np.nan if value is None else value for value in values[name]] for name in values if name not in text]
    texts = [values[name] for name in text]
    inputs = {"numbers": list(zip(*numbers, strict=True)), "texts": list(zip(*texts, strict=True))}
    return work.Body(msgspec.json.encode({"inputs": inputs}))


def read_mlflow(_headers: Mapping[str, str], content: bytes) -> work.Scores:
    found = msgspec.json.decode(content)["predictions"]
    if isinstance(found, dict):
        found = found[layout.SCORE]
    return np.array([row[-1] if isinstance(row, list) else row for row in found], dtype=np.float64)


def oip_pd(values: work.Values) -> work.Body:
    body = msgspec.json.decode(work.oip_json(values).content)
    for tensor in body["inputs"]:
        tensor["shape"] = [*tensor["shape"], 1]
        if tensor["datatype"] == "BYTES":
            tensor["parameters"] = {"content_type": "str"}
        else:
            tensor["datatype"] = "FP64"
    body["parameters"] = {"content_type": "pd"}
    body["outputs"] = [{"name": "predict_proba"}]
    return work.Body(msgspec.json.encode(body))


def oip_plain(values: work.Values) -> work.Body:
    body = msgspec.json.decode(oip_pd(values).content)
    del body["outputs"], body["parameters"]
    return work.Body(msgspec.json.encode(body))


def read_oip(_headers: Mapping[str, str], content: bytes) -> work.Scores:
    tensor = msgspec.json.decode(content)["outputs"][0]
    return np.asarray(tensor["data"], dtype=np.float64).reshape(tensor["shape"][0], -1)[:, -1]
