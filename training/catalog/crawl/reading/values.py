"""Texts, prices and availability, as loosely as shops write them."""

import math
import re
from collections.abc import Iterable
from typing import Any, Final
from urllib.parse import urljoin, urlsplit

from price_parser import Price

from catalog.feed.values import MAX_TEXT

LONGEST_ADDRESS: Final = 2000
_CURRENCIES: Final = {
    "원": "KRW",
    "₩": "KRW",
    "￦": "KRW",
    "€": "EUR",
    "£": "GBP",
    "円": "JPY",
    "zł": "PLN",
    "₫": "VND",
    "₹": "INR",
    "US$": "USD",
}
"""Signs that one currency alone has: neither the dollar nor the yen sign is among them."""
_THERE: Final = frozenset(
    {"instock", "limitedavailability", "onlineonly", "instoreonly", "preorder", "presale"}
    | {"backorder", "madetoorder", "reserved", "availablefororder", "available"}
)
_GONE: Final = frozenset({"outofstock", "soldout", "discontinued", "oos", "notavailable"})


def clean(text: str, longest: int = MAX_TEXT) -> str:
    """One line without control characters, cut where the service would refuse it."""
    printable = "".join(each if each.isprintable() else " " for each in text)
    return " ".join(printable.split())[:longest]


def join(base: str, address: str) -> str:
    """The whole address of one that a page gives; empty where it is none."""
    try:
        url = urljoin(base, address.strip()) if address.strip() else ""
        return url if urlsplit(url).hostname else ""
    except ValueError:
        return ""


def distinct(texts: Iterable[str]) -> tuple[str, ...]:
    """Each once, in order, whatever its case; the empty ones not at all."""
    return tuple({text.casefold(): text for text in reversed([*texts]) if text}.values())[::-1]


def split_list(text: str) -> list[str]:
    """The parts of "black, ivory"."""
    return [part.strip() for part in re.split(r"[,;|]", text)]


def read_price(value: Any, hint: str = "") -> tuple[float | None, str]:
    """Amount and ISO 4217 currency, as far as they can be told.

    Published numbers have a point before the cents (schema.org); other texts are read as people
    write them: "129,000원" is 129,000.
    """
    text = clean(str(value))
    currency = currency_of(hint)
    if re.fullmatch(r"\d+(\.\d+)?", text):
        amount: float | None = float(text)
    else:
        price = Price.fromstring(text, currency_hint=hint or None)
        amount = price.amount_float
        currency = currency or currency_of(price.currency or "")
    if amount is None or not math.isfinite(amount) or amount < 0:
        return None, ""
    return amount, currency


def currency_of(text: str) -> str:
    """ISO 4217 of a code or a sign that is one currency's own; else empty."""
    text = text.strip()
    if re.fullmatch(r"[A-Za-z]{3}", text):
        return text.upper()
    return _CURRENCIES.get(text, "")


def read_availability(texts: Iterable[str]) -> bool | None:
    """True where anything can be had, False where all is sold out, None where nobody says."""
    words = {re.sub(r"[^a-z]", "", text.rsplit("/", 1)[-1].casefold()) for text in texts}
    if words & _THERE:
        return True
    return False if words & _GONE else None
