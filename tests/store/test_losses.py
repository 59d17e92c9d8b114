"""A regression's error before outcomes come: learned in training, kept in the bundle, told of windows, then scored."""

import itertools
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa
import pytest

from podium.build.runs.training import evaluate, losses
from podium.build.runs.training import table as tables
from podium.bundle import columns
from podium.bundle import losses as bundled
from podium.core import bundle, check, digest, project, reference, run, time
from podium.core.check import CheckKind, CheckState
from podium.core.errors import Invalid
from podium.core.signature import Field, FieldType, Signature, Task
from podium.manage.registry import actions as versions
from podium.measures import rows as arrays
from podium.measures.drift import reference as references
from podium.measures.performance import by_name
from podium.measures.sketch import histogram, score_labels
from podium.monitor.checks import closing, hindsight, samples
from podium.monitor.checks import losses as checks
from podium.monitor.checks import store as rows
from podium.monitor.checks.summary import Summary
from podium.monitor.intake import actions as intake
from podium.monitor.intake import compaction, segments
from podium.store.store import Store
from tests import artifacts, production

FIELDS = (
    Field(name="distance", type=FieldType.NUMBER),
    Field(name="carrier", type=FieldType.TEXT),
    Field(name="weekend", type=FieldType.BOOLEAN),
)
SIGNATURE = Signature(features=FIELDS, task=Task.REGRESSION, key="flight", target="minutes")


def spec(metric: str = "mae", **monitor: Any) -> project.Project:
    parts = msgspec.to_builtins(production.spec())
    return msgspec.convert(
        parts
        | {
            "model": parts["model"] | {"task": "regression"},
            "data": parts["data"] | {"target": "minutes"},
            "features": {"numeric": ["distance"], "categorical": ["carrier"], "boolean": ["weekend"]},
            "metrics": {"primary": metric, "report": [metric]},
            "costs": None,
            "monitor": {"min_rows": 100, "window": "1d", "estimated_drop": 0.1} | monitor,
        },
        project.Project,
    )


def drawn(
    count: int, seed: int, far: float = 0.0, mostly: float = 0.0
) -> tuple[columns.Columns, arrays.Numbers, arrays.Numbers]:
    """Rows, what a model says and what comes true: it errs more the longer the way, most with one carrier.

    `far`: such a share of the ways is long, which few are; `mostly`: such a share of the rows is that carrier's.
    """
    random = np.random.default_rng(seed)
    near = random.gamma(2.0, 300.0, count)
    distance = np.where(random.random(count) < far, 1_500.0 + random.random(count) * 800.0, near)
    carrier = np.array(["AA", "UA", columns.NULL_TEXT], dtype=object)[random.integers(0, 3, count)]
    carrier[random.random(count) < mostly] = "AA"
    weekend = np.array([0.0, 1.0, np.nan])[random.integers(0, 3, count)]
    score = 60.0 + distance * 0.1
    spread = (2.0 + distance * 0.02) * np.where(carrier == "AA", 2.0, 1.0)
    made = {"distance": distance, "carrier": carrier, "weekend": weekend}
    return made, score, score + random.normal(size=count) * spread


def objects(field: Field, given: columns.Columns) -> Any:
    made = np.empty(columns.count(given), dtype=object)
    made[:] = columns.to_values(field, given[field.name])
    return made


def trained(metric: str, wanted: project.Project) -> tuple[dict[str, bytes], reference.Reference]:
    """As a run leaves them, of rows that are all of the test split."""
    seen, score, target = drawn(4_000, 0)
    codes = np.full(4_000, 2, dtype=np.int8)
    table = tables.Table(SIGNATURE, seen, target, codes, {})
    found = evaluate.Evaluated(score, None, {}, {}, {})
    files = losses.files(table, found, wanted)
    value = by_name.find(metric).value(target, score)
    assert value is not None
    known = reference.Reference(
        rows=4_000,
        numeric={"distance": references.detailed(seen["distance"])},
        categorical={
            each.name: references.categorical(objects(each, seen))
            for each in FIELDS
            if each.type is not FieldType.NUMBER
        },
        score=references.detailed(score),
        target=references.detailed(target),
        metrics={metric: value},
        cost_per_row=None,
    )
    return files, known


def start(
    store: Store,
    wanted: project.Project,
    files: dict[str, bytes] | None = None,
    promised: dict[str, float] | None = None,
) -> Any:
    """A version of a regression in production, with those files and metrics instead of training's."""
    production.register_model(store, wanted)
    learned, known = trained("mae", wanted)
    known = msgspec.structs.replace(known, metrics=promised or known.metrics)
    made = artifacts.files() | (learned if files is None else files) | {bundle.REFERENCE: msgspec.json.encode(known)}
    for data in made.values():
        store.blobs.put(data)
    manifest = bundle.Manifest(
        project="flights",
        model="delay",
        engine=bundle.Engine.ONNX,
        signature=SIGNATURE,
        threshold=None,
        files=tuple(
            bundle.File(path=path, digest=digest.of_bytes(data), bytes=len(data)) for path, data in made.items()
        ),
        parity=artifacts.parity(),
        run="run-1",
        dataset=digest.of_bytes(b"data"),
        source=digest.of_bytes(b"code"),
        created_us=1,
    )
    item = run.Run(
        id="run-1",
        project="flights",
        model="delay",
        number=1,
        state=run.RunState.FINISHED,
        dataset=manifest.dataset,
        spec_digest=production.model_of(store).spec_digest,
        params={},
        seed=0,
        code=run.Code(source_digest=manifest.source),
        reason="first",
        created_us=1,
        created_by="ada",
    )
    address = store.blobs.put(digest.canonical(manifest))
    with store.write(production.SYSTEM) as tx:
        version = tx.done(versions.register_in(tx, item, manifest, address))
    production.make_endpoint(store)
    return production.serve(store, version)


def log(
    store: Store, document: Any, day: int, *, far: float = 0.0, mostly: float = 0.0, beyond: float = 0.0
) -> production.Traffic:
    """A day of 600 predictions; `beyond` makes all ways longer."""
    seen, score, target = drawn(600, 100 + day, far, mostly)
    seen = {**seen, "distance": seen["distance"] + beyond}
    core = {
        "prediction_id": [f"p-{day}-{at}" for at in range(600)],
        "request_id": [f"r-{day}-{at}" for at in range(600)],
        "at": pa.array(
            production.START_US + day * production.DAY_US + np.arange(600) * 140_000_000, pa.timestamp("us", "UTC")
        ),
        "endpoint": ["delay"] * 600,
        "model": ["delay"] * 600,
        "version": [1] * 600,
        "digest": [document.routes[0].digest] * 600,
        "role": ["champion"] * 600,
        "rollout": [document.number] * 600,
        "key": [f"f-{day}-{at}" for at in range(600)],
        "score": score,
        "threshold": [None] * 600,
        "decision": [None] * 600,
    }
    table = pa.table(core).cast(segments.CORE)
    logged = columns.to_arrow(SIGNATURE, seen)
    for name in logged.column_names:
        table = table.append_column(name, logged.column(name))
    production.send(store, table, f"day-{day}")
    return production.Traffic(table=table, late=target)


def learn(store: Store, made: production.Traffic, day: int) -> None:
    """The outcomes of a day come at the end of the one after."""
    (end_us,) = production.days([day + 1])
    intake.receive_outcomes(store, production.SYSTEM, "delay", production.outcomes(made, at_us=end_us - 1))


def close(store: Store, clock: Any, day: int) -> list[check.Check]:
    (end_us,) = production.days([day])
    clock.now = time.from_us(end_us)
    compaction.compact(store, "flights", "delay")
    closing.close(store, production.SYSTEM, production.place_of(store), production.model_of(store), end_us)
    with store.read() as connection:
        return rows.list_checks(connection, "flights", "delay", end_us=end_us)


def window(
    count: int, seed: int, far: float = 0.0, mostly: float = 0.0
) -> tuple[Summary, arrays.Numbers, arrays.Numbers]:
    """A day of rows as hours keep them, their scores and what comes true."""
    _, before = LEARNED["mae"]
    seen, score, target = drawn(count, seed, far, mostly)
    cuts = np.linspace(0, count, 25).astype(int).tolist()
    words = [field for field in FIELDS if field.type is not FieldType.NUMBER]
    taken = [
        samples.take(
            {"distance": seen["distance"][a:b], "": score[a:b]},
            b - a,
            {field.name: objects(field, columns.take(seen, slice(a, b))) for field in words},
        )
        for a, b in itertools.pairwise(cuts)
    ]
    summary = Summary(
        rows=count,
        numeric={"distance": histogram.numeric(seen["distance"], before.numeric["distance"])},
        categorical={
            field.name: histogram.categorical(objects(field, seen), before.categorical[field.name]) for field in words
        },
        score=histogram.numeric(score, before.score),
        labels=score_labels.ScoreLabels(rows=0, sums={}),
        as_of_us=0,
        sample=samples.merge(taken),
    )
    return summary, score, target


METRICS = ("mae", "rmse", "pinball_90")
LEARNED = {metric: trained(metric, spec(metric)) for metric in METRICS}


def known_of(metric: str) -> checks.Known:
    return checks.Known(SIGNATURE, bundled.Learned(LEARNED[metric][0][bundled.FILE]))


@pytest.mark.parametrize("metric", METRICS)
def test_the_interval_holds_what_comes_true(metric: str) -> None:
    """In quiet windows; and windows of a carrier whose errors are larger, as training saw, have a larger one."""
    known, before, measure = known_of(metric), LEARNED[metric][1], by_name.find(metric)
    held, larger = 0, 0
    for seed in range(60):
        more = seed >= 30
        summary, score, target = window(900, 1_000 + seed, mostly=0.6 * more)
        found = checks.estimate(known, before, summary, metric, 0.95)
        truth = measure.value(target, score)
        assert found is not None
        assert truth is not None
        assert found.rows == 900
        held += not more and found.low <= truth <= found.high
        larger += more and found.low > before.metrics[metric]
    assert held >= 27
    assert larger >= (25 if metric == "rmse" else 29)


def test_an_estimate_is_of_the_measure_that_was_learned() -> None:
    summary, *_ = window(900, 1)
    assert checks.estimate(known_of("mae"), LEARNED["mae"][1], summary, "rmse", 0.95) is None
    assert checks.estimate(checks.Known(SIGNATURE, None), LEARNED["mae"][1], summary, "mae", 0.95) is None
    few, *_ = window(20, 1)
    assert checks.estimate(known_of("mae"), LEARNED["mae"][1], few, "mae", 0.95) is None
    assert summary.sample is not None
    old = msgspec.structs.replace(summary, sample=msgspec.structs.replace(summary.sample, words=None, codes=b""))
    assert checks.estimate(known_of("mae"), LEARNED["mae"][1], old, "mae", 0.95) is None


def test_nothing_is_learned_that_nobody_asked_for() -> None:
    wanted = spec(estimated_drop=0.0)
    assert trained("mae", wanted)[0] == {}


def test_another_file_is_refused() -> None:
    for data in (b"", b"no arrow", bundled.encode(bundled.About(measure="mae", numbers=(), words={}), [b"one"])):
        with pytest.raises(Invalid):
            bundled.Learned(data)


def test_the_error_is_estimated_before_outcomes_and_scored_after(store: Store, clock: Any) -> None:
    """The worst carrier's rows come on the fourth day; the outcomes of all days come the day after."""
    document = start(store, spec(label_window="1d"))
    made = [log(store, document, day, mostly=0.6 if day == 3 else 0.0) for day in range(8)]
    found = {}
    for day in range(8):
        if day:
            learn(store, made[day - 1], day - 1)
        found[day] = next(each for each in close(store, clock, day) if each.kind is CheckKind.ESTIMATED)
    assert {each.measure for each in found.values()} == {"mae"}
    assert [day for day, each in found.items() if each.state is CheckState.BROKEN] == [3]
    assert all(each.state is CheckState.OK for day, each in found.items() if day != 3)
    (score,) = hindsight.of_endpoint(store, production.SYSTEM, "delay")
    assert (score.measure, score.windows, score.version) == ("mae", 7, 1)
    assert score.held >= 6 / 7
    assert score.error < score.constant


def test_late_outcomes_are_measured_by_every_measure_of_a_regression(store: Store, clock: Any) -> None:
    """With intervals, against the test split; carriers' errors grow, so that all of them say so."""
    names = ("mae", "rmse", "mape", "pinball_10", "pinball_90")
    wanted = spec(estimated_drop=0.0, metrics=list(names), label_window="1d", performance_drop=0.3)
    _, score, target = drawn(4_000, 0)
    promised = {name: by_name.find(name).value(target, score) or 0.0 for name in names}
    document = start(store, wanted, promised=promised)
    made = [log(store, document, day) for day in range(3)]
    for day in range(2):
        learn(store, made[day] if not day else worse(made[day]), day)
    found = {}
    for day in range(1, 3):
        told = [each for each in close(store, clock, day) if each.kind is CheckKind.PERFORMANCE]
        found[day] = {each.measure: each for each in told}
        assert found[day].keys() == set(names)
        assert all(each.rows == 600 for each in told)
    assert {each.state for each in found[1].values()} == {CheckState.OK}
    assert {name for name, each in found[2].items() if each.state is CheckState.BROKEN} >= {"mae", "rmse", "pinball_10"}
    for each in (*found[1].values(), *found[2].values()):
        assert each.low is not None
        assert each.high is not None
        assert each.low < (each.value or 0.0) < each.high
    assert found[1]["mae"].value == pytest.approx(np.abs(made[0].late - scores(made[0])).mean())


def scores(made: production.Traffic) -> arrays.Numbers:
    return np.asarray(made.table.column("score").to_numpy(), dtype=np.float64)


def worse(made: production.Traffic) -> production.Traffic:
    """The same rows, of which twice as much is wrong."""
    return msgspec.structs.replace(made, late=scores(made) + 2.0 * (made.late - scores(made)))


def test_rows_in_regions_of_which_training_saw_few_are_not_estimated(store: Store, clock: Any) -> None:
    """A fifth of the ways is long, one in twenty-five was: what training learnt is of the shorter of them."""
    document = start(store, spec())
    log(store, document, 0)
    log(store, document, 1, far=0.2)
    states = [
        next(each.state for each in close(store, clock, day) if each.kind is CheckKind.ESTIMATED) for day in range(2)
    ]
    assert states == [CheckState.OK, CheckState.NOT_ENOUGH_DATA]


def test_shares_of_error_are_learned_only_where_their_mean_tells_something() -> None:
    """Where targets come near 0 a few rows make the mean, and no interval about it holds."""
    assert trained("mape", spec("mape"))[0] == {}
    seen, score, _ = drawn(4_000, 0)
    target = score * np.exp(0.1 * np.random.default_rng(1).normal(size=4_000))
    table = tables.Table(SIGNATURE, seen, target, np.full(4_000, 2, dtype=np.int8), {})
    found = evaluate.Evaluated(score, None, {}, {}, {})
    assert losses.files(table, found, spec("mape")).keys() == {bundled.FILE}


def test_rows_beyond_training_are_not_estimated(store: Store, clock: Any) -> None:
    document = start(store, spec())
    log(store, document, 0)
    log(store, document, 1, beyond=5_000.0)
    states = [
        next(each.state for each in close(store, clock, day) if each.kind is CheckKind.ESTIMATED) for day in range(2)
    ]
    assert states == [CheckState.OK, CheckState.NOT_ENOUGH_DATA]


def test_a_version_that_was_trained_before_it_was_asked_says_so(store: Store, clock: Any) -> None:
    document = start(store, spec(), files={})
    log(store, document, 0)
    (found,) = [each for each in close(store, clock, 0) if each.kind is CheckKind.ESTIMATED]
    assert (found.state, found.value) == (CheckState.NOT_ENOUGH_DATA, None)
