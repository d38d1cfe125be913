"""What is spent is said before, counted, and never more than the budget."""

import asyncio
from pathlib import Path

import pytest

from catalog.caption.spending import Budget, BudgetSpentError, Prices, picture_tokens, prices_of
from catalog.errors import CatalogError
from tests.training.catalog.caption.chat_server import (
    TOKENS_IN,
    TOKENS_OUT,
    ChatServer,
)
from tests.training.catalog.caption.shop import caption, rows, said

ANSWER = Prices(0.15, 0.60).dollars(TOKENS_IN, TOKENS_OUT)


def spent(folder: Path) -> float:
    return sum(row["dollars"] for row in rows(folder / "answers" / "answers.jsonl"))


def test_the_budget_ends_the_run_and_what_is_done_stays(
    shop: Path, server: ChatServer, capsys: pytest.CaptureFixture[str]
) -> None:
    budget = 4.5 * ANSWER
    assert caption(shop, server.url, "--yes", "--budget", str(budget)) == 1
    told = said(capsys)
    assert "the budget of $0.0042 is spent" in told
    assert "3 pairs are open" in told
    assert len(rows(shop / "captions.jsonl")) == 4
    assert spent(shop) == pytest.approx(4 * ANSWER)
    # The budget is one for all runs, and the same command cannot pass it.
    assert caption(shop, server.url, "--yes", "--budget", str(budget)) == 1
    assert len(server.asked) == 4
    assert len(rows(shop / "captions.jsonl")) == 4
    assert caption(shop, server.url) == 0
    assert len(rows(shop / "captions.jsonl")) == 7
    assert set(server.charged.values()) == {1}
    assert spent(shop) == pytest.approx(7 * ANSWER)


def test_answers_dearer_than_estimated_do_not_pass_the_budget(
    shop: Path, server: ChatServer
) -> None:
    # gpt-4o's pictures are taken for 85 tokens, and this server counts ten times as many.
    answer = Prices(2.50, 10.00).dollars(TOKENS_IN, TOKENS_OUT)
    budget = ("--budget", str(2.3 * answer))
    assert caption(shop, server.url, "--model", "gpt-4o", "--concurrency", "1", *budget) == 1
    assert len(server.asked) == 2
    assert spent(shop) == pytest.approx(2 * answer)


def test_an_estimate_above_the_budget_asks_nothing(
    shop: Path, server: ChatServer, capsys: pytest.CaptureFixture[str]
) -> None:
    assert caption(shop, server.url, "--model", "gpt-4o", "--budget", "0.001") == 1
    told = said(capsys)
    assert "are more than the $0.0010 left of the budget" in told
    assert "--yes" in told
    assert server.asked == []


def test_the_estimate_is_near_what_is_spent(
    shop: Path, server: ChatServer, capsys: pytest.CaptureFixture[str]
) -> None:
    caption(shop, server.url, "--price-input", "1000", "--price-output", "1000", "--budget", "99")
    told = said(capsys)
    estimate = float(told.split("about $")[1].split(",")[0])
    paid = float(told.split(" spent, ")[0].rsplit("$", 1)[1])
    assert paid == pytest.approx(spent(shop), abs=1e-4)
    assert paid <= estimate <= 1.1 * paid


def test_a_server_of_ones_own_costs_nothing(shop: Path, server: ChatServer) -> None:
    free = ("--price-input", "0", "--price-output", "0", "--budget", "0")
    assert caption(shop, server.url, "--model", "own-model", *free) == 0
    assert spent(shop) == 0


def test_a_model_whose_price_nobody_told(
    shop: Path, server: ChatServer, capsys: pytest.CaptureFixture[str]
) -> None:
    assert caption(shop, server.url, "--model", "own-model", "--price-input", "1") == 1
    assert "give --price-input and --price-output" in said(capsys)
    assert server.asked == []


@pytest.mark.parametrize("option", ["--budget", "--price-input", "--requests-per-minute"])
@pytest.mark.parametrize("value", ["nan", "inf", "-1", "much"])
def test_numbers_that_limit_nothing_are_refused(shop: Path, option: str, value: str) -> None:
    with pytest.raises(SystemExit):
        caption(shop, "http://127.0.0.1:1/v1", f"{option}={value}")


def test_prices_as_given_else_as_published() -> None:
    assert prices_of("gpt-4o-mini", None, None) == Prices(0.15, 0.60)
    assert prices_of("gpt-4o-mini-2024-07-18", None, 7) == Prices(0.15, 7)
    assert prices_of("own", 0, 0) == Prices(0, 0)
    with pytest.raises(CatalogError):
        prices_of("own", 0, None)
    assert picture_tokens("own") == picture_tokens("gpt-4o-mini") > picture_tokens("gpt-4o")


def test_questions_wait_for_what_others_may_leave_of_the_budget() -> None:
    async def run() -> None:
        budget = Budget(limit=1.0, spent=0.0)
        await budget.reserve(0.6)
        waiting = asyncio.create_task(budget.reserve(0.6))
        await asyncio.sleep(0)
        assert not waiting.done()
        await budget.settle(0.6, 0.1)
        await waiting
        too_much = asyncio.create_task(budget.reserve(0.6))
        await budget.settle(0.6, 0.6)
        with pytest.raises(BudgetSpentError):
            await too_much
        assert budget.spent == pytest.approx(0.7)

    asyncio.run(asyncio.wait_for(run(), 20))
