"""The release's own callers under TLS, run for real with the pod's variables and files."""

import os
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.deploy.chart import CHART, ROOT, Object, named, render
from tests.deploy.fake_gateway import Asked, gateway
from tests.deploy.test_certificates import make
from tests.deploy.test_storefront import call, free_port, running
from tests.deploy.test_tls import ONE_WAY

SEARCH = CHART / "files" / "search.py"


def context(made: Path, *, mutual: bool) -> ssl.SSLContext:
    """A gateway's side, with what deploy/certificates.sh made."""
    door = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    door.load_cert_chain(made / "server" / "tls.crt", made / "server" / "tls.key")
    if mutual:
        door.load_verify_locations(made / "server" / "ca.crt")
        door.verify_mode = ssl.CERT_REQUIRED
    return door


@pytest.fixture
def made(tmp_path: Path) -> Path:
    assert make(tmp_path).returncode == 0
    return tmp_path / "tls"


@pytest.fixture
def strict(made: Path) -> Iterator[tuple[str, Asked]]:
    """A gateway that asks for certificates."""
    with gateway(["blue"], tls=context(made, mutual=True)) as found:
        yield found


def variables(container: Object, folder: Path, **places: str) -> dict[str, str]:
    """The container's variables; files are in ``folder``, and a name in ``places`` is elsewhere."""
    given = {one["name"]: one.get("value", "rck_x") for one in container["env"]} | places
    return {name: value.replace("/tls/", f"{folder}/") for name, value in given.items()}


def storefront(objects: list[Object], folder: Path, site: Path, address: str) -> dict[str, str]:
    pod = named(objects, "Deployment", "shop-recompose-storefront")["spec"]["template"]["spec"]
    return variables(
        pod["containers"][0],
        folder,
        GATEWAY=address.partition("://")[2],
        PORT=str(free_port()),
        STOREFRONT_ROOT=str(site),
    )


def test_the_page_follows_its_certificate(
    rendered: dict[str, list[Object]], made: Path, strict: tuple[str, Asked], tmp_path: Path
) -> None:
    address, asked = strict
    env = storefront(rendered["tls"], made / "client", tmp_path, address)
    with running(tmp_path, env):
        shop = f"http://127.0.0.1:{env['PORT']}"
        assert call(shop, "GET", "/v1/products")[0] == 200
        assert make(tmp_path).returncode == 0
        end = time.monotonic() + 60
        while len({one.certificate for one in asked}) == 1:
            assert time.monotonic() < end, "the old certificate is still shown"
            assert call(shop, "GET", "/v1/products")[0] == 200
            time.sleep(0.2)
    assert None not in {one.certificate for one in asked}


def test_the_page_needs_no_certificate_where_none_is_asked_for(made: Path, tmp_path: Path) -> None:
    with gateway(["a"], tls=context(made, mutual=False)) as (address, asked):
        env = storefront(render(sets=ONE_WAY), made / "server", tmp_path, address)
        assert "RECOMPOSE_TLS_CERT" not in env
        with running(tmp_path, env):
            assert call(f"http://127.0.0.1:{env['PORT']}", "GET", "/v1/products")[0] == 200
    assert [one.certificate for one in asked] == [None]


@pytest.mark.parametrize("changed", ["other roots", "no certificate", "no TLS"])
def test_the_page_calls_nobody_else(
    rendered: dict[str, list[Object]],
    made: Path,
    strict: tuple[str, Asked],
    tmp_path: Path,
    changed: str,
) -> None:
    address, asked = strict
    env = storefront(rendered["tls"], made / "client", tmp_path, address)
    match changed:
        case "other roots":
            assert make(tmp_path / "other").returncode == 0
            env["RECOMPOSE_TLS_CA"] = str(tmp_path / "other" / "tls" / "client" / "ca.crt")
        case "no certificate":
            env["GATEWAY_TLS"] = "on"
        case _:
            del env["GATEWAY_TLS"]
    with running(tmp_path, env):
        assert call(f"http://127.0.0.1:{env['PORT']}", "GET", "/v1/products")[0] == 502
    assert asked == []


def searched(env: dict[str, str], address: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-S", str(SEARCH), address],
        env={**env, "PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_helms_test_shows_its_certificate(
    rendered: dict[str, list[Object]], made: Path, strict: tuple[str, Asked]
) -> None:
    pod = named(rendered["tls"], "Pod", "shop-recompose-test")["spec"]
    env = variables(pod["containers"][0], made / "client")
    done = searched(env, strict[0])
    assert (done.returncode, done.stdout) == (
        0,
        "search: a composed search found what it should.\n",
    )
    assert {one.certificate for one in strict[1]} != {None}
    for lacking in ("RECOMPOSE_TLS_CA", "RECOMPOSE_TLS_CERT"):
        strict[1].clear()
        done = searched({name: env[name] for name in env if name != lacking}, strict[0])
        assert done.returncode == 1
        assert "Traceback" not in done.stderr
        assert strict[1] == []


def test_the_chart_searches_as_the_repository_says() -> None:
    """The variables are the importer's, and those of sprc.evaluate."""
    for path in ("services/indexer/channel.py", "training/sprc/evaluation/certificates.py"):
        text = (ROOT / path).read_text()
        for name in ("RECOMPOSE_TLS_CA", "RECOMPOSE_TLS_CERT", "RECOMPOSE_TLS_KEY"):
            assert f'"{name}"' in text
