"""A request for explanations becomes its answer: each row by the version that would decide it, in the order sent."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import msgspec
import numpy as np

from podium.bundle import columns, runtime
from podium.bundle.explain import explainer
from podium.core import explanation
from podium.core.errors import Invalid, PodiumError
from podium.scoring import answers, codec, codecs, request, router
from podium.scoring.call import JSON, Answer
from podium.scoring.explain import frames

MOST_ROWS = 100


class Known(NamedTuple):
    """A version's bundle, loaded."""

    model: runtime.Runtime
    explains: explainer.Explainer


Load = Callable[[frames.Version], Known]


class _Row(NamedTuple):
    """One row's explanation: its place among those of a version."""

    version: int
    made: explanation.Explained
    at: int

    def added(self, features: Sequence[str]) -> list[float]:
        by_name = dict(zip(self.made.features, self.made.contributions[self.at], strict=True))
        return [by_name.get(name, 0.0) for name in features]

    def errors(self, features: Sequence[str]) -> list[float]:
        """Of an estimate; 0 where the contributions are exact."""
        if self.made.errors is None:
            return [0.0] * len(features)
        by_name = dict(zip(self.made.features, self.made.errors[self.at], strict=True))
        return [by_name.get(name, 0.0) for name in features]


def answer(asked: frames.Ask, load: Load) -> frames.Tell:
    """What goes back to the caller; every error of Podium's is a problem."""
    try:
        made, rows = _answer(asked, load)
    except PodiumError as error:
        made, rows = answers.of(error), 0
    return frames.Tell(status=made.status, body=made.body, media=made.media, rows=rows)


def _answer(asked: frames.Ask, load: Load) -> tuple[Answer, int]:
    chosen = codecs.choose(codecs.OIP, asked.headers)
    if chosen is None:
        return answers.wrong_media(codecs.taken(codecs.OIP)), 0
    signature = load(asked.champion).model.manifest.signature
    said = codec.Asked(asked.endpoint, signature, asked.headers, lambda _prefix: asked.request_id)
    sent = chosen.read(asked.body, said)
    if not 1 <= sent.count <= MOST_ROWS:
        raise Invalid(f"From 1 to {MOST_ROWS} rows are explained at once.", field="inputs", fix="Send fewer rows.")
    rows = _rows(asked, load, sent, sent.keys(signature.key))
    return Answer(200, _written(asked.endpoint, sent.request_id, rows), JSON), len(rows)


def _rows(asked: frames.Ask, load: Load, sent: request.Rows, keys: list[str]) -> list[_Row]:
    weight = 0.0 if asked.canary is None else asked.weight
    mask = router.to_canary(asked.salt, weight, keys, request.prediction_ids(sent.request_id, sent.count))
    found: dict[int, _Row] = {}
    for version, flag in ((asked.champion, False), (asked.canary, True)):
        places = np.flatnonzero(mask == flag)
        if version is None or not len(places):
            continue
        known = load(version)
        table = columns.take(sent.table(known.model.manifest.signature), places)
        try:
            made = known.explains.explain(table)
        except explainer.Unscored as problem:
            raise explainer.Unscored(int(places[problem.row])) from None
        found |= {int(at): _Row(version.number, made, index) for index, at in enumerate(places)}
    return [found[at] for at in range(sent.count)]


def _written(endpoint: str, request_id: str, rows: Sequence[_Row]) -> bytes:
    features = list(dict.fromkeys(name for row in rows for name in row.made.features))
    outputs = [
        _output("score", "FP64", [row.made.scores[row.at] for row in rows]),
        _output("base", "FP64", [row.made.base[row.at] for row in rows]),
        _output("margin", "FP64", [row.made.margin[row.at] for row in rows]),
        _table("contributions", features, [row.added(features) for row in rows]),
        _table("standard_errors", features, [row.errors(features) for row in rows]),
        _output("method", "BYTES", [row.made.method.value for row in rows]),
        _output("scale", "BYTES", [row.made.scale for row in rows]),
        _output("version", "INT64", [row.version for row in rows]),
    ]
    if all(row.made.labels is not None for row in rows):
        outputs.append(_output("class", "BYTES", [(row.made.labels or ())[row.at] for row in rows]))
    said: dict[str, Any] = {"model_name": endpoint, "id": request_id, "outputs": outputs}
    versions = {row.version for row in rows}
    if len(versions) == 1:
        said["model_version"] = str(versions.pop())
    return msgspec.json.encode(said)


def _output(name: str, datatype: str, values: list[Any]) -> dict[str, Any]:
    return {"name": name, "datatype": datatype, "shape": [len(values)], "data": values}


def _table(name: str, features: list[str], rows: list[list[float]]) -> dict[str, Any]:
    """A matrix, row after row, as the protocol has it."""
    return {
        "name": name,
        "datatype": "FP64",
        "shape": [len(rows), len(features)],
        "data": [value for row in rows for value in row],
        "parameters": {"features": features},
    }
