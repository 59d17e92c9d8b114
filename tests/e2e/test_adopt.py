"""Taking over a model from elsewhere, with its real process: what is found out of it, and what is refused."""

from pathlib import Path
from typing import Any

import pyarrow
import pytest

from podium.build.runs.training import adopt, export, request
from podium.bundle.engines.python import environment
from podium.core import bundle, engine, run
from podium.core.errors import PodiumError, Unavailable
from tests import foreign, training_project


def take_over(
    folder: Path, table: pyarrow.Table, change: dict[str, bytes] | None = None, **more: Any
) -> export.Exported:
    """What comes of the model with some of its files changed."""
    files = foreign.FILES | (change or {})
    for path, data in files.items():
        target = folder / request.SOURCE / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(data)
    training_project.write(folder / request.DATA, table)
    imported = run.Imported(engine=bundle.Engine.PYTHON, files=dict.fromkeys(files, "sha256:"), **more)
    wanted = request.Request(
        spec=foreign.spec(), params={}, seed=1, progress=0, imported=imported, engines=str(folder / "engines")
    )
    return adopt.adopt(folder, wanted, lambda *_: None)[2]


def test_what_may_differ_is_said_by_whoever_imports(tmp_path: Path) -> None:
    table = foreign.shifted(foreign.scored(), 1e-4)
    assert take_over(tmp_path / "one", table, tolerance=1e-3).parity.max_abs_error == pytest.approx(1e-4)
    with pytest.raises(PodiumError, match=r"by 0\.0001"):
        take_over(tmp_path / "two", table)


def test_a_model_whose_sums_depend_on_the_batch_is_asked_row_by_row(tmp_path: Path) -> None:
    more = "\nplain = score\n\n\ndef score(rows):\n    return [s + 1e-9 * len(rows) for s in plain(rows)]\n"
    made = take_over(tmp_path, foreign.scored(1500), {"code/model.py": (foreign.CODE + more).encode()})
    spec = engine.decode(made.files[bundle.ENGINE])
    assert isinstance(spec, engine.Python)
    assert spec.rows_at_once == 1
    assert made.parity.max_abs_error == pytest.approx(1e-9)


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("def score(rows):\n    raise RuntimeError('no')", "fails on these rows"),
        ("import nothing_of_that_name", "cannot be loaded: ModuleNotFoundError"),
        ("def score(rows):\n    return [float('nan')] * len(rows)", "no answer for row 0"),
        ("def score(rows):\n    return [2.0] * len(rows)", "outside 0 and 1"),
        ("def score(rows):\n    return [0.5]", "fails on these rows"),
        ("import random\ndef score(rows):\n    return [random.random() for _ in rows]", "each time"),
        ("import os\nos._exit(7)", "before it was loaded"),
    ],
    ids=["fails", "imports", "nan", "range", "count", "random", "exits"],
)
def test_what_is_wrong_with_a_model_is_told(tmp_path: Path, code: str, said: str) -> None:
    with pytest.raises(PodiumError) as problem:
        take_over(tmp_path, foreign.scored(1500), {"code/model.py": code.encode()})
    assert said in problem.value.message


def test_packages_are_pinned(tmp_path: Path) -> None:
    with pytest.raises(PodiumError, match="does not pin a package"):
        take_over(tmp_path, foreign.scored(200), {"requirements.txt": b"numpy>=2\n"})


def test_rows_without_the_models_own_answers_prove_nothing(tmp_path: Path) -> None:
    with pytest.raises(PodiumError, match="no column 'expected'"):
        take_over(tmp_path, training_project.data(200))


def test_no_room_for_an_environment_is_told(tmp_path: Path) -> None:
    (tmp_path / "engines").write_text("a file where a folder should be")
    with pytest.raises(Unavailable, match="no room"):
        environment.ensure(tmp_path / "engines", "3.11", b"")
