"""A throw-away S3 server for the tests: moto's, a process of its own, speaking the real protocol."""

import contextlib
import subprocess
import sys
import time
from collections.abc import Iterator

import httpx

from tests import ports

_KEYS = {"AWS_ACCESS_KEY_ID": "podium", "AWS_SECRET_ACCESS_KEY": "podium-secret", "AWS_REGION": "us-east-1"}


@contextlib.contextmanager
def server() -> Iterator[tuple[str, dict[str, str]]]:
    """Start a server with one bucket; its URL, and the environment by which programs reach it."""
    (port,) = ports.free(1)
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    address = f"http://127.0.0.1:{port}"
    try:
        _make_bucket(address)
        yield "s3://podium/demo", {**_KEYS, "AWS_ENDPOINT_URL": address, "AWS_ALLOW_HTTP": "true"}
    finally:
        process.terminate()
        process.wait(10)


def _make_bucket(address: str) -> None:
    deadline = time.monotonic() + 120
    while True:
        try:
            httpx.put(f"{address}/podium", headers={"Authorization": _authorization()}, timeout=5).raise_for_status()
            return
        except httpx.HTTPError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)


def _authorization() -> str:
    return f"AWS4-HMAC-SHA256 Credential={_KEYS['AWS_ACCESS_KEY_ID']}/20130301/us-east-1/s3/aws4_request"
