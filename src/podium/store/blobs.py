"""Content-addressed blobs in a folder or an object store: written once, verified when read."""

import contextlib
import hashlib
import logging
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import obstore
from obstore.exceptions import AlreadyExistsError, BaseError
from obstore.store import LocalStore, ObjectStore, S3Store

from podium.core import digest
from podium.core.errors import Invalid, NotFound, Refused, Unavailable

_LOG = logging.getLogger(__name__)
_CHUNK = 8 * 1024 * 1024


class Blobs:
    """A place for bytes addressed by their SHA-256. `url` and `storage_options` let tables live beside the blobs."""

    def __init__(self, where: str, options: Mapping[str, str] | None = None) -> None:
        self.storage_options = dict(options or {})
        self.folder: Path | None = None
        if where.startswith("s3://"):
            self.url = where.rstrip("/")
            self._store: ObjectStore = _s3(self.url, self.storage_options)
        elif "://" in where:
            raise Invalid(
                "Blobs live in a folder or under s3://.", field="blobs", fix="For example s3://bucket/podium."
            )
        else:
            self.folder = Path(where).resolve()
            self.url = str(self.folder)
            self._store = _local(self.folder)

    def put(self, data: bytes) -> str:
        """Keep some bytes; their digest. Keeping the same bytes again changes nothing."""
        address = digest.of_bytes(data)
        self._create(address, data, len(data))
        return address

    def put_file(self, path: Path) -> str:
        """Keep a file's bytes without holding them in memory; their digest."""
        hasher = hashlib.sha256()
        with path.open("rb") as file:
            while chunk := file.read(_CHUNK):
                hasher.update(chunk)
        address = digest.PREFIX + hasher.hexdigest()
        self._create(address, path, path.stat().st_size)
        return address

    def get(self, address: str) -> bytes:
        """The bytes, verified. Raises `NotFound`, or `Refused` when they are not what was kept."""
        with _translated("read"):
            data = bytes(self._open(address).bytes())
        if digest.of_bytes(data) != address:
            raise _corrupt(address)
        return data

    def fetch(self, address: str, to: Path) -> None:
        """Write the bytes to a file, verified before the file gets its name."""
        hasher = hashlib.sha256()
        temporary = to.with_name(to.name + ".new")
        with temporary.open("wb") as file, _translated("read"):
            for chunk in self._open(address).stream(min_chunk_size=_CHUNK):
                hasher.update(chunk)
                file.write(chunk)
        if digest.PREFIX + hasher.hexdigest() != address:
            temporary.unlink()
            raise _corrupt(address)
        temporary.replace(to)

    def exists(self, address: str) -> bool:
        """Whether the blob is there."""
        try:
            with _translated("read"):
                obstore.head(self._store, _path(address))
        except FileNotFoundError:
            return False
        return True

    def _open(self, address: str) -> Any:
        try:
            return obstore.get(self._store, _path(address))
        except FileNotFoundError:
            raise NotFound(
                f"There is no blob {address[:19]}….", fix="It was never stored, or its store was emptied."
            ) from None

    def _create(self, address: str, data: bytes | Path, size: int) -> None:
        path = _path(address)
        with _translated("written"):
            try:
                obstore.put(self._store, path, data, mode="create", use_multipart=False)
            except AlreadyExistsError:
                if obstore.head(self._store, path)["size"] == size:
                    return
                obstore.put(self._store, path, data, use_multipart=False)  # torn by a crash: the address says what is
            if self.folder is not None:
                _sync(self.folder / path)


@contextlib.contextmanager
def _translated(done: str) -> Iterator[None]:
    """What goes wrong with the store is told and logged; that a blob is not there passes."""
    try:
        yield
    except FileNotFoundError:
        raise
    except (BaseError, OSError) as problem:
        _LOG.warning("The blob store cannot be %s: %s", done, str(problem).partition("\n")[0])
        fix = "Check that it is there, has space, and lets Podium in; the log says more."
        raise Unavailable(f"The blob store cannot be {done}.", field="blobs", fix=fix) from problem


def _path(address: str) -> str:
    hexadecimal = digest.check(address).removeprefix(digest.PREFIX)
    return f"blobs/{hexadecimal[:2]}/{hexadecimal}"


def _corrupt(address: str) -> Refused:
    return Refused(f"The blob {address[:19]}… is not what was stored.", fix="Restore it from a backup.")


def _sync(path: Path) -> None:
    for target in (path, path.parent, path.parent.parent):
        with contextlib.suppress(FileNotFoundError):
            descriptor = os.open(target, os.O_RDONLY)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)


def _local(folder: Path) -> ObjectStore:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as problem:
        raise Unavailable(
            f"The folder {folder} cannot be made ({problem.strerror}).", field="blobs", fix="Choose another folder."
        ) from None
    return LocalStore(prefix=folder)


def _s3(url: str, options: Mapping[str, str]) -> ObjectStore:
    config: dict[str, Any] = {key.lower(): value for key, value in options.items() if key.upper().startswith("AWS_")}
    config.pop("aws_allow_http", None)  # an option of the client, not of the store
    plain_http = str(config.get("aws_endpoint_url", config.get("aws_endpoint", ""))).startswith("http://")
    return S3Store.from_url(url, config=config, client_options={"allow_http": plain_http})  # type: ignore[arg-type]
