"""What is known of a shop: where it lies, how its pages are told apart, what it does not publish.

A profile is a TOML file; ``profiles/general.toml`` names every field.
"""

import re
import tomllib
from importlib import resources
from pathlib import Path
from typing import Annotated, Final, Self
from urllib.parse import urlsplit

from cssselect import SelectorError
from lxml import etree
from parsel import csstranslator
from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
    model_validator,
)

from catalog.errors import CatalogError

SHIPPED: Final = resources.files("catalog.crawl") / "profiles"


def is_xpath(selector: str) -> bool:
    """XPath begins with a slash or a parenthesis; anything else is CSS."""
    return selector.startswith(("/", "("))


def _pattern(text: str) -> str:
    try:
        re.compile(text)
    except re.error as error:
        raise ValueError(f"{text!r} is no regular expression: {error}") from None
    return text


def _selector(text: str) -> str:
    try:
        xpath = text if is_xpath(text) else csstranslator.HTMLTranslator().css_to_xpath(text)
        etree.XPath(xpath)
    except (SelectorError, etree.XPathSyntaxError):
        raise ValueError(f"{text!r} is neither CSS nor XPath") from None
    return text


def _address(text: str) -> str:
    parts = urlsplit(text)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError(f"{text!r} is no address of a page")
    return text


def _host(text: str) -> str:
    try:
        text = text if text.isascii() else text.encode("idna").decode("ascii")
        parts = urlsplit(f"//{text}")
        valid = parts.netloc == text and parts.hostname and not parts.username
        _ = parts.port
    except ValueError:
        valid = None
    if not valid:
        raise ValueError(f"{text!r} is no host; write www.example.com or www.example.com:8080")
    return text.lower()


Pattern = Annotated[str, AfterValidator(_pattern)]
Selector = Annotated[str, AfterValidator(_selector)]
Address = Annotated[str, AfterValidator(_address)]
Host = Annotated[str, AfterValidator(_host)]
Name = Annotated[str, StringConstraints(min_length=1, max_length=64, to_lower=True)]


class _Closed(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Start(_Closed):
    """A page to begin with."""

    url: Address
    category: Name | None = None
    """Category of the products that it and its further pages list, where those do not say."""


class Links(_Closed):
    """Patterns that are searched in addresses. A page may be a list and a product at once."""

    product: tuple[Pattern, ...] = ()
    category: tuple[Pattern, ...] = ()
    pagination: tuple[Pattern, ...] = ()
    ignore: tuple[Pattern, ...] = ()
    """Never followed, whatever else matches."""
    within: tuple[Selector, ...] = ()
    """Parts of a list in which links are looked for; none: all of it."""


class Selectors(_Closed):
    """For what a shop does not publish for machines. CSS with ``::text`` or ``::attr(name)``."""

    id: Selector | None = None
    title: Selector | None = None
    brand: Selector | None = None
    category: Selector | None = None
    color: Selector | None = None
    price: Selector | None = None
    colors: Selector | None = None
    sizes: Selector | None = None
    images: Selector | None = None
    """Further pictures of the product; those that the page publishes come first."""
    snapshots: Selector | None = None
    sold_out: Selector | None = None
    """Whatever it finds, the product cannot be had."""


class Snapshots(_Closed):
    """Which pictures show the product worn, where the page itself does not say."""

    addresses: tuple[Pattern, ...] = ()
    """Patterns that are searched in a picture's address."""
    words: tuple[str, ...] = ("worn", "on model", "lookbook", "snapshot", "styled", "착용", "스냅")
    """A published caption or name with one of these words makes a picture a snapshot."""


class Pace(_Closed):
    """How gently a host is asked; AutoThrottle waits longer where answers are slow."""

    delay_s: float = Field(1.0, ge=0.01, le=600)
    """Least time between two requests to a host."""
    concurrency: int = Field(1, ge=1, le=8)
    """Requests at once to a host."""
    timeout_s: float = Field(30.0, gt=0, le=600)
    retries: int = Field(4, ge=0, le=20)
    """After 429, 5xx and broken connections."""
    longest_wait_s: float = Field(900.0, gt=0)
    """A host that asks for a longer pause (Retry-After) ends the crawl, which can go on later."""


class Limits(_Closed):
    """When enough is enough."""

    pages: int = Field(100_000, ge=1)
    """Pages that one crawl asks for, without pictures."""
    depth: int = Field(50, ge=1)
    """Links from a start page to the farthest page."""
    page_bytes: int = Field(16 << 20, ge=1)
    picture_bytes: int = Field(32 << 20, ge=1)


class Profile(_Closed):
    """A shop. Frozen; unknown fields are refused."""

    name: Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9._-]{0,63}$")]
    tried: bool = True
    """False: written from what is known of the shop, not tried against it."""
    hosts: tuple[Host, ...] = ()
    """Hosts of pages, with a port where it is not the usual one. Nothing else is ever asked."""
    picture_hosts: tuple[Host, ...] = ()
    """Further hosts, for pictures alone; ``*.example.com`` is any host below example.com."""
    start: tuple[Start, ...] = ()
    sitemaps: tuple[Address, ...] = ()
    robots_sitemaps: bool = True
    """Also read the sitemaps that robots.txt names."""
    currency: Annotated[str, StringConstraints(pattern=r"^([A-Z]{3})?$")] = ""
    """Where a price is published without one."""
    categories: dict[Name, tuple[str, ...]] = {}
    """What the shop calls each category; the order decides where several fit."""
    only_categories: bool = False
    """Leave out products of any other category."""
    links: Links = Links()
    selectors: Selectors = Selectors()
    snapshots: Snapshots = Snapshots()
    pace: Pace = Pace()
    limits: Limits = Limits()

    @model_validator(mode="after")
    def _start_on_hosts(self) -> Self:
        for url in (*(page.url for page in self.start), *self.sitemaps):
            if _host(urlsplit(url).netloc) not in self.hosts:
                raise ValueError(f"{url} is on none of the hosts")
        return self


def load_profile(name: str) -> Profile:
    """The profile of a file, or a shipped one by its name. Raises `CatalogError`."""
    path = Path(name)
    shipped = SHIPPED / f"{name}.toml"
    if not path.exists() and "/" not in name and shipped.is_file():
        return read_profile(name, shipped.read_text(encoding="utf-8"))
    try:
        return read_profile(name, path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise CatalogError(
            f"{name}: no such file, and no profile of that name comes along"
        ) from None
    except UnicodeDecodeError:
        raise CatalogError(f"{name} is not UTF-8") from None


def read_profile(name: str, text: str) -> Profile:
    """A profile from TOML; `name` is what sentences call it. Raises `CatalogError`."""
    try:
        return Profile.model_validate(tomllib.loads(text))
    except tomllib.TOMLDecodeError as error:
        raise CatalogError(f"{name} is no TOML: {error}") from None
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        field = ".".join(map(str, first["loc"]))
        reason = first["msg"].removeprefix("Value error, ")
        if first["type"] == "extra_forbidden":
            reason = "there is no such field"
        raise CatalogError(f"{name}: {field}: {reason}" if field else f"{name}: {reason}") from None


def general_profile(start: str, picture_hosts: tuple[str, ...] = ()) -> Profile:
    """The shipped general profile for the shop of a page. Raises `CatalogError`."""
    general = load_profile("general")
    host = urlsplit(start).netloc
    fields = general.model_dump() | {
        "hosts": [host],
        "picture_hosts": list(picture_hosts),
        "start": [{"url": start}],
    }
    try:
        return Profile.model_validate(fields)
    except ValidationError as error:
        reason = error.errors(include_url=False)[0]["msg"].removeprefix("Value error, ")
        raise CatalogError(f"--start, --picture-host: {reason}") from None
