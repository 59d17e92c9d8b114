"""Checks of what features add to the scores: whether they matter more or less than they did in training."""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import msgspec
import numpy

from podium.bundle import columns
from podium.bundle.explain import explainer
from podium.core import check, project, reference
from podium.core.check import CheckKind
from podium.core.errors import Refused
from podium.measures.comparison import numeric
from podium.measures.drift import dispersion
from podium.measures.explanation import contribution_drift
from podium.monitor.checks import finding, kept, natives, samples
from podium.monitor.checks.finding import Finding
from podium.monitor.checks.summaries import Subject
from podium.monitor.checks.summary import Summary
from podium.store.store import Store

MEASURE = "contribution"
MOST, LEAST = 512, 64
"""Rows that are explained: as many as take the work below, within these."""
_WORK = 3_000_000
"""Steps on the trees' paths, over all rows."""
_FEWEST = 30
"""Rows below which nothing is said."""
_UNKNOWN = "this version's contributions are not kept exactly; the next training keeps them, of trees or a linear model"
_OLDER = "the rows kept of this window lack what is needed; windows from now on have it"
Sizes = Mapping[str, contribution_drift.Size]


class Explained(NamedTuple):
    """What each feature adds in a window; or why that is not known."""

    sizes: Sizes | None
    why: str = ""


def of_window(store: Store, subject: Subject, digest: str, summary: Summary) -> Explained:
    """What each feature adds to the scores in the kept rows of a window, without its sign."""
    if subject.reference.contributions is None:
        return Explained(None, _UNKNOWN)
    return of_sample(natives.of(store.blobs, digest), subject.reference, summary.sample)


def of_sample(known: natives.Known, trained: reference.Reference, sample: samples.Sample | None) -> Explained:
    """The same of kept rows, whose columns are those of the reference."""
    if known.native is None:
        return Explained(None, _UNKNOWN)
    if sample is None or sample.words is None:
        return Explained(None, _OLDER)
    rows = kept.thinned(samples.read(sample), count(known.native))
    table = kept.columns_of(known.signature, trained, rows)
    return explain(known.native, table, numpy.asarray(rows.weights, dtype=numpy.float64))


def count(native: explainer.Native) -> int:
    """How many rows are explained: fewer of a model with many trees."""
    return max(LEAST, min(MOST, _WORK // max(1, native.steps)))


def explain(native: explainer.Native, table: columns.Columns, weights: Any = None) -> Explained:
    """The size of each feature's contributions to some rows; `weights`, shape [n]: how many rows each stands for."""
    if columns.count(table) < _FEWEST:
        return Explained(None)
    try:
        values = native.explain(table).values
    except Refused as problem:
        return Explained(None, problem.message)
    return Explained({name: contribution_drift.size(values[:, at], weights) for at, name in enumerate(table)})


def findings(
    found: Explained, trained: reference.Reference, limits: project.MonitorPart, rows: int
) -> Iterator[Finding]:
    """For each feature how far its share in what all features add moved since training, as `podium check` has it.

    Broken when it moved by more than the limit, and its mean surely did, by how far quiet windows differ. `rows`: of
    the window, of which some were explained.
    """
    if limits.contribution_moved <= 0:
        return
    if trained.contributions is None or found.sizes is None or rows < limits.min_rows:
        yield _unknown(limits.contribution_moved, found.why)
        return
    for each in shifts(found.sizes, trained.contributions):
        moved = abs(each.share_now - each.share_before)
        way = "more" if each.share_now > each.share_before else "less"
        shares = f"{numeric.share(each.share_before)} → {numeric.share(each.share_now)}"
        yield finding.judged(
            CheckKind.EXPLANATION,
            MEASURE,
            each.feature,
            value=moved,
            limit=limits.contribution_moved,
            rows=each.change.rows,
            p_value=each.p_value,
            weight=trained.importance.get(each.feature),
            said=f"matters {way} for the scores: {shares} of what all features add",
        )


def shifts(now: Sizes, before: reference.Contributions) -> tuple[contribution_drift.Shift, ...]:
    """Each feature's change since training; a window's rows count as fewer where quiet windows differ.

    So do training's own, which are spread over some windows, where the reference tells; and how far windows differ is
    known from a few of them only.
    """
    old = {
        name: contribution_drift.Size(mean, before.deviations[name] ** 2, before.rows)
        for name, mean in before.means.items()
    }
    new = {name: _spread(before, name, each, 1.0) for name, each in now.items()}
    if before.known <= 0:
        return contribution_drift.between(old, {name: each._replace(doubtful=0.0) for name, each in new.items()})
    old = {name: _spread(before, name, each, before.windows) for name, each in old.items()}
    return contribution_drift.between(old, new, known=before.known)


def _spread(
    before: reference.Contributions, name: str, size: contribution_drift.Size, windows: float
) -> contribution_drift.Size:
    """A size whose rows are spread evenly over so many windows."""
    if windows <= 0 or before.window_rows <= 0:
        return size
    found, rows = before.dispersions.get(name, 1.0), size.rows / windows
    times = dispersion.scaled(found, rows, before.window_rows)
    return size._replace(rows=size.rows / times, doubtful=found * rows / before.window_rows / times)


def with_measures(
    made: tuple[check.Measured, ...], found: Explained, trained: reference.Reference
) -> tuple[check.Measured, ...]:
    """What was measured of features, with what each adds to a score on average and its share, before and now."""
    if trained.contributions is None or found.sizes is None:
        return made
    known = {
        each.feature: {
            "contribution_before": each.before,
            "contribution_now": each.now,
            "contribution_share_before": each.share_before,
            "contribution_share_now": each.share_now,
        }
        for each in shifts(found.sizes, trained.contributions)
    }
    return tuple(
        msgspec.structs.replace(each, measures=each.measures | known.get(each.column or "", {})) for each in made
    )


def _unknown(limit: float, why: str) -> Finding:
    return Finding(
        kind=CheckKind.EXPLANATION,
        measure=MEASURE,
        column=None,
        value=None,
        reference=0.0,
        limit=limit,
        rows=0,
        over=False,
        enough=False,
        said=why,
    )
