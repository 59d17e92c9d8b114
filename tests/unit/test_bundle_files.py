"""Bundles are written whole, and every byte of every file is checked before use; keys and signatures."""

import random
from pathlib import Path

import msgspec
import pytest

from podium.bundle import read, signing, write
from podium.core import bundle, digest
from podium.core.errors import Invalid, NotFound, Refused
from podium.core.signature import Field, FieldType, Signature, Task

FILES = {
    "model.onnx": bytes(range(256)),
    "golden.arrow": b"rows" * 40,
    "notes/readme.txt": b"",
    "reference.json": b"{}",
}
MANIFEST = bundle.Manifest(
    project="p",
    model="m",
    engine=bundle.Engine.ONNX,
    signature=Signature(features=(Field(name="x", type=FieldType.NUMBER),), task=Task.BINARY, key="id", target="y"),
    threshold=0.5,
    files=(),
    parity=bundle.Parity(rows=1, max_abs_error=0.0, tolerance=1e-6, recipe="r"),
    run="run-1",
    dataset="sha256:" + "0" * 64,
    source="sha256:" + "1" * 64,
    created_us=1,
)


def test_a_bundle_is_its_manifests_digest(tmp_path: Path) -> None:
    name, manifest = write.write(tmp_path / "b", MANIFEST, FILES)
    assert digest.of_bytes((tmp_path / "b" / "manifest.json").read_bytes()) == name == read.digest_of(tmp_path / "b")
    assert read.verify(tmp_path / "b", name) == manifest == read.load_manifest(tmp_path / "b")
    assert [file.path for file in manifest.files] == sorted(FILES)
    assert [path.name for path in tmp_path.iterdir()] == ["b"]
    assert write.write(tmp_path / "b", MANIFEST, FILES)[0] == name
    assert write.write(tmp_path / "other", MANIFEST, FILES)[0] == name


def test_another_bundle_never_replaces_the_one_that_is_there(tmp_path: Path) -> None:
    name, _ = write.write(tmp_path / "b", MANIFEST, FILES)
    with pytest.raises(Refused):
        write.write(tmp_path / "b", MANIFEST, {**FILES, "reference.json": b"{ }"})
    read.verify(tmp_path / "b", name)


def test_a_failed_write_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(Refused):
        write.write(tmp_path / "b", MANIFEST, {"../escape": b""})
    with pytest.raises(FileExistsError):
        write.write(tmp_path / "b", MANIFEST, {"a": b"", "a/b": b""})
    assert list(tmp_path.iterdir()) == []


def test_a_flipped_bit_anywhere_is_refused(tmp_path: Path) -> None:
    name, _ = write.write(tmp_path / "b", MANIFEST, FILES)
    chance = random.Random(7)
    tried = 0
    for path in sorted(item for item in (tmp_path / "b").rglob("*") if item.is_file()):
        whole = path.read_bytes()
        positions = range(len(whole)) if len(whole) <= 256 else sorted(chance.sample(range(len(whole)), 256))
        for position in positions:
            broken = bytearray(whole)
            broken[position] ^= 1 << chance.randrange(8)
            path.write_bytes(broken)
            with pytest.raises(Refused):
                read.verify(tmp_path / "b", name)
            tried += 1
        for other in (whole + b"\0", whole[:-1] if whole else b"x"):
            path.write_bytes(other)
            with pytest.raises(Refused):
                read.verify(tmp_path / "b", name)
        path.write_bytes(whole)
    read.verify(tmp_path / "b", name)
    assert tried >= 300


def test_extra_missing_and_linked_files_are_refused(tmp_path: Path) -> None:
    name, _ = write.write(tmp_path / "b", MANIFEST, FILES)
    extra = tmp_path / "b" / "notes" / "extra.py"
    extra.write_bytes(b"")
    with pytest.raises(Refused, match="files"):
        read.verify(tmp_path / "b", name)
    extra.unlink()
    model = tmp_path / "b" / "model.onnx"
    model.rename(tmp_path / "elsewhere")
    with pytest.raises(Refused, match="files"):
        read.verify(tmp_path / "b", name)
    model.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(Refused, match="plain file"):
        read.verify(tmp_path / "b", name)
    with pytest.raises(NotFound):
        read.verify(tmp_path, name)


@pytest.mark.parametrize(
    "path", ["../x", "/etc/passwd", "a/../b", "a//b", ".hidden", "a\\b", "", "manifest.json", "a/", "é", "C:x", "a\n"]
)
def test_a_manifest_may_not_name_files_outside_its_folder(path: str) -> None:
    evil = msgspec.structs.replace(MANIFEST, files=(bundle.File(path=path, digest="sha256:" + "0" * 64, bytes=0),))
    with pytest.raises(Refused):
        read.parse_manifest(digest.canonical(evil))


def test_a_manifest_in_another_form_is_refused() -> None:
    data = digest.canonical(MANIFEST)
    assert read.parse_manifest(data) == MANIFEST
    with pytest.raises(Refused, match="canonical"):
        read.parse_manifest(data.replace(b",", b", ", 1))
    with pytest.raises(Invalid):
        read.parse_manifest(b"\xff{}")
    with pytest.raises(Invalid, match="format"):
        read.parse_manifest(digest.canonical(msgspec.structs.replace(MANIFEST, format=2)))
    twice = bundle.File(path="a", digest="sha256:" + "0" * 64, bytes=0)
    with pytest.raises(Refused, match="twice"):
        read.parse_manifest(digest.canonical(msgspec.structs.replace(MANIFEST, files=(twice, twice))))


def test_signatures_hold_for_exactly_one_key_and_content() -> None:
    key = signing.make(bytes(range(32)))
    assert signing.public(key) == signing.public(signing.make(bytes(range(32))))
    signature = signing.sign(key, b"body")
    signing.verify(signing.public(key), b"body", signature)
    for public, body, sealed in (
        (signing.public(signing.make()), b"body", signature),
        (signing.public(key), b"bodx", signature),
        (signing.public(key), b"body", signature[:-1]),
        (signing.public(key), b"body", b""),
        (b"short", b"body", signature),
    ):
        with pytest.raises(Refused):
            signing.verify(public, body, sealed)
    assert len(signing.key_id(signing.public(key))) == 16


def test_a_key_file_is_private_and_kept(tmp_path: Path) -> None:
    path = tmp_path / "keys" / "control.key"
    with pytest.raises(NotFound):
        signing.load(path)
    key = signing.load_or_make(path)
    assert path.stat().st_mode & 0o777 == 0o600
    assert signing.public(signing.load_or_make(path)) == signing.public(key) == signing.public(signing.load(path))
    with pytest.raises(FileExistsError):
        signing.save(signing.make(), path)
    assert [item.name for item in path.parent.iterdir()] == ["control.key"]
    path.chmod(0o644)
    with pytest.raises(Refused, match="chmod"):
        signing.load(path)
    path.chmod(0o600)
    path.write_bytes(b"short")
    with pytest.raises(Invalid):
        signing.load(path)
