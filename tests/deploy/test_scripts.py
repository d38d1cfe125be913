"""What the chart's own scripts decide, run as the pods run them."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.deploy.chart import CHART, Object, named
from tests.deploy.fake_gateway import gateway

JUDGE = CHART / "files" / "judge.py"
SEARCH = CHART / "files" / "search.py"


def run(
    script: Path, *arguments: object, env: dict[str, str] | None = None
) -> "subprocess.CompletedProcess[str]":
    """As in the image: by a Python that sees nothing but its standard library."""
    return subprocess.run(
        [sys.executable, "-I", "-S", str(script), *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env=env,
    )


def evaluation(path: Path, recall: object, protocol: str = "original-split") -> Path:
    """An evaluation of a service, in the form of ``sprc.evaluate``."""
    figures = {"served": {"average_recall": recall}}
    path.write_text(json.dumps({"format": 1, "protocols": {protocol: {"figures": figures}}}))
    return path


def judge(candidate: Path, live: Path, margin: float = 0.5) -> tuple[int, str]:
    answer = run(
        JUDGE, "--candidate", candidate, "--live", live, "--figure", "average_recall",
        "--margin", margin,
    )  # fmt: skip
    assert answer.stderr == ""
    return answer.returncode, answer.stdout


@pytest.mark.parametrize(
    ("candidate", "margin", "status"),
    [(61.0, 0.5, 0), (60.0, 0.5, 0), (59.5, 0.5, 0), (59.4, 0.5, 1), (59.9, 0, 1), (20.0, 50, 0)],
)
def test_a_candidate_may_be_worse_by_the_margin(
    tmp_path: Path, candidate: float, margin: float, status: int
) -> None:
    new = evaluation(tmp_path / "candidate.json", candidate)
    live = evaluation(tmp_path / "live.json", 60.0)
    found, said = judge(new, live, margin)
    assert found == status
    assert ("refused" in said) == bool(status)


@pytest.mark.parametrize("recall", ["NaN", float("nan"), float("inf"), None, "many"])
def test_what_is_no_figure_is_never_good_enough(tmp_path: Path, recall: object) -> None:
    live = evaluation(tmp_path / "live.json", 60.0)
    new = evaluation(tmp_path / "candidate.json", recall)
    assert judge(new, live)[0] == 2
    assert judge(live, new)[0] == 2


def test_evaluations_of_different_protocols_are_not_compared(tmp_path: Path) -> None:
    live = evaluation(tmp_path / "live.json", 60.0)
    new = evaluation(tmp_path / "candidate.json", 90.0, protocol="val-split")
    assert judge(new, live)[0] == 2


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"protocols": {}}', '{"protocols": {"a": {}}}'])
def test_an_evaluation_that_says_nothing_is_no_pass(tmp_path: Path, text: str) -> None:
    live = evaluation(tmp_path / "live.json", 60.0)
    new = tmp_path / "candidate.json"
    new.write_text(text)
    status, said = judge(new, live)
    assert status == 2
    assert said.startswith("judge: the evaluations ")


def test_the_search_composes_and_cleans_up() -> None:
    with gateway(["blue"]) as (base, asked):
        answer = run(SEARCH, base)
    assert answer.returncode == 0, answer.stdout
    assert [(one.method, one.path.partition("?")[0]) for one in asked] == [
        ("PUT", "/v1/products/red"),
        ("PUT", "/v1/products/blue"),
        ("POST", "/v1/products:search"),
        ("DELETE", "/v1/products/red"),
        ("DELETE", "/v1/products/blue"),
    ]
    question = asked[2].body
    assert question["reference"] == {"product_id": "red"}
    assert question["modification"]
    catalogs = {one.body["catalog"] for one in asked if one.body}
    catalogs |= {one.path.partition("=")[2] for one in asked if one.method == "DELETE"}
    assert len(catalogs) == 1
    assert catalogs != {"default"}


@pytest.mark.parametrize(("key", "sent"), [("rck_test_x", "Bearer rck_test_x"), ("", None)])
def test_the_search_shows_its_key(key: str, sent: str | None) -> None:
    with gateway(["blue"]) as (base, asked):
        answer = run(SEARCH, base, env={"RECOMPOSE_API_KEY": key})
    assert answer.returncode == 0
    assert {one.authorization for one in asked} == {sent}


@pytest.mark.parametrize("hits", [[], ["red"], ["red", "blue"], ["other"]])
def test_another_answer_fails(hits: list[str]) -> None:
    with gateway(hits) as (base, asked):
        answer = run(SEARCH, base)
    assert answer.returncode == 1
    assert [one.method for one in asked].count("DELETE") == 2


def test_a_gateway_that_fails_is_one_sentence() -> None:
    with gateway([], status=503) as (base, _):
        answer = run(SEARCH, base)
    assert (answer.returncode, answer.stderr) == (1, "")
    assert answer.stdout == "search: the gateway failed with 503: HTTPError.\n"


def test_no_gateway_is_one_sentence() -> None:
    answer = run(SEARCH, "http://127.0.0.1:1")
    assert (answer.returncode, answer.stderr) == (1, "")
    assert answer.stdout == "search: the gateway failed: URLError.\n"


def test_the_pods_run_these_files(rendered: dict[str, list[Object]]) -> None:
    config = named(rendered["default"], "ConfigMap", "shop-recompose-test")
    assert config["data"] == {"search.py": SEARCH.read_text()}
    config = named(rendered["gpu-ha"], "ConfigMap", "shop-recompose-publish")
    assert config["data"] == {"judge.py": JUDGE.read_text()}
