"""A fitted estimator as it is, with the packages that it needs, pinned as they are installed here."""

import pickle
import pickletools
import re
import sys
from collections.abc import Iterable
from importlib import metadata
from pathlib import Path
from typing import Any

from podium.bundle.export.graph import Unsupported
from podium.core.errors import PodiumError

ALWAYS = ("pandas", "scikit-learn")
_NAME = re.compile(r"^[A-Za-z0-9][A-Za-z0-9._-]*")
_MOST_CODE = 200
_SKIPPED = frozenset({".venv", "venv", ".git", "__pycache__", ".podium"})


def dump(estimator: Any) -> bytes:
    """The estimator's pickle; `Unsupported` when it has none."""
    try:
        return pickle.dumps(estimator, protocol=4)
    except Exception as problem:  # whatever its parts raise
        raise Unsupported(f"{type(estimator).__name__} as a pickle ({type(problem).__name__})") from problem


def code(source: Path) -> dict[str, bytes]:
    """The project's own modules, as the bundle's `code/…`: the pickle names their classes and functions."""
    found: dict[str, bytes] = {}
    for root in (source / "src", source):
        for path in sorted(root.rglob("*.py")) if root.is_dir() else ():
            inner = path.relative_to(root)
            if not _SKIPPED & set(inner.parts) and len(found) < _MOST_CODE:
                found.setdefault(f"code/{inner.as_posix()}", path.read_bytes())
    return {name: data for name, data in found.items() if _plain(name)}


def _plain(name: str) -> bool:
    return all(re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,127}", part) for part in name.split("/"))


def lock(pickled: bytes) -> bytes:
    """`name==version` of every package that the pickle's modules come from, and of all that these need; sorted."""
    modules = {module.partition(".")[0] for module in modules_of(pickled)}
    owners = metadata.packages_distributions()
    names = {owner for module in modules for owner in owners.get(module, ())}
    pins = {f"{found.name.lower()}=={found.version}" for found in _closure((*ALWAYS, *sorted(names)))}
    return ("\n".join(sorted(pins)) + "\n").encode()


def modules_of(pickled: bytes) -> set[str]:
    """Imported modules whose names stand in a pickle. It is read, not run."""
    words: set[str] = set()
    for operation, argument, _ in pickletools.genops(pickled):
        if isinstance(argument, str):
            words.add(argument.split(" ")[0] if operation.name == "GLOBAL" else argument)
    return {word for word in words if word in sys.modules}


def _closure(names: Iterable[str]) -> list[metadata.Distribution]:
    found: dict[str, metadata.Distribution] = {}
    waiting = list(names)
    while waiting:
        name = waiting.pop()
        key = re.sub(r"[-_.]+", "-", name).lower()
        if key in found:
            continue
        try:
            known = metadata.distribution(name)
        except metadata.PackageNotFoundError:
            continue  # for another platform, or of an option that nobody chose
        found[key] = known
        waiting += [_required(line) for line in known.requires or () if "extra ==" not in line.replace("'", '"')]
    return list(found.values())


def _required(line: str) -> str:
    match = _NAME.match(line)
    return match[0] if match else ""


def explain(problem: Unsupported | PodiumError) -> str:
    """Why a form was not possible."""
    return problem.message if isinstance(problem, PodiumError) else f"cannot express {problem}"
