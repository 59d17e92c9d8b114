"""Answers that say no."""

from podium.core.errors import PodiumError, Unavailable
from podium.scoring.call import Answer
from podium.scoring.protocols import problem


def of(error: PodiumError) -> Answer:
    """The problem that an error is."""
    status, body = problem.of(error)
    headers = (("retry-after", "1"),) if status == 503 else ()
    return Answer(status, body, problem.MEDIA, headers)


def invalid(status: int, detail: str, fix: str, headers: tuple[tuple[str, str], ...] = ()) -> Answer:
    """A problem with the request itself, whatever its rows say."""
    return Answer(status, problem.encode(status, "invalid", detail, fix=fix), problem.MEDIA, headers)


def not_allowed(allowed: str) -> Answer:
    return invalid(405, "This path does not answer that method.", f"Use {allowed}.", (("allow", allowed),))


def wrong_media(wanted: str) -> Answer:
    return invalid(415, "The body's content type is not one that this path takes.", f"Send {wanted}, in UTF-8.")


def too_large(limit: int) -> Answer:
    """For a body over the limit, which no transport reads to its end."""
    return invalid(413, "The body is too large.", f"Send at most {limit} bytes; split the rows over several requests.")


def too_slow() -> Answer:
    """For a head or body that does not arrive."""
    return invalid(408, "The request did not arrive in time.", "Send it again.")


def too_many_connections() -> Answer:
    """For a connection over the limit."""
    return of(Unavailable("The scorer has as many connections as it takes.", fix="Connect again later."))


def broken() -> Answer:
    """For a fault of our own."""
    return Answer(500, problem.encode(500, "error", "The scorer failed; its log says why."), problem.MEDIA)


TOO_MANY = Answer(
    429,
    problem.encode(429, "unavailable", "The scorer has more to do than it can.", fix="Send it again later."),
    problem.MEDIA,
    (("retry-after", "1"),),
)
"""For a request that would wait longer than is worth waiting."""
