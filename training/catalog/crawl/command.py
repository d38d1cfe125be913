"""``python -m catalog crawl``: from a shop's pages, or from its feed, to products and pictures.

    python -m catalog crawl --shop PROFILE.toml --contact ADDRESS --output DIR
    python -m catalog crawl --start URL --contact ADDRESS --output DIR
    python -m catalog crawl --feed FILE [--images DIR] --output DIR

The same command again goes on with a crawl that was ended early; after one that ran to its end it
asks what has changed.
"""

import argparse
import ipaddress
import re
from importlib import import_module
from pathlib import Path
from typing import Final

from catalog.crawl.profile import Profile, general_profile, load_profile
from catalog.errors import CatalogError

_CONTACT: Final = re.compile(r"(mailto:)?[^\s()<>@]+@[^\s()<>@]+\.[^\s()<>@]+|https?://[^\s()<>]+")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's options."""
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument(
        "--shop", metavar="PROFILE", help="a profile's file, or the name of a shipped one (musinsa)"
    )
    source.add_argument(
        "--start", metavar="URL", help="a page to begin with, at a shop without a profile"
    )
    source.add_argument(
        "--feed", metavar="FILE", type=Path, help="CSV, JSON Lines or Google Merchant XML"
    )
    parser.add_argument(
        "--images", metavar="DIR", type=Path, help="with --feed: where its pictures lie"
    )
    parser.add_argument("--output", metavar="DIR", type=Path, required=True)
    parser.add_argument(
        "--contact",
        metavar="ADDRESS",
        help="your e-mail address or page, for the shop's operator to find you; "
        "required with --shop and --start, and sent with every request",
    )
    parser.add_argument(
        "--picture-host",
        metavar="HOST",
        action="append",
        default=[],
        help="with --start: a further host that pictures may come from (may be repeated)",
    )
    parser.add_argument(
        "--allow-private",
        metavar="IP:PORT",
        action="append",
        default=[],
        help="for trials on your own machine: a private address that may be reached; "
        "no other ever is",
    )


def run(options: argparse.Namespace) -> int:
    """Gather; 0, or `CatalogError` with one sentence. What was gathered is written in any case."""
    if options.feed is not None:
        import_module("catalog.feed.gather").gather_feed(
            options.feed, options.images, options.output
        )
        return 0
    if options.images is not None:
        raise CatalogError("--images goes with --feed")
    contact = _contact(options.contact)
    allowed = [_address(text) for text in options.allow_private]
    if options.start is not None:
        profile = general_profile(options.start, tuple(options.picture_host))
    elif options.picture_host:
        raise CatalogError("--picture-host goes with --start; a profile names its own")
    else:
        profile = load_profile(options.shop)
        if not (profile.hosts and (profile.start or profile.sitemaps)):
            raise CatalogError(f"{options.shop} names no hosts, or nothing to start with")
    _crawl(profile, options.output, contact, allowed)
    return 0


def _crawl(profile: Profile, folder: Path, contact: str, allowed: list[str]) -> None:
    # Scrapy is imported here, so that a feed is gathered without it.
    crawling = import_module("catalog.crawl.crawling")
    crawling.crawl_shop(profile, folder, contact, allowed)


def _contact(text: str | None) -> str:
    if not text:
        raise CatalogError("--contact is required: your e-mail address or page, sent to the shop")
    if not _CONTACT.fullmatch(text) or not text.isascii():
        raise CatalogError(f"--contact {text!r} is neither an e-mail address nor a page")
    return text


def _address(text: str) -> str:
    host, _, port = text.rpartition(":")
    try:
        ipaddress.ip_address(host.strip("[]"))
        if not 0 < int(port) < 65536:
            raise ValueError
    except ValueError:
        raise CatalogError(f"--allow-private {text!r} is no IP address with a port") from None
    return text
