"""TLS and mutual TLS on both edges of a running gateway, and certificates that change meanwhile."""

import os
import signal
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import grpc
import httpx
import pytest
import trustme
from grpc_health.v1 import health_pb2, health_pb2_grpc

from gateway.readiness import DRAINING
from tests.integration.gateway.test_process import environment, run
from tests.support import plain_http
from tests.support.triton import free_ports

ROOT = Path(__file__).resolve().parents[3]
START_S = 60


class Files:
    """The three files of a gateway, and what its callers need."""

    def __init__(self, folder: Path, *, mutual: bool) -> None:
        self.certificate, self.key = folder / "tls.crt", folder / "tls.key"
        self.client_ca = folder / "ca.crt" if mutual else None
        self.roots = trustme.CA()
        self.renew()
        if self.client_ca is not None:
            self.clients = trustme.CA()
            self.clients.cert_pem.write_to_path(str(self.client_ca))

    def renew(self, *, key: bool = True) -> None:
        issued = self.roots.issue_cert("shop.test", "127.0.0.1")
        issued.cert_chain_pems[0].write_to_path(str(self.certificate))
        if key:
            issued.private_key_pem.write_to_path(str(self.key))
        self.issued = issued

    @property
    def settings(self) -> dict[str, Path]:
        more = {} if self.client_ca is None else {"TLS_CLIENT_CA_FILE": self.client_ca}
        return {"TLS_CERT_FILE": self.certificate, "TLS_KEY_FILE": self.key, **more}


class Caller:
    """A caller of one gateway, with a certificate of its own or none."""

    def __init__(
        self, env: dict[str, str], roots: trustme.CA, identity: trustme.LeafCert | None = None
    ) -> None:
        self._http = f"https://127.0.0.1:{env['HTTP_PORT']}/healthz"
        self._grpc = f"127.0.0.1:{env['GRPC_PORT']}"
        self._roots, self._identity = roots, identity

    def rest(self) -> int:
        context = ssl.create_default_context()
        self._roots.configure_trust(context)
        if self._identity is not None:
            self._identity.configure_cert(context)
        return httpx.get(self._http, verify=context, timeout=5).status_code

    def grpc(self) -> int:
        own = self._identity
        credentials = grpc.ssl_channel_credentials(
            self._roots.cert_pem.bytes(),
            None if own is None else own.private_key_pem.bytes(),
            None if own is None else own.cert_chain_pems[0].bytes(),
        )
        with grpc.secure_channel(self._grpc, credentials) as channel:
            check = health_pb2_grpc.HealthStub(channel).Check
            return int(check(health_pb2.HealthCheckRequest(), timeout=5).status)

    def comes_in(self) -> tuple[bool, bool]:
        """Whether REST and gRPC let it in."""
        answers = []
        for call in (self.rest, self.grpc):
            try:
                call()
                answers.append(True)
            except (httpx.TransportError, grpc.RpcError):
                answers.append(False)
        return answers[0], answers[1]

    def shown(self) -> bytes:
        """The certificate that REST shows."""
        host, port = self._http.removeprefix("https://").removesuffix("/healthz").split(":")
        return shown(host, int(port))


def shown(host: str, port: int) -> bytes:
    """The certificate that a server shows to everyone, in DER; who asks shows none."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    # A server that asks for a certificate refuses it only after the handshake of TLS 1.3.
    with (
        socket.create_connection((host, port), 5) as connection,
        context.wrap_socket(connection) as secured,
    ):
        found = secured.getpeercert(binary_form=True)
    assert found is not None
    return found


@contextmanager
def serving(env: dict[str, str], ready: Callable[[], object]) -> Iterator[subprocess.Popen[str]]:
    log = Path(env["DATA_DIR"]) / "gateway.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("w") as file:
        process = subprocess.Popen([sys.executable, "-m", "gateway"], env=env, stderr=file)
        try:
            _until(lambda: process.poll() is not None or ready())
            assert process.poll() is None, log.read_text()
            yield process  # type: ignore[misc]
            process.send_signal(signal.SIGTERM)
            assert process.wait(30) == 0
        finally:
            process.kill()
            process.wait()


def _until(holds: Callable[[], object]) -> None:
    end = time.monotonic() + START_S
    while time.monotonic() < end:
        try:
            if holds():
                return
        except (OSError, httpx.TransportError):
            pass
        time.sleep(0.1)
    raise AssertionError("it did not come to hold")


def test_certificates_are_followed(bundle_dir: Path, tmp_path: Path) -> None:
    files = Files(tmp_path, mutual=False)
    env = environment(bundle_dir, tmp_path / "data", **files.settings)
    caller = Caller(env, files.roots)
    with serving(env, caller.rest):
        assert caller.comes_in() == (True, True)
        assert Caller(env, trustme.CA()).comes_in() == (False, False)
        first = caller.shown()
        files.renew(key=False)  # a certificate before its key: the old pair stays
        _until(lambda: "certificates_unusable" in _log(env))
        assert (caller.shown(), caller.comes_in()) == (first, (True, True))
        files.issued.private_key_pem.write_to_path(str(files.key))
        _until(lambda: caller.shown() != first)
        assert caller.comes_in() == (True, True)
        with pytest.raises(httpx.TransportError):  # no plain text beside it
            httpx.get(f"http://127.0.0.1:{env['HTTP_PORT']}/healthz", timeout=5)


def test_callers_need_a_certificate_of_the_roots_in_force(bundle_dir: Path, tmp_path: Path) -> None:
    files = Files(tmp_path, mutual=True)
    assert files.client_ca is not None
    env = environment(bundle_dir, tmp_path / "data", **files.settings)
    known = Caller(env, files.roots, files.clients.issue_cert("client.test"))
    later_roots = trustme.CA()
    later = Caller(env, files.roots, later_roots.issue_cert("client.test"))
    with serving(env, known.rest):
        assert known.comes_in() == (True, True)
        assert Caller(env, files.roots).comes_in() == (False, False)
        assert later.comes_in() == (False, False)
        later_roots.cert_pem.write_to_path(str(files.client_ca))
        _until(lambda: later.comes_in() == (True, True))
        assert known.comes_in() == (False, False)


def test_the_health_port_has_probes_and_metrics_and_nothing_else(
    bundle_dir: Path, tmp_path: Path
) -> None:
    """In plain text, also where everyone else needs a certificate."""
    files = Files(tmp_path, mutual=True)
    (port,) = free_ports(1)
    env = environment(bundle_dir, tmp_path / "data", **files.settings, HEALTH_PORT=port)
    health = f"http://127.0.0.1:{port}"
    with serving(env, lambda: plain_http.get(f"{health}/healthz", timeout=5).is_success):
        assert plain_http.get(f"{health}/readyz", timeout=5).status_code == 503
        assert "recompose_ready 0.0" in plain_http.get(f"{health}/metrics", timeout=5).text
        for path in ("/", "/docs", "/openapi.json", "/v1/products", "/v1/products/p/image"):
            assert plain_http.get(health + path, timeout=5).status_code == 404
        search = plain_http.post(f"{health}/v1/products:search", json={"modification": "x"})
        assert search.status_code == 404
        assert Caller(env, files.roots).comes_in() == (False, False)


def test_the_health_port_tells_of_the_end_until_the_end(bundle_dir: Path, tmp_path: Path) -> None:
    (port,) = free_ports(1)
    env = environment(bundle_dir, tmp_path / "data", HEALTH_PORT=port, DRAIN_GRACE_S=2)
    health = f"http://127.0.0.1:{port}"
    with serving(env, lambda: plain_http.get(f"{health}/healthz", timeout=5).is_success) as process:
        process.send_signal(signal.SIGTERM)
        _until(lambda: DRAINING in plain_http.get(f"{health}/readyz", timeout=5).text)
        assert plain_http.get(f"{health}/healthz", timeout=5).status_code == 200


def test_a_health_port_that_is_taken_stops_the_start(bundle_dir: Path, tmp_path: Path) -> None:
    env = environment(bundle_dir, tmp_path / "data")
    done = run({**env, "HEALTH_PORT": env["HTTP_PORT"]})
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert done.stderr.startswith("gateway: cannot listen: ")


@pytest.mark.parametrize(
    ("left_out", "sentence"),
    [
        ("TLS_KEY_FILE", "gateway: TLS needs both TLS_CERT_FILE and TLS_KEY_FILE.\n"),
        ("TLS_CERT_FILE", "gateway: TLS needs both TLS_CERT_FILE and TLS_KEY_FILE.\n"),
    ],
)
def test_half_of_the_settings_stop_the_start(
    bundle_dir: Path, tmp_path: Path, left_out: str, sentence: str
) -> None:
    settings = {k: v for k, v in Files(tmp_path, mutual=False).settings.items() if k != left_out}
    done = run(environment(bundle_dir, tmp_path / "data", **settings))
    assert (done.returncode, done.stderr) == (2, sentence)


@pytest.mark.parametrize("damage", ["other key", "no file", "no PEM"])
def test_bad_files_stop_the_start(bundle_dir: Path, tmp_path: Path, damage: str) -> None:
    files = Files(tmp_path, mutual=True)
    match damage:
        case "other key":
            files.renew(key=False)
        case "no file":
            os.unlink(files.key)
        case _:
            files.certificate.write_text("hello")
    done = run(environment(bundle_dir, tmp_path / "data", **files.settings))
    assert done.returncode == 2
    expected = "cannot be read: No such file" if damage == "no file" else "do not go together."
    assert expected in done.stderr
    assert done.stderr.count("\n") == 1


def _log(env: dict[str, str]) -> str:
    return (Path(env["DATA_DIR"]) / "gateway.log").read_text()
