"""Addresses of pictures: what is read, what is refused, and which hosts may be asked."""

from collections.abc import Callable
from ipaddress import IPv4Address, IPv6Address, ip_address

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from retrieval.domain import Deadline
from retrieval.errors import FailedPrecondition, InvalidArgument, Reason
from retrieval.image_fetch.addresses import is_public
from retrieval.image_fetch.hosts import HostAllowlist, any_host, is_public_name
from retrieval.image_fetch.uri import ImageUri, parse_image_uri
from tests.support.internet import PUBLIC_V6, Internet
from tests.support.uri_cases import INSIDE, UNREADABLE

PLAIN = {
    "http://shop.example": ("http", "shop.example", 80, "/"),
    "https://shop.example/a.png": ("https", "shop.example", 443, "/a.png"),
    "HTTPS://Shop.EXAMPLE/A.png": ("https", "shop.example", 443, "/A.png"),
    "http://shop.example:443/a": ("http", "shop.example", 443, "/a"),
    "https://shop.example:443/a?w=1&h=2#part": ("https", "shop.example", 443, "/a?w=1&h=2"),
    "http://shop.example?a=/../b": ("http", "shop.example", 80, "/?a=/../b"),
    "http://a_b.shop.example/a@2x.png": ("http", "a_b.shop.example", 80, "/a@2x.png"),
    "http://r3---s1.shop.example/%2e": ("http", "r3---s1.shop.example", 80, "/%2e"),
    "http://bücher.example/ä.png": ("http", "xn--bcher-kva.example", 80, "/%C3%A4.png"),
    "http://xn--bcher-kva.example/": ("http", "xn--bcher-kva.example", 80, "/"),
    "http://옷가게.example/{a}|<b>": ("http", "xn--o39akk507d.example", 80, "/%7Ba%7D%7C%3Cb%3E"),
    "http://93.184.216.34/a": ("http", "93.184.216.34", 80, "/a"),
    "http://[2606:2800:220:1::1]:80/a": ("http", "2606:2800:220:1::1", 80, "/a"),
    "http://[2606:2800:0220:1:0:0:0:1]/": ("http", "2606:2800:220:1::1", 80, "/"),
}


@pytest.mark.parametrize("text", PLAIN)
def test_a_plain_address_is_read_into_what_is_sent(text: str) -> None:
    uri = parse_image_uri(text)
    assert (uri.scheme, uri.host, uri.port, uri.target) == PLAIN[text]


@pytest.mark.parametrize(
    ("text", "authority"),
    [
        ("http://shop.example:80/", "shop.example"),
        ("https://shop.example:443/", "shop.example"),
        ("http://shop.example:443/", "shop.example:443"),
        ("https://[2606:2800:220:1::1]:80/", "[2606:2800:220:1::1]:80"),
    ],
)
def test_the_host_header_names_a_port_that_is_not_the_schemes(text: str, authority: str) -> None:
    assert parse_image_uri(text).authority == authority


@pytest.mark.parametrize("name", UNREADABLE)
def test_what_could_be_read_in_two_ways_is_refused(name: str) -> None:
    with pytest.raises(InvalidArgument) as caught:
        parse_image_uri(UNREADABLE[name])
    assert caught.value.reason is Reason.IMAGE_URI_INVALID


@pytest.mark.parametrize("name", INSIDE)
def test_what_lies_inside_is_read_and_then_refused(name: str) -> None:
    uri = parse_image_uri(INSIDE[name])
    inside = not is_public_name(uri.host) if uri.address is None else not is_public(uri.address)
    assert inside


@pytest.mark.parametrize(
    "text",
    [
        "93.184.216.34",
        "8.8.8.8",
        "100.63.255.255",
        "100.128.0.0",
        "172.15.255.255",
        "168.63.129.15",
        "192.0.1.1",
        "2606:2800:220:1:248:1893:25c8:1946",
        "2a00:1450:4001::200e",
        "64:ff9b::5db8:d822",  # NAT64 of a public host: all there is where IPv6 is spoken alone
    ],
)
def test_public_addresses_are_public(text: str) -> None:
    assert is_public(ip_address(text))


def test_a_zone_makes_an_address_local() -> None:
    assert not is_public(ip_address(f"{PUBLIC_V6}%eth0"))


REDIRECTS = {
    "b.png": "http://shop.example/a/b.png?",
    "/b.png": "http://shop.example/b.png?",
    "?b": "http://shop.example/a/c.png?b",
    "//img.shop.example/b": "http://img.shop.example/b?",
    "https://other.example/": "https://other.example/?",
    "../../../b": "http://shop.example/b?",
}


@pytest.mark.parametrize("location", REDIRECTS)
def test_a_redirect_may_be_relative(location: str) -> None:
    uri = parse_image_uri("http://shop.example/a/c.png?d").joined(location)
    text = f"{uri.scheme}://{uri.authority}{uri.target}"
    assert text == REDIRECTS[location].removesuffix("?")


@pytest.mark.parametrize(
    "location",
    [
        "\\\\127.0.0.1\\a",
        "http://127.1/",
        "file:///etc/passwd",
        "//user@shop.example/",
        "/a b",
        "\thttp://127.0.0.1/",
        "http://[",
        "//shop.example:22/",
        "/" + "a" * 3000,
    ],
)
def test_a_redirect_is_read_as_strictly(location: str) -> None:
    with pytest.raises(InvalidArgument):
        parse_image_uri("http://shop.example/a").joined(location)


# --- hosts ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("host", "allowed"),
    [
        ("img.shop.example", True),
        ("shop.example", False),
        ("other.img.shop.example", False),
        ("cdn.example", False),
        ("a.cdn.example", True),
        ("b.a.cdn.example", True),
        ("evilcdn.example", False),
        ("cdn.example.evil.example", False),
        ("xn--bcher-kva.example", True),
        ("93.184.216.34", False),
    ],
)
def test_the_list_names_hosts_and_what_is_below(host: str, allowed: bool) -> None:
    rule = HostAllowlist(["IMG.shop.example", "*.cdn.example", "bücher.example"])
    assert rule(host) is allowed


@pytest.mark.parametrize(
    "pattern",
    [
        *("", "*", "*.", "*.*.example", "img.*.example", "shop", "*.com", "localhost"),
        *("a.internal", "http://shop.example", "shop.example:80", "shop.example/a"),
        *("10.0.0.1", "[::1]", "a..b"),
    ],
)
def test_a_list_of_anything_else_is_refused(pattern: str) -> None:
    with pytest.raises(ValueError, match="full name"):
        HostAllowlist(["shop.example", pattern])


def test_an_empty_list_allows_nothing() -> None:
    assert not HostAllowlist([])("shop.example")


# --- properties -----------------------------------------------------------------------------

ODD = st.sampled_from(
    [*"./:@?#[]\\%-_*①\uff0e\u30020x\uff11\t\r\n\0 \ud800", "http://", "https://", "xn--", "::"]
)
TEXTS = st.lists(ODD | st.characters(), max_size=40).map("".join)


def read(reading: Callable[[], ImageUri]) -> ImageUri | None:
    """None where it is refused, for the one reason there is; other errors pass."""
    try:
        return reading()
    except InvalidArgument as error:
        return None if error.reason is Reason.IMAGE_URI_INVALID else pytest.fail(str(error))


@settings(max_examples=400, deadline=None)
@given(text=TEXTS | TEXTS.map(lambda rest: f"http://{rest}"))
def test_reading_raises_its_own_error_alone_and_gives_plain_parts(text: str) -> None:
    uri = read(lambda: parse_image_uri(text))
    if uri is None:
        return
    assert uri.scheme in {"http", "https"}
    assert uri.port in {80, 443}
    assert uri.host == uri.host.lower()
    assert not set(uri.host) & set("/\\?#@% ")
    assert uri.target.startswith("/")
    for part in (uri.host, uri.target):
        assert part.isascii()
        assert part.isprintable()
        assert " " not in part
    again = parse_image_uri(f"{uri.scheme}://{uri.authority}{uri.target}")
    assert again == uri


@settings(max_examples=200, deadline=None)
@given(location=TEXTS)
def test_a_redirect_raises_its_own_error_alone(location: str) -> None:
    base = ImageUri("http", "shop.example", None, 80, "/a?b")
    following = read(lambda: base.joined(location))
    assert following is None or following.target.startswith("/")


@settings(max_examples=200, deadline=None)
@given(address=st.ip_addresses())
async def test_an_address_is_never_looked_up_and_asked_only_if_public(
    address: IPv4Address | IPv6Address,
) -> None:
    internet = Internet()
    host = f"[{address}]" if address.version == 6 else str(address)
    with pytest.raises((InvalidArgument, FailedPrecondition)):
        async with internet.fetcher().fetch(f"http://{host}/a.png", Deadline.after(5)):
            pass
    assert internet.asked == []
    assert internet.dialled == ([(str(address), 80)] if is_public(address) else [])


@settings(max_examples=100, deadline=None)
@given(tail=st.integers(0, 2**32 - 1))
def test_a_form_that_carries_an_address_is_no_way_around(tail: int) -> None:
    inner = IPv4Address(tail)
    for prefix in (0, 0xFFFF << 32, 0xFFFF << 48, 0x64FF9B0001 << 88):
        assert not is_public(IPv6Address(prefix + tail))
    assert not is_public(IPv6Address((0x2002 << 112) + (tail << 80)))
    assert not is_public(IPv6Address((0x20010000 << 96) + (tail ^ 0xFFFFFFFF)))
    assert is_public(IPv6Address((0x64FF9B << 96) + tail)) == is_public(inner)


def test_any_host_still_means_a_public_name() -> None:
    assert any_host("triton")
    assert not is_public_name("triton")
