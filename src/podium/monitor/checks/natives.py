"""What explains the scores of versions exactly, kept ready: making it ready costs more than using it."""

import threading
from collections import OrderedDict
from typing import NamedTuple

from podium.bundle.explain import explainer, table
from podium.core.errors import Refused
from podium.core.signature import Signature
from podium.deploy.packaging import manifest
from podium.store.blobs import Blobs

_KEPT = 8


class Known(NamedTuple):
    """A bundle's features, and what explains its scores; None where nothing does so exactly."""

    signature: Signature
    native: explainer.Native | None


class Natives:
    """Of the bundles that were asked for last, by digest. May be asked by several threads."""

    def __init__(self) -> None:
        self._known: OrderedDict[str, Known] = OrderedDict()
        self._lock = threading.Lock()

    def of(self, blobs: Blobs, digest: str) -> Known:
        """What a bundle says of its own scores."""
        with self._lock:
            if digest not in self._known:
                self._known[digest] = _load(blobs, digest)
            self._known.move_to_end(digest)
            while len(self._known) > _KEPT:
                self._known.popitem(last=False)
            return self._known[digest]


def _load(blobs: Blobs, digest: str) -> Known:
    described = manifest.read(blobs, digest)
    files = {file.path: file.digest for file in described.files}
    if table.FILE not in files or table.ENCODER not in files:
        return Known(described.signature, None)
    names = tuple(field.name for field in described.signature.features)
    encoder, body = (blobs.get(files[each]) for each in (table.ENCODER, table.FILE))
    try:
        return Known(described.signature, explainer.Native(encoder, body, names))
    except Refused:  # it names features that the model has not; the scores stand
        return Known(described.signature, None)
