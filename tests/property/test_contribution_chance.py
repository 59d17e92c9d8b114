"""Contributions of windows that wander: how often a quiet one is believed to have changed, and what still is found."""

from typing import Any

import numpy
import pytest

from podium.core import reference
from podium.measures.drift import discoveries, dispersion, moderation
from podium.measures.explanation import contribution_drift
from podium.monitor.checks import contributions, finding

FEATURES, ROWS = 20, 280


def known(
    random: numpy.random.Generator, windows: int, spread: Any, tested: int, *, older: bool = False
) -> reference.Contributions:
    """As training leaves them: of so many windows, the last of them the test split's; or as it left them before."""
    names = [f"x{at}" for at in range(FEATURES)]
    sizes = 1.0 + spread * random.normal(size=(windows, 1, FEATURES)) + random.normal(size=(windows, ROWS, FEATURES))
    number = numpy.repeat(numpy.arange(windows), ROWS)
    ratios = {name: dispersion.ratio(sizes[:, :, at].ravel(), number) for at, name in enumerate(names)}
    found, freedom = moderation.moderated(ratios, windows)
    kept = sizes[-tested:, : 512 // tested].reshape(-1, FEATURES)
    return reference.Contributions(
        rows=len(kept),
        means=dict(zip(names, kept.mean(axis=0).tolist(), strict=True)),
        deviations=dict(zip(names, kept.std(axis=0, ddof=1).tolist(), strict=True)),
        dispersions={name: max(1.0, each) for name, each in ratios.items()} if older else found,
        window_rows=float(ROWS),
        known=0.0 if older else freedom,
        windows=0.0 if older else float(tested),
    )


def believed(
    random: numpy.random.Generator, before: reference.Contributions, spread: Any, more: float = 0.0
) -> set[str]:
    """The features whose size is believed to have changed in one more window; the first's did by `more`."""
    sizes = 1.0 + spread * random.normal(size=FEATURES) + random.normal(size=(ROWS, FEATURES))
    sizes[:, 0] += more
    now = {
        name: contribution_drift.Size(float(sizes[:, at].mean()), float(sizes[:, at].var(ddof=1)), float(ROWS))
        for at, name in enumerate(before.means)
    }
    found = contributions.shifts(now, before)
    sure = discoveries.discoveries([each.p_value for each in found], finding.APART * finding.FALSE_DISCOVERIES)
    return {each.feature for each, yes in zip(found, sure, strict=True) if yes}


def share(windows: int, tested: int, spread: Any, *, older: bool = False) -> float:
    """Of 400 quiet windows against 20 references: those in which anything is believed."""
    random = numpy.random.default_rng([windows, tested])
    wrong = 0
    for _ in range(20):
        before = known(random, windows, spread, tested, older=older)
        wrong += sum(bool(believed(random, before, spread)) for _ in range(20))
    return wrong / 400


SOME = numpy.where(numpy.arange(FEATURES) < 5, 0.2, 0.0)


@pytest.mark.parametrize(("windows", "tested"), [(16, 3), (5, 1)])
@pytest.mark.parametrize("spread", [0.0, 0.1, 0.3, SOME], ids=["still", "little", "much", "some"])
def test_quiet_windows_are_not_believed_to_have_changed(windows: int, tested: int, spread: Any) -> None:
    assert share(windows, tested, spread) <= 0.01


def test_a_reference_that_knows_not_how_well_it_knows_believed_more() -> None:
    """As older versions' do: the figure that this is for."""
    assert share(5, 1, 0.3, older=True) > 0.1


@pytest.mark.parametrize(("spread", "more"), [(0.0, 0.5), (0.1, 1.0), (0.2, 2.0)])
def test_what_changed_is_believed(spread: float, more: float) -> None:
    random = numpy.random.default_rng(8)
    found = sum("x0" in believed(random, known(random, 16, spread, 3), spread, more) for _ in range(40))
    assert found >= 38
