"""The service over gRPC."""

import os

os.environ.setdefault("GRPC_VERBOSITY", "NONE")  # noqa: TID251 - it is for the library; we say ourselves, in the log's form
