"""Where a running platform leaves its address for clients on the same machine."""

from pathlib import Path

import msgspec

from podium.core.errors import Invalid

FILE = "client.json"


class Credentials(msgspec.Struct, frozen=True, kw_only=True):
    """An address and a token, kept in `<home>/client.json`, readable by its owner only."""

    url: str
    token: str


def load(home: Path) -> Credentials | None:
    """The credentials left in a home folder, if any."""
    path = home / FILE
    if not path.is_file():
        return None
    try:
        return msgspec.json.decode(path.read_bytes(), type=Credentials)
    except (msgspec.DecodeError, msgspec.ValidationError):
        raise Invalid(f"{path} is damaged.", fix="Remove it; podium up writes it again.") from None


def save(home: Path, credentials: Credentials) -> None:
    """Leave credentials in a home folder."""
    home.mkdir(parents=True, exist_ok=True)
    path = home / FILE
    temporary = path.with_name(FILE + ".new")
    temporary.touch(mode=0o600)
    temporary.write_bytes(msgspec.json.encode(credentials))
    temporary.replace(path)
