"""A window's features by every measure of `podium check`, as a table."""

from podium.cli import console
from podium.core import check

_HEADS = ("column", "rows", "moved", "PSI", "JS", "Hellinger", "W1/std", "chi² p", "missing", "beyond", "gone", "adds")
_MEASURES = ("psi", "jensen_shannon", "hellinger", "wasserstein", "chi_square_p")


def show(found: check.WindowMeasures) -> None:
    """The features, the one that moved most first: how far, and what changed in words."""
    if not console.is_json():
        span = found.window
        console.say(
            f"{found.endpoint} version {found.version}: "
            f"window {console.when(span.start_us)} to {console.when(span.end_us)} UTC, as podium check measures"
        )
    rows = [_row(each) for each in sorted(found.columns, key=lambda each: -moved(each))]
    console.table(found, (*_HEADS, "what changed"), rows)
    for why in dict.fromkeys(each.lacking for each in found.columns if each.lacking):
        lacking = [each.column or "score" for each in found.columns if each.lacking == why]
        console.say(f"{', '.join(lacking)}: {why}")


def moved(item: check.Measured) -> float:
    """The share of rows that moved: Kolmogorov-Smirnov, or total variation; the index where that is not known."""
    known = item.measures
    return known.get("ks", known.get("moved", known.get("psi", -1.0)))


def _row(item: check.Measured) -> tuple[str, ...]:
    known = item.measures
    return (
        item.column or "score",
        f"{item.rows:,}",
        _share(known.get("ks", known.get("moved"))),
        *(_number(known.get(name)) for name in _MEASURES),
        f"{_share(known.get('missing_before'))} → {_share(known.get('missing_now'))}",
        _share(known.get("out_of_range", known.get("unseen"))),
        _share(known.get("vanished")),
        _adds(known),
        item.said,
    )


def _adds(known: dict[str, float]) -> str:
    """The feature's share in what all features add to the scores, before and now."""
    if "contribution_share_now" not in known:
        return ""
    return f"{_share(known.get('contribution_share_before'))} → {_share(known['contribution_share_now'])}"


def _share(value: float | None) -> str:
    return "" if value is None else f"{value:.2%}"


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.3g}"
