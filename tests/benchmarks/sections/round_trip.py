"""One round trip to Triton for an uploaded picture, against two."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from tritonclient.grpc import InferInput, InferRequestedOutput
from tritonclient.grpc.aio import InferenceServerClient
from tritonclient.utils import np_to_triton_dtype

from retrieval.bundle import GRAPHS, Sizes, model_name
from tests.benchmarks.harness.rows import Spec
from tests.benchmarks.harness.section import ROOT, Room
from tests.benchmarks.harness.timing import Timings, alternating_async, ratio
from tests.benchmarks.round_trip_parts.graphs import FULL_SIZE, write_ensemble, write_graphs
from tests.support.triton import TritonServer

TITLE: Final = "Round trips to Triton"
ABOUT: Final = """
A new picture with words needs the image encoder and then the fusion encoder. Recompose makes two
calls: embeds come back, are cached, and go out again. An ensemble makes one: Triton hands the
embeds on by itself, and they come back once, to be cached. Both are asked by tritonclient over
gRPC, of a Triton of its own, in turn. *Full size* means tensors of ViT-g's shapes (602 KB of
pixels, 724 KB of embeds) and graphs that compute next to nothing: what the model computes is the
same both ways, so that only messages and bytes are compared, and the share of a real query is
smaller than the ratio says.

Recompose keeps its two calls. What one saves is little beside a query that decodes a picture and
embeds it, and an ensemble embeds a picture once for each caller's words, where callers of one
picture now share one inference.
"""
_ENSEMBLE: Final = "composed"
_KEEPING: Final = "composed_keeping"
Arrays = dict[str, NDArray[Any]]


@dataclass(frozen=True, slots=True)
class Rounds:
    """How often each way is taken."""

    demo: int = 150
    full_size: int = 150


SHORT: Final = Rounds()
LONG: Final = Rounds(demo=1000, full_size=1000)

SPECS: Final = (
    Spec("round_trip/demo", "one round trip against two; demo model"),
    Spec("round_trip/full_size", "one round trip against two; tensors of ViT-g, no computing"),
    Spec(
        "round_trip/full_size_saved", "what one round trip saves; tensors of ViT-g, no computing",
        unit="ms",
    ),
    Spec(
        "round_trip/full_size_uncached",
        "one round trip that brings no embeds back, so that none are cached, against two",
    ),
)  # fmt: skip


def measure(room: Room) -> None:
    """Some 30 s in the short form, 3 minutes in the long one."""
    rounds = LONG if room.full else SHORT
    demo = _demo(room.scratch / "demo", rounds.demo)
    found = ratio(demo["one"], demo["two"])
    room.row(
        "round_trip/demo", found.value,
        f"one {demo['one']}, two {demo['two']}; ratio by quartiles {found}",
    )  # fmt: skip
    full = _full_size(room.scratch / "full_size", rounds.full_size)
    for row, way in (("full_size", "one"), ("full_size_uncached", "one, embeds kept")):
        found = ratio(full[way], full["two"])
        note = f"one {full[way]}, two {full['two']}; ratio by quartiles {found}"
        room.row(f"round_trip/{row}", found.value, note)
    saved = full["two"].median - full["one"].median
    room.row("round_trip/full_size_saved", 1e3 * saved, f"one {full['one']}, two {full['two']}")
    ways = {"demo model": demo, "tensors of ViT-g": full}
    room.picture(
        "round_trip-ways.png", "One round trip against two", lambda axes: _draw(axes, ways),
        height=2.8,
    )  # fmt: skip


def _demo(folder: Path, rounds: int) -> dict[str, Timings]:
    server = _server(folder)
    bundle = server.copy(ROOT / "models")
    names = {graph: model_name(graph, bundle.digest) for graph in GRAPHS}
    return _asked(server, names, bundle.sizes, rounds)


def _full_size(folder: Path, rounds: int) -> dict[str, Timings]:
    server = _server(folder)
    names = {graph: graph for graph in ("image_encoder", "fusion_encoder")}
    write_graphs(server.repository, names)
    return _asked(server, names, FULL_SIZE, rounds)


def _server(folder: Path) -> TritonServer:
    folder.mkdir()
    return TritonServer(folder)


def _asked(
    server: TritonServer, names: dict[str, str], sizes: Sizes, rounds: int
) -> dict[str, Timings]:
    write_ensemble(server.repository, _ENSEMBLE, names, sizes, embeds=True)
    write_ensemble(server.repository, _KEEPING, names, sizes, embeds=False)
    try:
        server.start()
        return asyncio.run(_ways(server.address, names, sizes, rounds))
    finally:
        server.stop()


async def _ways(
    address: str, names: dict[str, str], sizes: Sizes, rounds: int
) -> dict[str, Timings]:
    client = InferenceServerClient(address)
    random = np.random.default_rng(7)
    side = sizes.image_size
    pixels = {"pixel_values": random.standard_normal((1, 3, side, side), np.float32)}
    ids = random.integers(1, 400, (1, sizes.text_length))
    words = {"input_ids": ids, "attention_mask": np.ones_like(ids)}

    async def two() -> Arrays:
        image = await _infer(
            client, names["image_encoder"], pixels, ("image_embeds", "image_tokens")
        )
        embeds = {"image_embeds": image["image_embeds"]}
        query = await _infer(client, names["fusion_encoder"], embeds | words, ("query_embedding",))
        return embeds | query

    async def one() -> Arrays:
        outputs = ("image_embeds", "query_embedding")
        return await _infer(client, _ENSEMBLE, pixels | words, outputs)

    async def one_kept() -> Arrays:
        return await _infer(client, _KEEPING, pixels | words, ("query_embedding",))

    try:
        await _check_alike(one, two)
        return await alternating_async(
            {"two": two, "one": one, "one, embeds kept": one_kept}, rounds, warm_up=10
        )
    finally:
        await client.close()


async def _check_alike(
    one: Callable[[], Awaitable[Arrays]], two: Callable[[], Awaitable[Arrays]]
) -> None:
    """Raises RuntimeError where the ways answer differently: then they cannot be compared."""
    answer, wanted = await one(), await two()
    for name, array in wanted.items():
        if not np.allclose(answer[name], array, atol=1e-3):
            raise RuntimeError(f"one round trip and two give another {name}")


async def _infer(
    client: InferenceServerClient, model: str, arrays: Arrays, outputs: tuple[str, ...]
) -> Arrays:
    inputs = []
    for name, array in arrays.items():
        tensor = InferInput(name, [*array.shape], np_to_triton_dtype(array.dtype))
        tensor.set_data_from_numpy(array)
        inputs.append(tensor)
    wanted = [InferRequestedOutput(name) for name in outputs]
    answer = await client.infer(model, inputs, outputs=wanted)
    return {name: answer.as_numpy(name) for name in outputs}


def _draw(axes: Any, ways: dict[str, dict[str, Timings]]) -> None:
    labels = {"two": "two round trips", "one": "one", "one, embeds kept": "one, embeds kept there"}
    for place, (way, says) in enumerate(labels.items()):
        medians = [1e3 * times[way].median for times in ways.values()]
        axes.barh(np.arange(len(ways)) + 0.25 * (1 - place), medians, 0.22, label=says)
    axes.set_yticks(np.arange(len(ways)), list(ways))
    longest = max(each.median for times in ways.values() for each in times.values())
    axes.set(xlabel="milliseconds", xlim=(0, 1.45e3 * longest))
    axes.set_axisbelow(True)
    axes.grid(visible=False, axis="y")
    axes.legend(fontsize=8)
