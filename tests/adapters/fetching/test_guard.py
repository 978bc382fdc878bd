"""Which addresses may be dialled."""

from __future__ import annotations

import socket

import pytest

from hexgate.adapters.fetching.guard import Forbidden, Guard


@pytest.mark.parametrize("address", ["8.8.8.8", "2606:4700::1111", "64:ff9b::808:808"])
def test_a_public_address_is_allowed(address: str) -> None:
    assert Guard().allows(address)


@pytest.mark.parametrize(
    "address",
    [
        *("127.0.0.1", "10.0.0.8", "172.16.0.1", "192.168.1.1", "169.254.169.254", "0.0.0.0"),
        *("100.64.0.1", "224.0.0.1", "255.255.255.255", "192.0.2.1"),
        *("::1", "::", "fe80::1%eth0", "fc00::1", "ff02::1", "fec0::1"),
        *("::ffff:127.0.0.1", "::ffff:10.0.0.1", "64:ff9b::7f00:1", "64:ff9b:1::1"),
        *("2002:7f00:1::", "2001:0:1::", "2001:db8::1", "3fff::1"),
        *("::127.0.0.1", "::10.0.0.1", "::ffff:0:127.0.0.1", "4000::1"),
    ],
)
def test_what_is_not_public_is_not(address: str) -> None:
    assert not Guard().allows(address)


def test_a_network_may_be_allowed_and_no_more_than_it() -> None:
    guard = Guard(["10.20.0.0/16", "fd00::/8"])
    assert guard.allows("10.20.3.4")
    assert guard.allows("::ffff:10.20.3.4")
    assert guard.allows("fd00::1")
    assert not guard.allows("10.21.0.1")
    assert not guard.allows("127.0.0.1")


def test_what_is_no_network_is_refused() -> None:
    with pytest.raises(ValueError, match=r"10\.0\.0\.1/8"):
        Guard(["10.0.0.1/8"])


def test_a_socket_is_made_for_allowed_addresses_alone() -> None:
    loopback = (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", 1))
    with pytest.raises(Forbidden):
        Guard().socket(loopback)
    Guard(["127.0.0.0/8"]).socket(loopback).close()
