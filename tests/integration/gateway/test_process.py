"""The gateway as a process: its start, its word on readiness, its end. Nothing else runs."""

import json
import os
import queue
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import grpc
import httpx
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from recompose.v1 import catalog_pb2, catalog_pb2_grpc, product_pb2
from tests.support import plain_http
from tests.support.triton import free_ports

ROOT = Path(__file__).resolve().parents[3]
START_S = 60
DRAIN_S = 15


def environment(bundle_dir: Path, data_dir: Path, **settings: object) -> dict[str, str]:
    http, grpc_port, triton, qdrant = free_ports(4)
    defaults = {
        "HTTP_PORT": http,
        "GRPC_PORT": grpc_port,
        "TRITON_URL": f"127.0.0.1:{triton}",
        "QDRANT_URL": f"http://127.0.0.1:{qdrant}",
        "BUNDLE_DIR": bundle_dir,
        "DATA_DIR": data_dir,
        "DRAIN_GRACE_S": 0.5,
    }
    chosen = {name: str(value) for name, value in {**defaults, **settings}.items()}
    return {**os.environ, "PYTHONPATH": str(ROOT / "services"), **chosen}


def run(env: dict[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "gateway"],
        env=env,
        capture_output=True,
        text=True,
        timeout=START_S,
        check=False,
    )


@contextmanager
def running(env: dict[str, str]) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [sys.executable, "-m", "gateway"], env=env, stderr=subprocess.PIPE, text=True
    )
    try:
        end = time.monotonic() + START_S
        while process.poll() is None and time.monotonic() < end:
            try:
                plain_http.get(f"http://127.0.0.1:{env['HTTP_PORT']}/healthz")
                break
            except httpx.TransportError:
                time.sleep(0.1)
        yield process
    finally:
        process.kill()
        process.wait()


# A start that fails takes what any start takes, and there are many ways to fail: in one process
# they share what is imported. Each prints its exit status and what it said on stderr.
_ONE_AFTER_ANOTHER = """
import contextlib, io, json, os, sys
from gateway.__main__ import main
for settings in json.load(sys.stdin):
    os.environ.clear()
    os.environ.update(settings)
    with contextlib.redirect_stderr(io.StringIO()) as said:
        status = main([])
    print(json.dumps([status, said.getvalue()]))
"""
BAD_SETTINGS = [
    {"HTTP_PORT": "eighty"},
    {"PREFETCH_DEPTH": "1"},
    {"FILTERABLE_FIELDS": "color:colour"},
    {"IMAGE_URIS": "everything"},
    {"IMAGE_URIS": "allowlist"},
    {"IMAGE_URI_HOSTS": "*"},
    {"QDRANT_URL": "nowhere"},
    {"REDIS_URL": "mysql://cache"},
    {"BUNDLE_DIR": "/nonexistent"},
    {"IMAGE_STORE": "s3://"},
    {"IMAGE_STORE": "gs://bucket"},
    {"IMAGE_STORE": "/dev/null/images"},
    {"DATA_DIR": "/dev/null"},
    {"OTEL_TRACES_EXPORTER": "console"},
]
BAD_ACCESS = [
    ({"HTTP_HOST": "0.0.0.0"}, "HTTP_HOST or GRPC_HOST is reached by other machines: say who"),
    ({"GRPC_HOST": "::"}, "HTTP_HOST or GRPC_HOST is reached by other machines: say who"),
    ({"HTTP_HOST": "a.test"}, "HTTP_HOST or GRPC_HOST is reached by other machines: say who"),
    ({"API_KEYS_FILE": "/no/such/file"}, "API_KEYS_FILE cannot be read: No such file"),
    ({"OIDC_ISSUER": "https://issuer.test"}, "Tokens need both OIDC_ISSUER and OIDC_AUDIENCE."),
    ({"OIDC_AUDIENCE": "shop"}, "Tokens need both OIDC_ISSUER and OIDC_AUDIENCE."),
    ({"CORS_ORIGINS": "*"}, "CORS_ORIGINS is not a valid setting"),
    ({"CORS_ORIGINS": "https://shop.example/path"}, "CORS_ORIGINS is not a valid setting"),
]


@pytest.fixture(scope="module")
def refusals(
    bundle_dir: Path, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, tuple[int, str]]:
    """The end of a start with each bad setting: exit status and stderr."""
    bad = [*BAD_SETTINGS, *(settings for settings, _ in BAD_ACCESS)]
    tried = [environment(bundle_dir, tmp_path_factory.mktemp("data"), **each) for each in bad]
    done = subprocess.run(
        [sys.executable, "-c", _ONE_AFTER_ANOTHER],
        env=tried[0],
        input=json.dumps(tried),
        capture_output=True,
        text=True,
        timeout=START_S,
        check=True,
    )
    assert done.stderr == ""
    ends = (json.loads(line) for line in done.stdout.splitlines())
    return {str(each): tuple(end) for each, end in zip(bad, ends, strict=True)}


@pytest.mark.parametrize("settings", BAD_SETTINGS, ids=str)
def test_a_bad_setting_stops_the_start_with_one_sentence(
    refusals: dict[str, tuple[int, str]], settings: dict[str, str]
) -> None:
    status, said = refusals[str(settings)]
    assert status == 2
    assert len(said.strip().splitlines()) == 1
    assert said.startswith("gateway: ")


@pytest.mark.parametrize(
    "settings",
    [{"HTTP_PORT": "eighty"}, {"IMAGE_STORE": "s3://"}, {"API_KEYS_FILE": "/no/such/file"}],
    ids=str,
)
def test_and_ends_the_process(
    bundle_dir: Path,
    tmp_path: Path,
    refusals: dict[str, tuple[int, str]],
    settings: dict[str, str],
) -> None:
    """Where settings are read, where parts are wired, and where access is."""
    done = run(environment(bundle_dir, tmp_path, **settings))
    assert (done.returncode, done.stderr) == refusals[str(settings)]


def test_help_and_a_bad_setting_wait_for_no_edge_and_no_client() -> None:
    heavy = "{'fastapi', 'uvicorn', 'qdrant_client'}"
    asked = f"import sys, gateway.__main__; sys.exit(str({heavy} & set(sys.modules) or ''))"
    path = {"PYTHONPATH": str(ROOT / "services")}
    done = subprocess.run([sys.executable, "-c", asked], env=path, capture_output=True, text=True)
    assert done.stderr.strip() == ""


def test_a_busy_port_stops_the_start_with_one_sentence(bundle_dir: Path, tmp_path: Path) -> None:
    env = environment(bundle_dir, tmp_path)
    with running(env):
        for name in ("HTTP_PORT", "GRPC_PORT"):
            other = environment(bundle_dir, tmp_path, **{name: env[name]})
            done = run(other)
            assert done.returncode == 2, done.stderr
            assert "gateway: cannot listen" in done.stderr
            assert "Traceback" not in done.stderr


def test_without_its_parts_it_lives_says_why_and_ends_cleanly(
    bundle_dir: Path, tmp_path: Path
) -> None:
    env = environment(bundle_dir, tmp_path, IMAGE_URIS="public")
    base = f"http://127.0.0.1:{env['HTTP_PORT']}"
    with (
        running(env) as process,
        grpc.insecure_channel(f"127.0.0.1:{env['GRPC_PORT']}") as channel,
    ):
        assert plain_http.get(f"{base}/healthz").status_code == 200
        unready = plain_http.get(f"{base}/readyz")
        assert unready.status_code == 503
        assert unready.json()["reason"]
        health = health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest())
        assert health.status == health_pb2.HealthCheckResponse.NOT_SERVING
        answer = plain_http.post(
            f"{base}/v1/products:search", json={"modification": "red"}, timeout=10
        )
        assert answer.status_code == 503
        assert "recompose_ready 0.0" in plain_http.get(f"{base}/metrics").text

        process.send_signal(signal.SIGTERM)
        assert process.wait(DRAIN_S) == 0
        assert process.stderr is not None
        assert "Traceback" not in process.stderr.read()


def test_a_call_that_was_admitted_is_answered_while_the_gateway_drains(
    bundle_dir: Path, tmp_path: Path
) -> None:
    env = environment(bundle_dir, tmp_path, DRAIN_GRACE_S=0)
    messages: queue.Queue[catalog_pb2.ImportProductsRequest | None] = queue.Queue()
    bad = catalog_pb2.ImportProductsRequest(product=product_pb2.Product(id="a/b"))
    with (
        running(env) as process,
        grpc.insecure_channel(f"127.0.0.1:{env['GRPC_PORT']}") as channel,
    ):
        call = catalog_pb2_grpc.CatalogServiceStub(channel).ImportProducts.future(
            iter(messages.get, None)
        )
        messages.put(bad)
        time.sleep(1)  # admitted, and waiting for the rest of its stream
        process.send_signal(signal.SIGTERM)
        time.sleep(1)
        with pytest.raises(httpx.TransportError):
            plain_http.get(f"http://127.0.0.1:{env['HTTP_PORT']}/healthz")
        messages.put(bad)
        messages.put(None)
        answer = call.result(timeout=10)
        assert [result.reason for result in answer.results] == ["PRODUCT_ID_INVALID"] * 2
        assert process.wait(DRAIN_S) == 0


def test_a_gateway_that_others_reach_starts_with_access(bundle_dir: Path, tmp_path: Path) -> None:
    tokens = {"OIDC_ISSUER": "http://127.0.0.1:1", "OIDC_AUDIENCE": "shop"}
    env = environment(bundle_dir, tmp_path, HTTP_HOST="0.0.0.0", GRPC_HOST="0.0.0.0", **tokens)
    with running(env):
        answer = plain_http.get(f"http://127.0.0.1:{env['HTTP_PORT']}/v1/products")
        assert answer.status_code == 401


def test_over_its_memory_a_gateway_takes_one_request_at_a_time(
    bundle_dir: Path, tmp_path: Path
) -> None:
    env = environment(bundle_dir, tmp_path, MEMORY_LIMIT_BYTES=1 << 20)
    base = f"http://127.0.0.1:{env['HTTP_PORT']}"
    messages: queue.Queue[catalog_pb2.ImportProductsRequest | None] = queue.Queue()

    def search() -> httpx.Response:
        return plain_http.post(f"{base}/v1/products:search", json={"modification": "x"}, timeout=10)

    with running(env), grpc.insecure_channel(f"127.0.0.1:{env['GRPC_PORT']}") as channel:
        stub = catalog_pb2_grpc.CatalogServiceStub(channel)
        call = stub.ImportProducts.future(iter(messages.get, None))
        messages.put(catalog_pb2.ImportProductsRequest(product=product_pb2.Product(id="a/b")))
        end = time.monotonic() + START_S
        while "recompose_requests_in_flight 1.0" not in plain_http.get(f"{base}/metrics").text:
            assert time.monotonic() < end
            time.sleep(0.05)
        refused = search()
        assert (refused.status_code, refused.headers["retry-after"]) == (429, "1")
        with pytest.raises(grpc.RpcError) as caught:
            stub.GetProduct(catalog_pb2.GetProductRequest(id="p"), timeout=10)
        assert caught.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
        messages.put(None)
        call.result(timeout=10)
        assert search().status_code == 503  # let in, to find that no part is there


@pytest.mark.parametrize(("settings", "sentence"), BAD_ACCESS, ids=str)
def test_a_bad_setting_about_access_stops_the_start(
    refusals: dict[str, tuple[int, str]], settings: dict[str, str], sentence: str
) -> None:
    status, said = refusals[str(settings)]
    assert status == 2
    assert sentence in said
    assert said.count("\n") == 1
