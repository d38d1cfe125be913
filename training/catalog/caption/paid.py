"""The openai captioner put together, its estimate said, its budget set."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from catalog.caption.answers import Answers
from catalog.caption.asking import Outcome, ask_all
from catalog.caption.chat import Chat
from catalog.caption.openai_captioner import (
    USUAL_OUTPUT_TOKENS,
    OpenAICaptioner,
    input_tokens,
)
from catalog.caption.pace import Pace, interval_s
from catalog.caption.port import Question
from catalog.caption.spending import Budget, money
from catalog.caption.stopping import Stopping
from catalog.caption.terms import Server, Terms
from catalog.caption.tokens import TokenCounter
from catalog.errors import CatalogError
from catalog.progress import progress


async def ask_model(
    server: Server,
    terms: Terms,
    folder: Path,
    questions: Sequence[Question],
    counter: TokenCounter,
    stopping: Stopping,
) -> Outcome:
    """Ask all questions of a folder. Raises `CatalogError` where they cannot be asked."""
    with Answers(folder) as answers:
        spent_before = answers.dollars
        async with _captioner(server, terms, folder, answers, stopping.event) as (
            model,
            budget,
        ):
            _say_estimate(model, server, terms, spent_before, questions)
            with stopping.on_signals(), progress(len(questions), "captions", "pairs") as bar:

                def done() -> None:
                    bar.set_postfix_str(money(budget.spent), refresh=False)
                    bar.update()

                outcome = await ask_all(
                    questions,
                    model,
                    counter,
                    workers=terms.workers,
                    stopping=stopping.event,
                    kept=lambda question: model.kept(question) is not None,
                    done=done,
                )
        spent = answers.dollars
        print(f"{money(spent - spent_before)} spent, {money(spent)} in all runs")
        return outcome


@asynccontextmanager
async def _captioner(
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


def _say_estimate(
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
