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
    """The address on which the control plane and the scorer listen."""
    port: int = 8400
    """The control plane's port; 0 chooses a free one."""
    scorer_port: int = 8401
    """The scorer's port; 0 chooses a free one."""
    grpc_port: int = -1
    """The scorer's port for gRPC; 0 chooses a free one, -1 leaves gRPC off."""
    url: str = ""
    """The control plane's address, for clients, scorers and workers that do not run beside it."""
    token: str = ""
    """The secret of the user for whom clients, scorers and workers speak."""
    clock: str = "system"
    """`system`, or `file:<path>` holding the microseconds since 1970 (rehearsals)."""
    admin_token: str = ""
    """Lets its holder drain a scorer; empty: nobody may."""
    bundle_limit: int = 4 * 1024**3
    """A version whose files are larger than that many bytes is refused by the scorer."""
    row_seconds: float = 1.0
    """A version that needs longer for one row is refused by the scorer."""
    load_seconds: float = 120.0
    """A version that needs longer to load and to answer its golden rows is refused by the scorer."""
    train_seconds: float = 21_600.0
    """A training run that takes longer is ended and marked failed; 0: no limit."""
    log_rows: int = 200_000
    """Rows that may wait for a disk that refuses; beyond that `durable` answers 503, `queued` drops and counts."""
    log_bytes: int = 256 * 1024**2
    """The same in bytes: rows may have long texts."""
    supervisor: int = 0
    """The process that started this one; when it is gone, this one stops too. 0: nobody's."""
    workers: int = 1
    """Jobs that one worker process runs at once."""
    lease_seconds: float = 30.0
    """How long a worker may be silent before another takes its job over."""
    hook_hosts: str = ""
    """Hosts and networks, with commas, that hooks may reach although they are inside this network or without https."""
    mail_server: str = ""
    """`smtp://user:password@host:587` or `smtps://host:465`, for news of alerts by mail; empty: no mail."""
    mail_from: str = ""
    """The sender's address of that mail."""
    log_level: str = "info"
    """`debug`, `info`, `warning` or `error`."""
    log_format: str = "auto"
    """`json`: a JSON object a line; `text`: for people; `auto`: text on a terminal, JSON elsewhere."""
    access_log: float = 0.0
    """The share of requests to the scorer that are logged: 0 none, 0.01 each hundredth, 1 all."""
    otlp_url: str = ""
    """Where server, worker and scorer send the spans of sampled traces: an OTLP/HTTP receiver, as
    `http://localhost:4318`; empty: nowhere."""
