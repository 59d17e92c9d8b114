"""What a scorer and its explaining process say to each other."""

import msgspec

LARGEST = 64 * 1024 * 1024


class Version(msgspec.Struct, frozen=True, kw_only=True):
    """A version that may be asked: its bundle, verified before, and where that lies."""

    number: int
    digest: str
    folder: str


class Ask(msgspec.Struct, frozen=True, kw_only=True):
    """A request for explanations as it came, and who decides which of its rows."""

    endpoint: str
    headers: dict[str, str]
    body: bytes
    request_id: str
    """For rows that come without one."""
    champion: Version
    canary: Version | None = None
    weight: float = 0.0
    salt: str = ""


class Tell(msgspec.Struct, frozen=True, kw_only=True):
    """The answer, whole."""

    status: int
    body: bytes
    media: str
    rows: int = 0
    """How many were explained."""
