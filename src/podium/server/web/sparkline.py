"""A line of a few values as SVG, made on the server, with its limit dashed and its meaning in words."""

from collections.abc import Sequence

from markupsafe import Markup

from podium.server.web import show

_WIDTH, _HEIGHT, _EDGE = 132.0, 28.0, 4.0


def svg(values: Sequence[float | None], limit: float) -> Markup:
    """Values from the oldest to the newest (None: not enough data) against a limit.

    >>> "limit 0.2" in svg([0.1, None, 0.3], 0.2)
    True
    """
    known = [value for value in values if value is not None]
    words = ", ".join(show.number(value) for value in values) or "nothing measured"
    low, high = min([*known, limit]), max([*known, limit])
    span = (high - low) or 1.0
    step = (_WIDTH - 2 * _EDGE) / max(1, len(values) - 1)

    def place(value: float) -> float:
        return _HEIGHT - _EDGE - (value - low) / span * (_HEIGHT - 2 * _EDGE)

    def across(index: int) -> float:
        return _EDGE + step * index if len(values) > 1 else _WIDTH / 2

    lines = Markup("").join(
        Markup('<polyline points="{}"/>').format(" ".join(f"{x:.1f},{y:.1f}" for x, y in part))
        for part in _parts([None if value is None else (across(i), place(value)) for i, value in enumerate(values)])
    )
    last = next(((i, value) for i, value in reversed(list(enumerate(values))) if value is not None), None)
    dot = Markup("")
    if last is not None:
        dot = Markup('<circle cx="{:.1f}" cy="{:.1f}" r="2.6"/>').format(across(last[0]), place(last[1]))
    return Markup(
        '<svg class="spark" role="img" viewBox="0 0 {w:.0f} {h:.0f}" width="{w:.0f}" height="{h:.0f}">'
        '<title>{words}; limit {limit}</title><line class="limit" x1="0" x2="{w:.0f}" y1="{y:.1f}" y2="{y:.1f}"/>'
        "{lines}{dot}</svg>"
    ).format(w=_WIDTH, h=_HEIGHT, words=words, limit=show.number(limit), y=place(limit), lines=lines, dot=dot)


def _parts(points: Sequence[tuple[float, float] | None]) -> list[list[tuple[float, float]]]:
    """The runs of points without a gap."""
    found: list[list[tuple[float, float]]] = [[]]
    for point in points:
        if point is None:
            found.append([])
        else:
            found[-1].append(point)
    return [part for part in found if part]
