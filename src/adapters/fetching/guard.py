"""Keeps what the gateway fetches for a caller out of the networks that only the gateway can reach.

The address is judged where the socket is made, after every name was resolved and every redirect
was followed: what is dialled is what was judged.
"""

from __future__ import annotations

import socket
from collections.abc import Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Any, TypeAlias

Network: TypeAlias = IPv4Network | IPv6Network
# Family, type, protocol, canonical name, and an address that begins with host and port.
AddrInfo: TypeAlias = tuple[int, int, int, str, tuple[Any, ...]]

# IPv6 that carries an IPv4 address within: the inner one is what is reached.
_NAT64 = IPv6Network("64:ff9b::/96")
# All that was ever given out of IPv6. The rest has forms that carry an IPv4 address as well, such
# as ::127.0.0.1, which ipaddress takes for global.
_GIVEN_OUT = IPv6Network("2000::/3")
# What ipaddress takes for global there and is not: 6to4, Teredo, documentation.
_NOT_GLOBAL = tuple(IPv6Network(net) for net in ("2002::/16", "2001::/32", "3fff::/20"))


class Forbidden(OSError):
    """The address is not one that may be fetched from."""


class Guard:
    """Public addresses alone, and those in `networks`, such as 10.20.0.0/16.

    Raises ValueError for what is no network.
    """

    def __init__(self, networks: Sequence[str] = ()) -> None:
        self._networks: tuple[Network, ...] = tuple(map(ip_network, networks))

    def allows(self, address: str) -> bool:
        """Whether an IP address may be dialled."""
        found = _reached(ip_address(address.partition("%")[0]))
        if any(found in network for network in self._networks):
            return True
        if isinstance(found, IPv6Address) and (
            found not in _GIVEN_OUT or any(found in net for net in _NOT_GLOBAL)
        ):
            return False
        return found.is_global and not found.is_multicast

    def socket(self, info: AddrInfo) -> socket.socket:
        """A socket for this address, as an HTTP client asks for it. Raises Forbidden."""
        family, kind, protocol, _, address = info
        if not self.allows(str(address[0])):
            raise Forbidden("the address is not public")
        return socket.socket(family, kind, protocol)


def _reached(address: IPv4Address | IPv6Address) -> IPv4Address | IPv6Address:
    if isinstance(address, IPv6Address):
        if address.ipv4_mapped is not None:
            return address.ipv4_mapped
        if address in _NAT64:
            return IPv4Address(int(address) & 0xFFFF_FFFF)
    return address
