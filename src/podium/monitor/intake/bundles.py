"""Bundles of the versions that made predictions, fetched from the blobs and verified before they compute anything."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from podium.bundle import read, runtime
from podium.bundle.explain import explainer
from podium.core import bundle
from podium.deploy.packaging import manifest
from podium.store.store import Store


class Bundles:
    """Runtimes by bundle digest, each loaded once."""

    def __init__(self, store: Store, folder: Path) -> None:
        self._store = store
        self._folder = folder
        self._loaded: dict[str, runtime.Runtime] = {}

    def get(self, digest: str) -> runtime.Runtime:
        """The runtime of a bundle. Raises `NotFound` when it was never stored, `Refused` when its bytes changed."""
        if digest not in self._loaded:
            folder = self._place(digest)
            self._fetch(digest, folder)
            self._loaded[digest] = runtime.Runtime(folder, read.verify(folder, digest))
        return self._loaded[digest]

    def manifest(self, digest: str) -> bundle.Manifest:
        """What a bundle says of itself, without loading it."""
        loaded = self._loaded.get(digest)
        return manifest.read(self._store.blobs, digest) if loaded is None else loaded.manifest

    def close(self) -> None:
        """End the processes of models that have their own."""
        for loaded in self._loaded.values():
            loaded.close()

    def explainer(self, digest: str) -> explainer.Explainer:
        """What explains the answers of a bundle; as `get`."""
        model = self.get(digest)
        return explainer.Explainer(self._place(digest), model)

    def _place(self, digest: str) -> Path:
        return self._folder / digest.removeprefix("sha256:")

    def _fetch(self, digest: str, folder: Path) -> None:
        described = manifest.read(self._store.blobs, digest)
        folder.mkdir(parents=True, exist_ok=True)
        (folder / bundle.MANIFEST).write_bytes(self._store.blobs.get(digest))
        for file in described.files:
            target = folder / read.check_path(file.path)
            target.parent.mkdir(parents=True, exist_ok=True)
            self._store.blobs.fetch(file.digest, target)


@contextmanager
def cache(store: Store) -> Iterator[Bundles]:
    """A cache of bundles for the length of a job or request."""
    with tempfile.TemporaryDirectory(prefix="podium-bundles-") as folder:
        held = Bundles(store, Path(folder))
        try:
            yield held
        finally:
            held.close()
