"""Checks that broke for one cause become one alert: a broken feed is told once, not by each thing that it moves."""

from collections.abc import Mapping, Sequence

from podium.core.check import Check, CheckKind

Broken = Mapping[CheckKind, Sequence[Check]]


def by_cause(broken: Broken) -> dict[CheckKind, list[Check]]:
    """Broken checks under the kind that tells their cause, which comes first in each list.

    - A feature whose quality fell also drifts: its drift belongs to the quality's alert.
    - Scores that move while features do follow from them: their drift belongs to the features' alert, of drift if any
      feature drifts by itself, else of quality.
    - Performance and cost fall together: the cost belongs to the performance's alert, and so do segments in which the
      model does worse.
    - Outcomes that come otherwise than in training are of one cause with performance that fell.
    - Features matter more or less because they, or others, moved: that belongs to what moved.
    - Performance is estimated from the inputs alone: an estimate that falls belongs to measured performance, else to
      what moved.

    >>> from podium.core.check import CheckState
    >>> from podium.core.window import Window
    >>> def one(kind, column, measure):
    ...     return Check(id=measure, project="p", endpoint="e", version=1, window=Window(0, 1), kind=kind, value=1.0,
    ...         measure=measure, column=column, reference=0.0, limit=0.5, rows=900, state=CheckState.BROKEN)
    >>> found = by_cause({
    ...     CheckKind.QUALITY: [one(CheckKind.QUALITY, "wind", "missing_rate")],
    ...     CheckKind.DRIFT: [one(CheckKind.DRIFT, "wind", "psi")],
    ...     CheckKind.SCORE_DRIFT: [one(CheckKind.SCORE_DRIFT, None, "score_psi")]})
    >>> {kind.value: [each.measure for each in checks] for kind, checks in found.items()}
    {'quality': ['missing_rate', 'psi', 'score_psi']}
    >>> estimated = one(CheckKind.ESTIMATED, None, "log_loss")
    >>> list(by_cause({CheckKind.ESTIMATED: [estimated], CheckKind.DRIFT: [one(CheckKind.DRIFT, "wind", "psi")]}))
    [<CheckKind.DRIFT: 'drift'>]
    """
    groups = {kind: list(checks) for kind, checks in broken.items() if checks}
    quality, drift = groups.get(CheckKind.QUALITY), groups.get(CheckKind.DRIFT)
    if quality and drift:
        poor = {each.column for each in quality if each.column is not None}
        quality.extend(each for each in drift if each.column in poor)
        drift[:] = [each for each in drift if each.column not in poor]
        if not drift:
            del groups[CheckKind.DRIFT]
    _join(groups, CheckKind.SCORE_DRIFT, (CheckKind.DRIFT, CheckKind.QUALITY))
    _join(groups, CheckKind.EXPLANATION, (CheckKind.DRIFT, CheckKind.QUALITY, CheckKind.SCORE_DRIFT))
    _join(groups, CheckKind.COST, (CheckKind.PERFORMANCE,))
    _join(groups, CheckKind.OUTCOME_DRIFT, (CheckKind.PERFORMANCE,))
    _join(groups, CheckKind.SEGMENT, (CheckKind.PERFORMANCE,))
    moved = (CheckKind.DRIFT, CheckKind.QUALITY, CheckKind.SCORE_DRIFT)
    _join(groups, CheckKind.ESTIMATED, (CheckKind.PERFORMANCE, *moved))
    return groups


def _join(groups: dict[CheckKind, list[Check]], effect: CheckKind, causes: tuple[CheckKind, ...]) -> None:
    cause = next((each for each in causes if each in groups), None)
    if cause is not None and effect in groups:
        groups[cause].extend(groups.pop(effect))
