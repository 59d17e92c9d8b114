"""`POST /v2/models/{endpoint}/explain`: the rows of an infer request in, what each feature added to their scores out.

An explanation decides nothing and is not logged. Champion and canary explain the rows that each of them would decide.
"""

from collections.abc import Sequence
from typing import Any

import msgspec
import numpy as np

from podium.bundle import columns
from podium.core import explanation
from podium.core.errors import Invalid
from podium.scoring import answers, codec, codecs, engine, operate, request, router, routes
from podium.scoring.call import Answer, Call
from podium.scoring.explain.desk import Busy, Desk
from podium.scoring.operate import Parts
from podium.scoring.routes import Action, Place

MOST_ROWS = 100


class Explaining:
    """The route."""

    def __init__(self, parts: Parts, desk: Desk) -> None:
        self._parts = parts
        self._desk = desk
        parts.counts.watch("podium_explained_total", lambda: desk.done)
        parts.counts.watch("podium_explanations_waiting", lambda: desk.waiting)
        parts.counts.watch("podium_explanations_rejected_total", lambda: desk.refused)

    def routes(self) -> dict[str, routes.Route]:
        """By pattern; with a version: by that one, whatever decides."""
        return {
            "/v2/models/{endpoint}/explain": Action("POST", self._explain, slow=True),
            "/v2/models/{endpoint}/versions/{version}/explain": Action("POST", self._explain, slow=True),
        }

    def _explain(self, call: Call, place: Place) -> Answer:
        loaded = operate.loaded(self._parts.board, place)
        champion, canary = loaded.deciding(self._parts.now())
        if place.version:
            champion = next(live for live in loaded.live if str(live.route.version) == place.version)
            canary = None
        chosen = codecs.choose(codecs.OIP, call.headers)
        if chosen is None:
            return answers.wrong_media(codecs.taken(codecs.OIP))
        signature = champion.runtime.manifest.signature
        sent = chosen.read(call.body, codec.Asked(place.endpoint, signature, call.headers, self._parts.new_id))
        if not 1 <= sent.count <= MOST_ROWS:
            raise Invalid(f"From 1 to {MOST_ROWS} rows are explained at once.", field="inputs", fix="Send fewer rows.")
        try:
            found = self._rows(loaded, champion, canary, sent)
        except Busy:
            return answers.too_many()
        return Answer(200, _written(place.endpoint, sent.request_id, found))

    def _rows(
        self, loaded: engine.Loaded, champion: engine.Live, canary: engine.Live | None, sent: request.Rows
    ) -> "list[_Row]":
        """Each row by the version that would decide it, in the order sent."""
        keys = sent.keys(champion.runtime.manifest.signature.key)
        ids = request.prediction_ids(sent.request_id, sent.count)
        weight = 0.0 if canary is None else canary.route.weight
        mask = router.to_canary(loaded.document.salt, weight, keys, ids)
        found: dict[int, _Row] = {}
        for live, flag in ((champion, False), (canary, True)):
            places = np.flatnonzero(mask == flag)
            if live is None or not len(places):
                continue
            signature = live.runtime.manifest.signature
            table = columns.take(sent.table(signature), places)
            made = self._desk.explain(live.route.digest, signature, table)
            found |= {int(at): _Row(live.route.version, made, index) for index, at in enumerate(places)}
        return [found[at] for at in range(sent.count)]


class _Row(msgspec.Struct, frozen=True):
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
    answer: dict[str, Any] = {"model_name": endpoint, "id": request_id, "outputs": outputs}
    versions = {row.version for row in rows}
    if len(versions) == 1:
        answer["model_version"] = str(versions.pop())
    return msgspec.json.encode(answer)


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
