"""How the shadows of a rollout see rows: mostly all as the champion does."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from podium.core.signature import Signature


class View(NamedTuple):
    """How some of a rollout's shadows see a row."""

    signature: Signature
    shadows: tuple[int, ...]
    """Which: positions among them."""
    same: bool
    """Whether the champion sees it so."""


def of(shadows: Sequence[Signature], champion: Signature | None) -> tuple[View, ...]:
    """The views of shadows with these signatures."""
    found: dict[Any, list[int]] = {}
    for at, each in enumerate(shadows):
        found.setdefault(each.features, []).append(at)
    seen = None if champion is None else champion.features
    return tuple(View(shadows[places[0]], tuple(places), features == seen) for features, places in found.items())
