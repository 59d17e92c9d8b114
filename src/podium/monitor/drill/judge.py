"""The monitor's own rules on rows in memory: the same summaries, limits, false-discovery control and persistence."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple, TypeAlias, TypeVar

import msgspec
import numpy
import pyarrow

from podium.bundle import columns
from podium.bundle.explain import explainer
from podium.core import project, reference, time, window
from podium.core.check import CheckState
from podium.core.signature import Field, FieldType, Signature
from podium.measures import rows as arrays
from podium.measures.business import cost
from podium.measures.drift import reconstruction, standard, told_apart
from podium.measures.drift import reference as references
from podium.measures.performance import by_name
from podium.measures.sketch import histogram, score_labels
from podium.monitor.checks import (
    contributions,
    evaluate,
    feed,
    finding,
    inputs,
    matching,
    outcomes,
    outputs,
    samples,
    whole,
)
from podium.monitor.checks.against import Against
from podium.monitor.checks.summary import Summary
from podium.monitor.drill import traffic
from podium.monitor.drill.traffic import Traffic

Column = TypeVar("Column", reference.NumericReference, reference.CategoryReference)
Broken: TypeAlias = frozenset[tuple[str, str | None]]
"""(measure, column) of the checks that broke in a window."""


def reference_of(
    rows: Traffic,
    signature: Signature,
    spec: project.Project,
    trained: reference.Reference,
    native: explainer.Native | None = None,
) -> reference.Reference:
    """What quiet traffic looks like, in the form in which training leaves its reference; how far quiet windows differ
    is taken from training's own. `native`: tells what features add to scores."""
    numeric, categorical = {}, {}
    for field in signature.features:
        if field.type in (FieldType.TEXT, FieldType.BOOLEAN):
            made = references.categorical(_objects(field, rows))
            categorical[field.name] = _spread(made, trained.categorical.get(field.name))
        else:
            numeric[field.name] = _spread(
                references.detailed(rows.features[field.name]), trained.numeric.get(field.name)
            )
    known, several = numpy.isfinite(rows.target), trained.of_classes
    measure = by_name.find(spec.metrics.primary, spec.costs, spec.model.task)
    found = measure.interval(rows.target[known], rows.score[known], rows.threshold, spec.metrics.confidence)
    act = _acts(rows)
    priced = None if spec.costs is None or act is None else cost.per_row(rows.target[known], act[known], spec.costs)
    return reference.Reference(
        rows=rows.count,
        numeric=numeric,
        categorical=categorical,
        score=_spread(references.detailed(rows.top), trained.score),
        window_rows=trained.window_rows,
        importance=trained.importance,
        metric_dispersion=trained.metric_dispersion,
        pattern=_pattern(rows, tuple(numeric), trained.pattern),
        apart=_kept(rows, tuple(numeric), trained.apart) if spec.monitor.told_apart > 0 else None,
        target=None if not known.any() or several is not None else _target(rows.target[known], trained.target),
        contributions=None if native is None else _contributions(rows, native, trained.contributions),
        metrics={} if found is None else {measure.name: found.value},
        cost_per_row=priced,
        classes=msgspec.UNSET if several is None else outputs.reference_of(rows.score, rows.target, several),
    )


def _spread(made: Column, trained: Column | None) -> Column:
    if trained is None:
        return made
    return msgspec.structs.replace(made, dispersion=trained.dispersion, null_dispersion=trained.null_dispersion)


def _pattern(rows: Traffic, names: tuple[str, ...], trained: reference.Pattern | None) -> reference.Pattern | None:
    found = reconstruction.pattern(names, _matrix(rows, names)) if names else None
    if found is None or trained is None:
        return found
    return msgspec.structs.replace(found, dispersion=trained.dispersion)


def _kept(rows: Traffic, names: tuple[str, ...], trained: reference.RowsKept | None) -> reference.RowsKept | None:
    found = told_apart.keep(names, _matrix(rows, names)) if names else None
    if found is None or trained is None:
        return found
    return msgspec.structs.replace(found, usual=trained.usual, between=trained.between, windows=trained.windows)


def _matrix(rows: Traffic, names: Iterable[str]) -> standard.Matrix:
    """Numeric features of at most as many rows as are kept of a window, evenly."""
    places = _spread_over(rows, samples.MOST)
    return numpy.column_stack([rows.features[name][places] for name in names])


def _spread_over(rows: Traffic, most: int) -> traffic.Places:
    return numpy.unique(numpy.linspace(0, max(0, rows.count - 1), min(most, rows.count)).astype(numpy.int64))


def _target(values: arrays.Numbers, trained: reference.NumericReference | None) -> reference.NumericReference:
    return _spread(references.detailed(values), trained)


def _contributions(
    rows: Traffic, native: explainer.Native, trained: reference.Contributions | None
) -> reference.Contributions | None:
    sizes = _explained(rows, native, contributions.MOST).sizes
    if sizes is None:
        return None
    return reference.Contributions(
        rows=round(next(iter(sizes.values())).rows),
        means={name: each.mean for name, each in sizes.items()},
        deviations={name: each.variance**0.5 for name, each in sizes.items()},
        dispersions={} if trained is None else trained.dispersions,
        window_rows=0.0 if trained is None else trained.window_rows,
    )


def _explained(rows: Traffic, native: explainer.Native, most: int) -> contributions.Explained:
    return contributions.explain(native, columns.take(rows.features, _spread_over(rows, most)))


class Known(NamedTuple):
    """What windows are compared with: a reference, and by weekday the days that match; None: the reference always."""

    trained: reference.Reference
    matching: Mapping[int, Against | None] | None
    native: explainer.Native | None = None
    """What tells what features add to scores, where a rule asks."""

    def against(self, rows: Traffic) -> Against | None:
        """What features and scores of a window are compared with."""
        return Against(self.trained) if self.matching is None else self.matching.get(traffic.weekday(rows.at_us[0]))


def by_season(
    days: Sequence[Traffic], trained: reference.Reference, signature: Signature, spec: project.Project
) -> Known:
    """What windows of a day are compared with: the days of their weekday, or all of them, where the rules say so."""
    season = spec.monitor.reference
    if season == "training":
        return Known(trained, None)
    made = [(traffic.weekday(each.at_us[0]), _summary(each, trained, signature)) for each in days]
    return Known(
        trained,
        {
            weekday: matching.merge(
                [each for other, each in made if season == "day" or other == weekday], trained, spec.monitor.min_rows
            )
            for weekday in range(7)
        },
    )


def of_features(rows: Traffic, known: Known, signature: Signature, spec: project.Project) -> list[finding.Finding]:
    """What a window of these rows says of features and scores."""
    summary = _summary(rows, known.trained, signature)
    return list(inputs.of_columns(summary, known.trained, spec.monitor, known.against(rows)))


def findings(rows: Traffic, before: Known, signature: Signature, spec: project.Project) -> list[finding.Finding]:
    """All that a window of these rows says."""
    known = numpy.isfinite(rows.target)
    act = _acts(rows)
    labelled = evaluate.Labelled(
        target=rows.target[known],
        score=rows.score[known],
        act=None if act is None else act[known],
        threshold=rows.threshold,
    )
    return [
        *of_features(rows, before, signature, spec),
        *_of_wholes(rows, before, spec),
        *_of_feed(rows, spec),
        *_of_contributions(rows, before, spec),
        *outcomes.of_target(labelled.target, before.trained, spec.monitor),
        *evaluate.of_outcomes(labelled, before.trained, spec),
    ]


def _of_wholes(rows: Traffic, before: Known, spec: project.Project) -> Iterator[finding.Finding]:
    names, limits = tuple(before.trained.numeric), spec.monitor
    if names and max(limits.pattern_moved, limits.told_apart) > 0:
        found = _matrix(rows, names)
        yield from whole.of_rows(whole.Rows(names, found, found), before.trained, limits, rows.count)


def _of_feed(rows: Traffic, spec: project.Project) -> Iterator[finding.Finding]:
    """Of a window that begins with the first row's day."""
    start_us = int(rows.at_us[0]) // traffic.DAY_US * traffic.DAY_US
    days = time.parse_duration(spec.monitor.window, "monitor.window").days or 1
    keys = numpy.full(rows.count, -1) if rows.keys is None else rows.keys
    seen = pyarrow.table({"at": pyarrow.array(rows.at_us), "key": pyarrow.array(keys, mask=keys < 0)})
    yield from feed.of_rows(seen, window.Window(start_us, start_us + days * traffic.DAY_US), spec.monitor)


def _of_contributions(rows: Traffic, before: Known, spec: project.Project) -> Iterator[finding.Finding]:
    if before.native is not None:
        found = _explained(rows, before.native, contributions.count(before.native))
        yield from contributions.findings(found, before.trained, spec.monitor, rows.count)


def broken(found: list[finding.Finding]) -> Broken:
    """The checks that break in a window."""
    states = finding.states(found)
    return frozenset(
        (each.measure, each.column) for each, state in zip(found, states, strict=True) if state is CheckState.BROKEN
    )


def alerting(windows: Sequence[Broken], limits: project.MonitorPart) -> Broken:
    """The checks that alert at the last of these windows: broken in it and in enough of those before."""
    last = windows[-limits.last_windows() :]
    return frozenset(each for each in windows[-1] if sum(each in one for one in last) >= max(1, limits.persistence))


def _summary(rows: Traffic, before: reference.Reference, signature: Signature) -> Summary:
    fields = {field.name: field for field in signature.features}
    return Summary(
        rows=rows.count,
        numeric={name: histogram.numeric(rows.features[name], known) for name, known in before.numeric.items()},
        categorical={
            name: histogram.categorical(_objects(fields[name], rows), known)
            for name, known in before.categorical.items()
        },
        score=histogram.numeric(rows.top, before.score),
        outputs=None if before.of_classes is None else outputs.of_chances(rows.score, before.of_classes),
        labels=score_labels.ScoreLabels(rows=0, sums={}),
        as_of_us=0,
    )


def _objects(field: Field, rows: Traffic) -> references.Objects:
    made = numpy.empty(rows.count, dtype=object)
    made[:] = columns.to_values(field, rows.features[field.name])
    return made


def _acts(rows: Traffic) -> arrays.Truths | None:
    return None if rows.threshold is None else rows.score >= rows.threshold
