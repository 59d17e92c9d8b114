"""Whom an external model may be: the public over TLS, and whoever the machine's owner lists."""

import socket
from pathlib import Path

import pytest

from podium.bundle.engines.external import hosts
from podium.core.errors import Invalid, Refused

LISTED = {"models.example.org": hosts.Known(token="secret"), "10.0.0.7:8080": hosts.Known(http=True)}


def test_a_token_goes_to_its_own_host_only() -> None:
    assert hosts.target("https://models.example.org/v2/models/a/infer", LISTED).token == "secret"
    assert hosts.target("https://models.example.org.evil.example/x", LISTED).token == ""
    assert hosts.target("https://example.org/x?y=1", LISTED) == hosts.Target(
        "example.org", 443, "/x?y=1", tls=True, token="", listed=False
    )


@pytest.mark.parametrize(
    "url",
    [
        "ftp://models.example.org/x",
        "file:///etc/passwd",
        "https://",
        "//models.example.org",
        "https://user:word@models.example.org/",
        "https://models.example.org/#part",
        "https://models.example.org:99999/",
        "https://models.example.org/\r\nHost: other",
        "https://[::1",
        f"https://{'a' * 64}.example.org/",
        "https://models..example.org/",
        "",
    ],
)
def test_what_is_no_address_is_refused(url: str) -> None:
    with pytest.raises(Invalid):
        hosts.target(url, LISTED)


@pytest.mark.parametrize("url", ["http://models.example.org/x", "http://10.0.0.7/x", "http://example.org/"])
def test_without_tls_only_where_the_owner_says_so(url: str) -> None:
    with pytest.raises(Refused, match="over https"):
        hosts.target(url, LISTED)
    assert not hosts.target("http://10.0.0.7:8080/x", LISTED).tls


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "127.1.2.3",
        "10.1.1.1",
        "172.16.0.1",
        "192.168.0.1",
        "169.254.169.254",
        "100.64.0.1",
        "0.0.0.0",
        "[::1]",
        "[::ffff:127.0.0.1]",
        "[::ffff:10.0.0.1]",
        "[fd00::1]",
        "[fe80::1]",
        "2130706433",
        "0x7f.1",
        "localhost",
    ],
)
def test_nobody_is_led_into_a_private_network(address: str) -> None:
    target = hosts.target(f"https://{address}/latest/meta-data", {})
    with pytest.raises(Refused, match="private network"):
        hosts.dial(target, 0.2)


def test_a_listed_host_may_be_private() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
        known = {f"127.0.0.1:{port}": hosts.Known(http=True)}
        hosts.dial(hosts.target(f"http://127.0.0.1:{port}/", known), 2.0).close()


def test_the_list_is_its_owners_secret(tmp_path: Path) -> None:
    path = tmp_path / "external.toml"
    assert hosts.read(path) == {}
    path.write_text('["models.example.org"]\ntoken = "secret"\n')
    path.chmod(0o644)
    with pytest.raises(Refused, match="read by others"):
        hosts.read(path)
    path.chmod(0o600)
    assert hosts.read(path) == {"models.example.org": hosts.Known(token="secret")}
    path.write_text('["models.example.org"]\nhttps = "no"\n')
    with pytest.raises(Invalid) as problem:
        hosts.read(path)
    assert "no" not in problem.value.message.split()
