"""The same clients over gRPC: tritonclient's, each with connections of its own."""

import itertools
import time

import numpy as np
import tritonclient.grpc as triton
from tritonclient.utils import InferenceServerException

from tests import scoring_kit as kit
from tests.faults.load import Answered, Failure, Load

_OWN = [("grpc.use_local_subchannel_pool", 1)]
"""Else all clients of a process share one connection."""
_TYPES = {"FP64": np.float64, "INT64": np.int64}


class RpcLoad(Load):
    """`address` is host and port. Nothing is sent again: neither by the client, which has no such policy, nor here."""

    def _run(self, name: str) -> None:
        client = None
        for number in itertools.count():
            if self._stop.is_set():
                break
            identifier = f"{name}-{number}"
            client = client or triton.InferenceServerClient(self._where(), channel_args=_OWN)
            try:
                answer = client.infer(kit.ENDPOINT, _tensors(), request_id=identifier)
            except InferenceServerException as problem:
                self.failed.append(Failure(identifier, str(problem), time.monotonic()))
            else:
                scores, versions = (answer.as_numpy(name).ravel().tolist() for name in ("score", "version"))
                self.answered[identifier] = Answered(tuple(scores), tuple(map(int, versions)), time.monotonic())
            if not self._keep:
                client = client.close()
            if self._pause:
                time.sleep(self._pause)
        if client is not None:
            client.close()


def _tensors() -> list[triton.InferInput]:
    made = []
    for each in kit.tensors()["inputs"]:
        made.append(triton.InferInput(each["name"], each["shape"], each["datatype"]))
        made[-1].set_data_from_numpy(np.array(each["data"], _TYPES[each["datatype"]]))
    return made
