"""Podium's errors as gRPC statuses: the message names the field; the trailer carries the problem that HTTP would."""

from podium.core import errors
from podium.core.errors import PodiumError
from podium.scoring import admission
from podium.scoring.protocols import problem
from podium.scoring.rpc.library import grpc

TRAILER = "podium-problem-bin"


_CODES: tuple[tuple[type[PodiumError], grpc.StatusCode], ...] = (
    (errors.Invalid, grpc.StatusCode.INVALID_ARGUMENT),
    (errors.NotFound, grpc.StatusCode.NOT_FOUND),
    (errors.Conflict, grpc.StatusCode.FAILED_PRECONDITION),
    (errors.Refused, grpc.StatusCode.PERMISSION_DENIED),
    (admission.Crowded, grpc.StatusCode.RESOURCE_EXHAUSTED),
    (errors.Unavailable, grpc.StatusCode.UNAVAILABLE),
)


def of(error: PodiumError) -> tuple[grpc.StatusCode, str, tuple[tuple[str, bytes], ...]]:
    """Code, message and trailing metadata."""
    code = next((code for kind, code in _CODES if isinstance(error, kind)), grpc.StatusCode.INTERNAL)
    return code, str(error), ((TRAILER, problem.of(error)[1]),)
