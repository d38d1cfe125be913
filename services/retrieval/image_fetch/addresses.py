"""Which addresses are the public internet. The rest is somebody's inside, and is never asked.

`ipaddress.is_global` alone is not enough: it says yes to ::127.0.0.1, to site-local and multicast
addresses, to forms of IPv6 that carry a private IPv4 address (NAT64, 6to4), and to what clouds
keep for themselves. The blocks are those of IANA's special-purpose registries (RFC 6890).
"""

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from typing import Final

Address = IPv4Address | IPv6Address

_NOT_PUBLIC_V4: Final = tuple(
    IPv4Network(block)
    for block in (
        "0.0.0.0/8",  # this network
        "10.0.0.0/8",
        "100.64.0.0/10",  # shared by carriers' customers; metadata of one cloud
        "127.0.0.0/8",
        "168.63.129.16/32",  # a cloud's own services, metadata among them, in each of its machines
        "169.254.0.0/16",  # link-local; metadata of most clouds
        "172.16.0.0/12",
        "192.0.0.0/24",  # protocol assignments; metadata of one cloud
        "192.0.2.0/24",  # documentation, as the next two
        "198.51.100.0/24",
        "203.0.113.0/24",
        "192.88.99.0/24",  # relays of 6to4
        "192.168.0.0/16",
        "198.18.0.0/15",  # benchmarks
        "224.0.0.0/4",  # multicast
        "240.0.0.0/4",  # reserved, and broadcast
    )
)
_UNICAST_V6: Final = IPv6Network("2000::/3")
"""All that IANA has given out; everything else is local, multicast, reserved, or carries IPv4."""

_NOT_PUBLIC_V6: Final = tuple(
    IPv6Network(block)
    for block in (
        "2001::/23",  # protocol assignments; Teredo (2001::/32) carries IPv4 addresses
        "2001:db8::/32",  # documentation
        "2002::/16",  # 6to4, which carries IPv4 addresses
        "3fff::/20",  # documentation
        "3ffe::/16",  # an experiment that ended
    )
)
_NAT64: Final = IPv6Network("64:ff9b::/96")
_V4_BITS: Final = (1 << 32) - 1


def is_public(address: Address) -> bool:
    """Whether an address belongs to the public internet.

    Addresses that carry an IPv4 address are refused whatever it is, but for the well-known NAT64
    prefix (RFC 6052): where a network speaks IPv6 alone, its resolver answers with that for every
    host of IPv4. The local prefix 64:ff9b:1::/48 has no fixed place for it, and is refused.
    """
    if isinstance(address, IPv4Address):
        return address.is_global and not any(address in block for block in _NOT_PUBLIC_V4)
    if address.scope_id is not None:
        return False
    if address in _NAT64:
        return is_public(IPv4Address(int(address) & _V4_BITS))
    return (
        address in _UNICAST_V6
        and address.is_global
        and not any(address in block for block in _NOT_PUBLIC_V6)
    )
