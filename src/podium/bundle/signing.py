"""Ed25519 keys and signatures: of rollouts, approvals and reports."""

import contextlib
import hashlib
import os
from pathlib import Path

from cryptography import exceptions
from cryptography.hazmat.primitives.asymmetric import ed25519

from podium.core.errors import Invalid, NotFound, Refused

Key = ed25519.Ed25519PrivateKey
"""A private key. It is kept in a file that only its owner can read, and never printed."""

KEY_BYTES = 32


def make(seed: bytes | None = None) -> Key:
    """A new private key; from 32 secret bytes where the caller brings its own randomness."""
    return Key.generate() if seed is None else Key.from_private_bytes(seed)


def save(key: Key, path: Path) -> None:
    """Write the private key (its 32 raw bytes, file mode 0600). An existing file is never overwritten."""
    path.parent.mkdir(parents=True, exist_ok=True)
    new = path.with_name(f"{path.name}.{os.getpid()}.new")
    new.unlink(missing_ok=True)
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(key.private_bytes_raw())
        file.flush()
        os.fsync(file.fileno())
    try:
        os.link(new, path)
    finally:
        new.unlink()


def load(path: Path) -> Key:
    """Read a private key; `Refused` if others may read the file."""
    try:
        mode = path.stat().st_mode
        data = path.read_bytes()
    except FileNotFoundError:
        raise NotFound("There is no key file there.", field="key") from None
    if os.name == "posix" and mode & 0o077:
        raise Refused("The key file can be read by others.", field="key", fix="Run: chmod 600 on the key file.")
    if len(data) != KEY_BYTES:
        raise Invalid("This is not a key file: it does not hold 32 bytes.", field="key")
    return Key.from_private_bytes(data)


def load_or_make(path: Path) -> Key:
    """Read the key, or make and save one where there is none; of processes that race, all get the winner's."""
    if not path.exists():
        with contextlib.suppress(FileExistsError):
            save(make(), path)
    return load(path)


def public(key: Key) -> bytes:
    """The 32 bytes of the public key."""
    return key.public_key().public_bytes_raw()


def key_id(public_key: bytes) -> str:
    """The first 16 hexadecimal digits of the SHA-256 of the public key."""
    return hashlib.sha256(public_key).hexdigest()[:16]


def sign(key: Key, body: bytes) -> bytes:
    """The 64-byte signature over exactly these bytes (RFC 8032)."""
    return key.sign(body)


def verify(public_key: bytes, body: bytes, signature: bytes) -> None:
    """Return when the signature is that key's over exactly these bytes, else raise `Refused`."""
    try:
        ed25519.Ed25519PublicKey.from_public_bytes(public_key).verify(signature, body)
    except (exceptions.InvalidSignature, ValueError):
        raise Refused("The signature does not belong to this content and key.", field="signature") from None
