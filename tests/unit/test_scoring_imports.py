"""A scorer carries only what it needs."""

import subprocess
import sys

HEAVY = ("pandas", "sklearn", "duckdb", "deltalake", "sqlalchemy", "litestar", "uvicorn", "grpc", "treelite", "altair")


def test_a_scorer_loads_nothing_heavy_even_where_it_is_installed() -> None:
    """Arrow would import pandas at its first array."""
    code = (
        "import sys; from podium.scoring import lean, serve, workers; from podium.scoring.shadow import child; "
        "lean.prepare(); import pyarrow; pyarrow.array(['a']); "
        f"sys.exit(' '.join(name for name in {HEAVY} if name in sys.modules) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
