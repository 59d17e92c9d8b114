"""Any prediction of the log, computed again from what was stored: its features and its version's bundle."""

from typing import Any

import msgspec
import numpy
import pyarrow
import pyarrow.compute

from podium.bundle import columns
from podium.core import explanation, prediction, review, signature, time
from podium.core.errors import Conflict, Invalid, NotFound
from podium.deploy.endpoints import store as endpoints
from podium.monitor.intake import bundles, chances, outcomes, segments, window
from podium.monitor.intake import log as logs
from podium.monitor.intake import store as rows
from podium.store.store import Store

MOST = 1000


def replay(store: Store, project: str, prediction_id: str, role: str | None = None) -> prediction.Replay:
    """Compute a prediction again and compare bit for bit. Without `role`: the one that decided, else the shadow."""
    found = _find(store, project, prediction_id, role)
    with bundles.cache(store) as cache:
        return _replay(found, cache)[0]


def explain(store: Store, project: str, prediction_id: str, role: str | None = None) -> explanation.Explanation:
    """What each feature added to a logged prediction's score, from its stored features and its version's bundle.

    Raises `Conflict` when the bundle does not give the logged score again: then there is nothing to explain.
    """
    found = _find(store, project, prediction_id, role)
    with bundles.cache(store) as cache:
        again = _replay(found, cache)[0]
        if not again.identical:
            raise Conflict("The bundle gives this prediction another score now.", field="prediction_id")
        row = _prediction(found.append_column("outcome", pyarrow.nulls(1, pyarrow.float64())), cache)
        wanted = cache.get(row.digest).manifest.signature
        made = cache.explainer(row.digest).explain(columns.from_log(wanted, found))
    return explained(row, made)


def explained(row: prediction.Prediction | review.Review, made: explanation.Explained) -> explanation.Explanation:
    """What an explainer says of one row, as people are told it."""
    return explanation.Explanation(
        prediction_id=row.prediction_id,
        endpoint=row.endpoint,
        model=row.model,
        version=row.version,
        digest=row.digest,
        method=made.method,
        scale=made.scale,
        score=row.score,
        base=made.base[0],
        margin=made.margin[0],
        contributions=dict(zip(made.features, made.contributions[0], strict=True)),
        errors=None if made.errors is None else dict(zip(made.features, made.errors[0], strict=True)),
        values=row.features,
        label=None if made.labels is None else made.labels[0],
    )


def sample(store: Store, project: str, query: window.Query, number: int, seed: int) -> list[prediction.Replay]:
    """Compute a random sample of a window's predictions again: the same rows for the same seed."""
    if not 1 <= number <= MOST:
        raise Invalid(f"From 1 to {MOST:,} predictions are replayed at once.", field="number")
    narrow = window.read_rows(store, project, msgspec.structs.replace(query, columns=()))
    if not narrow.num_rows:
        raise NotFound("There are no predictions in that time.", field="from")
    random = numpy.random.default_rng(seed)
    chosen = numpy.sort(random.choice(narrow.num_rows, min(number, narrow.num_rows), replace=False))
    wanted = narrow.take(pyarrow.array(chosen))
    ids = pyarrow.compute.field("prediction_id").isin(wanted.column("prediction_id").combine_chunks())
    whole = window.read_rows(store, project, query, ids)
    pairs = set(zip(wanted.column("prediction_id").to_pylist(), wanted.column("role").to_pylist(), strict=True))
    places = [place for place, pair in enumerate(_pairs(whole)) if pair in pairs]
    with bundles.cache(store) as cache:
        return _replay(whole.take(pyarrow.array(places, pyarrow.int64())), cache)


def get(store: Store, project: str, prediction_id: str) -> list[prediction.Prediction]:
    """The rows of the log under a prediction's id: the one that decided first, then its shadow; with the outcome."""
    found = _find(store, project, prediction_id, None, every=True)
    at_us = time.to_us(store.clock())
    query = window.Query(
        model=found.column("model")[0].as_py(),
        endpoint=found.column("endpoint")[0].as_py(),
        from_us=0,
        to_us=at_us + 1,
        as_of_us=at_us,
    )
    whole = window.with_outcomes(store, project, query, found)
    with bundles.cache(store) as cache:
        return [_prediction(whole.slice(place, 1), cache) for place in range(whole.num_rows)]


def _pairs(table: pyarrow.Table) -> list[tuple[str, str]]:
    return list(zip(table.column("prediction_id").to_pylist(), table.column("role").to_pylist(), strict=True))


def _find(store: Store, project: str, prediction_id: str, role: str | None, *, every: bool = False) -> pyarrow.Table:
    """The log's rows under an id, in the log of whichever model has it."""
    with store.read() as connection:
        models = sorted({place.model for place in endpoints.list_all(connection, project, limit=1000)})
    chosen = pyarrow.compute.field("prediction_id") == prediction_id
    if role is not None:
        chosen &= pyarrow.compute.field("role") == role
    for model in models:
        dataset = logs.Log(store, project, model, rows.PREDICTIONS).dataset()
        found = None if dataset is None else dataset.to_table(filter=chosen)
        if found is not None and found.num_rows:
            ordered = found.drop_columns(["day"]).sort_by("role")
            return ordered if every else ordered.slice(0, 1)
    raise NotFound(
        "There is no prediction of that id in the log.",
        field="prediction_id",
        fix="It comes into the log when its segment has arrived and was compacted.",
    )


def _replay(found: pyarrow.Table, cache: bundles.Bundles) -> list[prediction.Replay]:
    """Every row, by its own bundle, in the order given."""
    answers: dict[int, prediction.Replay] = {}
    digests = numpy.array(found.column("digest").to_pylist(), dtype=object)
    for digest in sorted(set(digests.tolist())):
        places = numpy.flatnonzero(digests == digest)
        mine = found.take(pyarrow.array(places))
        model = cache.get(digest)
        labels = model.manifest.signature.labels
        answers_of = model.predict(columns.from_log(model.manifest.signature, mine))
        scores = chances.top(answers_of) if labels else answers_of
        logged = mine.column("score").to_numpy()
        same = scores.view(numpy.int64) == logged.view(numpy.int64)
        if labels:
            known = numpy.ascontiguousarray(chances.of(mine, labels))
            same &= (numpy.ascontiguousarray(answers_of).view(numpy.int64) == known.view(numpy.int64)).all(axis=1)
        for index, place in enumerate(places.tolist()):
            answers[place] = prediction.Replay(
                prediction_id=mine.column("prediction_id")[index].as_py(),
                version=mine.column("version")[index].as_py(),
                digest=digest,
                logged=float(logged[index]),
                replayed=float(scores[index]),
                identical=bool(same[index]),
            )
    return [answers[place] for place in range(found.num_rows)]


def _prediction(row: pyarrow.Table, cache: bundles.Bundles) -> prediction.Prediction:
    values = row.to_pylist()[0]
    wanted: signature.Signature = cache.get(values["digest"]).manifest.signature
    fields = {name: values[name] for name in segments.CORE.names if name != "at"}
    return prediction.Prediction(
        **fields,
        referred=bool(values.get(segments.REFERRED.name)),
        at_us=time.to_us(values["at"]),
        features=columns.row(wanted, columns.from_log(wanted, row), 0),
        **_truth(values, row, wanted.labels),
    )


def _truth(values: dict[str, Any], row: pyarrow.Table, labels: tuple[str, ...]) -> dict[str, Any]:
    """The outcome; of several classes by its label, with the probability of each."""
    if not labels:
        return {"outcome": values["outcome"]}
    known = chances.of(row, labels)[0]
    return {
        "outcome": None if values["outcome"] is None else outcomes.label(values["outcome"], labels),
        "label": labels[int(known.argmax())],
        "probabilities": dict(zip(labels, known.tolist(), strict=True)),
    }
