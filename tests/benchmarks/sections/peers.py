"""Recompose against what a team would use instead: infinity, and a plain service of its own."""

import asyncio
import io
import json
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from PIL import Image

from gateway.space_wiring import read_bundle
from retrieval.bundle import Bundle
from retrieval.domain import Deadline, Pooled
from retrieval.qdrant import QdrantIndex, connect
from tests.benchmarks.gateway_parts.setting import Setting
from tests.benchmarks.harness.rows import Spec, at_least, at_most
from tests.benchmarks.harness.section import Room
from tests.benchmarks.peers import servers
from tests.benchmarks.peers.client import Plan
from tests.benchmarks.peers.ways import INFINITY, OURS, PLAIN, Addresses
from tests.benchmarks.preprocessing_parts.drawn import as_file, drawn

TITLE: Final = "Against what one would use instead"
ABOUT: Final = """
The same machine, the same run, the same index process, in windows that alternate; one process asks
all. *infinity* serves, with its defaults, a CLIP with random weights whose picture side has the
demo encoder's picture size, patches, width, blocks, heads and embedding (it lacks the convolutional
stem and the Q-Former, and so computes less); the asking process adds its embeddings of picture and
words and asks the index itself, so that no service stands between. The *plain service*
(`tests/benchmarks/peers/plain_service.py`) is one file of FastAPI, onnxruntime and qdrant-client
with the same graphs, and finds the same products. All compute in float32.

Everything is asked for the first time: pictures that no cache knows, words that are new. *Picture*
is an uploaded photo alone, *composed* one with words, *product* a product of the catalog with
words, whose picture the peers read and embed again, having nothing that remembers it. Recompose has
no endpoint that only embeds; its search by picture alone, which embeds and searches, is compared
with the peers' embedding and their query of the index. Recompose is asked over REST, as they are.
A row's value is the worst of 1, 8 and 32 callers. Beside what its peers do, Recompose checks the
upload, keeps embeddings and the ranking for its next pages, and admits or refuses by load.
"""
_KINDS: Final = {
    "picture": "search by an uploaded photo",
    "composed": "search by an uploaded photo and words",
    "product": "search by a product and words (the peers embed its picture again)",
}
_PEERS: Final = {"infinity": INFINITY, "plain": PLAIN}
_BY_CALLERS: Final = (
    "An upload passes from process to process (gateway, Triton, its backend, the cache), where the "
    "plain service calls functions. In processor time a search costs Recompose less than either: "
    "what a lone caller waits for longer is probably these hand-offs. Two thirds of the gateway's "
    "own time go into decoding and resizing the photo, as anywhere. With many callers Recompose "
    "refuses what it could not answer soon (SEARCH_TARGET_S); its peers let all wait. What is "
    "refused is asked again after growing pauses, which costs both sides"
)


@dataclass(frozen=True, slots=True)
class Size:
    """How much is measured."""

    plan: Plan
    megapixels: float = 0.5
    products: int = 16


SHORT: Final = Size(Plan(callers=(1, 8, 32), windows=2, window_s=1.0))
FULL: Final = Size(Plan(callers=(1, 8, 32), windows=6, window_s=6.0, grpc=True))

SPECS: Final = (
    *(
        spec
        for kind, says in _KINDS.items()
        for key, peer in _PEERS.items()
        for spec in (
            Spec(
                f"peers/{kind}_{key}",
                f"{says}: requests a second, against {peer}",
                target=at_least(1),
                if_missed=_BY_CALLERS,
            ),
            Spec(
                f"peers/{kind}_{key}_p99",
                f"{says}: 99th percentile of the time, against {peer}",
                target=at_most(1),
                if_missed=_BY_CALLERS,
            ),
        )
    ),
    *(
        Spec(
            f"peers/embedding_{key}",
            f"searches by an uploaded photo a second, against embeddings alone of {peer}",
        )
        for key, peer in _PEERS.items()
    ),
)


def measure(room: Room) -> None:
    """Some 90 s in the short form, 20 minutes in the long one; without the peers it says so."""
    if not servers.is_installed():
        for spec in SPECS:
            room.skip(spec.name, "`make setup-peers` installs what it is compared with")
        return
    size = FULL if room.full else SHORT
    setting = Setting.of(room.stack(), size.products)
    bundle, _ = read_bundle(setting.bundle_dir)
    candidates = asyncio.run(_candidates(setting, bundle))
    pictures, photo = room.scratch / "pictures", room.scratch / "photo.jpg"
    _write_pictures(room, setting, pictures)
    photo.write_bytes(as_file(drawn(size.megapixels), "JPEG"))
    qdrant_port = int(setting.qdrant.rpartition(":")[2])
    with servers.running(
        room.scratch,
        bundle_dir=setting.bundle_dir,
        pictures=pictures,
        qdrant_port=qdrant_port,
        candidates=candidates,
    ) as peers:
        addresses = Addresses(
            rest=_port(setting.rest),
            grpc=_port(setting.grpc),
            infinity=peers.infinity,
            plain=peers.plain,
            qdrant=qdrant_port,
            collection=f"products_{bundle.short_digest}",
            candidates=candidates,
            photo=photo,
            pictures=pictures,
        )
        told = {**asdict(addresses), "photo": str(photo), "pictures": str(pictures)}
        found = room.elsewhere(
            Path(sys.executable),
            "tests.benchmarks.peers.client",
            json.dumps(told),
            json.dumps(asdict(size.plan)),
            timeout_s=120 + 90 * size.plan.windows * (size.plan.window_s + 1),
        )
    _tell(room, Results(found), size.plan.callers)


async def _candidates(setting: Setting, bundle: Bundle) -> int:
    """How many candidates our searches take by their mean vector."""
    index = QdrantIndex(
        connect(setting.qdrant),
        digest=bundle.digest,
        query_tokens=bundle.sizes.query_tokens,
        embed_dim=bundle.sizes.embed_dim,
        fields={},
    )
    try:
        tuning = await index.audits.tuning(Deadline.after(30))
    finally:
        await index.close()
    if tuning is not None and isinstance(tuning.route, Pooled):
        return max(tuning.route.depth, setting.ranking_depth)
    return setting.prefetch_depth


def _write_pictures(room: Room, setting: Setting, folder: Path) -> None:
    """The products' pictures, as a team without our image store would keep them."""
    folder.mkdir()
    for product in setting.products:
        answer = room.stack().rest.get(f"/v1/products/{product}/image")
        answer.raise_for_status()
        picture = Image.open(io.BytesIO(answer.content)).convert("RGB")
        (folder / f"{product}.jpg").write_bytes(as_file(picture, "JPEG"))


def _port(address: str) -> int:
    return int(address.rpartition(":")[2])


class Results:
    """What the client found, by kind, who and callers."""

    def __init__(self, found: list[dict[str, Any]]) -> None:
        self._by = {(each["kind"], each["who"], each["callers"]): each for each in found}
        self.ways = [*dict.fromkeys((each["kind"], each["who"]) for each in found)]
        self.failed = {
            f"{each['who']}, {each['kind']}, {each['callers']} callers": each
            for each in found
            if each["failed"]
        }

    def rate(self, kind: str, who: str, callers: int) -> float:
        """Requests a second, the median of the windows."""
        return float(np.median(self._by[kind, who, callers]["rates"]))

    def rates(self, kind: str, who: str, callers: int) -> str:
        """The same with its spread."""
        each = self._by[kind, who, callers]["rates"]
        return f"{np.median(each):.3g} a second ({min(each):.3g} to {max(each):.3g})"

    def percentile_ms(self, kind: str, who: str, callers: int, level: float) -> float:
        """Of the requests of all windows."""
        return 1e3 * float(np.percentile(self._by[kind, who, callers]["seconds"], level))


def _tell(room: Room, results: Results, callers: tuple[int, ...]) -> None:
    for kind in _KINDS:
        for key, peer in _PEERS.items():
            _row(room, results, callers, f"peers/{kind}_{key}", (kind, OURS), (kind, peer))
            _p99(room, results, callers, f"peers/{kind}_{key}_p99", (kind, OURS), (kind, peer))
    for key, peer in _PEERS.items():
        one, other = ("picture", OURS), ("embedding", peer)
        _row(room, results, callers, f"peers/embedding_{key}", one, other)
    _table(room, results, callers)
    if results.failed:
        room.table(
            "Requests that were not answered",
            ("who", "how many", "the last one's answer"),
            [(who, each["failed"], each["says"]) for who, each in results.failed.items()],
        )
    for kind, says in _KINDS.items():
        room.picture(
            f"peers-{kind}.png",
            f"Requests a second by callers: {says}",
            lambda axes, kind=kind: _draw(axes, results, kind, callers),
            height=2.8,
        )


def _row(
    room: Room,
    results: Results,
    callers: tuple[int, ...],
    name: str,
    one: tuple[str, str],
    other: tuple[str, str],
) -> None:
    ratios = {count: results.rate(*one, count) / results.rate(*other, count) for count in callers}
    each = "; ".join(
        f"{count} callers {ratios[count]:.3g}: {results.rates(*one, count)} against "
        f"{results.rates(*other, count)}"
        for count in callers
    )
    room.row(name, min(ratios.values()), each)


def _p99(
    room: Room,
    results: Results,
    callers: tuple[int, ...],
    name: str,
    one: tuple[str, str],
    other: tuple[str, str],
) -> None:
    pairs = {
        count: tuple(results.percentile_ms(*way, count, 99) for way in (one, other))
        for count in callers
    }
    each = "; ".join(
        f"{count} callers {ours / theirs:.3g}: {ours:.3g} ms against {theirs:.3g} ms"
        for count, (ours, theirs) in pairs.items()
    )
    room.row(name, max(ours / theirs for ours, theirs in pairs.values()), each)


def _table(room: Room, results: Results, callers: tuple[int, ...]) -> None:
    room.table(
        "Requests a second, median and 99th percentile of the time",
        ("request", "who", *(f"{count} callers" for count in callers)),
        [
            (
                kind,
                who,
                *(
                    f"{results.rate(kind, who, count):.3g} /s, "
                    f"{results.percentile_ms(kind, who, count, 50):.3g} ms, "
                    f"{results.percentile_ms(kind, who, count, 99):.3g} ms"
                    for count in callers
                ),
            )
            for kind, who in results.ways
        ],
    )


def _draw(axes: Any, results: Results, kind: str, callers: tuple[int, ...]) -> None:
    asked = [who for each, who in results.ways if each == kind]
    width = 0.8 / len(asked)
    for place, who in enumerate(asked):
        at = np.arange(len(callers)) + (place - (len(asked) - 1) / 2) * width
        axes.bar(at, [results.rate(kind, who, count) for count in callers], width, label=who)
    axes.set_xticks(range(len(callers)), [f"{count} callers" for count in callers])
    axes.set(ylabel="requests a second")
    axes.legend(fontsize=8)
