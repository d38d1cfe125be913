"""The README's commands, run as they stand against a running stack."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.stack import Stack

ROOT = Path(__file__).parents[2]
BLOCKS = re.findall(
    r"<!-- tested -->\n```(sh|python)\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL
)


def test_the_readme_shows_rest_grpc_and_import() -> None:
    text = "".join(block for _, block in BLOCKS)
    assert all(word in text for word in ("curl", "grpc.insecure_channel", "indexer import"))


@pytest.mark.parametrize(("language", "block"), BLOCKS)
def test_a_block_runs(stack: Stack, language: str, block: str, tmp_path: Path) -> None:
    here = (
        block.replace("127.0.0.1:8080", f"127.0.0.1:{stack.http_port}")
        .replace("127.0.0.1:50051", f"127.0.0.1:{stack.grpc_port}")
        .replace(".data/", f"{stack.data_dir}/")
        .replace(".venv/bin/python", sys.executable)
    )
    command = [sys.executable, "-c", here] if language == "python" else ["bash", "-ec", here]
    done = subprocess.run(
        command,
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT / "services")},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    if "products:search" in block:
        assert done.stdout.count('"score"') == 3
    elif "products:facets" in block:
        color, price = json.loads(done.stdout)["facets"]
        assert len(color["values"]) > 1
        assert price["range"]["min"] < price["range"]["max"]
    elif language == "python":
        assert done.stdout.count("demo-") == 3
    else:
        assert re.search(r"unchanged [1-9]\d*, failed 0", done.stdout + done.stderr)
