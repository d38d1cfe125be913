"""Init containers bring the bundle that was named, from a real S3-compatible server."""

import os
import re
import subprocess
import sysconfig
from pathlib import Path

import pytest

from tests.deploy.chart import Object, named
from tests.support.s3 import S3Server

DIGEST = "f479d64f6bab"
BUNDLE = {
    "bundle.json": b"{}",
    "tokenizer.json": b"[]",
    "image_encoder/config.pbtxt": b"backend",
    "image_encoder/1/model.onnx": os.urandom(100_000),
    "reranker/1/model.onnx": os.urandom(1_000),
}
CHECKPOINTS = {"checkpoint.pt": b"weights", "reranker.pt": b"weights"}


def download(pod: Object, server: S3Server, folder: Path) -> "subprocess.CompletedProcess[str]":
    """Run the first init container as it is, but for where things are."""
    container = pod["spec"]["template"]["spec"]["initContainers"][0]
    rclone = Path(sysconfig.get_path("scripts")) / "rclone"
    places = {"/models": str(folder), "--cache-dir=/tmp": f"--cache-dir={folder / 'cache'}"}
    arguments = [
        re.sub("^(/models|--cache-dir=/tmp)", lambda found: places[found[0]], one)
        for one in container["args"]
    ]
    env = {one["name"]: one["value"] for one in container["env"] if "value" in one}
    env["RCLONE_CONFIG_MODELS_ENDPOINT"] = server.endpoint
    return subprocess.run(
        [str(rclone), *arguments, "--retries=1"],
        env={"HOME": "/nonexistent", **env, **server.credentials},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def files(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


@pytest.mark.parametrize(
    ("name", "wanted"),
    [("triton", BUNDLE.keys()), ("gateway", {"bundle.json", "tokenizer.json"})],
)
def test_each_gets_what_it_needs(
    name: str, wanted: set[str], rendered: dict[str, list[Object]], tmp_path: Path
) -> None:
    pod = named(rendered["external-services"], "Deployment", f"shop-recompose-{name}")
    server = S3Server(tmp_path / "s3")
    for path, content in (BUNDLE | CHECKPOINTS).items():
        target = tmp_path / "s3" / "shop-models" / "recompose" / DIGEST / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)
    target = tmp_path / "models"
    server.start()
    try:
        answer = download(pod, server, target)
        assert answer.returncode == 0, answer.stderr
        # A pod whose node restarts keeps its volumes and runs its init containers again.
        again = download(pod, server, target)
        assert again.returncode == 0, again.stderr
    finally:
        server.kill()
    assert files(target / "bundles" / DIGEST) == {path: BUNDLE[path] for path in wanted}


def test_a_server_that_refuses_keeps_the_pod_from_starting(
    rendered: dict[str, list[Object]], tmp_path: Path
) -> None:
    pod = named(rendered["external-services"], "Deployment", "shop-recompose-triton")
    server = S3Server(tmp_path / "s3")
    (tmp_path / "s3" / "shop-models").mkdir()
    server.start()
    server.secret = "another"
    try:
        answer = download(pod, server, tmp_path / "models")
    finally:
        server.kill()
    assert answer.returncode != 0
    assert "403" in answer.stderr


def test_what_came_is_checked_against_its_name(rendered: dict[str, list[Object]]) -> None:
    pod = named(rendered["external-services"], "Deployment", "shop-recompose-triton")
    steps = {one["name"]: one for one in pod["spec"]["template"]["spec"]["initContainers"]}
    for digest in (DIGEST, "1a2b3c4d5e6f"):
        assert f"download-{digest}" in steps
        check = steps[f"publish-{digest}"]
        assert check["command"][:3] == ["python", "-m", "publisher"]
        assert check["args"] == ["--digest", digest]
    names = list(steps)
    assert max(names.index(one) for one in names if one.startswith("download")) < min(
        names.index(one) for one in names if one.startswith("publish")
    )
