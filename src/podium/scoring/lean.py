"""Loading what a scorer and its helpers need, and nothing that they do not."""

import gc
import importlib.abc
import sys

import pyarrow as pa


def prepare() -> None:
    """Load what all need, once. Arrow looks for pandas at its first array: where it is installed and nobody needs it,
    that would cost 45 MB and half a second, so Arrow does not find it."""
    if "pandas" not in sys.modules:
        blind = _WithoutPandas()
        sys.meta_path.insert(0, blind)
        try:
            pa.array([0])
        finally:
            sys.meta_path.remove(blind)


def keep() -> None:
    """What is loaded now stays: to look through it for rings again and again would make rows wait."""
    gc.unfreeze()
    gc.collect()
    gc.freeze()


class _WithoutPandas(importlib.abc.MetaPathFinder):
    def find_spec(self, fullname: str, path: object, target: object = None) -> None:
        """Say that there is none, before those are asked who know."""
        if fullname == "pandas":
            raise ModuleNotFoundError(name=fullname)
