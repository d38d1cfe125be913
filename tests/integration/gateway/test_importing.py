"""Imports through the real gateway, Triton and index: kills, two at once, what costs nothing."""

import json
import os
import random
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import grpc
import httpx
import pytest
from PIL import Image

from recompose.v1 import catalog_pb2, catalog_pb2_grpc
from tests.support import plain_http
from tests.support.qdrant import QdrantProcess
from tests.support.triton import TritonServer, free_ports, triton_serving

ROOT = Path(__file__).resolve().parents[3]
KILLS = 100 if os.environ.get("RECOMPOSE_TEST_LONG") else 6
ROWS = 40 * KILLS
BATCH, AT_ONCE = 8, 2
VICTIMS = ("gateway", "index", "importer")


class Shop:
    """A gateway and an index on ports that stay the same, a feed, and its importer."""

    def __init__(self, folder: Path, triton: TritonServer, bundle_dir: Path) -> None:
        self.folder = folder
        self.feed = folder / "feed.jsonl"
        self.http, self.grpc, self.qdrant = free_ports(3)
        self._environment = {
            **os.environ,
            "PYTHONPATH": str(ROOT / "services"),
            "HTTP_PORT": str(self.http),
            "GRPC_PORT": str(self.grpc),
            "TRITON_URL": triton.address,
            "QDRANT_URL": f"http://127.0.0.1:{self.qdrant}",
            "BUNDLE_DIR": str(bundle_dir),
            "DATA_DIR": str(folder / "data"),
            # A slow machine is not what is tested.
            "TRITON_BUDGET_S": "20",
            "QDRANT_BUDGET_S": "20",
            "IMAGE_STORE_BUDGET_S": "20",
        }
        self.index = QdrantProcess(folder / "index", self.qdrant)
        self.gateway = self._start_gateway()
        until(self._is_ready, every_s=0.05)
        self.importers: list[subprocess.Popen[str]] = []

    def start_importer(self, feed: Path | None = None, *options: str) -> subprocess.Popen[str]:
        """Start one, on the shop's feed unless another is named."""
        command = [
            *(sys.executable, "-m", "indexer", "import", str(feed or self.feed)),
            *("--server", f"127.0.0.1:{self.grpc}", "--batch-size", str(BATCH)),
            *("--concurrency", str(AT_ONCE), "--retry-for", "300", *options),
        ]
        self.importers.append(
            subprocess.Popen(
                command,
                env=self._environment,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                text=True,
            )
        )
        return self.importers[-1]

    def kill(self, victim: str) -> None:
        """Kill one of the three with SIGKILL and start it again on its port.

        A gateway is not waited for: the import goes on as soon as it can.
        """
        if victim == "index":
            self.index.kill()
            self.index.close()
            self.index = QdrantProcess(self.folder / "index", self.qdrant)
        elif victim == "gateway":
            self.gateway.kill()
            self.gateway.wait()
            self.gateway = self._start_gateway()
        else:
            assert self.importers[-1].poll() is None, "the import was over before the kill"
            self.importers[-1].kill()
            self.importers[-1].communicate()
            self.start_importer()

    def acknowledged(self) -> int:
        """Rows that the importer's checkpoint knows of."""
        try:
            found = json.loads(self.feed.with_name(f"{self.feed.name}.checkpoint.json").read_text())
        except FileNotFoundError:
            return 0
        rows: int = found["rows"]
        return rows

    def listed(self) -> list[tuple[str, str]]:
        """Id and title of every product, by the API's pages."""
        found: list[tuple[str, str]] = []
        with grpc.insecure_channel(f"127.0.0.1:{self.grpc}") as channel:
            stub = catalog_pb2_grpc.CatalogServiceStub(channel)
            token = ""
            while True:
                request = catalog_pb2.ListProductsRequest(page_size=100, page_token=token)
                page = stub.ListProducts(request, timeout=30)
                found += [(product.id, product.title) for product in page.products]
                token = page.next_page_token
                if not token:
                    return found

    def picture(self, product_id: str) -> bytes:
        """A product's stored picture."""
        url = f"http://127.0.0.1:{self.http}/v1/products/{product_id}/image"
        return plain_http.get(url, timeout=30).raise_for_status().content

    def gateway_peak_kib(self) -> int:
        """The greatest resident size that the gateway has had."""
        status = Path(f"/proc/{self.gateway.pid}/status").read_text()
        return int(status.partition("VmHWM:")[2].split()[0])

    def close(self) -> None:
        for process in (self.gateway, *self.importers):
            process.kill()
            process.wait()
            if process.stdout is not None:
                process.stdout.close()
        self.index.close()

    def _start_gateway(self) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-m", "gateway"],
            env=self._environment,
            stderr=subprocess.DEVNULL,
            text=True,
        )

    def _is_ready(self) -> bool:
        assert self.gateway.poll() is None, "the gateway ended"
        try:
            answer = plain_http.get(f"http://127.0.0.1:{self.http}/readyz", timeout=5)
        except httpx.TransportError:
            return False
        return answer.status_code == 200


@pytest.fixture(scope="module")
def triton(tmp_path_factory: pytest.TempPathFactory, bundle_dir: Path) -> Iterator[TritonServer]:
    with triton_serving(tmp_path_factory.mktemp("triton"), bundle_dir) as server:
        yield server


@pytest.fixture
def shop(tmp_path: Path, triton: TritonServer, bundle_dir: Path) -> Iterator[Shop]:
    with ExitStack() as stack:
        shop = Shop(tmp_path, triton, bundle_dir)
        stack.callback(shop.close)
        yield shop


def test_kills_at_seeded_moments_lose_and_repeat_nothing(
    shop: Shop, triton: TritonServer, bundle_dir: Path
) -> None:
    write_feed(shop.feed, range(ROWS))
    moments = random.Random(7)
    before = pictures_embedded(triton, bundle_dir)
    shop.start_importer()
    for number, rows in enumerate(sorted(moments.sample(range(ROWS * 3 // 4), KILLS))):
        until(lambda rows=rows: shop.acknowledged() >= rows)  # type: ignore[misc]
        time.sleep(moments.random() * 0.05)  # somewhere within the batches that follow
        shop.kill(VICTIMS[number % len(VICTIMS)])
    importer = shop.importers[-1]
    out, _ = importer.communicate(timeout=600)
    assert importer.returncode == 0
    imported, unchanged, failed, rows = map(int, re.findall(r"\d+", out.splitlines()[-1]))
    assert (imported + unchanged, failed, rows) == (ROWS, 0, ROWS)
    assert sorted(shop.listed()) == sorted((f"p{n}", f"product {n}") for n in range(ROWS))
    in_flight = KILLS * BATCH * AT_ONCE
    # What was acknowledged is not sent again, and what was written is not embedded again.
    assert unchanged <= in_flight
    assert pictures_embedded(triton, bundle_dir) - before <= ROWS + in_flight


def test_what_did_not_change_costs_no_inference(
    shop: Shop, triton: TritonServer, bundle_dir: Path
) -> None:
    write_feed(shop.feed, range(40))
    assert shop.start_importer().wait(120) == 0
    embedded = pictures_embedded(triton, bundle_dir)
    write_feed(shop.feed, range(40), title="better")
    importer = shop.start_importer(None, "--again")
    out, _ = importer.communicate(timeout=120)
    assert out.splitlines()[-1] == "imported 40, unchanged 0, failed 0, of 40 rows"
    importer = shop.start_importer(None, "--again")
    out, _ = importer.communicate(timeout=120)
    assert out.splitlines()[-1] == "imported 0, unchanged 40, failed 0, of 40 rows"
    assert sorted(shop.listed()) == sorted((f"p{n}", f"better {n}") for n in range(40))
    assert pictures_embedded(triton, bundle_dir) == embedded
    draw(shop.feed, 3, (200, 200, 200))
    out, _ = shop.start_importer().communicate(timeout=120)
    assert out.splitlines()[-1] == "imported 1, unchanged 39, failed 0, of 40 rows"
    assert pictures_embedded(triton, bundle_dir) == embedded + 1


def test_two_importers_at_once_leave_every_product_whole(shop: Shop, tmp_path: Path) -> None:
    """Each with a version of its own of the same products: one of the two wins each of them."""
    feeds = {}
    for version, blue in (("first", 10), ("second", 240)):
        folder = tmp_path / version
        folder.mkdir()
        feeds[version] = folder / "feed.jsonl"
        write_feed(feeds[version], range(80), title=version, blue=blue)
    for _ in range(3):
        both = [shop.start_importer(feed, "--again") for feed in feeds.values()]
        told = [process.communicate(timeout=300)[0] for process in both]
        for process, out in zip(both, told, strict=True):
            assert process.returncode == 0
            imported, unchanged, failed, rows = map(int, re.findall(r"\d+", out.splitlines()[-1]))
            assert (imported + unchanged, failed, rows) == (80, 0, 80)
        found = shop.listed()
        assert sorted(one for one, _ in found) == sorted(f"p{n}" for n in range(80))
        for product_id, title in found:
            version = title.split()[0]
            stored = tmp_path / "stored.webp"
            stored.write_bytes(shop.picture(product_id))
            with Image.open(stored) as image:
                pixel = image.convert("RGB").getpixel((0, 0))
            assert isinstance(pixel, tuple)
            assert pixel[2] == {"first": 10, "second": 240}[version]


def test_a_long_import_needs_no_more_of_the_gateways_memory(shop: Shop) -> None:
    """Ten times the products, 120 MB of pixels more, in calls of the same size."""
    write_feed(shop.feed, range(100), side=200)
    assert shop.start_importer().wait(300) == 0
    before = shop.gateway_peak_kib()
    write_feed(shop.feed, range(100, 1_100), side=200)
    assert shop.start_importer().wait(300) == 0
    assert len(shop.listed()) == 1_100
    assert shop.gateway_peak_kib() - before < 60_000


def write_feed(
    feed: Path, numbers: range, *, title: str = "product", blue: int = 90, side: int = 24
) -> None:
    """A feed of products with a picture each."""
    rows = []
    for number in numbers:
        draw(feed, number, (number % 256, number // 256, blue), side)
        name = f"{number}.png"
        rows.append({"id": f"p{number}", "title": f"{title} {number}", "image": name})
    feed.write_text("".join(json.dumps(row) + "\n" for row in rows))


def draw(feed: Path, number: int, color: tuple[int, int, int], side: int = 24) -> None:
    Image.new("RGB", (side, side), color).save(feed.parent / f"{number}.png")


def pictures_embedded(triton: TritonServer, bundle_dir: Path) -> int:
    """Inferences of the image encoder less those of readiness checks, which try each graph once."""
    names = json.loads((bundle_dir / "bundle.json").read_text())
    digest = names["digest"][:12]
    images, texts = (
        triton.metric("nv_inference_count", f"{graph}_{digest}")
        for graph in ("image_encoder", "text_encoder")
    )
    return int(images - texts)


def until(met: Callable[[], bool], timeout_s: float = 300, every_s: float = 0.005) -> None:
    end = time.monotonic() + timeout_s
    while not met():
        assert time.monotonic() < end, "it did not come to pass"
        time.sleep(every_s)
