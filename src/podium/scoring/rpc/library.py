"""The library of gRPC, which comes with an extra.

It keeps its own words to itself: what went wrong is said by us, in the log's form; and a shut door is an error to it.
"""

import os

from podium.core import errors

os.environ.setdefault("GRPC_VERBOSITY", "NONE")  # noqa: TID251 - read when it is imported

try:
    import grpc
    from grpc import aio
except ModuleNotFoundError:
    raise errors.missing_extra("grpc", "grpcio") from None

__all__ = ["aio", "grpc"]
