"""The open loop: each request begins when it is due, whatever became of those before it."""

import asyncio
import random
from collections.abc import Callable, Sequence

from tests.benchmarks.load.edges import Edge, Told
from tests.benchmarks.load.questions import Question
from tests.benchmarks.load.samples import Sample


async def drive(
    due_s: Sequence[float],
    edges: Sequence[Edge],
    next_question: Callable[[], Question],
    *,
    deadline_s: float,
    cancelled: float = 0.0,
    cancel_within_s: float = 0.1,
    seed: int = 0,
) -> list[Sample]:
    """Ask on the schedule, and return when the last request has ended.

    Args:
        due_s: seconds from now at which requests are due, ascending.
        edges: each is taken in its turn.
        next_question: what to ask; called when a request is due.
        deadline_s: each request is given up this long after it was due.
        cancelled: share of the requests that their caller gives up early.
        cancel_within_s: those are given up at an even draw from this time.
        seed: of which are given up, and when.

    Returns:
        What became of each, in the order in which they were due.
    """
    loop = asyncio.get_running_loop()
    random_ = random.Random(seed)
    start_s = loop.time()

    async def ask(number: int, due: float) -> Sample:
        edge, question = edges[number % len(edges)], next_question()
        give_up_s = random_.uniform(0, cancel_within_s) if random_.random() < cancelled else None
        began_s = loop.time() - start_s
        outcome, reason = await told(edge, question, due + deadline_s - began_s, give_up_s)
        ended_s = loop.time() - start_s
        return Sample(due, ended_s, began_s - due, edge.name, question.kind, outcome, reason)

    tasks = []
    for number, due in enumerate(due_s):
        wait_s = start_s + due - loop.time()
        # Also where it is late, so that answers are read between a backlog of requests.
        await asyncio.sleep(max(0.0, wait_s))
        tasks.append(asyncio.create_task(ask(number, due)))
    return list(await asyncio.gather(*tasks))


async def told(edge: Edge, question: Question, left_s: float, give_up_s: float | None) -> Told:
    if left_s <= 0:
        return "late", "NEVER_SENT"
    if give_up_s is None:
        return await edge.ask(question, left_s)
    asked = asyncio.create_task(edge.ask(question, left_s))
    done, _ = await asyncio.wait({asked}, timeout=give_up_s)
    if done:
        return asked.result()
    asked.cancel()
    await asyncio.wait({asked})
    return ("cancelled", "") if asked.cancelled() else asked.result()
