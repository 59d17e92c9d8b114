"""Options are read as before; what needs no coercion does not load it."""

import subprocess
import sys
from typing import Any

import pytest
import typer

from podium.cli import coercion

app = typer.Typer()


@app.command()
def count(
    word: str,
    number: int = 3,
    share: float = 0.5,
    many: list[str] = typer.Option([]),  # noqa: B008 - typer's way
    limited: int = typer.Option(2, min=1),
    loud: bool = False,
) -> None:
    """Say what came."""
    said.append((word, number, share, many, limited, loud))


said: list[Any] = []


def run(*words: str) -> int:
    said.clear()
    command = coercion.spare(typer.main.get_command(app))
    with pytest.raises(SystemExit) as end:
        command(list(words))
    return int(str(end.value.code))


def test_values_and_defaults_come_as_their_types() -> None:
    assert run("7") == 0
    assert said == [("7", 3, 0.5, [], 2, False)]
    assert run("x", "--number", "9", "--share", "1", "--many", "a", "--many", "b", "--limited", "4", "--loud") == 0
    assert said == [("x", 9, 1.0, ["a", "b"], 4, True)]


@pytest.mark.parametrize("words", [("x", "--number", "many"), ("x", "--limited", "0"), (), ("x", "--share", "half")])
def test_what_is_wrong_is_refused(words: tuple[str, ...]) -> None:
    assert run(*words) == 2
    assert said == []


def test_a_check_of_files_loads_neither_pydantic_nor_masked_arrays_nor_pandas() -> None:
    """They would take as long as reading half a million rows."""
    script = (
        "import os, sys; os._exit = sys.exit; sys.argv = ['podium', 'check', 'none.json', 'none.parquet']\n"
        "from podium.cli import main\n"
        "try:\n    main.run()\nexcept SystemExit:\n    pass\n"
        "slow = ('pydantic', 'numpy.ma', 'pandas', 'scipy', 'pyarrow.compute')\n"
        "print([each for each in slow if each in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


def test_a_check_of_files_loads_no_other_command_and_keeps_no_idle_threads() -> None:
    script = (
        "import os, sys; os._exit = sys.exit; sys.argv = ['podium', 'check', 'none.parquet', 'none.parquet']\n"
        "from podium.cli import main\n"
        "try:\n    main.run()\nexcept SystemExit:\n    pass\n"
        "others = [each for each in sys.modules if each.startswith('podium.cli.') and each.count('.') == 2]\n"
        "settings = os.getenv('OPENBLAS_NUM_THREADS'), os.getenv('MIMALLOC_PURGE_DELAY')\n"
        "print(sorted(others), 'numpy' in sys.modules, *settings)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    few = ["podium.cli.check", "podium.cli.coercion", "podium.cli.console", "podium.cli.main", "podium.cli.options"]
    assert done.stdout.splitlines()[-1] == f"{[*few, 'podium.cli.root']} True 1 -1"
