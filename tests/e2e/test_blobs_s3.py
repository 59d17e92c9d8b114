"""Blobs over the real S3 protocol: the same promises as in a folder."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import obstore
import pytest
from obstore.store import S3Store

from podium.core.errors import NotFound, Refused
from podium.store.blobs import Blobs
from tests import object_store


def test_blobs_on_s3_keep_their_promises(tmp_path: Path) -> None:
    with object_store.server() as (url, environment):
        blobs = Blobs(url, environment)
        with ThreadPoolExecutor(16) as pool:
            addresses = set(pool.map(lambda _number: blobs.put(b"the same bytes"), range(16)))
        assert len(addresses) == 1
        address = addresses.pop()
        assert blobs.get(address) == b"the same bytes"
        blobs.fetch(address, tmp_path / "fetched")
        assert (tmp_path / "fetched").read_bytes() == b"the same bytes"
        large = tmp_path / "large"
        large.write_bytes(bytes(range(256)) * 65536)
        kept = blobs.put_file(large)
        assert blobs.exists(kept)
        assert blobs.get(kept) == large.read_bytes()
        assert not blobs.exists("sha256:" + "0" * 64)
        with pytest.raises(NotFound):
            blobs.get("sha256:" + "0" * 64)
        _corrupt(environment, address)
        with pytest.raises(Refused):
            blobs.get(address)
        with pytest.raises(Refused):
            blobs.fetch(address, tmp_path / "corrupt")
        assert not (tmp_path / "corrupt").exists()


def _corrupt(environment: dict[str, str], address: str) -> None:
    store = S3Store(
        "podium",
        prefix="demo",
        endpoint=environment["AWS_ENDPOINT_URL"],
        access_key_id=environment["AWS_ACCESS_KEY_ID"],
        secret_access_key=environment["AWS_SECRET_ACCESS_KEY"],
        region=environment["AWS_REGION"],
        client_options={"allow_http": True},
    )
    hexadecimal = address.removeprefix("sha256:")
    obstore.put(store, f"blobs/{hexadecimal[:2]}/{hexadecimal}", b"other bytes!!!")
