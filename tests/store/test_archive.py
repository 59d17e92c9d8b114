"""The source archive: the same for the same files, and safe to unpack whoever made it."""

import gzip
import io
import os
import subprocess
import tarfile
from pathlib import Path

import pytest

from podium.build import archive
from podium.core.errors import Invalid


@pytest.fixture
def project(tmp_path: Path) -> Path:
    folder = tmp_path / "project"
    (folder / "lib").mkdir(parents=True)
    (folder / "podium.toml").write_text("seed = 1")
    (folder / "train.py").write_text("def fit(): ...")
    (folder / "lib" / "früh.py").write_text("x = 1")
    (folder / ".env").write_text("TOKEN=secret")
    (folder / "private.key").write_text("secret")
    (folder / "big.csv").write_bytes(b"1\n" * archive.FILE_LIMIT)
    (folder / "picture.bin").write_bytes(b"\x00\x01")
    for skipped in (".podium", ".venv", "__pycache__"):
        (folder / skipped).mkdir()
        (folder / skipped / "a.py").write_text("no")
    return folder


CODE = {"podium.toml", "train.py", "lib/früh.py"}


def files(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def test_a_folder_goes_and_comes_back(project: Path, tmp_path: Path) -> None:
    packed = archive.pack(project)
    archive.unpack(packed, tmp_path / "out")
    assert files(tmp_path / "out") == CODE
    assert (tmp_path / "out" / "train.py").read_text() == "def fit(): ..."
    os.utime(project / "train.py", (0, 0))
    (project / "train.py").chmod(0o600)
    assert archive.pack(project) == packed
    (project / "train.py").write_text("def fit(): 1")
    assert archive.pack(project) != packed


def test_under_git_what_is_ignored_stays(project: Path, tmp_path: Path) -> None:
    (project / ".gitignore").write_text("lib/\n")
    (project / "linked.py").symlink_to("/etc/passwd")
    subprocess.run(["git", "init", "-q"], cwd=project, check=True)
    subprocess.run(["git", "add", "train.py"], cwd=project, check=True)
    archive.unpack(archive.pack(project), tmp_path / "out")
    assert files(tmp_path / "out") == {"podium.toml", "train.py", "picture.bin", ".gitignore"}
    (project / "train.py").unlink()
    assert archive.pack(project)


def test_an_empty_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Invalid, match="no code"):
        archive.pack(tmp_path)


def member(name: str, kind: bytes = tarfile.REGTYPE, size: int = 1, link: str = "") -> bytes:
    info = tarfile.TarInfo(name)
    info.type, info.size, info.linkname = kind, size if kind == tarfile.REGTYPE else 0, link
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w") as tar:
        tar.addfile(info, io.BytesIO(b"x" * info.size))
    return gzip.compress(data.getvalue())


@pytest.mark.parametrize(
    "hostile",
    [
        member("../out.py"),
        member("/tmp/podium-out.py"),
        member("a/../../out.py"),
        member("a\\..\\out.py"),
        member("c:out.py"),
        member("link", tarfile.SYMTYPE, link="/etc/passwd"),
        member("link", tarfile.LNKTYPE, link="/etc/passwd"),
        member("device", tarfile.CHRTYPE),
        member("pipe", tarfile.FIFOTYPE),
        member("big.py", size=archive.FILE_LIMIT + 1),
        b"",
        b"not an archive",
        member("a.py")[:-20],
        gzip.compress(b"\x00" * (archive.TOTAL_LIMIT * 3))[:-8],
        gzip.compress(b"y" * 2000),
    ],
    ids=range(15),
)
def test_a_hostile_archive_writes_nothing_outside(hostile: bytes, tmp_path: Path) -> None:
    inside = tmp_path / "in"
    inside.mkdir()
    try:
        archive.unpack(hostile, inside)
    except Invalid:
        pass
    else:
        assert files(inside) <= {"a.py"}
    assert files(tmp_path) <= {"in/a.py"}


def test_too_many_files_are_refused(tmp_path: Path) -> None:
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w") as tar:
        for number in range(archive.COUNT_LIMIT + 1):
            tar.addfile(tarfile.TarInfo(f"{number}.py"))
    with pytest.raises(Invalid, match="too large"):
        archive.unpack(gzip.compress(data.getvalue(), 1), tmp_path)


def test_a_file_named_twice_is_refused(tmp_path: Path) -> None:
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w") as tar:
        for _ in range(2):
            tar.addfile(tarfile.TarInfo("a.py"))
    with pytest.raises(Invalid):
        archive.unpack(gzip.compress(data.getvalue()), tmp_path)
