"""The publisher against a real Triton: loaded means answering, and failed means unloaded."""

import asyncio
import json
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import onnx
import pytest

from publisher.__main__ import main
from publisher.repository import PublishError, copy_bundle
from publisher.serving import load_models
from retrieval.bundle import Bundle, compute_digest, load_bundle
from retrieval.domain import Deadline
from retrieval.errors import DependencyUnavailable
from retrieval.triton import ModelLoadError, ModelRepository, TritonEncoder
from tests.support.tiny_bundle import write_tiny_bundle
from tests.support.triton import ROOT, TritonServer, free_ports, triton_serving


def seal(bundle_dir: Path) -> Bundle:
    """Give a changed bundle the digest of what it is now."""
    path = bundle_dir / "bundle.json"
    old = load_bundle(bundle_dir)
    digest = compute_digest(bundle_dir, old.sizes, old.preprocess, old.text)
    path.write_text(json.dumps({**json.loads(path.read_text()), "digest": digest}))
    return load_bundle(bundle_dir, verify=True)


def test_the_command_returns_when_the_models_answer(
    server: TritonServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bundle_dir = write_tiny_bundle(tmp_path / "bundle", seed=31)
    short = load_bundle(bundle_dir).short_digest
    command = [
        str(bundle_dir), "--repository", str(server.repository), "--triton", server.address,
    ]  # fmt: skip
    for how in ("copied", "were there already"):
        assert main(command) == 0
        expected = f"Published tiny {short}: 3 models {how} and are ready at {server.address}.\n"
        assert capsys.readouterr().out == expected


def test_the_module_runs_as_a_command(server: TritonServer, tiny: Path) -> None:
    done = subprocess.run(
        [
            sys.executable, "-m", "publisher", str(tiny),
            f"--repository={server.repository}", f"--triton={server.address}",
        ],
        capture_output=True, text=True, timeout=60, env={"PYTHONPATH": str(ROOT / "services")},
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("Published tiny")


def cut_graph(bundle_dir: Path) -> str:
    graph = bundle_dir / "text_encoder" / "1" / "model.onnx"
    graph.write_bytes(graph.read_bytes()[:-100])
    return "text_encoder"


def rename_output(bundle_dir: Path) -> str:
    config = bundle_dir / "text_encoder" / "config.pbtxt"
    config.write_text(config.read_text().replace("query_embedding", "embedding_of_query"))
    return "the graph has no output embedding_of_query"


def change_type(bundle_dir: Path) -> str:
    config = bundle_dir / "text_encoder" / "config.pbtxt"
    config.write_text(config.read_text().replace("TYPE_INT64", "TYPE_INT32"))
    return r"input_ids is tensor\(int64\) in the graph, TYPE_INT32 in the config"


def point_outside(bundle_dir: Path) -> str:
    path = bundle_dir / "text_encoder" / "1" / "model.onnx"
    model = onnx.load(path)
    weight = max(model.graph.initializer, key=lambda tensor: len(tensor.raw_data))
    (bundle_dir / "outside.bin").write_bytes(weight.raw_data)
    weight.ClearField("raw_data")
    weight.data_location = onnx.TensorProto.EXTERNAL
    entry = weight.external_data.add()
    entry.key, entry.value = "location", str(bundle_dir / "outside.bin")
    path.write_bytes(model.SerializeToString())
    return "text_encoder"


@pytest.mark.parametrize("spoil", [cut_graph, rename_output, change_type, point_outside])
async def test_a_bundle_that_does_not_load_is_unloaded_again_and_harms_no_other(
    server: TritonServer,
    encoder: TritonEncoder,
    tmp_path: Path,
    spoil: Callable[[Path], str],
) -> None:
    bundle_dir = write_tiny_bundle(tmp_path / "bundle", seed=32)
    reason = spoil(bundle_dir)
    seal(bundle_dir)
    published = copy_bundle(bundle_dir, server.repository)
    with pytest.raises(PublishError, match=reason):
        await load_models(published, server.address, timeout_s=30)
    triton = ModelRepository(server.address)
    for name in published.models:
        assert not await triton.is_ready(name, Deadline.after(5))
    await triton.close()
    await encoder.check(Deadline.after(5))


async def test_a_model_that_answers_nan_is_not_published(
    server: TritonServer, tmp_path: Path
) -> None:
    bundle_dir = write_tiny_bundle(tmp_path / "bundle", seed=33, fault="nan")
    published = copy_bundle(bundle_dir, server.repository)
    with pytest.raises(PublishError, match="answer with NaN"):
        await load_models(published, server.address, timeout_s=30)
    triton = ModelRepository(server.address)
    assert not await triton.is_ready(published.models[0], Deadline.after(5))
    await triton.close()


async def test_without_a_server_the_wait_ends(tmp_path: Path, tiny: Path) -> None:
    published = copy_bundle(tiny, tmp_path / "models")
    with pytest.raises(PublishError, match="no Triton answers"):
        await load_models(published, f"127.0.0.1:{free_ports(1)[0]}", timeout_s=0.5)


@pytest.fixture
def guarded(tmp_path: Path) -> Iterator[TritonServer]:
    with triton_serving(tmp_path / "guarded", admin_key="only-the-publisher") as running:
        yield running


async def test_only_the_holder_of_the_key_loads_and_unloads(
    guarded: TritonServer, tiny: Path
) -> None:
    published = copy_bundle(tiny, guarded.repository)
    with pytest.raises(PublishError, match="restricted"):
        await load_models(published, guarded.address, timeout_s=10)
    await load_models(published, guarded.address, timeout_s=10, key="only-the-publisher")

    stranger = ModelRepository(guarded.address, key="guess")
    with pytest.raises(ModelLoadError):
        await stranger.load(published.models[0], Deadline.after(5))
    with pytest.raises(DependencyUnavailable):
        await stranger.unload(published.models[0], Deadline.after(5))
    assert await stranger.is_ready(published.models[0], Deadline.after(5))
    await stranger.close()

    # Over HTTP too, and the APIs that nobody here uses are closed to everyone.
    for path in (
        f"/v2/repository/models/{published.models[0]}/unload",
        "/v2/systemsharedmemory/region/x/register",
        "/v2/trace/setting",
        "/v2/logging",
    ):
        request = urllib.request.Request(guarded.http_url + path, b"{}", method="POST")
        with pytest.raises(urllib.error.HTTPError) as refusal:
            await asyncio.to_thread(urllib.request.urlopen, request)
        assert refusal.value.code == 403
