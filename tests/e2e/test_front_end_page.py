"""The front-end engineer's page: the same search three ways, each run as it stands."""

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from deploy.local.ports import free_ports
from tests.support.stack import Stack

ROOT = Path(__file__).parents[2]
STOREFRONT = ROOT / "services" / "storefront"
PAGE = (ROOT / "docs" / "front-end.md").read_text()
SHELL = re.findall(r"<!-- tested -->\n```sh\n(.*?)```", PAGE, re.DOTALL)


@pytest.fixture(scope="module")
def expected(stack: Stack) -> list[str]:
    body = {"reference": {"product_id": "demo-00007"}, "modification": "in black", "page_size": 3}
    hits = stack.rest.post("/v1/products:search", json=body).json()["hits"]
    return [hit["product"]["id"] for hit in hits]


def ids(text: str) -> list[str]:
    """Products of an answer, in its order; each may be named twice, by its id and picture."""
    return list(dict.fromkeys(re.findall(r"demo-\d{5}", text)))


def run(command: list[str], cwd: Path) -> str:
    done = subprocess.run(
        command, cwd=cwd, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def here(text: str, stack: Stack) -> str:
    return text.replace(":8080", f":{stack.http_port}").replace(":50051", f":{stack.grpc_port}")


def test_typescript(stack: Stack, expected: list[str]) -> None:
    (path, shown), *more = re.findall(r"<!-- tested: (\S+) -->\n```ts\n(.*?)```", PAGE, re.DOTALL)
    assert not more
    source = (ROOT / path).read_text()
    assert shown == source  # `make lint` checks its types
    # Beside the original, where its imports are found.
    trial = (ROOT / path).with_name(f"trial-{os.getpid()}.ts")
    trial.write_text(here(source, stack))
    try:
        assert ids(run(["npx", "tsx", str(trial)], STOREFRONT)) == expected
    finally:
        trial.unlink()


@pytest.mark.parametrize("block", SHELL, ids=["curl", "gRPC"])
def test_shell(stack: Stack, expected: list[str], block: str) -> None:
    command = here(block, stack).replace(".venv/bin", str(Path(sys.executable).parent))
    assert ids(run(["bash", "-ec", command], ROOT)) == expected


def test_npm_start_serves_the_page_against_a_gateway(stack: Stack) -> None:
    """`npm start`, then the page and a call through it."""
    (port,) = free_ports(1)
    process = subprocess.Popen(
        ["npm", "start", "--", "--port", str(port), "--strictPort", "--host", "127.0.0.1"],
        cwd=STOREFRONT,
        env={**os.environ, "GATEWAY": f"http://127.0.0.1:{stack.http_port}"},
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        assert process.stdout
        for line in process.stdout:
            if "http://" in line:  # where it listens
                break
        base = f"http://127.0.0.1:{port}"
        assert '<div id="root">' in httpx.get(base).text
        assert "createRoot" in httpx.get(f"{base}/src/main.tsx").text
        through = httpx.get(f"{base}/v1/products", params={"page_size": 2}).json()["products"]
        assert through == stack.rest.get("/v1/products?page_size=2").json()["products"]
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait(10)
