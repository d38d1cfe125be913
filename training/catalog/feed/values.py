"""Single values of a feed, read strictly: what is of another kind refuses the row."""

import math
import re
import unicodedata
from typing import Any, Final

from price_parser import Price

from catalog.feed.rows import RowRefusedError

MAX_ID: Final = 256
MAX_TEXT: Final = 500
"""Characters of a title, as the service takes them, and of any other text; the rest is cut."""

_NUMBER: Final = re.compile(r"-?[0-9]+(\.[0-9]+)?")
_CURRENCIES: Final = {"€": "EUR", "£": "GBP", "₩": "KRW", "원": "KRW", "US$": "USD", "zł": "PLN"}
"""Signs that mean one currency; a bare $ or ¥ may be several."""
_SOLD_OUT: Final = frozenset(
    {"outofstock", "soldout", "discontinued", "unavailable", "false", "no", "0"}
)
_DIVIDER: Final = re.compile(r"[|,]")
_SURROGATE: Final = re.compile("[\ud800-\udfff]")


def product_id(value: Any) -> str:
    """An id as the service takes it. Raises `RowRefusedError`."""
    found = unicodedata.normalize("NFC", string(value, "id"))
    if not found:
        raise RowRefusedError("ID_MISSING", "The row has no id.")
    if (
        len(found) > MAX_ID
        or not found.isprintable()
        or found in {".", ".."}
        or {"/", "\\"} & set(found)
    ):
        raise RowRefusedError(
            "PRODUCT_ID_INVALID",
            "An id has 1 to 256 printable characters and neither a slash nor a backslash.",
        )
    return found


def string(value: Any, column: str) -> str:
    """Text or a number as it stands, trimmed; of several the first. Raises `RowRefusedError`."""
    if isinstance(value, list):
        value = value[0] if value else ""
    if value is None:
        return ""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise RowRefusedError("FIELD_INVALID", f"The value of {column!r} is not text.")
    found = str(value).strip()
    if _SURROGATE.search(found):
        raise RowRefusedError("FIELD_INVALID", f"The value of {column!r} is no Unicode.")
    return found


def text(value: Any, column: str) -> str:
    """One printable line of it, cut at `MAX_TEXT`. Raises `RowRefusedError`."""
    line = " ".join(string(value, column).split())
    return "".join(filter(str.isprintable, line))[:MAX_TEXT]


def strings(value: Any, column: str, *, divided: bool) -> tuple[str, ...]:
    """All of a list, or of text that ``,`` or ``|`` divides; each once. Raises
    `RowRefusedError`."""
    if divided and isinstance(value, str):
        value = _DIVIDER.split(value)
    every = value if isinstance(value, list) else [value]
    return tuple(dict.fromkeys(found for one in every if (found := string(one, column))))


def colors(value: Any) -> tuple[str, ...]:
    """The colours of one product, the main one first, which Google's feeds divide by slashes."""
    return tuple(dict.fromkeys(filter(None, map(str.strip, text(value, "color").split("/")))))


def category(value: str) -> str:
    """The last step of a path such as ``Clothing > Coats``, in lower case."""
    steps = [step.strip() for step in value.lower().split(">")]
    return next((step for step in reversed(steps) if step), "")


def price(value: Any, currency: str) -> tuple[float | None, str]:
    """Amount and currency (ISO 4217, empty if not told) of ``12.00 USD``, ``1.299,00 €`` or 12.

    Raises `RowRefusedError` where there is a value and no amount in it.
    """
    told = text(value, "price")
    if not told:
        return None, currency
    if _NUMBER.fullmatch(told):
        amount: float | None = float(told)
        sign = ""
    else:
        found = Price.fromstring(told)
        amount, sign = found.amount_float, found.currency or ""
    if amount is None or not 0 <= amount < math.inf:
        raise RowRefusedError("PRICE_INVALID", "The price is no amount of money.")
    code = sign if re.fullmatch("[A-Z]{3}", sign) else _CURRENCIES.get(sign, "")
    return amount, code or currency


def available(value: Any) -> bool:
    """False where the feed says that the product cannot be had; any other word is no such news."""
    if isinstance(value, bool):
        return value
    word = text(value, "availability").lower().rpartition("/")[2]
    return re.sub("[^a-z0-9]", "", word) not in _SOLD_OUT
