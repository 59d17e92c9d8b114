"""The manifest of a registered bundle, from the blobs: the bundle's digest is the digest of these bytes."""

from podium.bundle import read as bundles
from podium.core import bundle
from podium.store.blobs import Blobs


def read(blobs: Blobs, digest: str) -> bundle.Manifest:
    """What a bundle is. Raises `NotFound` when it was never stored, `Invalid` when the digest is another blob's."""
    return bundles.parse_manifest(blobs.get(digest))
