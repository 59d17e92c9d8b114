"""The user's training function: found, called, and its errors told in terms of the user's own lines."""

import errno
import importlib
import os
import socket
import sys
import traceback
from pathlib import Path
from typing import Any

from podium.build.runs.training.context import Context, Rows
from podium.core import name
from podium.core.errors import Invalid

_LINES = 6
_NO_NETWORK = (errno.EACCES, errno.EPERM, errno.ENETUNREACH)


def fit(source: Path, train: str, rows: Rows, context: Context) -> Any:
    """Import `module:function` from the project folder, and call it; its fitted estimator.

    Raises `Invalid` with the error and the lines of the project's own files that led to it.
    """
    function = _find(source, train)
    try:
        fitted = function(rows.features, rows.target, context)
    except (Exception, SystemExit) as problem:
        raise explain(problem, source, "The training function failed") from problem
    if not hasattr(fitted, "predict"):
        raise Invalid(
            f"The training function returned {type(fitted).__name__}, which cannot predict.",
            field="train",
            fix="Return the fitted estimator.",
        )
    return fitted


def _find(source: Path, train: str) -> Any:
    module_name, _, function_name = train.partition(":")
    folders = [str(folder) for folder in (source, source / "src") if folder.is_dir()]
    sys.path[:0] = folders
    try:
        module = importlib.import_module(module_name)
    except (Exception, SystemExit) as problem:
        raise explain(problem, source, "The training code cannot be imported") from problem
    function = getattr(module, function_name, None)
    if not callable(function):
        known = [word for word, value in vars(module).items() if callable(value) and not word.startswith("_")]
        raise Invalid(
            f"The module {module_name!r} has no function {function_name!r}.",
            field="train",
            fix=name.nearest(function_name, known) if known else None,
        )
    return function


def explain(problem: BaseException, source: Path, what: str) -> Invalid:
    """An error of the user's code, with the project's own lines on the way to it, the innermost last."""
    root = str(source.resolve()) + os.sep
    frames = [frame for frame in traceback.extract_tb(problem.__traceback__) if _own(frame.filename, root)]
    lines = [f"  {_short(frame.filename, root)}, line {frame.lineno}: {frame.line}" for frame in frames[-_LINES:]]
    if isinstance(problem, SyntaxError) and problem.filename and _own(problem.filename, root):
        lines.append(f"  {_short(problem.filename, root)}, line {problem.lineno}: {(problem.text or '').strip()}")
    error = traceback.format_exception_only(problem)[-1].strip()
    if _wanted_network(problem):
        lines.append("Training has no network; what needs it says network = true under [training].")
    return Invalid("\n".join([f"{what}: {error[:1000]}", *lines]), field="train")


def _wanted_network(problem: BaseException | None) -> bool:
    """Whether a socket was refused on the way to an error."""
    while problem is not None:
        if isinstance(problem, socket.gaierror) or (isinstance(problem, OSError) and problem.errno in _NO_NETWORK):
            frames = traceback.extract_tb(problem.__traceback__)
            if any(Path(frame.filename).name == "socket.py" for frame in frames):
                return True
        problem = problem.__cause__ or problem.__context__
    return False


def _own(filename: str, root: str) -> bool:
    return str(Path(filename).resolve()).startswith(root)


def _short(filename: str, root: str) -> str:
    return str(Path(filename).resolve()).removeprefix(root)
