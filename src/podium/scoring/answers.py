"""Answers that say no."""

from podium.core.errors import PodiumError, Unavailable
from podium.scoring import admission
from podium.scoring.call import Answer
from podium.scoring.protocols import problem

_LATER = frozenset({429, 503})


def of(error: PodiumError) -> Answer:
    """The problem that an error is."""
    status, body = problem.of(error)
    headers = (("retry-after", "1"),) if status in _LATER else ()
    return Answer(status, body, problem.MEDIA, headers)


def invalid(
    status: int, detail: str, fix: str, headers: tuple[tuple[str, str], ...] = (), *, field: str | None = None
) -> Answer:
    """A problem with the request itself, whatever its rows say. `field`: a header's name, or `body`."""
    return Answer(status, problem.encode(status, "invalid", detail, field=field, fix=fix), problem.MEDIA, headers)


def not_allowed(allowed: str) -> Answer:
    return invalid(405, "This path does not answer that method.", f"Use {allowed}.", (("allow", allowed),))


def wrong_media(wanted: str) -> Answer:
    said = "The body's content type is not one that this path takes."
    return invalid(415, said, f"Send {wanted}, in UTF-8.", field="Content-Type")


def too_large(limit: int) -> Answer:
    """For a body over the limit, which no transport reads to its end."""
    fix = f"Send at most {limit} bytes; split the rows over several requests."
    return invalid(413, "The body is too large.", fix, field="body")


def too_slow() -> Answer:
    """For a head or body that does not arrive."""
    return invalid(408, "The request did not arrive in time.", "Send it again.")


def too_many_connections() -> Answer:
    """For a connection over the limit."""
    return of(Unavailable("The scorer has as many connections as it takes.", fix="Connect again later."))


def broken() -> Answer:
    """For a fault of our own."""
    return Answer(500, problem.encode(500, "error", "The scorer failed; its log says why."), problem.MEDIA)


TOO_MANY = of(admission.Crowded())
"""For a request that would wait longer than is worth waiting."""
