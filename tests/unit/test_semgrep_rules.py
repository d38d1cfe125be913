"""The rules of .semgrep.yaml find what they are for, and nothing beside it."""

import json
import os
import re
import subprocess
from pathlib import Path

import pytest
import yaml

from tests.support.semgrep_cases import CASES

ROOT = Path(__file__).resolve().parents[2]
RULES = ROOT / ".semgrep.yaml"
CHECKS = ROOT / ".venv-checks" / "bin"
BAD = re.compile(r"(?:#|//) BAD ([a-z-]+)$")
Found = set[tuple[str, int, str]]
"""Path, line, rule."""


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> Found:
    """What semgrep says of all planted files, in a repository of their own."""
    repository = tmp_path_factory.mktemp("planted")
    for path, code in CASES.items():
        (repository / path).parent.mkdir(parents=True, exist_ok=True)
        (repository / path).write_text(code)
    subprocess.run(["git", "init", "--quiet"], cwd=repository, check=True)
    done = subprocess.run(
        [
            *(CHECKS / "semgrep", "scan", "--json", "--quiet", "--metrics", "off"),
            *("--disable-version-check", "--timeout", "60", "--config", RULES, "."),
        ],
        cwd=repository,
        env={
            **os.environ,
            "PATH": f"{CHECKS}{os.pathsep}{os.environ['PATH']}",
            "SEMGREP_SETTINGS_FILE": str(repository.parent / "semgrep-settings.yml"),
            "SEMGREP_LOG_FILE": str(repository.parent / "semgrep.log"),
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr or done.stdout
    answer = json.loads(done.stdout)
    assert answer["errors"] == []
    assert {*answer["paths"]["scanned"]} == {*CASES}
    return {
        (one["path"], one["start"]["line"], one["check_id"].rpartition(".")[2])
        for one in answer["results"]
    }


def planted() -> Found:
    """What must be found."""
    return {
        (path, number, bad[1])
        for path, code in CASES.items()
        for number, line in enumerate(code.splitlines(), start=1)
        if (bad := BAD.search(line))
    }


@pytest.mark.parametrize("path", CASES)
def test_what_breaks_a_rule_is_found_and_nothing_else(path: str, found: Found) -> None:
    assert {one for one in found if one[0] == path} == {one for one in planted() if one[0] == path}


def test_every_rule_has_something_to_find() -> None:
    rules = {rule["id"] for rule in yaml.safe_load(RULES.read_text())["rules"]}
    assert {rule for _, _, rule in planted()} == rules


def test_every_exception_names_its_rule_and_says_why() -> None:
    """On its line the rule, in the comment above the reason; a bare one would hide all rules."""
    listed = subprocess.run(
        ["git", "grep", "-n", "nosem" + "grep", "--", "services", "training", "deploy", "helm"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    ).stdout.splitlines()
    rules = {rule["id"] for rule in yaml.safe_load(RULES.read_text())["rules"]}
    for line in listed:
        path, number, text = line.split(":", 2)
        said = re.search(r"nosemgrep: ([a-z-]+)$", text)
        assert said, line
        assert said[1] in rules, line
        above = (ROOT / path).read_text().splitlines()[int(number) - 2].strip()
        assert above.startswith(("#", "//")), line
