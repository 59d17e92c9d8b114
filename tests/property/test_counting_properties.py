"""What is counted in C is what NumPy counts: the same counts, extremes, nulls and sums, whatever the values."""

import itertools

import numpy
import numpy.typing
import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from podium.core import native
from podium.core.errors import Invalid
from podium.measures import binning
from podium.measures.drift import reference

Doubles = numpy.typing.NDArray[numpy.float64]

FINITE = some.one_of(
    some.floats(-1e30, 1e30),
    some.floats(-4, 4),
    some.integers(-3, 3).map(float),
    some.floats(1e9, 1e9 + 10),
    some.sampled_from([0.0, -0.0, 5e-324, -5e-324, 1e-310, 1e300, -1e300, 3.4028235e38, 1e-45]),
)
ANY = some.one_of(FINITE, some.sampled_from([numpy.nan, -numpy.nan, numpy.inf, -numpy.inf]))
ROWS = some.sampled_from([0, 1, 7, 63, 64, 65, 1_023, 4_095, 4_096, 9_001])

needs_c = pytest.mark.skipif(
    native.part(native.COUNTING) is None, reason="Podium was installed without a compiler: there is one way only"
)


def _ways(edges: Doubles, low: float | None, high: float | None, centre: float) -> list[binning.Bins]:
    compiled = binning.Bins(edges, low=low, high=high, centre=centre)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(binning, "_counting", None)
        return [compiled, binning.Bins(edges, low=low, high=high, centre=centre)]


@some.composite
def _edges(draw: some.DrawFn, values: list[float]) -> Doubles:
    """Any edges; or those of the values, as the check finds them."""
    known = numpy.array([value for value in values if numpy.isfinite(value)])
    if known.size and draw(some.booleans()):
        found = reference.fine_edges(known)
    else:
        found = numpy.unique(numpy.array(draw(some.lists(FINITE, max_size=300)), dtype=numpy.float64))
    return binning.suited(found) if draw(some.booleans()) else found


@needs_c
@given(some.data(), some.lists(ANY, min_size=1, max_size=200), ROWS, some.integers(0, 70))
@settings(deadline=None)
def test_both_ways_find_the_same(data: some.DataObject, drawn: list[float], rows: int, offset: int) -> None:
    values = numpy.resize(numpy.array(drawn, dtype=numpy.float64), rows)
    edges = data.draw(_edges(drawn))
    low, high = data.draw(some.tuples(*[some.one_of(some.none(), FINITE)] * 2))
    pattern = data.draw(some.one_of(some.none(), some.just([False]), some.lists(some.booleans(), min_size=1)))
    valid = None
    if pattern is not None:
        bits = numpy.packbits(numpy.resize(numpy.array(pattern, dtype=bool), offset + rows), bitorder="little")
        valid = binning.Valid(bits.tobytes(), offset)
    ways = _ways(edges, low, high, 0.0 if not edges.size else float(edges[edges.size // 2]))
    with numpy.errstate(over="ignore", invalid="ignore"):
        for way, part in itertools.product(ways, (slice(None), slice(0, 0))):
            way.add(values[part], valid)
    compiled, plain = ways
    assert compiled.counts.tolist() == plain.counts.tolist()
    for name in ("nulls", "infinite", "below", "above", "minimum", "maximum", "known"):
        assert getattr(compiled, name) == getattr(plain, name), name
    size = numpy.abs(numpy.where(numpy.isfinite(values), values, 0.0)).sum()
    least = rows * float(numpy.finfo(numpy.float32).smallest_subnormal)  # NumPy's way sums singles where edges are such
    assert compiled.sums == pytest.approx(plain.sums, rel=1e-6, abs=1e-6 * size + least)


@needs_c
@pytest.mark.parametrize("kind", ["normal", "lognormal", "wide", "far", "two places", "zeros", "whole", "constant"])
def test_columns_as_they_are_found(kind: str) -> None:
    random = numpy.random.default_rng(5)
    normal = random.standard_normal(50_000)
    values = {
        "normal": normal,
        "lognormal": numpy.exp(3 * normal),
        "wide": numpy.sign(normal) * 10 ** (60 * normal),
        "far": 1e9 + normal,
        "two places": numpy.where(random.random(normal.size) < 0.5, 1e6, 2e6) + normal,
        "zeros": numpy.where(random.random(normal.size) < 0.5, 0.0, numpy.exp(normal)),
        "whole": random.poisson(30, normal.size).astype(numpy.float64),
        "constant": numpy.full(normal.size, 7.0),
    }[kind]
    edges = binning.suited(reference.fine_edges(values[::10]))
    centre = float(edges[edges.size // 2])
    compiled, plain = _ways(edges, float(values[0]), float(values[1]), centre)
    for way in (compiled, plain):
        way.add(values)
    expected = numpy.bincount(numpy.searchsorted(edges, values), minlength=edges.size + 1)
    assert compiled.counts.tolist() == plain.counts.tolist() == expected.tolist()
    assert (compiled.below, compiled.above) == (plain.below, plain.above)
    exact = numpy.array([values[numpy.searchsorted(edges, values) == at].sum() for at in range(edges.size + 1)])
    assert compiled.sums == pytest.approx(exact, rel=1e-12, abs=1e-12)
    if kind != "wide":
        assert compiled.deviation == pytest.approx(values.std(ddof=1), rel=1e-9, abs=1e-9)


@needs_c
@given(some.lists(some.integers(0, 9), max_size=200), some.integers(0, 70), some.booleans(), some.randoms())
@settings(deadline=None)
def test_codes_are_tallied_the_same(codes: list[int], offset: int, nulls: bool, random: object) -> None:
    array = numpy.array(codes, dtype=numpy.int32)
    bits = bytes(random.randbytes(40))  # type: ignore[attr-defined]
    valid = binning.Valid(bits, offset) if nulls else None
    one, two = numpy.zeros((2, 10), dtype=numpy.int64)
    found = binning.tally(array, valid, one)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(binning, "_counting", None)
        assert found == binning.tally(array, valid, two)
    assert one.tolist() == two.tolist()


@pytest.mark.parametrize("edges", [[2.0, 1.0], [numpy.nan], [0.0, numpy.nan]])
def test_edges_that_do_not_ascend_are_refused(edges: list[float]) -> None:
    with pytest.raises(Invalid, match="ascend"):
        binning.Bins(numpy.array(edges))


@needs_c
def test_calls_that_make_no_sense_give_an_error() -> None:
    part = native.part(native.COUNTING)
    counts, sums = numpy.zeros(3, dtype=numpy.int64), numpy.zeros(3)
    grid = part.Grid(numpy.array([1.0, 2.0]))
    with pytest.raises(ValueError, match="edges"):
        grid.__init__(numpy.array([1.0]))
    for edges in (b"123", numpy.array([2.0, 1.0]), numpy.array([numpy.nan]), numpy.zeros(40_000)):
        with pytest.raises(ValueError, match="edges"):
            part.Grid(edges)
    values = numpy.zeros(9)
    for wrong in (
        (b"123", None, 0, counts, sums),
        (values, b"\0", 0, counts, sums),
        (values, b"\0\0", 8, counts, sums),
        (values, b"\0\0", -1, counts, sums),
        (values, b"\0\0", 2**63 - 1, counts, sums),
        (values, None, 0, counts[:2], sums),
        (values, None, 0, counts, numpy.zeros(4)),
    ):
        with pytest.raises(ValueError, match=r"numbers|bits"):
            grid.add(*wrong, 0.0, -1.0, 1.0)
    for codes in ([3], [-1]):
        with pytest.raises(ValueError, match="word"):
            part.tally(numpy.array(codes, dtype=numpy.int32), None, 0, counts)
    assert not sums.any()
