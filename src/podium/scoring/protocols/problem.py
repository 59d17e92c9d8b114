"""Podium's errors as RFC 9457 problem details; of the scorer, the only place that knows status codes."""

import msgspec

from podium.core import errors
from podium.scoring import admission
from podium.scoring.protocols.json_body import Malformed

MEDIA = "application/problem+json"
TITLES = {
    400: "Bad request",
    401: "Not signed in",
    403: "Refused",
    404: "Not found",
    405: "Method not allowed",
    408: "Too slow",
    409: "Conflict",
    413: "Too large",
    415: "Wrong content type",
    417: "Expectation not met",
    422: "Invalid",
    429: "Too many requests",
    431: "Header too large",
    500: "Internal error",
    501: "Not implemented",
    503: "Unavailable",
    505: "HTTP version not supported",
}
_STATUS: tuple[tuple[type[errors.PodiumError], int], ...] = (
    (Malformed, 400),
    (errors.Invalid, 422),
    (errors.NotFound, 404),
    (errors.Conflict, 409),
    (errors.Refused, 403),
    (admission.Crowded, 429),
    (errors.Unavailable, 503),
)


class Problem(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """RFC 9457, with Podium's `field` and `fix`. `error` repeats the detail, as OIP's clients look for it there."""

    type: str
    title: str
    status: int
    detail: str
    error: str
    field: str | None = None
    fix: str | None = None


def status_of(error: errors.PodiumError) -> int:
    return next((status for kind, status in _STATUS if isinstance(error, kind)), 500)


def encode(status: int, kind: str, detail: str, *, field: str | None = None, fix: str | None = None) -> bytes:
    """The body of a problem answer."""
    return msgspec.json.encode(
        Problem(
            type=f"urn:podium:{kind}",
            title=TITLES[status],
            status=status,
            detail=detail,
            error=detail,
            field=field,
            fix=fix,
        )
    )


def of(error: errors.PodiumError) -> tuple[int, bytes]:
    """Status and body of an error."""
    status = status_of(error)
    return status, encode(status, error.kind, error.message, field=error.field, fix=error.fix)
