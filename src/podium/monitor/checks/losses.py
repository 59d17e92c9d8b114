"""A regression's error as it probably is while outcomes are not known: direct loss estimation on the rows kept."""

from typing import NamedTuple

import numpy

from podium.bundle import losses as bundled
from podium.core import reference, run
from podium.core.signature import Signature
from podium.deploy.packaging import manifest
from podium.measures.estimates import dle
from podium.measures.performance import interval
from podium.monitor.checks import kept, ready, samples
from podium.monitor.checks.summary import Summary
from podium.store.blobs import Blobs

_FEWEST = 30
"""Kept rows below which nothing is estimated."""


class Known(NamedTuple):
    """A bundle's features, and its models of loss; None where training was not asked for them."""

    signature: Signature
    learned: bundled.Learned | None


_READY: ready.Ready[Known] = ready.Ready()
"""This process's."""


def of(blobs: Blobs, digest: str) -> Known:
    """What a bundle knows of its own loss."""
    return _READY.of(digest, lambda: _load(blobs, digest))


def estimate(
    known: Known, trained: reference.Reference, summary: Summary, measure: str, confidence: float
) -> run.Interval | None:
    """The measure that the window's rows will probably have; None where their loss is not known to be of it.

    Of the rows kept (1,024 at most), each standing for as many as the others; the interval counts that they are drawn.
    """
    if known.learned is None or known.learned.about.measure != measure or summary.sample is None:
        return None
    rows = kept.alike(samples.read(summary.sample))
    scores = kept.scores(trained, rows)
    if scores is None or rows.words is None:
        return None
    good = numpy.isfinite(scores)
    if good.sum() < _FEWEST:
        return None
    table = kept.columns_of(known.signature, trained, rows)
    said = known.learned.predict({name: each[good] for name, each in table.items()}, scores[good])
    found = dle.dle(dle.Predicted(said.losses, said.variances, said.folds), confidence, of=sum(summary.score.counts))
    return interval.root(found) if measure == "rmse" else found


def _load(blobs: Blobs, digest: str) -> Known:
    described = manifest.read(blobs, digest)
    files = {file.path: file.digest for file in described.files}
    if bundled.FILE not in files:
        return Known(described.signature, None)
    return Known(described.signature, bundled.Learned(blobs.get(files[bundled.FILE])))
