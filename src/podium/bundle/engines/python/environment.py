"""A version's own Python environment, made by uv from its lock and kept by the lock's digest."""

import contextlib
import fcntl
import hashlib
import importlib.util
import os
import platform
import re
import secrets
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from podium.core.errors import Invalid, Refused, Unavailable

_NAME, _EXTRAS = r"[A-Za-z0-9][A-Za-z0-9._-]*", r"(\[[A-Za-z0-9._,\s-]*\])?"
_MARKER = r"""(\s*;(?!.*--)[A-Za-z0-9._+*~<>=!,()'"\s-]*)?"""
_PIN = re.compile(rf"^{_NAME}{_EXTRAS}\s*==\s*[A-Za-z0-9.!+_-]+{_MARKER}$", re.ASCII)
_HASH = re.compile(r"\s--hash=sha256:[0-9a-f]{64}(?!\S)", re.ASCII)
_COMMENT = re.compile(r"(^|\s)#.*", re.ASCII)
_VERSION = re.compile(r"^3\.\d{1,2}$")
_LARGEST_LOCK = 1 << 20
_SECONDS = 900


def pins(data: bytes) -> list[str]:
    """The packages of a lock, each pinned by `==`, with hashes or without: a line for each, without the comments.

    Raises `Invalid` when there is anything else in it.
    """
    if len(data) > _LARGEST_LOCK:
        raise Invalid("The lock is larger than 1 MB.", field="lock")
    try:
        text = data.decode()
    except UnicodeDecodeError:
        raise Invalid("The lock is not text.", field="lock") from None
    lines = [_COMMENT.sub("", line) for line in text.splitlines()]  # first: a comment ends with its line
    found = []
    for number, line in enumerate("\n".join(lines).replace("\\\n", " ").splitlines(), start=1):
        pin = _HASH.sub("", line).strip()
        if not pin:
            continue
        if _PIN.fullmatch(pin) is None:
            raise Invalid(
                f"Entry {number} of the lock does not pin a package.",
                field="lock",
                fix="Make it with: uv pip compile --generate-hashes requirements.in -o requirements.txt",
            )
        found.append(" ".join([pin, *(each.group().strip() for each in _HASH.finditer(line))]))
    return found


def ensure(folder: Path, python: str, lock: bytes) -> Path:
    """The interpreter of the environment that has exactly the lock's packages; made in `folder` when it is not there.

    Only wheels are installed, so that no package's code runs now. `Unavailable` when uv is missing or cannot get the
    packages, `Refused` when the lock cannot be installed.
    """
    locked = pins(lock)
    if _VERSION.fullmatch(python) is None:
        raise Invalid("This is not a version of Python, as 3.11.", field="engine.python")
    named = hashlib.sha256(b"\n".join([python.encode(), platform.machine().encode(), lock])).hexdigest()
    place = folder / "python" / named[:32]
    if not place.is_dir():
        try:
            place.parent.mkdir(parents=True, exist_ok=True)
            with _alone(place.with_suffix(".lock")) as held:
                if not place.is_dir():
                    _sweep(place)
                    _make(folder, place, python, locked, held)
        except OSError as problem:
            raise Unavailable(
                "There is no room for the model's environment.", field="engine", fix=f"Make {folder} writable."
            ) from problem
    return place / "bin" / "python"


def uv() -> Path:
    """Where uv is; `Unavailable` when it is not installed."""
    beside = Path(sys.executable).parent / "uv"
    if beside.is_file():
        return beside
    if importlib.util.find_spec("uv") is not None:
        found = shutil.which("uv", path=str(Path(sys.prefix) / "bin"))
        if found is not None:
            return Path(found)
    found = shutil.which("uv")
    if found is None:
        raise Unavailable(
            "uv, which makes the environments of Python models, is not installed.", fix="Install it: pip install uv"
        )
    return Path(found)


def _sweep(place: Path) -> None:
    """Remove what was begun by who was killed; to be called by who holds the lock."""
    for left in place.parent.glob(f"{place.name}.*.new"):
        shutil.rmtree(left, ignore_errors=True)


def _make(folder: Path, place: Path, python: str, locked: list[str], held: int) -> None:
    new = place.with_name(f"{place.name}.{secrets.token_hex(4)}.new")
    try:
        interpreter = sys.executable if python == ".".join(map(str, sys.version_info[:2])) else python
        _uv(folder, held, "venv", "--quiet", "--python", interpreter, str(new))
        wanted = new / "requirements.txt"
        wanted.write_text("\n".join(locked))  # as they were checked: uv would read the lock by rules of its own
        _uv(
            folder,
            held,
            "pip",
            "sync",
            "--quiet",
            "--no-build",
            "--compile-bytecode",
            "--allow-empty-requirements",
            "--python",
            str(new / "bin" / "python"),
            str(wanted),
        )
        new.rename(place)
    finally:
        shutil.rmtree(new, ignore_errors=True)


def _uv(folder: Path, held: int, *arguments: str) -> None:
    """Run it. It holds the lock too: where only its maker is killed it goes on writing."""
    command = [str(uv()), "--no-progress", "--cache-dir", str(folder / "uv"), *arguments]
    try:
        subprocess.run(
            command, check=True, stdin=subprocess.DEVNULL, capture_output=True, timeout=_SECONDS, pass_fds=(held,)
        )
    except subprocess.TimeoutExpired:
        raise Unavailable("Making the model's environment takes too long.", field="lock") from None
    except subprocess.CalledProcessError as problem:
        said = problem.stderr.decode(errors="replace").strip()[-1500:]
        raise Refused(
            f"The model's environment cannot be made: {said}",
            field="lock",
            fix="Lock packages that have wheels for this platform and Python.",
        ) from None


@contextlib.contextmanager
def _alone(path: Path) -> Iterator[int]:
    """One process at a time; the descriptor that holds the lock."""
    with path.open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield file.fileno()
        os.utime(path)
