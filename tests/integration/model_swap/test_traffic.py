"""A switch forward and back under steady searches: none fails, and none mixes two models."""

import asyncio
from collections.abc import Callable
from dataclasses import replace

import pytest

from gateway.model_swap.change import rollback, switch
from gateway.model_swap.parts import SwapParts
from gateway.model_swap.progress import shown
from gateway.settings import read_settings
from gateway.swap_wiring import swap_parts
from tests.support.two_bundles import Question, drawn_picture, is_answer_of, true_scores

from .conftest import World, replica, until
from .traffic import traffic

pytestmark = pytest.mark.timeout(1200)
COUNT = 40
ROUNDS = 2
AT_LEAST = 20
QUESTIONS = (
    Question(words="a red coat"),
    Question(product="p3"),
    Question(product="p7", words="in blue with hood"),
)


def moved(world: World, monkeypatch: pytest.MonkeyPatch, forward: bool) -> None:
    """Switch, or roll back, without the wait for late writers: nothing is written here."""
    for name, value in world.environment.items():
        monkeypatch.setenv(name, value)

    async def soon(seconds: float) -> None:
        await asyncio.sleep(0.1)

    async def change() -> None:
        async with swap_parts(read_settings(), lambda text: None, shown) as (parts, _):
            quick: SwapParts = replace(parts, sleep=soon)
            if forward:
                await switch(quick, world.new, change_share=0.1)
            else:
                await rollback(quick)

    asyncio.run(change())


def test_a_switch_forward_and_back_fails_no_search_and_mixes_no_answer(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    pictures = {f"p{n}": drawn_picture(n) for n in range(COUNT)}
    with replica(world) as first, replica(world) as second:
        first.write(*((name, number) for number, name in enumerate(pictures)))
        world.publish_new()
        for step in ("backfill", "audit"):
            done = world.model(step, world.new)
            assert done.returncode == 0, done.stderr
        truth = {
            model: asyncio.run(true_scores(world.triton.address, folder, pictures, QUESTIONS))
            for model, folder in ((world.old, world.old_dir), (world.new, world.new_dir))
        }

        def all_in(model: str) -> Callable[[], bool]:
            return lambda: first.serves(model) and second.serves(model)

        with traffic((first, second), QUESTIONS) as found:
            for _ in range(ROUNDS):
                for model in (world.new, world.old):
                    moved(world, monkeypatch, forward=model == world.new)
                    until(all_in(model))
                    enough = found.seen(model) + AT_LEAST
                    until(lambda model=model, enough=enough: found.seen(model) >= enough)  # type: ignore[misc]
            pages = len(found.paged) + 8
            until(lambda: len(found.paged) >= pages)
    assert found.failures == []
    assert found.ready > ROUNDS
    assert {answer.model for answer in found.answers} == {world.old, world.new}
    assert {answer.model for answer in found.paged} == {world.old, world.new}
    for answer in (*found.answers, *found.paged):
        fits = [
            model for model in truth if is_answer_of(answer.hits, truth[model][answer.question])
        ]
        assert fits == [answer.model], answer
