"""Images built and run as the chart runs them: a feed goes in, a composed search comes out.

Only with RECOMPOSE_TEST_LONG=1 (`make images`, `make test-long`), as root on Debian or Ubuntu: some
ten minutes and 6 GB of disk, both given back.
"""

import json
import os
import shutil
import subprocess
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pytest

from tests.deploy.image_building import BUILT, ROOT, STORES, Images
from tests.deploy.image_running import USER, Containers, answers, free_ports

_TOOLS: Final = ("buildah", "podman", "runc", "debootstrap")
pytestmark = [
    pytest.mark.skipif(
        not os.environ.get("RECOMPOSE_TEST_LONG"),
        reason="builds images for ten minutes: only with RECOMPOSE_TEST_LONG=1 (make images)",
    ),
    pytest.mark.timeout(3600),
]
PRODUCTS: Final = 12
CALLERS: Final = ("storefront", "import", "test")


@dataclass(frozen=True)
class Shop:
    """What runs, where it answers, and the keys that `deploy/secrets.sh` made."""

    containers: Containers
    ports: dict[str, int]
    keys: dict[str, str]


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Images]:
    """All images that are built for real; IMAGES_WORK names a folder that keeps them."""
    if os.geteuid():
        pytest.fail("building images takes root, for debootstrap and mounts")
    if missing := [tool for tool in _TOOLS if not shutil.which(tool)]:
        pytest.fail(f"not installed: {', '.join(missing)}; `make images` installs them")
    kept = os.environ.get("IMAGES_WORK")
    made = Images(Path(kept) if kept else tmp_path_factory.mktemp("images"))
    try:
        made.make_bases()
        for name in BUILT:
            print(f"{name}: {made.build(name) / 1e6:.0f} MB", flush=True)
        made.build("stores", STORES)
        yield made
    finally:
        if not kept:
            made.remove()


@pytest.fixture(scope="module")
def feed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A few drawn products, readable by the container's user."""
    folder = tmp_path_factory.mktemp("feed")
    subprocess.run(
        [str(ROOT / ".venv/bin/python"), "-m", "demo_catalog", "--output", str(folder),
         "--count", str(PRODUCTS)],
        env={**os.environ, "PYTHONPATH": str(ROOT / "services")}, check=True,
    )  # fmt: skip
    return _given(folder)


@pytest.fixture(scope="module")
def shop(images: Images, feed: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """Redis, index, Triton, gateway and storefront, each up in its turn, and the feed imported."""
    folder = tmp_path_factory.mktemp("volumes")
    for name in ("models", "data", "qdrant", "state"):
        (folder / name).mkdir()
    subprocess.run([ROOT / "deploy" / "secrets.sh", folder], check=True)
    _given(folder)
    keys = {name: (folder / "keys" / f"{name}-key").read_text() for name in CALLERS}
    names = ("redis", "qdrant", "triton", "triton_grpc", "triton_metrics", "rest", "grpc", "page")
    ports = dict(zip(names, free_ports(len(names)), strict=True))
    with Containers(images) as containers:
        models = f"--volume={folder}/models:/models"
        containers.run(
            "gateway", "python", "-m", "publisher", "/app/models",
            "--repository", "/models/repository", options=[models],
        )  # fmt: skip
        containers.start(
            "redis", "stores", "redis-server", "--bind", "127.0.0.1", "--port",
            str(ports["redis"]), "--save", "", "--dir", "/tmp",
        )  # fmt: skip
        containers.start(
            "qdrant", "stores", "python", "-m", "qdrant_edge_server", "--data-dir", "/qdrant",
            "--port", str(ports["qdrant"]), options=[f"--volume={folder}/qdrant:/qdrant"],
        )  # fmt: skip
        containers.start(
            "triton", "triton-cpu", "--model-repository=/models/repository", "--load-model=*",
            "--address=127.0.0.1", f"--http-port={ports['triton']}",
            f"--grpc-port={ports['triton_grpc']}", f"--metrics-port={ports['triton_metrics']}",
            options=[f"{models}:ro", "--shm-size=256m"],
        )  # fmt: skip
        containers.wait_for(f"http://127.0.0.1:{ports['triton']}/v2/health/ready", "triton")
        containers.start(
            "gateway", "gateway", "python", "-m", "gateway",
            options=[
                f"--volume={folder}/data:/data",
                f"--volume={folder}/keys/api-keys.toml:/access/api-keys.toml:ro",
                *_environment(ports),
            ],
        )  # fmt: skip
        containers.wait_for(f"http://127.0.0.1:{ports['rest']}/readyz", "gateway")
        containers.start(
            "page", "storefront",
            options=[
                f"--env=PORT={ports['page']}", f"--env=GATEWAY=127.0.0.1:{ports['rest']}",
                f"--env=RECOMPOSE_API_KEY={keys['storefront']}",
            ],
        )  # fmt: skip
        containers.wait_for(f"http://127.0.0.1:{ports['page']}/healthz", "page")
        print(
            containers.run(
                "indexer", "import", "/feed/products.jsonl",
                "--server", f"127.0.0.1:{ports['grpc']}", "--state-dir", "/state",
                options=[
                    f"--volume={feed}:/feed:ro", f"--volume={folder}/state:/state",
                    f"--env=RECOMPOSE_API_KEY={keys['import']}",
                ],
            )
        )  # fmt: skip
        yield Shop(containers, ports, keys)


def _environment(ports: dict[str, int]) -> list[str]:
    """What the chart tells a gateway, with the time limits of the CPU profile."""
    return [
        f"--env={name}={value}"
        for name, value in {
            "HTTP_PORT": ports["rest"],
            "GRPC_PORT": ports["grpc"],
            "TRITON_URL": f"127.0.0.1:{ports['triton_grpc']}",
            "QDRANT_URL": f"http://127.0.0.1:{ports['qdrant']}",
            "REDIS_URL": f"redis://127.0.0.1:{ports['redis']}/0",
            "CACHE_KEY": "of-this-test",
            "API_KEYS_FILE": "/access/api-keys.toml",
            "DATA_DIR": "/data",
            "BUNDLE_DIR": "/app/models",
            "SEARCH_BUDGET_S": 30,
            "TRITON_BUDGET_S": 20,
            "QDRANT_BUDGET_S": 10,
            "IMAGE_STORE_BUDGET_S": 10,
        }.items()
    ]


def _given(folder: Path) -> Path:
    """The folder and all in it, owned by the container's user and reachable."""
    for path in (folder, *folder.rglob("*")):
        os.chown(path, USER, USER)
    for parent in (folder, *folder.parents[:2]):
        parent.chmod(parent.stat().st_mode | 0o711)
    return folder


def _search(port: int, key: str = "") -> dict[str, Any]:
    question = {
        "reference": {"product_id": "demo-00001"},
        "modification": "the same in black",
        "page_size": 5,
    }
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}/v1/products:search",
        json.dumps(question).encode(),
        {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {key}"} if key else {}),
    )
    with urllib.request.urlopen(request, timeout=60) as answer:
        found: dict[str, Any] = json.load(answer)
    return found


def test_a_composed_search(shop: Shop) -> None:
    """By the gateway with a key, and by the page, which has its own: five products, in full."""
    for found in (_search(shop.ports["rest"], shop.keys["test"]), _search(shop.ports["page"])):
        assert len(found["hits"]) == 5
        assert not found["degraded"]
        assert all(hit["product"]["title"] for hit in found["hits"])


def test_without_a_key_the_gateway_refuses(shop: Shop) -> None:
    with pytest.raises(urllib.error.HTTPError) as caught:
        _search(shop.ports["rest"])
    assert caught.value.code == 401


def test_the_page(shop: Shop) -> None:
    with urllib.request.urlopen(f"http://127.0.0.1:{shop.ports['page']}/", timeout=10) as answer:
        assert b"/assets/" in answer.read()


@pytest.mark.parametrize("name", ["gateway", "triton", "page"])
def test_processes_may_do_little(shop: Shop, name: str) -> None:
    """The numeric user, no capability, no way to more, and a root that takes no file."""
    pid = shop.containers.podman("inspect", "--format", "{{.State.Pid}}", name).strip()
    status = dict(
        line.split(":\t", 1)
        for line in Path(f"/proc/{pid}/status").read_text().splitlines()
        if ":\t" in line
    )
    assert status["Uid"].split() == [str(USER)] * 4
    assert int(status["CapEff"], 16) == 0
    assert status["NoNewPrivs"] == "1"
    root, *_ = [
        line for line in Path(f"/proc/{pid}/mounts").read_text().splitlines() if " / " in line
    ]
    assert "ro" in root.split()[3].split(",")


@pytest.mark.parametrize("name", ["gateway", "page"])
def test_health_checks_of_the_images(shop: Shop, name: str) -> None:
    """What Docker asks by; Triton's asks the port of the image, which may be taken here."""
    shop.containers.podman("healthcheck", "run", name)


@pytest.mark.parametrize("name", BUILT)
def test_nothing_to_install_with_is_left(images: Images, name: str) -> None:
    with Containers(images) as containers:
        listing = containers.podman(
            "run", "--rm", "--entrypoint", "/bin/sh", "--network", "none",
            *("--ulimit", "nofile=1000:1000", "--ulimit", "nproc=1000:1000"),
            images.tag(name), "-c",
            "ls -d /opt/venv/bin/pip* /opt/venv/lib/python*/site-packages/pip /root/.cache"
            " /root/.npm /usr/bin/gcc /page 2>/dev/null; echo end",
        )  # fmt: skip
    assert listing.split() == ["end"]


def test_the_gateway_ends_soon_when_asked(shop: Shop) -> None:
    """Last, since it ends the gateway: SIGTERM and a clean end within the chart's time."""
    shop.containers.podman("stop", "--time", "30", "gateway")
    told = shop.containers.podman("inspect", "--format", "{{.State.ExitCode}}", "gateway").strip()
    assert told == "0"
    assert not answers(f"http://127.0.0.1:{shop.ports['rest']}/healthz")
