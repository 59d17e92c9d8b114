"""A closed window: each feature by every measure of `podium check`, the one that moved most first."""

from collections.abc import Mapping
from typing import NamedTuple

from litestar import Response

from podium.core import access, check
from podium.monitor.checks import actions
from podium.server.web import page
from podium.store.store import Store

_SHOWN = 120
_MEASURES = ("psi", "jensen_shannon", "hellinger", "wasserstein", "chi_square_p")


class Row(NamedTuple):
    """A feature of the table: what was measured, in the order of the heads, and shares of rows."""

    item: check.Measured
    measures: tuple[float | None, ...]
    missing: tuple[float | None, float | None]
    shares: tuple[float | None, ...]
    """Of rows that moved, with values beyond the reference's range, with new categories, and that lost ones had."""
    adds: tuple[float | None, float | None]
    """Its share in what all features add to the scores, before and now."""


@page.view("/p/{project:str}/endpoints/{name:str}/windows/{end_us:int}")
def window(request: page.WebRequest, store: Store, caller: access.Caller, name: str, end_us: int) -> Response[str]:
    """The window's page."""
    found = actions.measures(store, caller, name, end_us)
    rows = sorted((_row(each) for each in found.columns), key=lambda each: -(each.shares[0] or 0.0))
    return page.render(
        request,
        "window.html",
        found=found,
        rows=rows[:_SHOWN],
        left_out=max(0, len(rows) - _SHOWN),
        lacking=_lacking(found),
        adds=any(each.adds[1] is not None for each in rows),
    )


def _row(item: check.Measured) -> Row:
    known = item.measures
    return Row(
        item=item,
        measures=tuple(known.get(name) for name in _MEASURES),
        missing=(known.get("missing_before"), known.get("missing_now")),
        shares=(
            known.get("ks", known.get("moved")),
            known.get("out_of_range"),
            known.get("unseen"),
            known.get("vanished"),
        ),
        adds=(known.get("contribution_share_before"), known.get("contribution_share_now")),
    )


def _lacking(found: check.WindowMeasures) -> Mapping[str, list[str]]:
    """By the reason: the features that lack some measures."""
    made: dict[str, list[str]] = {}
    for each in found.columns:
        if each.lacking:
            made.setdefault(each.lacking, []).append(each.column or "the score")
    return made
