"""Podium's measures against SciPy's on every value: the largest absolute error over all columns."""

from pathlib import Path

import numpy
import pyarrow.parquet
import scipy.stats

from podium.cli.check import scan, source
from podium.measures import cells
from podium.measures.comparison import categorical, numeric


def measure(before: Path, now: Path) -> dict[str, float]:
    """Largest errors: `ks`, `wasserstein` (in deviations), `psi` (on the same bins), `chi2` (relative), `mean`."""
    with source.Source([before]) as old, source.Source([now]) as new:
        names = list(old.types)
        known, _ = scan.reference(old, names, [], _quiet, 2)
        summary, _ = scan.summary(new, known, names, _quiet, 2)
    worst = dict.fromkeys(("ks", "wasserstein", "psi", "chi2", "mean"), 0.0)
    for reference, seen in zip(known.columns, summary.columns, strict=True):
        one, two = (pyarrow.parquet.read_table(path, columns=[reference.name])[0] for path in (before, now))
        if reference.numeric is not None and seen.numeric is not None:
            exact = _numeric(one, two, reference.numeric.edges, reference.numeric.counts)
            found = numeric.measures(reference.numeric, seen.numeric)
            found["mean"] = found["mean_now"] / (reference.numeric.deviation or 1.0)
        else:
            assert reference.category is not None
            assert seen.category is not None
            exact = _words(one.to_pylist(), two.to_pylist())
            found = categorical.measures(reference.category, seen.category)
        found = {"ks": found.get("ks", 0.0), "chi2": found["chi_square"], **found}
        for name, value in exact.items():
            scale = max(1.0, abs(value)) if name == "chi2" else 1.0
            worst[name] = max(worst[name], abs(found[name] - value) / scale)
    return worst


def _numeric(one: object, two: object, edges: tuple[float, ...], counts: tuple[int, ...]) -> dict[str, float]:
    old, new = (numpy.asarray(each.drop_null().to_numpy()) for each in (one, two))  # type: ignore[attr-defined]
    cell = cells.coarse(counts)
    cuts = numpy.array(edges)[numpy.flatnonzero(numpy.diff(cell))]
    table = numpy.array(
        [numpy.bincount(numpy.searchsorted(cuts, each), minlength=cuts.size + 1) for each in (old, new)]
    )
    return {
        "ks": float(scipy.stats.ks_2samp(old, new, method="asymp").statistic),
        "wasserstein": float(scipy.stats.wasserstein_distance(old, new) / old.std(ddof=1)),
        "psi": _psi(table[0], table[1]),
        "chi2": float(scipy.stats.chi2_contingency(table, correction=False).statistic),
        "mean": float(new.mean() / old.std(ddof=1)),
    }


def _words(one: list[str | None], two: list[str | None]) -> dict[str, float]:
    names = sorted({*one, *two} - {None})  # type: ignore[type-var]
    place = {name: at for at, name in enumerate(names)}
    table = numpy.zeros((2, len(names)))
    for row, side in enumerate((one, two)):
        for word in side:
            if word is not None:
                table[row, place[word]] += 1
    return {
        "psi": _psi(table[0], table[1]),
        "chi2": float(scipy.stats.chi2_contingency(table, correction=False).statistic),
    }


def _psi(old: numpy.typing.NDArray[numpy.float64], new: numpy.typing.NDArray[numpy.float64]) -> float:
    """By its definition, corrected for its mean without drift, a half added to each count."""
    size, n, m = old.size, old.sum(), new.sum()
    p, q = (old + 0.5) / (n + 0.5 * size), (new + 0.5) / (m + 0.5 * size)
    return float(((q - p) * numpy.log(q / p)).sum() - (size - 1) * (1 / n + 1 / m))


def _quiet(_: float) -> None:
    """Nobody listens."""
