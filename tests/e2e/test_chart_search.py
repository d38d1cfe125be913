"""The search of `helm test`, against a real gateway with Triton and an index behind it."""

import subprocess
import sys
from pathlib import Path

from tests.support.stack import Stack

SCRIPT = Path(__file__).parents[2] / "helm" / "recompose" / "files" / "search.py"


def test_the_charts_own_search_passes_and_leaves_nothing(stack: Stack) -> None:
    answer = subprocess.run(
        [sys.executable, "-I", "-S", str(SCRIPT), f"http://127.0.0.1:{stack.http_port}", "helm"],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert (answer.returncode, answer.stderr) == (0, ""), answer.stdout
    assert answer.stdout == "search: a composed search found what it should.\n"
    assert stack.rest.get("/v1/products", params={"catalog": "helm"}).json()["products"] == []
