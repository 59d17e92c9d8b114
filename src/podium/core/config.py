"""The settings of a Podium process, read once at start and passed by argument."""

import msgspec


class Config(msgspec.Struct, frozen=True, kw_only=True):
    """All settings. Each can be given as `PODIUM_<NAME>` or under the same name in `podium.server.toml`."""

    home: str = ".podium"
    """The folder for what this machine keeps: the SQLite database, blobs, the prediction log, keys, caches."""
    database: str = ""
    """SQLAlchemy URL; empty: `sqlite:///<home>/podium.db`."""
    blobs: str = ""
    """Folder path or `s3://bucket/prefix`; empty: `<home>/blobs`."""
    host: str = "127.0.0.1"
    port: int = 8400
    scorer_port: int = 8401
    url: str = ""
    """The control plane's address, for clients, scorers and workers that do not run beside it."""
    token: str = ""
    clock: str = "system"
    """`system`, or `file:<path>` holding the microseconds since 1970 (rehearsals)."""
    admin_token: str = ""
    """Lets its holder drain a scorer; empty: nobody may."""
    workers: int = 1
    lease_seconds: float = 30.0
    log_level: str = "info"
