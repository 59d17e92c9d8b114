"""What a client may send, and how long it may take."""

import msgspec


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """Sizes in bytes, times in seconds. Times are kept by a sweep a second, so that a request costs no timer."""

    head: int = 16 * 1024
    """Request line and header fields together (431)."""
    fields: int = 100
    """Header fields (431)."""
    body: int = 16 * 1024 * 1024
    """A body, also after it was inflated (413)."""
    arriving: int = 256 * 1024 * 1024
    """Of all connections together, what has come of requests that are not whole yet; the one too many is told 429."""
    connections: int = 4096
    """Beyond these a new connection is told 503 and closed."""
    pipelined: int = 64
    """Requests of one connection that are being answered, and that are begun in one turn; more wait unread."""
    held: int = 256 * 1024 * 1024
    """Of answers that wait behind slower ones of their connections, all together; who has the one too many is cut."""
    head_seconds: float = 10.0
    """From a head's first byte to its last (408)."""
    body_seconds: float = 30.0
    """From a head to its body's end (408)."""
    idle_seconds: float = 75.0
    """Between two requests; then the connection is closed."""
    write_seconds: float = 30.0
    """For a client that does not read its answers; then the connection is cut."""
    write_bytes: int = 64 * 1024
    """Whoever reads fewer in that time, and does not come to the end, does not read."""
    unread: int = 256 * 1024 * 1024
    """Of answers that wait for clients of all connections; above it, who has read nothing for longest is cut."""
    unread_seconds: float = 5.0
    """How long whoever is cut then has read nothing."""
    linger_seconds: float = 2.0
    """How long what a refused client still sends is read and forgotten, so that it can read why."""
