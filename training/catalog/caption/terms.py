"""Whom a run asks, what it may spend, and how fast; known without the SDK being imported."""

import argparse
import os
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from catalog.caption.spending import Prices, prices_of
from catalog.errors import CatalogError

KEY_VARIABLE: Final = "OPENAI_API_KEY"
MODEL: Final = "gpt-4o-mini"


@dataclass(frozen=True, repr=False)
class Server:
    """Where to ask, and as whom."""

    model: str
    base_url: str | None
    """None: what the SDK takes, OpenAI's own unless OPENAI_BASE_URL says otherwise."""
    key: str
    """Empty: nothing can be asked, and only kept answers are given."""
    timeout_s: float

    def check(self) -> None:
        """Raises `CatalogError` for an address that is none, or that would carry a secret."""
        if self.base_url is None:
            return
        try:
            parts = urlsplit(self.base_url)
            fine = parts.scheme in ("http", "https") and bool(parts.hostname)
        except ValueError:
            fine = False
        if not fine or parts.username or parts.password or parts.query:
            raise CatalogError(
                "--base-url must be an address such as https://host/v1, without name, password or"
                " query"
            )

    def require_key(self) -> None:
        """Raises `CatalogError` where there is no key to ask with."""
        if not self.key:
            raise CatalogError(
                f"{KEY_VARIABLE} is not set: the openai captioner takes its key from there (any"
                " text, for a server of your own that wants none)"
            )
        if not self.key.isascii() or not self.key.isprintable():
            raise CatalogError(f"what {KEY_VARIABLE} holds cannot be a key")


@dataclass(frozen=True)
class Terms:
    """What a run may spend, and how fast."""

    prices: Prices
    budget: float
    """Dollars, for all runs in the folder together."""
    yes: bool
    """Start although the estimate is above the budget."""
    requests_per_minute: float | None
    tokens_per_minute: float | None
    workers: int
    """Questions at a time."""


def read_terms(options: argparse.Namespace) -> tuple[Server, Terms]:
    """From the options and the environment. Raises `CatalogError`."""
    key = os.environ.get(KEY_VARIABLE, "").strip()
    server = Server(options.model, options.base_url, key, options.timeout)
    server.check()
    terms = Terms(
        prices_of(options.model, options.price_input, options.price_output),
        options.budget,
        options.yes,
        options.requests_per_minute,
        options.tokens_per_minute,
        options.concurrency,
    )
    return server, terms
