"""What a captioner is: asked about a pair of pictures, it answers two captions.

    CaptionerError              this pair cannot be captioned: set aside, with its reason
      CaptionerUnavailable      not now: the pair stays open, and the next run asks again

What ends the whole run (a wrong key, a spent budget) is a `CatalogError`.
"""

from dataclasses import dataclass
from typing import Final, Protocol

from catalog.pairs import Pair
from catalog.products import Product

STOPPED: Final = "STOPPED"
"""Reason of a `CaptionerUnavailable`: the run is to stop."""


@dataclass(frozen=True)
class Question:
    """A pair with its two products, which are one for a snapshot."""

    pair: Pair
    reference: Product
    target: Product
    complaint: str = ""
    """What was wrong with the first answer, when asked again; empty the first time."""


class CaptionerError(Exception):
    """No captions for this pair.

    Args:
        reason: UPPER_SNAKE, for programs.
        message: one sentence of fixed text, never a server's words.
        complaint: what to tell the captioner when it is asked again; empty where that is no use.
    """

    def __init__(self, reason: str, message: str, complaint: str = "") -> None:
        """Keep all three; the exception's own text is the message."""
        super().__init__(message)
        self.reason = reason
        self.message = message
        self.complaint = complaint


class CaptionerUnavailable(CaptionerError):
    """The captioner could not be asked; nothing is wrong with the pair."""


class Captioner(Protocol):
    """Writes two captions for a pair, as FashionIQ has two."""

    @property
    def name(self) -> str:
        """Name and version of prompt or rules, for example ``openai:gpt-4o-mini:v1``."""

    async def captions(self, question: Question) -> tuple[str, str]:
        """Two captions, not yet cleaned. Raises `CaptionerError`, `CatalogError`."""
