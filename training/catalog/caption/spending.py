"""What questions cost, and the budget that stops them."""

import asyncio
import re
from dataclasses import dataclass
from typing import Final

from catalog.errors import CatalogError

_MILLION: Final = 1_000_000


@dataclass(frozen=True)
class Prices:
    """Dollars for a million tokens."""

    input: float
    output: float

    def dollars(self, input_tokens: int, output_tokens: int) -> float:
        """What one answer costs."""
        return (input_tokens * self.input + output_tokens * self.output) / _MILLION


@dataclass(frozen=True)
class _Model:
    prices: Prices
    picture_tokens: int
    """For a picture of 512 x 512 at low detail."""


_MODELS: Final = {
    # OpenAI's published prices and picture tokens; --price-input and --price-output override.
    "gpt-4o-mini": _Model(Prices(0.15, 0.60), 2833),
    "gpt-4o": _Model(Prices(2.50, 10.00), 85),
    "gpt-4.1": _Model(Prices(2.00, 8.00), 85),
    "gpt-4.1-mini": _Model(Prices(0.40, 1.60), 415),
    "gpt-4.1-nano": _Model(Prices(0.10, 0.40), 630),
}
_DATED: Final = re.compile(r"-\d{4}-\d{2}-\d{2}$")


def prices_of(model: str, given_input: float | None, given_output: float | None) -> Prices:
    """Prices as given, else as published. Raises `CatalogError` where they are neither."""
    known = _MODELS.get(_DATED.sub("", model))
    price_input = known.prices.input if given_input is None and known else given_input
    price_output = known.prices.output if given_output is None and known else given_output
    if price_input is None or price_output is None:
        raise CatalogError(
            f"the prices of {model} are not known: give --price-input and --price-output in"
            " dollars for a million tokens (0 for a server of your own)"
        )
    return Prices(price_input, price_output)


def picture_tokens(model: str) -> int:
    """Tokens of a picture; the most that is known of any model for one that is not known."""
    known = _MODELS.get(_DATED.sub("", model))
    return known.picture_tokens if known else max(m.picture_tokens for m in _MODELS.values())


def money(dollars: float) -> str:
    """To the cent, and below a dollar to a hundredth of it."""
    return f"${dollars:.2f}" if dollars >= 1 else f"${dollars:.4f}"


class BudgetSpentError(CatalogError):
    """The next question might cost more than is left."""


class Budget:
    """Dollars that may be spent; a question reserves the most it can cost before it is asked."""

    def __init__(self, limit: float, spent: float) -> None:
        """`spent` is what the folder's kept answers cost: the limit is one for all runs."""
        self.limit = limit
        self.spent = spent
        self._reserved = 0.0
        self._asking = 0
        self._settled = asyncio.Condition()

    async def reserve(self, dollars: float) -> None:
        """Wait until so much is left for certain. Raises `BudgetSpentError`."""
        async with self._settled:
            while self.spent + self._reserved + dollars > self.limit:
                if not self._asking:
                    raise BudgetSpentError(
                        f"the budget of {money(self.limit)} is spent ({money(self.spent)} in all):"
                        " --budget raises it"
                    )
                await self._settled.wait()
            self._reserved += dollars
            self._asking += 1

    async def settle(self, reserved: float, spent: float) -> None:
        """Give a reservation back, and count what the answer did cost."""
        self.spent += spent
        async with self._settled:
            self._asking -= 1
            self._reserved = self._reserved - reserved if self._asking else 0.0
            self._settled.notify_all()
