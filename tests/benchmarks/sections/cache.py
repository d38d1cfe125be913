"""What the cache saves: a reference whose picture is known against one that is new."""

import asyncio
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from gateway.pictures import to_pixels
from retrieval.bundle import load_bundle
from retrieval.preprocess.upload import normalise_upload
from tests.benchmarks.cache_parts.crowd import Parts, Uploads
from tests.benchmarks.cache_parts.full_size import full_size_bundle
from tests.benchmarks.cache_parts.hits import Compared, compared
from tests.benchmarks.cache_parts.photos import Photos
from tests.benchmarks.cache_parts.rankings import rounded, stored
from tests.benchmarks.cache_parts.rig import rigged
from tests.benchmarks.harness.rows import Spec, at_most
from tests.benchmarks.harness.section import Room
from tests.benchmarks.harness.timing import Timings, alternating_async, ratio
from tests.support.redis import RedisServer
from tests.support.triton import triton_serving

TITLE: Final = "The cache"
ABOUT: Final = """
A composed search of an uploaded picture whose embeds are in Redis, against one of a picture that
nobody sent before; words are new each time, so that the fusion graph runs in both. The demo model
is asked through the running stack. In the long form the published sizes, with random weights at
float16, are asked through the gateway's own code, a real Redis and a real Triton on the processor:
there a query is all that is measured, and the search in the index is left out.

Bytes are tensors, keys and values on their ways between the gateway and Triton and Redis, counted
in the gateway's own code: without headers, and without the upload itself.

Embeds are kept as float16, which the graphs give: a hit then answers just as the miss before it
did. Int8 would halve them in Redis, at the price of rankings that differ a little, so it is
measured here and not used.
"""


@dataclass(frozen=True, slots=True)
class Sizes:
    """How much is measured."""

    rounds: int = 60
    crowds: int = 10
    callers: int = 32
    references: int = 60
    photo: tuple[int, int] = (1000, 1300)
    large_photo: tuple[int, int] = (3000, 4000)
    full_embeds: tuple[int, int] = (257, 1408)


SHORT: Final = Sizes()
LONG: Final = Sizes(rounds=300, crowds=20, references=200)
MODELS: Final = {"vit_l": ("pretrain_vitL", "ViT-L", 12), "vit_g": ("pretrain", "ViT-g", 8)}
"""By the row's name: the training side's name, what people call it, rounds."""

ONE_MORE: Final = (
    "Callers of one moment share a computation; one who comes just after asks Redis, and where "
    "many keep the event loop busy an answer may come after Redis' 20 ms, which counts as none. "
    "That is probable, not traced; keeping what was computed for a second would reach it"
)

SPECS: Final = (
    Spec("cache/demo", "search of a new picture, against one whose picture is known; demo model"),
    Spec("cache/demo_bytes", "bytes moved beside the upload, new picture against known; demo"),
    Spec("cache/asked_before", "search of a new picture, against one asked before, words and all"),
    Spec(
        "cache/hit_decodes", "pictures that a hit decodes, on average",
        unit="pictures", target=at_most(0),
    ),
    Spec(
        "cache/hit_large_picture",
        "what a hit pays for 12 megapixels more in the upload, as a share of decoding it",
    ),
    Spec(
        "cache/one_inference", "inferences that callers of one new picture cause together, at most",
        unit="inferences", target=at_most(1),
        if_missed=ONE_MORE,
    ),
    Spec("cache/int8_recall_at10", "first 10 that stay with embeds kept as int8"),
    Spec("cache/int8_recall_at50", "first 50 that stay with embeds kept as int8"),
    Spec("cache/int8_read", "time to read int8 embeds of full size, against float16"),
    Spec("cache/int8_store", "time to store int8 embeds of full size, against float16"),
    *(
        Spec(f"cache/{name}{suffix}", says.format(model), form="full")
        for name, (_, model, _) in MODELS.items()
        for suffix, says in (
            ("", "query of a new picture, against one whose picture is known; {} on the processor"),
            ("_bytes", "bytes moved for a new picture, against a known one; {}"),
        )
    ),
)  # fmt: skip


def measure(room: Room) -> None:
    """Some 60 s in the short form; the long one is for the most part two exports."""
    sizes = LONG if room.full else SHORT
    stack = room.stack()
    asyncio.run(_through_stack(room, Parts.of(stack), sizes))
    if not room.full:
        return
    for name, (kind, model, rounds) in MODELS.items():
        bundle = full_size_bundle(room, kind)
        (room.scratch / name).mkdir()
        found = asyncio.run(_full_size(room.scratch / name, bundle, sizes, rounds))
        _tell(room, name, model, found)


async def _through_stack(room: Room, parts: Parts, sizes: Sizes) -> None:
    stack = room.stack()
    uploads = Uploads(stack)
    photos = Photos(*sizes.photo)
    try:
        await _searches(room, uploads, photos, sizes)
        await _crowds(room, uploads, parts, photos, sizes)
        async with rigged(parts.triton, parts.redis, parts.bundle_dir) as rig:
            found = await compared(rig, photos, sizes.rounds)
            _decodes(room, found)
            _bytes(room, "demo", found, "the demo model")
            kept = await rounded(rig, stack.rest, parts.qdrant_port, sizes.references)
    finally:
        await uploads.close()
    for depth, share in kept.recall.items():
        note = (
            f"{kept.queries} queries over {kept.products} products of the demo catalog, exact "
            f"MaxSim; the first product stays in {kept.same_first:.4g} of them; cosine distance "
            f"of the two queries at most {kept.largest:.2g}"
        )
        room.row(f"cache/int8_recall_at{depth}", share, note)
    _storing(room, await stored(parts.redis, sizes.full_embeds, sizes.rounds), sizes)


async def _searches(room: Room, uploads: Uploads, photos: Photos, sizes: Sizes) -> None:
    small, large = next(photos), next(Photos(*sizes.large_photo))
    rules = load_bundle(Parts.of(room.stack()).bundle_dir)
    for picture in (small, large):
        await uploads.ask(picture)
    await uploads.ask(small, "in red")

    async def decode() -> None:
        to_pixels(normalise_upload(large), rules)

    times = await alternating_async(
        {
            "new": lambda: uploads.ask(next(photos)),
            "known": lambda: uploads.ask(small),
            "known, large": lambda: uploads.ask(large),
            "asked before": lambda: uploads.ask(small, "in red"),
            "decoding": decode,
        },
        sizes.rounds,
    )
    new = times["new"]
    for row, against, says in (
        ("demo", "known", "with new words"),
        ("asked_before", "asked before", "with the same words"),
    ):
        found = ratio(new, times[against])
        room.row(
            f"cache/{row}",
            found.value,
            f"new {new}, known {says} {times[against]}; uploads of "
            f"{photos.pixels / 1e6:.2g} megapixels over gRPC; ratio by quartiles {found}",
        )
    extra = times["known, large"].median - times["known"].median
    room.row(
        "cache/hit_large_picture",
        extra / times["decoding"].median,
        f"hits of {len(large) / 1e6:.2g} MB {times['known, large']}, of {len(small) / 1e6:.2g} MB "
        f"{times['known']}; decoding and resizing the large one {times['decoding']}. What a hit "
        "pays is the way of the file over gRPC and its sha256",
    )
    room.picture(
        "cache-searches.png", "Searches of an uploaded picture", lambda axes: _draw(axes, times)
    )


async def _crowds(room: Room, uploads: Uploads, parts: Parts, photos: Photos, sizes: Sizes) -> None:
    counts = []
    for _ in range(sizes.crowds):
        before = await parts.embedded()
        await uploads.crowd(next(photos), sizes.callers)
        counts.append(await parts.embedded() - before)
    room.row(
        "cache/one_inference",
        max(counts),
        f"{sizes.callers} callers at once with one picture and words of their own, "
        f"{sizes.crowds} times; Triton's nv_inference_count of image_encoder rose by "
        f"{', '.join(map(str, counts))}, without the readiness probes'",
    )


def _decodes(room: Room, found: Compared) -> None:
    if found.decoded_by_misses != found.rounds:
        raise RuntimeError("the decodes were not counted: a miss has to decode its picture")
    room.row(
        "cache/hit_decodes",
        found.decoded_by_hits / found.rounds,
        f"{found.decoded_by_hits} in {found.rounds} hits, {found.decoded_by_misses} in "
        f"{found.rounds} misses, counted in the gateway's own code in this process",
    )


def _bytes(room: Room, name: str, found: Compared, model: str) -> None:
    room.row(
        f"cache/{name}_bytes",
        found.miss_bytes / found.hit_bytes,
        f"{model}: {found.miss_bytes / 1e3:.4g} KB for a new picture, {found.hit_bytes / 1e3:.4g} "
        "KB for a known one",
    )


def _storing(room: Room, times: dict[str, Timings], sizes: Sizes) -> None:
    for step in ("store", "read"):
        one, other = times[f"{step} int8"], times[f"{step} float16"]
        found = ratio(one, other)
        room.row(
            f"cache/int8_{step}",
            found.value,
            f"int8 {one}, float16 {other}; ratio by quartiles {found}",
        )
    rows, width = sizes.full_embeds
    room.table(
        "Embeds of full size in Redis",
        ("form", "bytes", "store", "read"),
        [
            ("float16", 2 * rows * width, times["store float16"], times["read float16"]),
            ("int8, a scale for each patch", rows * (width + 4),
             times["store int8"], times["read int8"]),
        ],
    )  # fmt: skip


async def _full_size(folder: Path, bundle: Path, sizes: Sizes, rounds: int) -> Compared:
    redis = RedisServer(maxmemory_mib=256)
    redis.start()
    try:
        with triton_serving(folder, bundle) as triton:
            async with rigged(triton.address, redis.url, bundle, redis_budget_s=1) as rig:
                return await compared(rig, Photos(*sizes.photo), rounds)
    finally:
        redis.kill()


def _tell(room: Room, name: str, model: str, found: Compared) -> None:
    times = ratio(found.miss, found.hit)
    room.row(
        f"cache/{name}",
        times.value,
        f"{model} at float16, {found.rounds - 1} rounds: new {found.miss}, known {found.hit}; "
        f"ratio by quartiles {times}",
    )
    _bytes(room, name, found, model)


def _draw(axes: Any, times: dict[str, Timings]) -> None:
    labels = {
        "new": "a new picture",
        "known": "a known picture, new words",
        "asked before": "asked before",
    }
    for name, says in labels.items():
        milliseconds = np.sort(times[name].seconds) * 1e3
        axes.plot(milliseconds, np.linspace(0, 100, len(milliseconds)), label=says)
    longest = 1e3 * times["new"].percentile(98)
    axes.set(xlim=(0, longest), xlabel="milliseconds", ylabel="% of searches within")
    axes.legend()
