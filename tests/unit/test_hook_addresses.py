"""Where a hook may point: each way that leads inside is refused."""

import pytest

from podium.core.errors import Invalid, Refused, Unavailable
from podium.monitor.delivery import address

NONE = address.allowed("")


def to(*found: str) -> address.Resolve:
    return lambda _host, _port: list(found)


@pytest.mark.parametrize(
    "ip",
    [
        "127.0.0.1",
        "10.1.2.3",
        "172.16.0.1",
        "192.168.1.1",
        "169.254.169.254",
        "100.64.0.1",
        "0.0.0.0",
        "224.0.0.1",
        "255.255.255.255",
        "::1",
        "fe80::1",
        "fd00::1",
        "::ffff:127.0.0.1",
        "::ffff:169.254.169.254",
        "2002:7f00:1::",
        "64:ff9b:1::1",
        "64:ff9b::7f00:1",
    ],
)
def test_what_is_inside_is_refused_by_name_and_by_number(ip: str) -> None:
    with pytest.raises(Refused):
        address.resolve("https://hooks.example.org/x", NONE, to(ip))
    host = f"[{ip}]" if ":" in ip else ip
    with pytest.raises(Refused):
        address.resolve(f"https://{host}/x", NONE, to())


def test_one_address_inside_among_several_is_enough_to_refuse() -> None:
    with pytest.raises(Refused):
        address.resolve("https://hooks.example.org/x", NONE, to("93.184.216.34", "127.0.0.1"))


def test_the_address_that_was_judged_is_the_one_to_connect_to() -> None:
    found = address.resolve("https://hooks.example.org:8443/x", NONE, to("93.184.216.34"))
    assert (found.ip, found.host, found.port) == ("93.184.216.34", "hooks.example.org", 8443)


def test_without_tls_only_where_that_is_allowed() -> None:
    with pytest.raises(Refused):
        address.resolve("http://hooks.example.org/x", NONE, to("93.184.216.34"))
    by_name = address.allowed("hooks.example.org")
    assert address.resolve("http://hooks.example.org/x", by_name, to("10.0.0.7")).port == 80
    by_network = address.allowed("10.0.0.0/8")
    assert address.resolve("http://hooks.example.org/x", by_network, to("10.0.0.7")).ip == "10.0.0.7"
    with pytest.raises(Refused):
        address.resolve("http://hooks.example.org/x", by_network, to("10.0.0.7", "11.0.0.7"))


def test_a_name_without_an_address_may_be_tried_again() -> None:
    with pytest.raises(Unavailable):
        address.resolve("https://hooks.example.org/x", NONE, to())


def test_a_wrong_setting_is_named() -> None:
    with pytest.raises(Invalid) as refused:
        address.allowed("10.0.0.0/99")
    assert refused.value.field == "hook_hosts"
