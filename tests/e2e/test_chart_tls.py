"""A gateway as the chart's mutual TLS runs it: the pod's variables, its files laid out as a kubelet
lays them out, its probes; only places and ports differ."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
import httpx
import pytest
import yaml

from recompose.v1 import search_pb2, search_pb2_grpc
from tests.integration.gateway.test_tls import shown
from tests.support import plain_http
from tests.support.qdrant_index import server_in_memory
from tests.support.redis import RedisServer
from tests.support.triton import free_ports, triton_serving
from tests.support.two_bundles import write_servable_bundle

ROOT = Path(__file__).resolve().parents[2]
CHART = ROOT / "helm" / "recompose"
HELM = ROOT / ".venv-deploy" / "bin" / "helm"
NAME = "shop-recompose-gateway"
# The budgets of inference on processors.
BUDGETS = {"SEARCH_BUDGET_S": 8, "TRITON_BUDGET_S": 5, "QDRANT_BUDGET_S": 2}
READY_WITHIN_S = 90


def rendered() -> list[dict[str, Any]]:
    answer = subprocess.run(
        [HELM, "template", "shop", CHART, "-f", CHART / "ci" / "tls-values.yaml", "-f", "-"],
        input=yaml.safe_dump({"gateway": {"settings": BUDGETS}}),
        capture_output=True,
        text=True,
        check=True,
    )
    return [found for found in yaml.safe_load_all(answer.stdout) if found]


def make(script: str, folder: Path, *names: str) -> None:
    subprocess.run([ROOT / "deploy" / script, folder, *names], check=True, capture_output=True)


class Volume:
    """A projected volume: files are links into ..data, itself a link that is changed at once."""

    def __init__(self, volume: dict[str, Any], folder: Path, secrets: dict[str, Path]) -> None:
        self._sources = [one["secret"] for one in volume["projected"]["sources"]]
        self._folder, self._secrets, self._number = folder, secrets, 0
        folder.mkdir()
        self.update()

    def update(self) -> None:
        self._number += 1
        current = self._folder / f"..{self._number}"
        current.mkdir()
        for source in self._sources:
            for item in source["items"]:
                content = (self._secrets[source["name"]] / item["key"]).read_bytes()
                (current / item["path"]).write_bytes(content)
                link = self._folder / item["path"]
                if not link.is_symlink():
                    link.symlink_to(Path("..data") / item["path"])
        (self._folder / "..next").symlink_to(current.name)
        os.replace(self._folder / "..next", self._folder / "..data")


@dataclass
class Release:
    """What runs of a release, and what its callers have."""

    objects: list[dict[str, Any]]
    container: dict[str, Any]
    ports: dict[str, int]
    """Of this machine, by the name of the container's port."""
    folder: Path
    server: Volume

    @property
    def rest(self) -> str:
        return f"https://{NAME}:{self.ports['http']}"

    def key(self, name: str) -> str:
        return (self.folder / "secrets" / "keys" / name).read_text()

    def file(self, name: str) -> Path:
        """A file of the callers' Secret."""
        return self.folder / "secrets" / "tls" / "client" / name

    def port_of(self, probe: str) -> str:
        """Address that a probe asks."""
        asked = self.container[probe]["httpGet"]
        scheme = asked.get("scheme", "HTTP").lower()
        return f"{scheme}://127.0.0.1:{self.ports[asked['port']]}{asked['path']}"


@pytest.fixture(scope="module")
def release(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Release]:
    folder = tmp_path_factory.mktemp("release")
    make("secrets.sh", folder / "secrets")
    make("certificates.sh", folder / "secrets", NAME)
    objects = rendered()
    (deployment,) = (
        one for one in objects if one["kind"] == "Deployment" and one["metadata"]["name"] == NAME
    )
    pod = deployment["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    tls = folder / "secrets" / "tls"
    secrets = {"shop-gateway-tls": tls / "server", "shop-callers-tls": tls / "client"}
    (volume,) = (one for one in pod["volumes"] if one["name"] == "tls")
    server = Volume(volume, folder / "tls", secrets)
    ports = dict(zip(("http", "grpc", "health"), free_ports(3), strict=True))
    found = Release(objects, container, ports, folder, server)
    bundle = write_servable_bundle(folder / "bundle", seed=1)
    redis = RedisServer()
    redis.start()
    try:
        with triton_serving(folder / "triton", bundle) as triton, server_in_memory() as index:
            places = {
                "TRITON_URL": triton.address,
                "QDRANT_URL": f"http://127.0.0.1:{index.port}",
                "REDIS_URL": f"redis://127.0.0.1:{redis.port}",
                "SNAPSHOT_REDIS_URL": f"redis://127.0.0.1:{redis.port}",
                "BUNDLE_DIR": str(bundle),
                "DATA_DIR": str(folder / "data"),
                "HTTP_HOST": "127.0.0.1",
                "GRPC_HOST": "127.0.0.1",
            }
            with running(found, environment(found, places)):
                yield found
    finally:
        redis.kill()


def environment(release: Release, places: dict[str, str]) -> dict[str, str]:
    """The container's variables; ports are those of this machine."""
    numbers = {
        str(one["containerPort"]): str(release.ports[one["name"]])
        for one in release.container["ports"]
    }
    files = {"/tls/": f"{release.folder}/tls/", "/access/": f"{release.folder}/secrets/keys/"}
    told = {}
    for variable in release.container["env"]:
        name = variable["name"]
        if "value" in variable:
            value = places.get(name, variable["value"])
            value = numbers.get(value, value) if name.endswith("_PORT") else value
            for before, after in files.items():
                value = value.replace(before, after) if value.startswith(before) else value
        else:
            value = release.key(variable["valueFrom"]["secretKeyRef"]["key"])
        told[name] = value
    assert numbers.keys() == {"8080", "50051", "8081"}
    return told


@contextmanager
def running(release: Release, told: dict[str, str]) -> Iterator[None]:
    """The gateway, once its probes say that it is up and gets traffic."""
    log = release.folder / "gateway.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, *release.container["command"][1:]],
            env={**os.environ, "PYTHONPATH": str(ROOT / "services"), **told},
            stdout=output,
            stderr=output,
        )
    try:
        for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
            _until(lambda probe=probe: _answers(release.port_of(probe)), process, log)
        yield
    finally:
        process.terminate()
        assert process.wait(30) == 0


def _answers(address: str) -> bool:
    try:
        return plain_http.get(address, timeout=5).status_code == 200
    except httpx.TransportError:
        return False


def _until(holds: Any, process: "subprocess.Popen[bytes]", log: Path) -> None:
    end = time.monotonic() + READY_WITHIN_S
    while not holds():
        assert process.poll() is None, log.read_text()
        assert time.monotonic() < end, log.read_text()
        time.sleep(0.1)


def curl(release: Release, *options: str, shows: bool = True) -> "subprocess.CompletedProcess[str]":
    """A call as the notes of the chart say it."""
    own = ["--cert", release.file("tls.crt"), "--key", release.file("tls.key")]
    return subprocess.run(
        [
            *("curl", "-sS", "--noproxy", "*", "--connect-to", "::127.0.0.1:"),
            *("--cacert", release.file("ca.crt"), *(own if shows else ())),
            *("-H", f"Authorization: Bearer {release.key('storefront-key')}", *options),
        ],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_its_own_callers_come_in(release: Release) -> None:
    """Helm's test, with the pod's variables: it imports, searches and deletes over REST."""
    (pod,) = (one for one in release.objects if one["kind"] == "Pod")
    (container,) = pod["spec"]["containers"]
    told = {
        one["name"]: one["value"].replace("/tls/", f"{release.file('')}/")
        if "value" in one
        else release.key(one["valueFrom"]["secretKeyRef"]["key"])
        for one in container["env"]
    }
    done = subprocess.run(
        [
            sys.executable,
            CHART / "files" / "search.py",
            f"https://127.0.0.1:{release.ports['http']}",
        ],
        env={**os.environ, **told},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, ""), done.stdout


def test_a_search_by_curl_and_by_grpc(release: Release) -> None:
    body = '{"modification": "a red coat"}'
    asked = curl(release, "-d", body, "-H", "Content-Type: application/json", "-w", "%{http_code}",
                 f"{release.rest}/v1/products:search")  # fmt: skip
    assert asked.stdout.endswith("200"), (asked.stdout, asked.stderr)
    with called(release, shows=True) as search:
        request = search_pb2.SearchRequest(modification="a red coat")
        key = ("authorization", f"Bearer {release.key('storefront-key')}")
        search.Search(request, timeout=30, metadata=[key])


@contextmanager
def called(release: Release, *, shows: bool) -> Iterator[Any]:
    """A stub of a client that knows the gateway by the name of its Service."""
    own = ("tls.key", "tls.crt") if shows else ()
    credentials = grpc.ssl_channel_credentials(
        release.file("ca.crt").read_bytes(), *(release.file(name).read_bytes() for name in own)
    )
    options = [("grpc.ssl_target_name_override", NAME), ("grpc.enable_http_proxy", 0)]
    address = f"127.0.0.1:{release.ports['grpc']}"
    with grpc.secure_channel(address, credentials, options=options) as channel:
        yield search_pb2_grpc.SearchServiceStub(channel)


def test_nobody_comes_in_without_a_certificate(release: Release) -> None:
    """So that a probe or a scrape of these ports would fail, which has none."""
    refused = curl(release, f"{release.rest}/healthz", shows=False)
    assert refused.returncode != 0, refused.stdout
    with called(release, shows=False) as search, pytest.raises(grpc.RpcError) as caught:
        search.Search(search_pb2.SearchRequest(modification="x"), timeout=10)
    error: Any = caught.value
    assert error.code() is grpc.StatusCode.UNAVAILABLE


def test_prometheus_reads_metrics_where_its_monitor_says(release: Release) -> None:
    (monitor,) = (
        one
        for one in release.objects
        if one["kind"] == "ServiceMonitor" and one["metadata"]["name"] == NAME
    )
    (endpoint,) = monitor["spec"]["endpoints"]
    address = f"http://127.0.0.1:{release.ports[endpoint['port']]}"
    assert "recompose_ready 1.0" in plain_http.get(address + endpoint["path"], timeout=10).text
    for path in ("/v1/products", "/docs", "/openapi.json", "/"):
        assert plain_http.get(address + path, timeout=10).status_code == 404


def test_a_renewed_secret_is_followed(release: Release) -> None:
    before = shown("127.0.0.1", release.ports["http"])
    make("certificates.sh", release.folder / "secrets", NAME)
    release.server.update()
    end = time.monotonic() + 30
    while shown("127.0.0.1", release.ports["http"]) == before:
        assert time.monotonic() < end, "the old certificate is still shown"
        time.sleep(0.1)
    assert curl(release, f"{release.rest}/healthz").returncode == 0
