"""The storefront's nginx, run for real: files of the page, and the part of the API for shoppers."""

import http.client
import json
import os
import re
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator

import pytest

from tests.deploy.chart import ROOT, Object, named
from tests.deploy.fake_gateway import Asked, gateway


@pytest.fixture(scope="module")
def asked() -> Iterator[tuple[str, Asked]]:
    with gateway(["a"]) as (base, asked):
        yield base, asked


@pytest.fixture(scope="module")
def shop(
    rendered: dict[str, list[Object]],
    asked: tuple[str, Asked],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[int]:
    """Port of an nginx with the ConfigMap's files; only addresses and folders are others."""
    folder = tmp_path_factory.mktemp("nginx")
    data = named(rendered["default"], "ConfigMap", "shop-recompose-storefront")["data"]
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
    places = {
        "shop-recompose-gateway:8080": asked[0].removeprefix("http://"),
        "listen 8080": f"listen 127.0.0.1:{port}",
        "/usr/share/nginx/html": str(folder / "html"),
        "/etc/recompose": str(folder),
        "/etc/nginx/conf.d": str(folder),
    }
    for name, text in data.items():
        for before, after in places.items():
            text = text.replace(before, after)
        (folder / name).write_text(text)
    (folder / "html" / "assets").mkdir(parents=True)
    (folder / "html" / "index.html").write_text("<title>shop</title>")
    (folder / "html" / "assets" / "index-1a2b.js").write_text("1")
    (folder / "main.conf").write_text(
        ("user root;\n" if os.geteuid() == 0 else "")
        + f"daemon off; pid {folder}/pid; error_log stderr; events {{}}\n"
        "http {\n"
        + "".join(
            f"  {kind}_temp_path {folder}/{kind};\n"
            for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        )
        + f"  include {folder}/default.conf;\n}}\n"
    )
    nginx = shutil.which("nginx", path="/usr/sbin:/usr/bin:/usr/local/sbin:/usr/local/bin")
    assert nginx, "nginx is not installed: make system-deps"
    log = (folder / "log").open("w+b")
    process = subprocess.Popen(
        [nginx, "-c", str(folder / "main.conf"), "-e", "stderr"], stdout=log, stderr=log
    )
    try:
        deadline = time.monotonic() + 20
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
                break
            except OSError:
                assert process.poll() is None, "nginx refuses its configuration"
                assert time.monotonic() < deadline, "nginx does not start"
                time.sleep(0.05)
        yield port
    finally:
        process.terminate()
        process.wait(20)
        log.seek(0)
        text = log.read()
        log.close()
    assert b"coat" not in text


def call(
    port: int, method: str, path: str, body: bytes | None = None
) -> tuple[int, http.client.HTTPMessage, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    try:
        connection.request(method, path, body)
        answer = connection.getresponse()
        return answer.status, answer.headers, answer.read()
    finally:
        connection.close()


@pytest.mark.parametrize("path", ["/", "/products/p-1", "/search?q=coat"])
def test_addresses_of_the_page_are_the_page(shop: int, path: str) -> None:
    status, headers, content = call(shop, "GET", path)
    assert (status, content) == (200, b"<title>shop</title>")
    assert headers["Cache-Control"] == "no-cache"


def test_nothing_from_elsewhere_may_run(shop: int) -> None:
    for path in ("/", "/assets/index-1a2b.js", "/gone/" + "x" * 20, "/storefront.json"):
        _, headers, _ = call(shop, "GET", path)
        policy = headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert not re.search(r"\d", headers["Server"])


def test_the_policy_is_that_of_the_gateways_storefront(shop: int) -> None:
    source = (ROOT / "services" / "gateway" / "static_files.py").read_text()
    parts = re.search(r"OWN_ONLY: Final = \((.*?)\n\)", source, re.DOTALL)
    assert parts
    policy = "".join(re.findall(r'"([^"]*)"', parts[1]))
    assert call(shop, "GET", "/")[1]["Content-Security-Policy"] == policy


def test_files_are_kept_and_missing_ones_are_missing(shop: int) -> None:
    status, headers, _ = call(shop, "GET", "/assets/index-1a2b.js")
    assert (status, headers["Cache-Control"]) == (200, "max-age=31536000")
    assert call(shop, "GET", "/assets/gone.js")[0] == 404


def test_the_page_is_told_whose_shop_it_is(shop: int) -> None:
    status, _, content = call(shop, "GET", "/storefront.json")
    assert status == 200
    assert json.loads(content) == {"name": "Recompose", "catalog": "default", "image_uris": False}


def test_it_is_healthy_by_itself(shop: int) -> None:
    assert call(shop, "GET", "/healthz")[0] == 200


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/v1/products?page_size=1"),
        ("GET", "/v1/products/p%2F1/image"),
        ("GET", "/v1/products:facets?field=color"),
        ("POST", "/v1/products:search"),
    ],
)
def test_reads_and_searches_go_to_the_gateway(
    shop: int, asked: tuple[str, Asked], method: str, path: str
) -> None:
    asked[1].clear()
    body = b'{"modification": "in red"}' if method == "POST" else None
    status, headers, content = call(shop, method, path, body)
    assert status == 200
    assert json.loads(content)["hits"]
    assert [(one.method, one.path) for one in asked[1]] == [(method, path)]
    assert asked[1][0].body == (json.loads(body) if body else None)
    assert "default-src 'none'" in headers["Content-Security-Policy"]


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("PUT", "/v1/products/p-1"),
        ("DELETE", "/v1/products/p-1"),
        ("POST", "/v1/products"),
        ("PATCH", "/v1/products/p-1"),
        ("DELETE", "/v1/products:search"),
        ("POST", "/"),
    ],
)
def test_writing_stays_inside(shop: int, asked: tuple[str, Asked], method: str, path: str) -> None:
    asked[1].clear()
    assert call(shop, method, path, b"{}")[0] == 403
    assert asked[1] == []


@pytest.mark.parametrize("path", ["/metrics", "/readyz", "/docs", "/v1/../metrics", "//metrics"])
def test_what_is_for_operators_is_the_page_too(
    shop: int, asked: tuple[str, Asked], path: str
) -> None:
    asked[1].clear()
    call(shop, "GET", path)
    assert asked[1] == []


def test_an_error_is_told_without_what_was_asked(shop: int) -> None:
    """The fixture looks into nginx's log at the end: this address would be an error there."""
    assert call(shop, "GET", "/products/coat/%00")[0] == 400
    assert call(shop, "PUT", "/v1/products/coat", b"{}")[0] == 403


def test_an_upload_of_the_largest_size_passes(shop: int, asked: tuple[str, Asked]) -> None:
    content = json.dumps({"image": "a" * (14 << 20)}).encode()
    assert call(shop, "POST", "/v1/products:search", content)[0] == 200
    assert call(shop, "POST", "/v1/products:search", b"x" * (16 << 20))[0] == 413
