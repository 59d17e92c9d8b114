"""Processes carry only what they need."""

import subprocess
import sys

PEOPLES = ("pandas", "sklearn", "scipy", "prompt_toolkit", "mlflow", "ray")
"""What only people's own code needs, or libraries for parts of themselves that Podium does not use."""
HEAVY = ("pandas", "sklearn", "duckdb", "deltalake", "sqlalchemy", "litestar", "uvicorn", "grpc", "treelite", "altair")


def succeeds(code: str) -> None:
    """In an interpreter of its own."""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr


def test_a_scorer_loads_nothing_heavy_even_where_it_is_installed() -> None:
    """Arrow would import pandas at its first array."""
    code = (
        "import sys; from podium.bundle import arrow_alone; from podium.scoring import serve, workers; "
        "from podium.scoring.shadow import child; "
        "arrow_alone.without_pandas(); import pyarrow; pyarrow.array(['a']); "
        f"sys.exit(' '.join(name for name in {HEAVY} if name in sys.modules) or 0)"
    )
    succeeds(code)


def test_server_worker_and_commands_load_nothing_of_what_only_peoples_code_needs() -> None:
    code = (
        "import sys; from podium.bundle import arrow_alone; arrow_alone.without_pandas(); "
        "import podium.cli.commands, podium.server.inprocess; import pyarrow, pyarrow.dataset; pyarrow.array(['a']); "
        f"sys.exit(' '.join(name for name in {PEOPLES} if name in sys.modules) or 0)"
    )
    succeeds(code)


def test_arrow_still_makes_frames_for_who_asks() -> None:
    code = (
        "from podium.bundle import arrow_alone; arrow_alone.without_pandas(); import pyarrow; "
        "frame = pyarrow.table({'a': [1, None]}).to_pandas(); import pandas; "
        "assert isinstance(frame, pandas.DataFrame); assert pyarrow.Table.from_pandas(frame).num_rows == 2"
    )
    succeeds(code)
