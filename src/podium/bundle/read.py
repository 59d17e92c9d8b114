"""Reading bundles: nothing is used before every byte of every file was compared with its digest."""

import hashlib
import re
from pathlib import Path

import msgspec

from podium.core import bundle, digest
from podium.core.errors import Invalid, NotFound, Refused

_PART = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,127}")
_LARGEST_MANIFEST = 16 * 1024 * 1024
FORMAT = 1


def check_path(path: str) -> str:
    """Return a file path of a bundle if it is plain and relative (`a/b.txt`, no dots first), else raise `Refused`."""
    parts = path.split("/")
    if path == bundle.MANIFEST or len(parts) > 8 or not all(_PART.fullmatch(part) for part in parts):
        raise Refused("A manifest names a file outside its bundle, or by a name that is not plain.", field="files")
    return path


def parse_manifest(data: bytes) -> bundle.Manifest:
    """The manifest in those bytes; `Invalid` if they are not one, `Refused` if it names files that it must not."""
    try:
        manifest = msgspec.json.decode(data, type=bundle.Manifest)
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise Invalid("This is not a bundle's manifest.", field=bundle.MANIFEST) from None
    if manifest.format != FORMAT:
        raise Invalid("This Podium does not know that format of bundle.", field="format", fix="Upgrade Podium.")
    if digest.canonical(manifest) != data:
        raise Refused("The manifest is not in its canonical form.", field=bundle.MANIFEST)
    for file in manifest.files:
        check_path(file.path)
        digest.check(file.digest)
    if len({file.path for file in manifest.files}) != len(manifest.files):
        raise Refused("The manifest names a file twice.", field="files")
    return manifest


def load_manifest(folder: Path) -> bundle.Manifest:
    """The manifest of a bundle whose bytes were verified before."""
    return parse_manifest(_manifest_bytes(folder))


def digest_of(folder: Path) -> str:
    """The digest that the manifest there has. It says nothing about the other files: use `verify`."""
    return digest.of_bytes(_manifest_bytes(folder))


def verify(folder: Path, expected: str) -> bundle.Manifest:
    """The manifest, after comparing every byte of every file; `Refused` on any difference, extra or missing file, and
    when the manifest contradicts itself."""
    data = _manifest_bytes(folder)
    check_manifest(data, expected)
    manifest = parse_manifest(data)
    bundle.check(manifest)
    present = set()
    for path in folder.rglob("*"):
        if path.is_symlink() or not (path.is_file() or path.is_dir()):
            raise Refused("The bundle holds something that is not a plain file.", field="files")
        if path.is_file():
            present.add(path.relative_to(folder).as_posix())
    if present != {file.path for file in manifest.files} | {bundle.MANIFEST}:
        raise Refused("The bundle's files are not those that its manifest names.", field="files")
    for file in manifest.files:
        _verify_file(folder / file.path, file)
    return manifest


def check_manifest(data: bytes, expected: str) -> None:
    """`Refused` unless those bytes are the manifest that makes that digest."""
    if digest.of_bytes(data) != digest.check(expected):
        raise Refused("The bundle is not the one that was asked for: its manifest has another digest.", field="digest")


def _verify_file(path: Path, file: bundle.File) -> None:
    with path.open("rb") as stream:
        found = digest.PREFIX + hashlib.file_digest(stream, "sha256").hexdigest()
    if found != file.digest or path.stat().st_size != file.bytes:
        raise Refused(f"The bundle's file {file.path} is not what its manifest says.", field="files")


def _manifest_bytes(folder: Path) -> bytes:
    path = folder / bundle.MANIFEST
    if path.is_symlink() or not path.is_file():
        raise NotFound("There is no bundle in that folder.", field=bundle.MANIFEST)
    if path.stat().st_size > _LARGEST_MANIFEST:
        raise Invalid("The manifest is too large.", field=bundle.MANIFEST)
    return path.read_bytes()
