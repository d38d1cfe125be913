"""The address of a picture, read strictly: what two programs could read differently is refused.

A guard that reads an address in one way is worth nothing if what connects reads it in another. So
there is one reader, it makes the parts that are sent, and nothing reads the text again. It knows
less than RFC 3986 and the WHATWG's URL rules on purpose.
"""

import re
from dataclasses import dataclass
from ipaddress import AddressValueError, IPv4Address, IPv6Address
from typing import Final
from urllib.parse import quote, urljoin

import idna

from retrieval.errors import InvalidArgument, Reason
from retrieval.image_fetch.addresses import Address

MAX_LENGTH: Final = 2048
_MAX_HOST_LENGTH: Final = 253

_PARTS: Final = re.compile(
    r"(?P<scheme>[Hh][Tt][Tt][Pp][Ss]?)://(?P<host>[^/?#]+)(?P<target>[^#]*)(#.*)?"
)
_HOST: Final = re.compile(r"(?P<host>\[[0-9A-Fa-f:.]+\]|[^:\[\]]+)(?::(?P<port>80|443))?")
_LABEL: Final = re.compile(r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?")
_LOOKS_NUMERIC: Final = re.compile(r"[0-9]+|0[xX][0-9A-Fa-f]*")
"""What some programs read as a part of an IPv4 address (WHATWG URL, "ends in a number")."""

_SENT_AS_IT_IS: Final = "%-._~:/?[]@!$&'()*+,;="
"""RFC 3986's characters and the percent sign; letters and digits are never quoted."""

_DEFAULT_PORTS: Final = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class ImageUri:
    """An address that was understood, in the parts that a request is made of."""

    scheme: str
    host: str
    """A name in ASCII and small letters, or an IP address without brackets."""
    address: Address | None
    """The host, where it is an IP address."""
    port: int
    target: str
    """Path and query in ASCII, beginning with a slash."""

    @property
    def authority(self) -> str:
        """The value of the Host header (RFC 9110, 7.2)."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _DEFAULT_PORTS[self.scheme] else f"{host}:{self.port}"

    def joined(self, location: str) -> "ImageUri":
        """What a redirect from here leads to. Raises as `parse_image_uri` does."""
        _check_characters(location)  # before urljoin, which drops some of them
        try:
            absolute = urljoin(f"{self.scheme}://{self.authority}{self.target}", location)
        except ValueError:
            raise _invalid() from None
        return parse_image_uri(absolute)


def parse_image_uri(text: str) -> ImageUri:
    """Read an address. Raises InvalidArgument (IMAGE_URI_INVALID), and nothing else.

    Refused are: another scheme than http and https; a user; another port than 80 and 443;
    backslashes, spaces and control characters; hosts that are percent-encoded, that IDNA 2008
    would have to change (full-width letters and dots, circled digits, capitals beyond ASCII), or
    that end in a number without being an IPv4 address of four plain decimals; zones of IPv6.
    """
    _check_characters(text)
    parts = _PARTS.fullmatch(text)
    if parts is None:
        raise _invalid()
    where = _HOST.fullmatch(parts["host"])
    if where is None:
        raise _invalid()
    scheme = parts["scheme"].lower()
    host, address = plain_host(where["host"])
    target = parts["target"]
    return ImageUri(
        scheme=scheme,
        host=host,
        address=address,
        port=int(where["port"] or _DEFAULT_PORTS[scheme]),
        target=quote(target if target.startswith("/") else f"/{target}", safe=_SENT_AS_IT_IS),
    )


def plain_host(text: str) -> tuple[str, Address | None]:
    """A host in canonical form, and its address where it is one.

    Raises InvalidArgument (IMAGE_URI_INVALID).
    """
    if text.startswith("["):
        return _ipv6(text)
    if not text.isascii():
        try:
            text = idna.encode(text, strict=True, std3_rules=True).decode("ascii")
        except (idna.IDNAError, UnicodeError):
            raise _invalid() from None
    host = text.lower()
    labels = host.split(".")
    if len(host) > _MAX_HOST_LENGTH or not all(map(_is_label, labels)):
        raise _invalid()
    if _LOOKS_NUMERIC.fullmatch(labels[-1]):
        return _ipv4(host)
    return host, None


def _ipv4(host: str) -> tuple[str, Address]:
    try:
        return host, IPv4Address(host)  # four decimals without leading zeros
    except AddressValueError:
        raise _invalid() from None


def _ipv6(text: str) -> tuple[str, Address]:
    try:
        address = IPv6Address(text.removeprefix("[").removesuffix("]"))
    except AddressValueError:
        raise _invalid() from None
    return str(address), address


def _is_label(label: str) -> bool:
    """Whether it is a label of letters, digits, hyphens and (as many hosts have) underscores; one
    in IDNA's encoding must be a valid one."""
    if not _LABEL.fullmatch(label):
        return False
    if label.startswith("xn--"):
        try:
            idna.ulabel(label)
        except (idna.IDNAError, UnicodeError):
            return False
    return True


def _check_characters(text: str) -> None:
    """No text beyond measure, and no character that is invisible or that programs disagree on."""
    if len(text) > MAX_LENGTH or "\\" in text or " " in text or not text.isprintable():
        raise _invalid()


def _invalid() -> InvalidArgument:
    return InvalidArgument(Reason.IMAGE_URI_INVALID, field="image.uri")
