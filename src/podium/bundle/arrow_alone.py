"""Arrow without pandas, for processes that are Podium's own: a server, a worker, a scorer, a command."""

import importlib.abc
import sys


def without_pandas() -> None:
    """Call it before the first array is made, and before modules that may make one are loaded.

    Arrow looks for pandas at its first array, to know its frames when it meets one: where pandas is installed and
    nobody needs it, that costs 45 MB and a second. Once it was not found, Arrow does not look again, but where it is
    asked for (`to_pandas`). Nothing happens where pandas is loaded already, or where people's own code may hand Arrow
    its frames: that is for the caller to know.
    """
    if "pandas" in sys.modules:
        return
    import pyarrow as pa  # noqa: PLC0415 - a command that needs no array does not load it

    blind = _WithoutPandas()
    sys.meta_path.insert(0, blind)
    try:
        pa.array([0])
    finally:
        sys.meta_path.remove(blind)


class _WithoutPandas(importlib.abc.MetaPathFinder):
    def find_spec(self, fullname: str, path: object, target: object = None) -> None:
        """Say that there is none, before those are asked who know."""
        if fullname == "pandas":
            raise ModuleNotFoundError(name=fullname)
