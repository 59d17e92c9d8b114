"""What explains the scores of versions exactly: their own trees or weights, from their bundles."""

from typing import NamedTuple

from podium.bundle.explain import explainer, table
from podium.core.errors import Refused
from podium.core.signature import Signature
from podium.deploy.packaging import manifest
from podium.monitor.checks import ready
from podium.store.blobs import Blobs


class Known(NamedTuple):
    """A bundle's features, and what explains its scores; None where nothing does so exactly."""

    signature: Signature
    native: explainer.Native | None


_READY: ready.Ready[Known] = ready.Ready()
"""This process's."""


def of(blobs: Blobs, digest: str) -> Known:
    """What a bundle says of its own scores."""
    return _READY.of(digest, lambda: _load(blobs, digest))


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
