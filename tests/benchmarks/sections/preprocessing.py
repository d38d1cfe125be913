"""From a picture's file to the encoder's pixels, against plain Pillow; one core."""

import base64
import io
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import psutil
from PIL import Image

from retrieval.bundle import load_bundle
from tests.benchmarks.harness.rows import Spec, at_least
from tests.benchmarks.harness.section import Room
from tests.benchmarks.harness.timing import Timings, alternating, ratio
from tests.benchmarks.load.watch import listener
from tests.benchmarks.preprocessing_parts import ways
from tests.benchmarks.preprocessing_parts.drawn import as_file, drawn
from tests.support.stack import Stack

TITLE: Final = "Preparing pictures"
ABOUT: Final = """
A picture's file becomes the pixels that the image encoder reads: decoded, padded to 1.25:1,
resized bicubically, cropped and normalised. Ours checks the file's structure too, and its pixels
are bit-equal to the published transform's; *plain Pillow* does the same steps one after the other,
with no checks. Pictures are drawn, side 224, one thread. *Draft* lets the JPEG decoder scale down
first: it is faster and gives other pixels, so the service does not do it; how far rankings move is
told.
"""


@dataclass(frozen=True, slots=True)
class Plan:
    """Megapixels of the JPEG files and of the others, and how often each is read."""

    jpeg: tuple[float, ...]
    others: tuple[float, ...]
    rounds: int
    queries: int


SHORT: Final = Plan(jpeg=(0.3, 1.0, 4.0, 12.0), others=(1.0,), rounds=11, queries=15)
FULL: Final = Plan(
    jpeg=(0.3, 0.6, 1.0, 2.0, 4.0, 8.0, 12.0), others=(0.3, 1.0, 4.0), rounds=41, queries=60
)
SIZE: Final = 224

SPECS: Final = (
    Spec(
        "preprocessing/jpeg",
        "JPEG pictures a second on one core, against plain Pillow (geometric mean over sizes)",
        target=at_least(1.0),
    ),
    Spec(
        "preprocessing/png",
        "PNG pictures a second on one core, against plain Pillow, which checks less",
    ),
    Spec("preprocessing/webp", "WebP pictures a second on one core, against plain Pillow"),
    Spec("preprocessing/jpeg_12_mp", "12-megapixel JPEG pictures a second", "pictures/s"),
    Spec("preprocessing/share_of_query", "of the time of an uncached search by a picture of 1 MP"),
    Spec("preprocessing/draft_speed", "JPEG with draft-mode decoding, against ours as it is"),
    Spec(
        "preprocessing/draft_overlap",
        "of the first ten hits that stay where the picture was decoded in draft mode",
    ),
)


def measure(room: Room) -> None:
    """Some 40 s in the short form beside the stack, some four minutes in the long one."""
    plan = FULL if room.full else SHORT
    with _one_core():
        lines = [_compared("JPEG", size, plan.rounds) for size in plan.jpeg]
        others = [
            _compared(name, size, plan.rounds) for name in ("PNG", "WEBP") for size in plan.others
        ]
    _tell(room, lines, others)
    stack = room.stack()
    _share(room, stack, plan.queries)
    _draft(room, stack, plan.queries)


@dataclass(frozen=True, slots=True)
class _Line:
    format: str
    megapixels: float
    ours: Timings
    plain: Timings
    draft: Timings | None

    @property
    def gain(self) -> float:
        return ratio(self.plain, self.ours).value


def _compared(name: str, megapixels: float, rounds: int) -> _Line:
    # A landscape and a portrait picture, which are padded, and a square one, which is not.
    files = [as_file(drawn(megapixels, aspect), name) for aspect in ("3:2", "2:3", "1:1")]
    for file in files:
        if not np.array_equal(ways.ours(file, SIZE), ways.plain(file, SIZE)):
            raise RuntimeError("the two ways do not lead to the same pixels")
    variants = {"ours": lambda: _all(ways.ours, files), "plain": lambda: _all(ways.plain, files)}
    if name == "JPEG":
        variants["draft"] = lambda: _all(ways.drafted, files)
    taken = {
        way: Timings(tuple(second / len(files) for second in timings.seconds))
        for way, timings in alternating(variants, rounds, warm_up=1).items()
    }
    return _Line(name, megapixels, taken["ours"], taken["plain"], taken.get("draft"))


def _all(way: Any, files: list[bytes]) -> None:
    for file in files:
        way(file, SIZE)


def _tell(room: Room, lines: list[_Line], others: list[_Line]) -> None:
    for name, of in (
        ("jpeg", lines),
        ("png", [each for each in others if each.format == "PNG"]),
        ("webp", [each for each in others if each.format == "WEBP"]),
    ):
        note = "; ".join(
            f"{each.megapixels:g} MP: ours {each.ours}, plain {each.plain}, "
            f"{ratio(each.plain, each.ours)} times"
            for each in of
        )
        room.row(f"preprocessing/{name}", _mean([each.gain for each in of]), note)
    largest = lines[-1]
    room.row(
        "preprocessing/jpeg_12_mp",
        1 / largest.ours.median,
        f"a picture in {largest.ours}, by plain Pillow in {largest.plain}",
    )
    drafts = [(each.megapixels, each.ours, each.draft) for each in lines if each.draft]
    room.row(
        "preprocessing/draft_speed",
        _mean([ratio(ours, draft).value for _, ours, draft in drafts]),
        "; ".join(f"{size:g} MP: {draft} against {ours}" for size, ours, draft in drafts),
    )

    def draw(axes: Any) -> None:
        sizes = [each.megapixels for each in lines]
        for says, of in (
            ("Recompose", [each.ours for each in lines]),
            ("plain Pillow", [each.plain for each in lines]),
            ("draft mode (other pixels)", [draft for _, _, draft in drafts]),
        ):
            axes.plot(sizes, [1 / each.median for each in of], marker="o", label=says)
        axes.set(
            xscale="log", yscale="log", xlabel="megapixels", ylabel="JPEG pictures/s, one core"
        )
        axes.set_xticks(sizes, [f"{size:g}" for size in sizes], minor=False)
        axes.legend()

    room.picture("preprocessing-jpeg.png", "Pictures a second by size, on one core", draw)


def _share(room: Room, stack: Stack, queries: int) -> None:
    """A new picture each time, so that nothing is cached; it is prepared here in turn."""
    side = _image_size(stack)
    files = iter([as_file(drawn(1.0, seed=seed), "JPEG") for seed in range(2 * (queries + 2))])
    taken = alternating(
        {
            "search": lambda: _found(stack, next(files)),
            "prepared": lambda: ways.ours(next(files), side),
        },
        queries,
        warm_up=2,
    )
    share = ratio(taken["prepared"], taken["search"])
    room.row(
        "preprocessing/share_of_query",
        share.value,
        f"prepared in {taken['prepared']}, the search took {taken['search']}, demo model; "
        f"share by quartiles {share}",
    )


def _draft(room: Room, stack: Stack, queries: int) -> None:
    """Pictures of the catalog, enlarged to 2 MP, searched with whole and in draft mode."""
    listed = stack.rest.get("/v1/products", params={"page_size": queries}).json()["products"]
    side, kept, first = _image_size(stack), [], 0
    for product in listed:
        answer = stack.rest.get(product["image_uri"])
        with Image.open(io.BytesIO(answer.content)) as picture:
            large = picture.convert("RGB").resize((1440, 1440), Image.Resampling.BICUBIC)
        file = as_file(large, "JPEG")
        whole = _found(stack, file)
        other = _found(stack, as_file(ways.draft(file, side), "PNG"))
        kept.append(len(set(whole) & set(other)) / len(whole))
        first += whole[0] == other[0]
    room.row(
        "preprocessing/draft_overlap",
        float(np.mean(kept)),
        f"{len(kept)} searches; the least {min(kept):.2f}; the first hit stays in {first}",
    )


def _found(stack: Stack, content: bytes) -> list[str]:
    """Ids of the first hits of a search by a picture."""
    picture = {"content": base64.b64encode(content).decode()}
    asked = {"reference": {"image": picture}, "page_size": 10}
    answer = stack.rest.post("/v1/products:search", json=asked).raise_for_status().json()
    return [hit["product"]["id"] for hit in answer["hits"]]


def _image_size(stack: Stack) -> int:
    told = psutil.Process(listener(stack.http_port)).environ()
    return load_bundle(Path(told["BUNDLE_DIR"])).sizes.image_size


def _mean(gains: list[float]) -> float:
    """Geometric."""
    return float(np.exp(np.mean(np.log(gains))))


@contextmanager
def _one_core() -> Iterator[None]:
    """This thread on one of the processors that it may use."""
    allowed = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {max(allowed)})
    try:
        yield
    finally:
        os.sched_setaffinity(0, allowed)
