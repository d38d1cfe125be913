"""The chart's publish Job, container by container, as rendered; only places and ports differ."""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from tests.support import plain_http
from tests.support.drawn_dataset import write_drawn_fashioniq
from tests.support.qdrant import running_qdrant
from tests.support.triton import free_ports, triton_serving
from tests.support.two_bundles import write_servable_bundle

ROOT = Path(__file__).resolve().parents[2]
CHART = ROOT / "helm" / "recompose"
HELM = ROOT / ".venv-deploy" / "bin" / "helm"
KEY = "opens-the-repository"
# The budgets of inference on processors.
BUDGETS = {"SEARCH_BUDGET_S": 8, "TRITON_BUDGET_S": 5, "QDRANT_BUDGET_S": 2}
pytestmark = pytest.mark.skipif(
    not os.environ.get("RECOMPOSE_TEST_LONG"), reason="minutes: part of make test-long"
)


def containers() -> list[dict[str, Any]]:
    """Those of the Job, in the order in which a pod runs them."""
    # With a training of its own it would wait for that.
    settings = yaml.safe_dump({"gateway": {"settings": BUDGETS}, "training": {"enabled": False}})
    rendered = subprocess.run(
        [HELM, "template", "shop", CHART, "-f", CHART / "ci" / "gpu-ha-values.yaml", "-f", "-"],
        input=settings,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    (job,) = (
        found
        for found in yaml.safe_load_all(rendered)
        if found and found["kind"] == "Job" and "-publish-" in found["metadata"]["name"]
    )
    spec = job["spec"]["template"]["spec"]
    return [*spec["initContainers"], *spec["containers"]]


@contextmanager
def gateway(environment: dict[str, str], http_port: int) -> Iterator[None]:
    """A gateway that is ready."""
    process = subprocess.Popen(
        [sys.executable, "-m", "gateway"],
        env={**os.environ, **environment, "HTTP_PORT": str(http_port)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        for _ in range(600):
            assert process.poll() is None, "the gateway ended"
            try:
                ready = plain_http.get(f"http://127.0.0.1:{http_port}/readyz", timeout=5)
                if ready.status_code == 200:
                    break
            except httpx.TransportError:
                pass
            time.sleep(0.1)
        else:
            raise AssertionError("the gateway does not get ready")
        yield
    finally:
        process.terminate()
        process.wait(30)


@pytest.mark.timeout(900)
@pytest.mark.parametrize("good", [True, False], ids=["as good as the live one", "worse"])
def test_only_a_model_that_is_good_enough_is_published(good: bool, tmp_path: Path) -> None:
    write_drawn_fashioniq(tmp_path / "training" / "validation", {"dress": 60}, 8)
    bundle = tmp_path / "training" / "runs" / "autumn" / "bundle"
    if good:
        shutil.copytree(ROOT / "models", bundle)
    else:
        write_servable_bundle(bundle, seed=7)
    with ExitStack() as stack:
        triton = stack.enter_context(
            triton_serving(tmp_path / "triton", ROOT / "models", admin_key=KEY)
        )
        live, own = (stack.enter_context(running_qdrant()) for _ in range(2))
        live_http, live_grpc, own_http, own_grpc = free_ports(4)
        environment = {
            "TRITON_URL": triton.address,
            "QDRANT_URL": live.url,
            "BUNDLE_DIR": str(ROOT / "models"),
            "DATA_DIR": str(tmp_path / "live"),
            "GRPC_PORT": str(live_grpc),
            **{name: str(value) for name, value in BUDGETS.items()},
        }
        stack.enter_context(gateway(environment, live_http))
        places = {
            "/models/repository": str(triton.repository),
            "/models/": f"{tmp_path}/models/",
            "/training/": f"{tmp_path}/training/",
            "/scratch/": f"{tmp_path}/scratch/",
            "/scripts/": f"{CHART}/files/",
            "shop-recompose-triton:8001": triton.address,
            "shop-recompose-gateway:50051": f"127.0.0.1:{live_grpc}",
            "127.0.0.1:50051": f"127.0.0.1:{own_grpc}",
            "http://127.0.0.1:6334": own.url,
        }
        (tmp_path / "scratch").mkdir()
        ended = {}
        for container in containers():
            name = container["name"]
            if name == "index":
                continue  # the stand-in takes Qdrant's place
            command, given = told(container, places)
            if container.get("restartPolicy") == "Always":
                stack.enter_context(gateway({**given, "GRPC_PORT": str(own_grpc)}, own_http))
                continue
            answer = subprocess.run(
                command, env={**os.environ, **given}, capture_output=True, text=True, timeout=280
            )
            ended[name] = answer.returncode
            if answer.returncode:
                break
    published = [path.name for path in (tmp_path / "models").glob("bundles/*/bundle.json")]
    steps = ["load", "evaluate-candidate", "evaluate-live", "judge"]
    if good:
        assert ended == dict.fromkeys([*steps, "publish"], 0)
        assert published == ["bundle.json"]
    else:
        assert ended == {**dict.fromkeys(steps[:-1], 0), "judge": 1}
        assert published == []


def told(container: dict[str, Any], places: dict[str, str]) -> tuple[list[str], dict[str, str]]:
    """The container's command and environment, with other places."""

    def placed(text: str) -> str:
        for before, after in places.items():
            if before in text:
                return text.replace(before, after)
        return text

    trains = "training" in container["image"]
    python = ROOT / "training" / ".venv" / "bin" / "python" if trains else Path(sys.executable)
    command = [placed(one) for one in [*container["command"], *container.get("args", ())]]
    environment = {
        one["name"]: placed(one.get("value", KEY))
        for one in container.get("env", ())
        if one["name"] != "HOME"
    }
    folders = (ROOT / "services", ROOT / "training") if trains else (ROOT / "services",)
    environment["PYTHONPATH"] = os.pathsep.join(map(str, folders))
    return [str(python), *command[1:]], environment
