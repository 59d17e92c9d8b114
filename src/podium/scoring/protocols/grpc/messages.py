"""The messages of the .proto files beside this module, made from their compiled descriptors.

They stand in a pool of their own: a client library that brings the same protocol may live in the same process.
"""

from pathlib import Path
from typing import Any

from podium.core import errors

try:
    from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
    from google.protobuf.message import DecodeError
except ModuleNotFoundError:
    raise errors.missing_extra("grpc", "protobuf") from None

Undecodable = DecodeError
"""What `FromString` raises for bytes that are no such message."""
INFERENCE, HEALTH = "inference.GRPCInferenceService", "grpc.health.v1.Health"


def _pool() -> Any:
    files = descriptor_pb2.FileDescriptorSet()
    files.ParseFromString(Path(__file__).with_name("descriptors.binpb").read_bytes())
    pool = descriptor_pool.DescriptorPool()
    for file in files.file:
        pool.Add(file)
    return pool


_POOL = _pool()


def _message(name: str) -> Any:
    return message_factory.GetMessageClass(_POOL.FindMessageTypeByName(name))


ServerLiveResponse = _message("inference.ServerLiveResponse")
ServerReadyResponse = _message("inference.ServerReadyResponse")
ServerMetadataResponse = _message("inference.ServerMetadataResponse")
ModelReadyRequest = _message("inference.ModelReadyRequest")
ModelReadyResponse = _message("inference.ModelReadyResponse")
ModelMetadataRequest = _message("inference.ModelMetadataRequest")
ModelMetadataResponse = _message("inference.ModelMetadataResponse")
ModelInferRequest = _message("inference.ModelInferRequest")
ModelInferResponse = _message("inference.ModelInferResponse")
HealthCheckRequest = _message("grpc.health.v1.HealthCheckRequest")
HealthCheckResponse = _message("grpc.health.v1.HealthCheckResponse")
