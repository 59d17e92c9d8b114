"""The training process: `python -P -m podium.build.runs.training.main <work folder>`; one run, then it ends."""

import os
import sys
import traceback
from pathlib import Path
from typing import Any

import msgspec

from podium.build.runs.training import (
    adopt,
    classes,
    context,
    environment,
    evaluate,
    export,
    fallback,
    losses,
    request,
    user,
)
from podium.build.runs.training import table as tables
from podium.bundle.export import frame
from podium.core import split
from podium.core.dataset import Part
from podium.core.errors import PodiumError
from podium.core.job import Progress
from podium.core.run import Confusion, Result

_FIT = (0.1, 0.6)


def main(folder: Path) -> int:
    """Train as `request.json` says. Exit 0 with `result.json`, or 1 with `failure.json`."""
    asked = msgspec.json.decode((folder / request.REQUEST).read_bytes(), type=request.Request)
    try:
        answer = train(folder, asked)
    except PodiumError as problem:
        return _fail(folder, request.Failure(message=problem.message, field=problem.field, fix=problem.fix))
    except MemoryError:
        return _fail(folder, request.Failure(message="There was not enough memory.", fix="Train on fewer rows."))
    except Exception as problem:  # noqa: BLE001 - the process's edge
        traceback.print_exc()
        return _fail(folder, request.Failure(message=repr(problem)[:1000], expected=False))
    (folder / request.RESULT).write_bytes(msgspec.json.encode(answer))
    return 0


def train(folder: Path, asked: request.Request) -> request.Answer:
    """Read, fit (or take over), evaluate, export; artifacts are in the folder `out`."""
    _tell(asked, 0.02, "Reading the data")
    if asked.imported is not None:
        data, found, made = adopt.adopt(folder, asked, lambda done, text: _tell(asked, done, text))
    else:
        data, found, made = _train(folder, asked)
    for name, content in (made.files | losses.files(data, found, asked.spec)).items():
        path = folder / request.OUT / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    result = Result(
        signature=made.signature,
        metrics=found.metrics,
        slices=found.slices,
        fairness=found.fairness,
        threshold=found.threshold,
        baseline_cost=found.costs,
        feature_latency_us=made.latency_us,
        rows={part.value: count for part, count in split.counts(data.codes).items()},
        parity=msgspec.to_builtins(made.parity),
        engine=made.engine,
        review=found.band,
        referred=found.referred,
        confusion=_confusion(data, found),
    )
    _tell(asked, 0.98, "Keeping the result")
    return request.Answer(result=result, environment=environment.record(folder / request.SOURCE))


def _confusion(data: tables.Table, found: evaluate.Evaluated) -> Confusion | None:
    test = data.places(Part.TEST)
    labels = data.signature.labels
    return classes.confused(found.scores[test], data.target[test], labels) if labels else None


def _train(folder: Path, asked: request.Request) -> tuple[tables.Table, evaluate.Evaluated, export.Exported]:
    spec = asked.spec
    fitted = _fit(folder, asked)
    _tell(asked, _FIT[1], "Evaluating")
    data = tables.read(folder / request.DATA, spec)
    scores = evaluate.score(fitted, data.signature, data.features)
    found = evaluate.evaluate(data, scores, spec)
    export.check_finite(found, spec.metrics.primary)
    _tell(asked, 0.8, "Exporting, and proving that the exported form answers the same")
    trained = fallback.Trained(fitted, data, found, folder / request.SOURCE)
    return data, found, fallback.export_any(trained, spec)


def _fit(folder: Path, asked: request.Request) -> Any:
    """The fitted estimator. Only the rows of training and validation are in memory while it is fitted."""
    spec = asked.spec
    data = tables.read(folder / request.DATA, spec)
    context.fix_randomness(asked.seed)
    _tell(asked, _FIT[0], "Training")
    rows, validation = _rows(data, Part.TRAIN), _rows(data, Part.VALIDATION)
    del data
    given = context.Context(asked.params, asked.seed, validation, lambda done, text: _tell(asked, _within(done), text))
    return user.fit(folder / request.SOURCE, spec.train, rows, given)


def _rows(data: tables.Table, part: Part) -> context.Rows:
    return context.Rows(frame.frame(data.signature, data.take(part)), data.target[data.places(part)])


def _within(fraction: float) -> float:
    return _FIT[0] + fraction * (_FIT[1] - _FIT[0])


def _tell(asked: request.Request, fraction: float, message: str) -> None:
    os.write(asked.progress, msgspec.json.encode(Progress(fraction=fraction, message=message[:500])) + b"\n")


def _fail(folder: Path, failure: request.Failure) -> int:
    (folder / request.FAILURE).write_bytes(msgspec.json.encode(failure))
    return 1


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
