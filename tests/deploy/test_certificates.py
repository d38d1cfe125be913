"""deploy/certificates.sh makes what compose.tls.yaml mounts, and renews it under the same root."""

import re
import socket
import ssl
import stat
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.deploy.chart import ROOT
from tests.deploy.dockerfiles import load
from tests.deploy.test_compose import COMPOSE, DEPLOY, TLS, merged

SCRIPT = ROOT / "deploy" / "certificates.sh"
_MOUNT = re.compile(r"\$\{TLS_DIR[^}]*\}/(\w+):(/run/tls):ro")


def make(folder: Path, *names: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [SCRIPT, folder, *names], capture_output=True, text=True, timeout=60, check=False
    )


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("secrets")
    done = make(folder, "recompose-gateway", "192.0.2.7")
    assert (done.returncode, done.stderr) == (0, "")
    return folder / "tls"


@pytest.fixture(scope="module")
def services() -> dict[str, Any]:
    """Of both files together."""
    files = (yaml.safe_load(path.read_text()) for path in (COMPOSE, TLS))
    found: dict[str, Any] = merged(*files)["services"]
    return found


def shaken(made: Path, name: str, identity: Path | None) -> dict[str, Any]:
    """What a caller learns of the gateway's certificate, in a handshake of mutual TLS."""
    door = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    door.load_cert_chain(made / "server" / "tls.crt", made / "server" / "tls.key")
    door.load_verify_locations(made / "server" / "ca.crt")
    door.verify_mode = ssl.CERT_REQUIRED
    caller = ssl.create_default_context(cafile=made / "client" / "ca.crt")
    caller.maximum_version = ssl.TLSVersion.TLSv1_2  # so that a refusal is part of the handshake
    if identity is not None:
        caller.load_cert_chain(identity / "tls.crt", identity / "tls.key")
    ours, theirs = socket.socketpair()

    def serve() -> None:
        try:
            door.wrap_socket(theirs, server_side=True).close()
        except ssl.SSLError:
            theirs.close()

    server = threading.Thread(target=serve)
    server.start()
    try:
        with caller.wrap_socket(ours, server_hostname=name) as connection:
            found: Any = connection.getpeercert()
            return dict(found)
    finally:
        server.join()
        ours.close()


@pytest.mark.parametrize(
    "name", ["gateway", "localhost", "127.0.0.1", "recompose-gateway", "192.0.2.7"]
)
def test_gateway_and_callers_take_each_other(made: Path, name: str) -> None:
    assert shaken(made, name, made / "client")["notAfter"]


def test_nobody_else_is_taken(made: Path) -> None:
    for identity in (None, made / "server"):
        with pytest.raises((ssl.SSLError, OSError)):
            shaken(made, "gateway", identity)
    with pytest.raises(ssl.SSLCertVerificationError):
        shaken(made, "elsewhere.example", made / "client")


def test_it_renews_under_the_same_root(tmp_path: Path) -> None:
    assert make(tmp_path).returncode == 0
    before = {path: path.read_bytes() for path in (tmp_path / "tls").rglob("*.*")}
    assert len(before) == 8
    assert make(tmp_path).returncode == 0
    after = {path: path.read_bytes() for path in (tmp_path / "tls").rglob("*.*")}
    assert after.keys() == before.keys()
    same = {path.name for path in before if before[path] == after[path]}
    assert same == {"ca.crt", "ca.key"}
    assert shaken(tmp_path / "tls", "gateway", tmp_path / "tls" / "client")


def test_keys_are_for_containers_and_nobody_else(made: Path) -> None:
    """Users of containers have other numbers, so that they read what all may read; but nobody on
    this machine comes so far, and the root's key goes nowhere."""
    modes = {
        str(path.relative_to(made)): stat.S_IMODE(path.stat().st_mode)
        for path in [made, *made.rglob("*")]
    }
    assert modes["."] == modes["authority"] == 0o700
    assert modes["authority/ca.key"] == 0o600
    assert {modes[name] for name in ("server", "client")} == {0o755}
    assert {modes[f"{name}/tls.key"] for name in ("server", "client")} == {0o644}


def test_what_is_mounted_is_made(made: Path, services: dict[str, Any]) -> None:
    """Each file that a variable names, in a folder that is mounted whole and read-only."""
    folders = {}
    for name, service in services.items():
        mounts = [found for one in service.get("volumes", ()) if (found := _MOUNT.fullmatch(one))]
        files = {
            Path(value).name
            for value in service.get("environment", {}).values()
            if value.startswith("/run/tls/")
        }
        assert bool(files) == bool(mounts), name
        for mount in mounts:
            folders[name] = mount[1]
            assert files <= {path.name for path in (made / mount[1]).iterdir()}
    assert folders == {"gateway": "server", "storefront": "client", "indexer": "client"}


def test_the_gateway_is_asked_for_its_health_in_plain_text(services: dict[str, Any]) -> None:
    """By Docker, as the image says, and by Prometheus; the port is open inside alone."""
    gateway = services["gateway"]
    port = gateway["environment"]["HEALTH_PORT"]
    config = yaml.safe_load((DEPLOY / "monitoring" / "prometheus.yaml").read_text())
    (job,) = (one for one in config["scrape_configs"] if one["job_name"] == "gateway")
    assert job["static_configs"] == [{"targets": [f"gateway:{port}"]}]
    assert not any(one.endswith(f":{port}") for one in gateway["ports"])
    asked = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever).start()
    try:
        (check,) = load("gateway").last.all("HEALTHCHECK")
        command = yaml.safe_load(check.partition("CMD ")[2])
        for environment in (
            {"HEALTH_PORT": str(server.server_port), "HTTP_PORT": "1"},
            {"HEALTH_PORT": "", "HTTP_PORT": str(server.server_port)},
            {"HTTP_PORT": str(server.server_port)},
        ):
            done = subprocess.run([sys.executable, *command[1:]], env=environment, check=False)
            assert done.returncode == 0
    finally:
        server.shutdown()
        server.server_close()
    assert asked == ["/readyz"] * 3


def test_mutual_tls_is_a_variable(services: dict[str, Any]) -> None:
    assert services["gateway"]["environment"]["TLS_CLIENT_CA_FILE"] == "${TLS_CLIENT_CA_FILE:-}"
    assert services["storefront"]["environment"]["GATEWAY_TLS"] == "mutual"
