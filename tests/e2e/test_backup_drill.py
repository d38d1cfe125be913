"""The drill with every part real: import, back up, destroy, restore, the same answers by REST."""

import base64
import io
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from PIL import Image

from demo_catalog.write import write_catalog
from retrieval.bundle import load_bundle
from tests.support.qdrant import running_qdrant
from tests.support.triton import TritonServer, free_ports, triton_serving

ROOT = Path(__file__).resolve().parents[2]
BUNDLE = ROOT / "models"
COUNT = 30
START_S = 120


class Home:
    """One shop on one machine: its parts come and go, its addresses and settings stay."""

    def __init__(self, folder: Path, triton: TritonServer) -> None:
        self.qdrant_port, http, self.grpc_port = free_ports(3)
        self.base = f"http://127.0.0.1:{http}"
        self.index_dir, self.pictures = folder / "index", folder / "pictures"
        self.target = folder / "backups"
        self.feed = write_catalog(folder / "feed", COUNT, workers=1, progress=False)
        self.environment = {
            **os.environ,
            "PYTHONPATH": str(ROOT / "services"),
            "HTTP_PORT": str(http),
            "GRPC_PORT": str(self.grpc_port),
            "TRITON_URL": triton.address,
            "QDRANT_URL": f"http://127.0.0.1:{self.qdrant_port}",
            "BUNDLE_DIR": str(BUNDLE),
            "IMAGE_STORE": str(self.pictures),
            # What is looked at are the answers, not how long a busy machine takes for them.
            "SEARCH_BUDGET_S": "60",
            "TRITON_BUDGET_S": "30",
            "QDRANT_BUDGET_S": "30",
            "IMAGE_STORE_BUDGET_S": "30",
            "AUDIT_QUIET_S": "3600",
            "DRAIN_GRACE_S": "0",
        }

    @contextmanager
    def index(self) -> Iterator[None]:
        """A Qdrant over what lies in its folder."""
        self.index_dir.mkdir(exist_ok=True)
        with running_qdrant(self.index_dir, self.qdrant_port):
            yield

    @contextmanager
    def gateway(self) -> Iterator[httpx.Client]:
        """A gateway that is ready, and a client of it."""
        process = subprocess.Popen([sys.executable, "-m", "gateway"], env=self.environment)
        try:
            with httpx.Client(base_url=self.base, timeout=60) as client:
                _wait_until_ready(client, process)
                yield client
        finally:
            process.terminate()
            process.wait(60)

    def run(self, *arguments: object) -> str:
        """A command that must succeed; returns what it printed."""
        done = subprocess.run(
            [sys.executable, "-m", *map(str, arguments)],
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=240,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def import_feed(self, catalog: str) -> str:
        address = f"127.0.0.1:{self.grpc_port}"
        feed = self.feed / "products.jsonl"
        return self.run(
            *("indexer", "import", feed, "--server", address, "--catalog", catalog),
            *("--again", "--state-dir", self.feed.parent / f"state-{catalog}"),
        ).splitlines()[-1]

    def destroy(self) -> None:
        for folder in (self.index_dir, self.pictures):
            shutil.rmtree(folder, ignore_errors=True)
            assert not folder.exists()


def _wait_until_ready(client: httpx.Client, process: "subprocess.Popen[bytes]") -> None:
    end_s = time.monotonic() + START_S
    while True:
        try:
            if client.get("/readyz").status_code == 200:
                return
        except httpx.TransportError:
            pass
        assert process.poll() is None
        assert time.monotonic() < end_s
        time.sleep(0.2)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    with triton_serving(tmp_path_factory.mktemp("triton"), BUNDLE) as triton:
        yield Home(tmp_path_factory.mktemp("home"), triton)


def odd_picture(number: int) -> str:
    """Another one for each number: how equal scores are ordered is nobody's promise."""
    file = io.BytesIO()
    Image.linear_gradient("L").rotate(40 * number).resize((70, 90)).convert("RGB").save(file, "PNG")
    return base64.b64encode(file.getvalue()).decode()


ODD: list[dict[str, Any]] = [
    {
        "title": "Größe 38, “neu”\u2028サイズ 👗",
        "attributes": {"sizes": [36, 38.5], "colours": ["blau", ""], "new": True, "price": 1e-7},
    },
    {"title": "", "attributes": {}},
]


def fill(home: Home, client: httpx.Client) -> None:
    for catalog in ("default", "outlet"):
        assert home.import_feed(catalog).startswith(f"imported {COUNT}, unchanged 0, failed 0")
    for number, odd in enumerate(ODD):
        answer = client.put(
            f"/v1/products/odd {number}",
            json=odd | {"catalog": "odd-1", "image": {"content": odd_picture(number)}},
        )
        assert answer.status_code in (200, 201), answer.text
    assert client.delete("/v1/products/demo-00003", params={"catalog": "outlet"}).is_success


def answers(client: httpx.Client) -> dict[str, Any]:
    """What a shopper and a shop see, by what was asked."""
    found: dict[str, Any] = {}
    upload = {"content": odd_picture(3)}
    cheap = {"all": [{"field": "price", "max": 60}, {"not": {"field": "hood", "any_of": [True]}}]}
    for catalog in ("default", "outlet", "odd-1"):
        questions: dict[str, dict[str, Any]] = {
            "words": {"modification": "a red dress with stripes"},
            "picture": {"reference": {"image": upload}},
            "picture and words": {"reference": {"image": upload}, "modification": "in blue"},
            "filtered": {"modification": "something warm", "filter": cheap},
        }
        if catalog != "odd-1":
            product = {"product_id": "demo-00007"}
            questions["product"] = {"reference": product, "include_reference": True}
            questions["product and words"] = {"reference": product, "modification": "in black"}
        for name, question in questions.items():
            answer = client.post(
                "/v1/products:search", json=question | {"catalog": catalog, "page_size": 50}
            )
            assert answer.status_code == 200, answer.text
            found[f"{catalog}: {name}"] = answer.json()["hits"]
        of = {"catalog": catalog}
        listed = client.get("/v1/products", params=of | {"page_size": 100}).json()["products"]
        found[f"{catalog}: list"] = listed
        found[f"{catalog}: facets"] = client.get("/v1/products:facets", params=of).json()
        for product in listed:
            shown = client.get(product["image_uri"])
            assert shown.status_code == 200
            found[f"{catalog}: {product['id']}"] = shown.content
    return found


def test_after_the_worst_the_shop_answers_as_before(home: Home) -> None:
    with home.index():
        with home.gateway() as client:
            fill(home, client)
            # In the midst of service, not after it.
            made = home.run("gateway", "backup", home.target)
            before = answers(client)
        assert f"(default {COUNT}, odd-1 2, outlet {COUNT - 1}); " in made
    assert len(before["default: list"]) == len(before["default: words"]) == COUNT
    assert [hit["product"]["title"] for hit in before["odd-1: picture"]]

    checked = home.run("gateway", "restore", home.target, "--check")
    assert f"of model {load_bundle(BUNDLE).short_digest}." in checked
    home.destroy()
    with home.index():
        home.run("gateway", "restore", home.target)
        with home.gateway() as client:
            assert answers(client) == before
            # Nothing has to be computed anew for what is imported again.
            assert home.import_feed("default").startswith(f"imported 0, unchanged {COUNT}, ")


def test_without_its_vectors_they_are_computed_anew(home: Home) -> None:
    home.destroy()
    with home.index():
        with home.gateway() as client:
            fill(home, client)
            before = answers(client)
        home.run("gateway", "backup", home.target, "--without-vectors")
    home.destroy()
    with home.index():
        said = home.run("gateway", "restore", home.target, "--embed")
        assert f"{2 * COUNT + 1} products are restored, their vectors computed anew; " in said
        with home.gateway() as client:
            after = answers(client)
    assert after.keys() == before.keys()
    for asked, answer in before.items():
        if isinstance(answer, list) and answer and "score" in answer[0]:
            # The batches are others than the imports', which moves a score by its last digits.
            assert {
                hit["product"]["id"]: pytest.approx(hit["score"], abs=2e-3) for hit in answer
            } == {hit["product"]["id"]: hit["score"] for hit in after[asked]}
        else:
            assert after[asked] == answer
