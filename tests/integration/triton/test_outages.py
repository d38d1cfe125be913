"""Triton killed, frozen and started again under a living client."""

import asyncio
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from retrieval.bundle import Bundle, load_bundle
from retrieval.domain import Deadline
from retrieval.errors import DependencyTimeout, DependencyUnavailable
from tests.integration.triton.conftest import MakeEncoder
from tests.integration.triton.inputs import texts
from tests.support.fault_proxy import FaultProxy
from tests.support.freeze import freeze
from tests.support.tiny_bundle import write_tiny_bundle
from tests.support.triton import TritonServer, free_ports, triton_serving

QUEUE_DELAY_S = 0.4


@pytest.fixture
def mortal(tmp_path: Path, tiny: Path) -> Iterator[TritonServer]:
    """A server of the test's own."""
    with triton_serving(tmp_path / "mortal", tiny) as running:
        yield running


async def test_a_killed_server_is_unavailable_at_once_and_found_again(
    make_encoder: MakeEncoder, mortal: TritonServer, tiny: Path
) -> None:
    encoder = make_encoder(load_bundle(tiny), address=mortal.address)
    await encoder.check(Deadline.after(5))

    for _ in range(2):
        mortal.kill()
        for _ in range(3):
            started = time.monotonic()
            with pytest.raises(DependencyUnavailable):
                await encoder.encode_texts(*texts(1), Deadline.after(5))
            assert time.monotonic() - started < 0.3

        await asyncio.to_thread(mortal.start)
        started = time.monotonic()
        while True:
            try:
                await encoder.check(Deadline.after(5))
                break
            except DependencyUnavailable:
                assert time.monotonic() - started < 3
                await asyncio.sleep(0.05)


async def test_a_server_killed_during_a_call_is_unavailable(
    make_encoder: MakeEncoder, tmp_path: Path, slow: Path
) -> None:
    with triton_serving(tmp_path / "mortal", slow) as mortal:
        encoder = make_encoder(load_bundle(slow), address=mortal.address)
        call = asyncio.create_task(encoder.encode_texts(*texts(1), Deadline.after(5)))
        await asyncio.sleep(0.15)
        mortal.kill()
        killed = time.monotonic()
        with pytest.raises(DependencyUnavailable):
            await call
        assert time.monotonic() - killed < 0.3


async def test_a_frozen_server_is_a_timeout_and_no_more(
    make_encoder: MakeEncoder, mortal: TritonServer, tiny: Path
) -> None:
    encoder = make_encoder(load_bundle(tiny), address=mortal.address)
    await encoder.check(Deadline.after(5))
    await asyncio.to_thread(freeze, mortal.pid)
    try:
        started = time.monotonic()
        with pytest.raises(DependencyTimeout):
            await encoder.encode_texts(*texts(1), Deadline.after(0.2))
        assert time.monotonic() - started < 0.5
    finally:
        os.kill(mortal.pid, signal.SIGCONT)
    await encoder.check(Deadline.after(5))


async def test_nobody_listening_is_unavailable_at_once(
    make_encoder: MakeEncoder, tiny: Path
) -> None:
    encoder = make_encoder(load_bundle(tiny), address=f"127.0.0.1:{free_ports(1)[0]}")
    started = time.monotonic()
    with pytest.raises(DependencyUnavailable):
        await encoder.check(Deadline.after(5))
    assert time.monotonic() - started < 0.3


async def test_a_model_that_is_not_loaded_is_unavailable(
    make_encoder: MakeEncoder, tmp_path: Path
) -> None:
    unpublished = load_bundle(write_tiny_bundle(tmp_path / "bundle", seed=77))
    with pytest.raises(DependencyUnavailable):
        await make_encoder(unpublished).check(Deadline.after(5))


def mapped_segments(process: Path) -> set[Path]:
    """The shared-memory files that a process has mapped, given its folder in /proc."""
    words = (process / "maps").read_text().split()
    return {Path(word) for word in words if word.startswith("/dev/shm/")}


def children_of(pid: int) -> list[Path]:
    """The folders in /proc of a process's children, whichever thread started them."""
    lists = Path(f"/proc/{pid}/task").glob("*/children")
    return [Path(f"/proc/{child}") for some in lists for child in some.read_text().split()]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_no_process_and_no_shared_memory_outlives_the_server(
    tmp_path: Path, tiny: Path, number: signal.Signals
) -> None:
    with triton_serving(tmp_path / "mortal", tiny) as mortal:
        children = children_of(mortal.pid)
        segments = {segment for child in children for segment in mapped_segments(child)}
        assert len(children) >= 3
        assert len(segments) >= 3
        status = mortal.stop() if number == signal.SIGTERM else mortal.kill()
        assert status == (0 if number == signal.SIGTERM else -signal.SIGKILL)
        deadline = time.monotonic() + 10
        while any(child.exists() for child in children):
            assert time.monotonic() < deadline
            time.sleep(0.05)
    assert not [segment for segment in segments if segment.exists()]


async def test_another_replica_answers_where_one_goes_away_in_mid_call(
    make_encoder: MakeEncoder, server: TritonServer, slow_bundle: Bundle
) -> None:
    """Two ways to one server stand for two; the calls wait in its queue when one way ends."""
    port = int(server.address.rsplit(":", 1)[1])
    outcomes: list[str] = []
    async with FaultProxy(port).relaying() as first, FaultProxy(port).relaying() as second:
        encoder = make_encoder(
            slow_bundle,
            address=f"ipv4:{first.address},{second.address}",
            observe=lambda dependency, outcome, seconds: outcomes.append(outcome),
        )
        while not (first.accepted and second.accepted):
            await encoder.encode_texts(*texts(1), Deadline.after(5))
        await encoder.encode_texts(*texts(1), Deadline.after(5))
        calls = [
            asyncio.create_task(encoder.encode_texts(*texts(1), Deadline.after(5)))
            for _ in range(2)
        ]
        await asyncio.sleep(QUEUE_DELAY_S / 2)
        outcomes.clear()
        await first.refuse()
        for answer in await asyncio.gather(*calls):
            assert answer.shape == (1, slow_bundle.sizes.embed_dim)
        assert sorted(outcomes) == ["ok", "ok", "unavailable"]


async def test_a_server_that_keeps_going_away_is_not_asked_twice_as_much(
    make_encoder: MakeEncoder, tiny: Path
) -> None:
    outcomes: list[str] = []
    encoder = make_encoder(
        load_bundle(tiny),
        address=f"127.0.0.1:{free_ports(1)[0]}",
        observe=lambda dependency, outcome, seconds: outcomes.append(outcome),
    )
    for _ in range(30):
        with pytest.raises(DependencyUnavailable):
            await encoder.encode_texts(*texts(1), Deadline.after(5))
    assert 30 < len(outcomes) <= 35
