"""Writing bundles: all files and the manifest, or nothing."""

import os
import secrets
import shutil
from collections.abc import Mapping
from pathlib import Path

import msgspec

from podium.bundle import read
from podium.core import bundle, digest


def describe(files: Mapping[str, bytes]) -> tuple[bundle.File, ...]:
    """The manifest's entries for those files, sorted by path."""
    return tuple(
        bundle.File(path=read.check_path(path), digest=digest.of_bytes(data), bytes=len(data))
        for path, data in sorted(files.items())
    )


def seal(manifest: bundle.Manifest, files: Mapping[str, bytes]) -> tuple[str, bundle.Manifest, bytes]:
    """The bundle's digest, the manifest with those files, and its canonical bytes (whose digest it is)."""
    sealed = msgspec.structs.replace(manifest, files=describe(files))
    data = digest.canonical(sealed)
    return digest.of_bytes(data), sealed, data


def write(folder: Path, manifest: bundle.Manifest, files: Mapping[str, bytes]) -> tuple[str, bundle.Manifest]:
    """Write a bundle and return its digest and manifest; `files` of the given manifest are filled in here.

    The folder appears whole or not at all. Where it is there already, it must hold the same bundle, else `Refused`.
    """
    name, sealed, data = seal(manifest, files)
    if folder.exists():
        return name, read.verify(folder, name)
    folder.parent.mkdir(parents=True, exist_ok=True)
    new = folder.with_name(f".{folder.name}.{secrets.token_hex(8)}.new")
    try:
        for path, content in {**files, bundle.MANIFEST: data}.items():
            _write_file(new / path, content)
        _sync_folders(new)
        _rename(new, folder, name)
    finally:
        shutil.rmtree(new, ignore_errors=True)
    _sync_folder(folder.parent)
    return name, sealed


def _rename(new: Path, folder: Path, name: str) -> None:
    try:
        new.rename(folder)
    except OSError:
        if not folder.exists():
            raise
        read.verify(folder, name)  # another process wrote it first; then it must be the same


def _write_file(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("xb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _sync_folders(root: Path) -> None:
    for path in [root, *root.rglob("*")]:
        if path.is_dir():
            _sync_folder(path)


def _sync_folder(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
