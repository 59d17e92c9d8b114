"""A project folder's code as one .tar.gz, the same for the same files; and the safe way back."""

import gzip
import io
import subprocess
import tarfile
import zlib
from pathlib import Path, PurePosixPath

from podium.core.errors import Invalid

FILE_LIMIT = 5 * 1024 * 1024
"""Bytes of one file: larger ones are data, and are left out."""
TOTAL_LIMIT = 100 * 1024 * 1024
"""Bytes of all files together."""
COUNT_LIMIT = 10_000
_SKIPPED = frozenset(
    {".podium", ".venv", "venv", ".git", "__pycache__", "node_modules", ".mypy_cache", ".ruff_cache", ".pytest_cache"}
)
_SECRET = frozenset({".pem", ".key", ".p12", ".pfx"})


def pack(folder: Path) -> bytes:
    """The folder's code: what git tracks or would track, else every small text file; sorted, without times or owners.

    Keys and `.env` files are left out. Raises `Invalid` when nothing is left, or more than `TOTAL_LIMIT`.
    """
    chosen = [path for path in _tracked(folder) or _text_files(folder) if _wanted(folder, path)]
    if not chosen:
        raise Invalid("The project folder holds no code.", field="source", fix="Put the training module into it.")
    if len(chosen) > COUNT_LIMIT or sum((folder / path).stat().st_size for path in chosen) > TOTAL_LIMIT:
        raise Invalid(
            f"The project's code is larger than {TOTAL_LIMIT // 2**20} MB or {COUNT_LIMIT} files.",
            field="source",
            fix="Leave data out of the folder, or list it in .gitignore.",
        )
    plain = io.BytesIO()
    with tarfile.open(fileobj=plain, mode="w", format=tarfile.USTAR_FORMAT, encoding="utf-8") as tar:
        for path in sorted(chosen):
            _add(tar, path, (folder / path).read_bytes())
    return gzip.compress(plain.getvalue(), compresslevel=6, mtime=0)


def unpack(data: bytes, folder: Path) -> None:
    """Write an archive's files into a folder. Raises `Invalid` for anything but plain files inside it."""
    written = 0
    try:
        with tarfile.open(
            fileobj=_Limited(gzip.GzipFile(fileobj=io.BytesIO(data))), mode="r|", encoding="utf-8"
        ) as tar:
            for count, member in enumerate(tar, 1):
                path = _safe(member)
                written += member.size
                if count > COUNT_LIMIT or written > TOTAL_LIMIT or member.size > FILE_LIMIT:
                    raise _unsafe("is too large")
                if member.isfile():
                    _write(tar, member, folder / path)
                else:
                    (folder / path).mkdir(parents=True, exist_ok=True)
    except (tarfile.TarError, OSError, EOFError, ValueError, zlib.error):
        raise Invalid("The source archive is damaged.", field="source", fix="Send the project again.") from None


class _Limited(io.RawIOBase):
    """Stops a small file from becoming an endless one."""

    def __init__(self, inner: gzip.GzipFile) -> None:
        self._inner = inner
        self._left = 2 * TOTAL_LIMIT

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        got = self._inner.read(min(size, self._left) if size >= 0 else self._left)
        self._left -= len(got)
        return got


def _write(tar: tarfile.TarFile, member: tarfile.TarInfo, path: Path) -> None:
    content = tar.extractfile(member)
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("xb") as file:
        file.write(content.read() if content is not None else b"")


def _safe(member: tarfile.TarInfo) -> PurePosixPath:
    path = PurePosixPath(member.name)
    inside = not path.is_absolute() and ".." not in path.parts and "\\" not in member.name and ":" not in member.name
    if not inside or not (member.isfile() or member.isdir()) or not member.name.isprintable():
        raise _unsafe("holds a link, a device or a path that leads out of its folder")
    return path


def _unsafe(why: str) -> Invalid:
    return Invalid(f"The source archive {why}.", field="source", fix="Send the project again with podium push.")


def _add(tar: tarfile.TarFile, path: PurePosixPath, content: bytes) -> None:
    member = tarfile.TarInfo(str(path))
    member.size = len(content)
    member.mode = 0o644
    try:
        tar.addfile(member, io.BytesIO(content))
    except ValueError:
        raise Invalid("A path in the project is too long to be packed.", field="source", fix="Shorten it.") from None


def _tracked(folder: Path) -> list[PurePosixPath] | None:
    """What git tracks or would track in this folder, relative to it; None when there is no git."""
    try:
        listed = subprocess.run(
            ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", "--", "."],
            cwd=folder,
            check=True,
            capture_output=True,
            timeout=60,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return [PurePosixPath(name) for name in sorted(set(listed.stdout.decode(errors="replace").split("\0"))) if name]


def _text_files(folder: Path) -> list[PurePosixPath]:
    found: list[PurePosixPath] = []
    waiting = [folder]
    while waiting:
        for path in waiting.pop().iterdir():
            if path.is_dir() and not path.is_symlink() and path.name not in _SKIPPED:
                waiting.append(path)
            elif path.is_file() and _is_text(path):
                found.append(PurePosixPath(path.relative_to(folder).as_posix()))
    return found


def _is_text(path: Path) -> bool:
    with path.open("rb") as file:
        return b"\x00" not in file.read(8192)


def _wanted(folder: Path, path: PurePosixPath) -> bool:
    real = folder / path
    if _SKIPPED & set(path.parts) or path.suffix.lower() in _SECRET or path.name.startswith(".env"):
        return False
    return real.is_file() and not real.is_symlink() and real.stat().st_size <= FILE_LIMIT
