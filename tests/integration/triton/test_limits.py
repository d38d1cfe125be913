"""Queues, deadlines and cancellation, against a real Triton whose requests wait 400 ms."""

import asyncio
import gc
import time

import pytest

from retrieval.breaker import Breaker
from retrieval.bundle import Bundle, model_name
from retrieval.domain import Deadline
from retrieval.errors import DependencyExhausted, DependencyTimeout
from retrieval.triton import TritonEncoder
from tests.integration.triton.conftest import MakeEncoder
from tests.integration.triton.inputs import pictures, texts
from tests.support.triton import TritonServer

QUEUE_DELAY_S = 0.4


async def test_a_full_queue_at_the_server_is_exhaustion(
    make_encoder: MakeEncoder, slow_bundle: Bundle
) -> None:
    encoder = make_encoder(slow_bundle)
    calls = [encoder.encode_texts(*texts(1), Deadline.after(5)) for _ in range(6)]
    answers = await asyncio.gather(*calls, return_exceptions=True)
    refused = [answer for answer in answers if isinstance(answer, BaseException)]
    assert len(refused) == 3
    assert all(isinstance(error, DependencyExhausted) for error in refused)


async def test_a_full_line_here_refuses_at_once(
    make_encoder: MakeEncoder, slow_bundle: Bundle
) -> None:
    outcomes: list[str] = []
    encoder = make_encoder(
        slow_bundle,
        max_in_flight=1,
        max_waiting=1,
        observe=lambda dependency, outcome, seconds: outcomes.append(outcome),
    )
    first, second = (
        asyncio.create_task(encoder.encode_texts(*texts(1), Deadline.after(5))) for _ in range(2)
    )
    await asyncio.sleep(0.05)
    started = time.monotonic()
    with pytest.raises(DependencyExhausted) as refusal:
        await encoder.encode_texts(*texts(1), Deadline.after(5))
    assert time.monotonic() - started < QUEUE_DELAY_S / 2
    assert refusal.value.retry_after_s
    assert outcomes == ["exhausted"]
    # Pictures have a line of their own.
    await encoder.encode_images(pictures(1), Deadline.after(5))
    await asyncio.gather(first, second)
    assert outcomes == ["exhausted", "ok", "ok", "ok"]


async def test_a_deadline_in_the_line_ends_the_wait(
    make_encoder: MakeEncoder, slow_bundle: Bundle
) -> None:
    encoder = make_encoder(slow_bundle, max_in_flight=1)
    first = asyncio.create_task(encoder.encode_texts(*texts(1), Deadline.after(5)))
    await asyncio.sleep(0.05)
    started = time.monotonic()
    with pytest.raises(DependencyTimeout):
        await encoder.encode_texts(*texts(1), Deadline.after(0.1))
    assert 0.05 < time.monotonic() - started < QUEUE_DELAY_S * 0.75
    await first


async def test_a_deadline_ends_the_call_and_its_entry_in_the_servers_queue(
    make_encoder: MakeEncoder, slow_bundle: Bundle, server: TritonServer
) -> None:
    encoder = make_encoder(slow_bundle)
    name = model_name("fusion_encoder", slow_bundle.digest)
    images = await encoder.encode_images(pictures(1), Deadline.after(5))
    started = time.monotonic()
    with pytest.raises(DependencyTimeout):
        await encoder.compose(images.embeds, *texts(1), Deadline.after(0.1))
    assert 0.08 < time.monotonic() - started < QUEUE_DELAY_S * 0.9
    await asyncio.sleep(QUEUE_DELAY_S + 0.2)
    assert server.metric("nv_inference_count", name) == 0


async def test_a_deadline_that_passed_sends_nothing(encoder: TritonEncoder) -> None:
    with pytest.raises(DependencyTimeout):
        await encoder.encode_texts(*texts(1), Deadline.after(0))


async def test_a_cancelled_call_is_cancelled_at_the_server(
    make_encoder: MakeEncoder,
    slow_bundle: Bundle,
    server: TritonServer,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # This Triton can bear a cancel that comes long before the answer, as all of these do.
    monkeypatch.setattr("retrieval.triton.inference._CANCEL_SAFE_VERSION", (2, 51))
    outcomes: list[str] = []
    encoder = make_encoder(
        slow_bundle, observe=lambda dependency, outcome, seconds: outcomes.append(outcome)
    )
    name = model_name("text_encoder", slow_bundle.digest)
    cancelled = server.metric("nv_inference_request_failure", name, reason="CANCELED")

    for _ in range(3):
        task = asyncio.create_task(encoder.encode_texts(*texts(1), Deadline.after(5)))
        await asyncio.sleep(0.05)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    await asyncio.sleep(QUEUE_DELAY_S + 0.2)
    # Two were cancelled in the queue. The first already stood in the batch being gathered: the
    # backend dropped it, which Triton counts as a run.
    counted = server.metric("nv_inference_request_failure", name, reason="CANCELED")
    assert counted == cancelled + 2

    answer = await encoder.encode_texts(*texts(1), Deadline.after(5))
    assert answer.shape == (1, slow_bundle.sizes.embed_dim)
    assert outcomes == ["cancelled", "cancelled", "cancelled", "ok"]


async def test_a_cancelled_call_to_an_old_server_ends_here_at_once(
    make_encoder: MakeEncoder, slow_bundle: Bundle, server: TritonServer
) -> None:
    encoder = make_encoder(slow_bundle, max_in_flight=1)
    name = model_name("text_encoder", slow_bundle.digest)
    cancelled = server.metric("nv_inference_request_failure", name, reason="CANCELED")

    task = asyncio.create_task(encoder.encode_texts(*texts(1), Deadline.after(5)))
    await asyncio.sleep(0.1)
    started = time.monotonic()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert time.monotonic() - started < QUEUE_DELAY_S / 2
    # The server goes on with it, so its permit is not free yet.
    with pytest.raises(DependencyTimeout):
        await encoder.encode_texts(*texts(1), Deadline.after(0.1))
    assert (await encoder.encode_texts(*texts(1), Deadline.after(5))).shape[0] == 1
    assert server.metric("nv_inference_request_failure", name, reason="CANCELED") == cancelled


async def test_cancels_and_deadlines_by_the_hundred_harm_neither_side(
    make_encoder: MakeEncoder, bundle: Bundle
) -> None:
    """Without care for this Triton's version it crashed here in one run of six."""
    # Callers with 5 ms left say nothing about the server.
    patient = Breaker(patience_s=10)
    encoder = make_encoder(bundle, max_in_flight=4, max_waiting=200, breaker=patient)
    await encoder.check(Deadline.after(5))
    tasks_before = len(asyncio.all_tasks())
    for round_number in range(60):
        deadline = Deadline.after(0.005 if round_number % 3 == 0 else 5)
        calls = [asyncio.create_task(encoder.encode_texts(*texts(1), deadline)) for _ in range(50)]
        await asyncio.sleep(0.0005 * (round_number % 20))
        for call in calls:
            call.cancel()
        answers = await asyncio.gather(*calls, return_exceptions=True)
        failures = {type(answer) for answer in answers if isinstance(answer, BaseException)}
        assert failures <= {asyncio.CancelledError, DependencyTimeout}
    # All four permits come back, and nothing else stays.
    await asyncio.gather(*(encoder.encode_texts(*texts(1), Deadline.after(5)) for _ in range(8)))
    await asyncio.sleep(0.05)
    gc.collect()
    assert len(asyncio.all_tasks()) == tasks_before
