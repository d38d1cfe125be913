"""The openai captioner put together, its estimate said, its budget set."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from catalog.caption.answers import Answers
from catalog.caption.chat import Chat, Server
from catalog.caption.openai_captioner import (
    USUAL_OUTPUT_TOKENS,
    OpenAICaptioner,
    input_tokens,
)
from catalog.caption.pace import Pace, interval_s
from catalog.caption.port import Question
from catalog.caption.spending import Budget, Prices, money
from catalog.errors import CatalogError


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


@asynccontextmanager
async def paid_captioner(
    server: Server, terms: Terms, folder: Path, answers: Answers, stopping: asyncio.Event
) -> AsyncIterator[tuple[OpenAICaptioner, Budget]]:
    """The captioner and what it spends; closed in the end."""
    interval = interval_s(
        terms.requests_per_minute, terms.tokens_per_minute, input_tokens(server.model)
    )
    chat = Chat(server, Pace(stopping, interval_s=interval))
    budget = Budget(terms.budget, answers.dollars)
    captioner = OpenAICaptioner(
        server.model, folder, chat, answers=answers, prices=terms.prices, budget=budget
    )
    try:
        yield captioner, budget
    finally:
        await chat.close()


def say_estimate(
    captioner: OpenAICaptioner,
    server: Server,
    terms: Terms,
    spent: float,
    questions: Sequence[Question],
) -> None:
    """Print what the questions without an answer will cost.

    Raises `CatalogError` where they cannot be asked: no key, or more than the budget.
    """
    unanswered = sum(captioner.kept(question) is None for question in questions)
    print(f"{len(questions):,} pairs, {len(questions) - unanswered:,} of them answered before")
    if not unanswered:
        return
    server.require_key()
    tokens_in = unanswered * input_tokens(server.model)
    tokens_out = unanswered * USUAL_OUTPUT_TOKENS
    dollars = terms.prices.dollars(tokens_in, tokens_out)
    print(
        f"about {tokens_in:,} tokens to {server.model} and {tokens_out:,} from it: about"
        f" {money(dollars)}, and as much again for each pair that must be asked twice"
        f" ({money(spent)} of the budget of {money(terms.budget)} are spent)",
        flush=True,
    )
    if spent + dollars > terms.budget and not terms.yes:
        raise CatalogError(
            f"{money(dollars)} are more than the {money(max(0.0, terms.budget - spent))} left of"
            " the budget: raise --budget, or start with --yes and be stopped where it is spent"
        )
