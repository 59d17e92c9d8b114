"""What a scorer keeps on disk, so that it starts and serves with the control plane down.

<folder>/rollouts/<endpoint>.json  the signed document in force (only ones that were accepted)
<folder>/newest/<endpoint>.json    number and instant of the newest one that was ever accepted
<folder>/bundles/<hex>/            bundles, by digest
<folder>/proven/<hex>              notes that a bundle loaded and answered its golden rows
<folder>/keys/<key id>.json        trusted public keys
<folder>/log/                      the prediction log's segments until they are shipped
<folder>/name                      this scorer's name
"""

import contextlib
import fcntl
import logging
import os
import shutil
import threading
from collections.abc import Iterable, Iterator
from pathlib import Path

import msgspec

from podium.bundle import read, signing
from podium.core import digest, name, rollout
from podium.core.errors import Invalid, NotFound, Refused
from podium.scoring import newest
from podium.scoring.log import segment

_LOG = logging.getLogger("podium.scorer")


class Cache:
    """The folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._strange: set[str] = set()
        try:
            for part in (self.rollouts, self.bundles, self.keys_folder, self.log):
                part.mkdir(parents=True, exist_ok=True)
        except OSError:
            raise Invalid(
                "The scorer's folder cannot be made.", field="folder", fix="Give a folder that this user may write to."
            ) from None

    @property
    def rollouts(self) -> Path:
        return self.folder / "rollouts"

    @property
    def bundles(self) -> Path:
        return self.folder / "bundles"

    @property
    def proven(self) -> Path:
        return self.folder / "proven"

    @property
    def keys_folder(self) -> Path:
        return self.folder / "keys"

    @property
    def log(self) -> Path:
        return self.folder / "log"

    def bundle(self, named: str) -> Path:
        """Where the bundle of that digest is, or will be."""
        return self.bundles / digest.check(named).removeprefix(digest.PREFIX)

    def rollout_files(self) -> dict[str, Path]:
        """The kept documents by endpoint. A file that is not named after one is left out, and told once."""
        return {path.stem: path for path in sorted(self.rollouts.glob("*.json")) if self._named(path.stem)}

    def _named(self, endpoint: str) -> bool:
        try:
            name.check(endpoint, "endpoint")
        except Invalid:
            if endpoint not in self._strange:
                self._strange.add(endpoint)
                _LOG.warning("the file %a in rollouts/ is passed over: no endpoint has such a name", f"{endpoint}.json")
            return False
        return True

    def save_rollout(self, endpoint: str, signed: rollout.Signed) -> None:
        """Keep a document that was accepted, and what is to be remembered of all that were.

        Of two scorers on one folder the one that is behind keeps nothing: the other has the newer document.
        """
        path = self._newest(endpoint)
        path.parent.mkdir(exist_ok=True)
        with _alone(path.with_suffix(".lock")):
            taken, known = newest.of(signed, signed.rollout()), self.newest(endpoint)
            if not newest.older(taken, known):
                replace(self.rollouts / f"{endpoint}.json", msgspec.json.encode(signed))
                replace(path, msgspec.json.encode(newest.both(taken, known)))

    def newest(self, endpoint: str) -> newest.Newest | None:
        """What was kept of the newest rollout that was ever accepted; None when nothing was that can be read."""
        try:
            return msgspec.json.decode(self._newest(endpoint).read_bytes(), type=newest.Newest)
        except FileNotFoundError:
            return None
        except (OSError, msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            _LOG.warning("endpoint %s: what was kept of its newest rollout cannot be read", endpoint)
            return None

    def _newest(self, endpoint: str) -> Path:
        return self.folder / "newest" / f"{name.check(endpoint, 'endpoint')}.json"

    def pin(self, key: rollout.Key) -> None:
        """Trust a key from now on."""
        replace(self.keys_folder / f"{signing.key_id(key.public_key)}.json", msgspec.json.encode(key))

    def pinned(self) -> dict[str, bytes]:
        """The keys that were pinned, by id."""
        return keys(self.keys_folder.glob("*.json"))

    def scorer_name(self, wanted: str, random: bytes) -> str:
        """This scorer's name: the wanted one, else the one made at the first start and kept since."""
        if wanted:
            return name.check(wanted, "name")
        path = self.folder / "name"
        if not path.exists():
            replace(path, f"scorer-{random.hex()[:12]}".encode())
        return name.check(path.read_text().strip(), "name")

    def store_bundle(self, named: str, files: Iterable[tuple[str, bytes]]) -> Path:
        """Keep a fetched bundle: on disk, verified whole, then named. `Refused` when it is not what its digest says."""
        target = self.bundle(named)
        new = target.with_name(f".{target.name}.{_own()}.new")
        shutil.rmtree(new, ignore_errors=True)
        try:
            for path, data in files:
                _write(new / path, data)
            read.verify(new, named)
            for folder in [new, *(path for path in new.rglob("*") if path.is_dir())]:
                segment.sync_folder(folder)
            try:
                new.rename(target)
            except OSError:
                read.verify(target, named)
        finally:
            shutil.rmtree(new, ignore_errors=True)
        segment.sync_folder(self.bundles)
        return target

    def discard_bundle(self, named: str) -> None:
        """Forget a damaged bundle."""
        target = self.bundle(named)
        old = target.with_name(f".{target.name}.{_own()}.old")
        shutil.rmtree(old, ignore_errors=True)
        with contextlib.suppress(FileNotFoundError):
            target.rename(old)
        shutil.rmtree(old, ignore_errors=True)


def _own() -> str:
    """Of this thread among all on this machine."""
    return f"{os.getpid()}.{threading.get_native_id()}"


@contextlib.contextmanager
def _alone(path: Path) -> Iterator[None]:
    """One process at a time."""
    with path.open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def read_signed(path: Path) -> rollout.Signed:
    """A signed rollout document in a file; `Refused` when it is none, cannot be read, or a bit of it was changed."""
    try:
        data = path.read_bytes()
    except OSError:
        raise Refused(
            "The rollout file cannot be read.", field="rollout", fix="Mend it or its permissions, or take it away."
        ) from None
    try:
        signed = msgspec.json.decode(data, type=rollout.Signed)
        said = msgspec.json.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise Refused("The rollout file is not a signed rollout document.", field="rollout") from None
    if said != msgspec.to_builtins(signed):  # base64 has idle bits that its readers pass over
        raise Refused("The rollout file is not as it was written.", field="rollout")
    return signed


def keys(paths: Iterable[Path]) -> dict[str, bytes]:
    """Public keys by id, from files that hold 32 raw bytes, or the JSON of a `core.rollout.Key`."""
    found = {}
    for path in paths:
        try:
            data = path.read_bytes()
        except OSError:
            raise NotFound(
                "A file with a public key cannot be read.", field="keys", fix="Mend its path or its permissions."
            ) from None
        public = data if len(data) == signing.KEY_BYTES else _public(data)
        found[signing.key_id(public)] = public
    return found


def _public(data: bytes) -> bytes:
    try:
        return msgspec.json.decode(data, type=rollout.Key).public_key
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise Invalid(
            "A file with a public key holds neither 32 bytes nor a key in JSON.",
            field="keys",
            fix="Give the key's 32 bytes, or its `key_id` and `public_key` in JSON.",
        ) from None


def replace(path: Path, data: bytes) -> None:
    """Write a file whole or not at all, durably."""
    new = path.with_name(f".{path.name}.{os.getpid()}.new")
    _write(new, data)
    new.rename(path)
    segment.sync_folder(path.parent)


def _write(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
