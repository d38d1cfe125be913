"""`make sbom`: what is pinned is in it, as it is installed, and nothing of a moment or place."""

import json
import os
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
PYTHON = ROOT / ".venv-checks" / "bin" / "python"
LONG = bool(os.environ.get("RECOMPOSE_TEST_LONG"))
FILES = {
    "gateway": ("serving",),
    "indexer": ("indexer",),
    "triton-cpu": ("triton",),
    "triton-gpu": ("triton-gpu",),
    "local-and-tests": ("serving", "local", "dev"),
    "deployment-checks": ("deploy",),
    "checks": ("checks",),
}
PIN = re.compile(r"^([\w.-]+)(?:\[.*?\])?==([^\s;]+)", re.MULTILINE)


def made(folder: Path, *arguments: str) -> dict[str, dict[str, Any]]:
    """What the command writes, by name. At full length it is held against CycloneDX's schema."""
    command = [str(PYTHON), str(ROOT / "deploy" / "sbom.py"), str(folder), *arguments]
    done = subprocess.run(
        command if LONG else [*command, "--no-validate"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    boms = {path.name.removesuffix(".cdx.json"): path for path in folder.iterdir()}
    assert {*boms} <= {line.split(" ", 1)[0] for line in done.stdout.splitlines()}
    return {name: json.loads(path.read_text()) for name, path in boms.items()}


@pytest.fixture(scope="module")
def boms(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    return made(tmp_path_factory.mktemp("sbom"))


def pins(*files: str) -> dict[str, str]:
    """Versions by name, as the components' names are compared."""
    texts = [(ROOT / file).read_text() for file in files]
    return {plain(name): version for text in texts for name, version in PIN.findall(text)}


def plain(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def components(bom: dict[str, Any]) -> dict[str, str]:
    """Versions by name, without the build that they are of (torch's +cpu)."""
    return {plain(one["name"]): one["version"].partition("+")[0] for one in bom["components"]}


@pytest.mark.parametrize("name", FILES)
def test_everything_pinned_is_in_it(name: str, boms: dict[str, dict[str, Any]]) -> None:
    due = pins(*(f"requirements/{file}.txt" for file in FILES[name]))
    there = components(boms[name])
    assert {one: there.get(one) for one in due} == due
    if name in ("gateway", "indexer"):
        assert there == due, "an image has nothing but its pins"


def test_training_is_told_whole(boms: dict[str, dict[str, Any]]) -> None:
    due = pins("training/requirements.txt")
    there = components(boms["training"])
    assert {one: there.get(one) for one in due} == due


def test_the_page_is_told_with_what_it_is_built_by(boms: dict[str, dict[str, Any]]) -> None:
    lock = json.loads((ROOT / "services" / "storefront" / "package-lock.json").read_text())
    due = {
        (path.rpartition("node_modules/")[2], one["version"], bool(one.get("dev")))
        for path, one in lock["packages"].items()
        if path and not one.get("optional") and not one.get("devOptional")
    }
    there = {
        (one["name"], one["version"], one.get("scope") == "optional")
        for one in boms["storefront"]["components"]
    }
    assert due <= there


def test_what_ships_says_its_licence(boms: dict[str, dict[str, Any]]) -> None:
    """But for those of which a person has looked: protobuf's is BSD-3-Clause, rapidjson's MIT."""
    silent = {
        plain(one["name"])
        for name in ("gateway", "indexer", "storefront")
        for one in boms[name]["components"]
        if not one.get("licenses")
    }
    assert silent <= {"protobuf", "python-rapidjson"}


def test_nothing_of_a_moment_a_machine_or_a_registry_is_in_it(
    boms: dict[str, dict[str, Any]], tmp_path: Path
) -> None:
    again = made(tmp_path, "--part=gateway", "--part=storefront")
    assert again == {name: boms[name] for name in ("gateway", "storefront")}
    for name, bom in boms.items():
        text = json.dumps(bom)
        assert "serialNumber" not in text
        assert "timestamp" not in text
        assert str(ROOT) not in text
        purls = [one["purl"] for one in bom["components"]]
        assert all(re.fullmatch(r"pkg:(pypi|npm)/[\w.%/+-]+@[\w.+%-]+", one) for one in purls), name
        refs = {bom["metadata"]["component"]["bom-ref"]}
        refs |= {one["bom-ref"] for one in bom["components"]}
        assert {one["ref"] for one in bom["dependencies"]} <= refs
        assert {ref for one in bom["dependencies"] for ref in one.get("dependsOn", ())} <= refs


def test_what_is_not_as_it_is_pinned_ends_in_a_sentence(tmp_path: Path) -> None:
    script = f"""
import sys
sys.path.insert(0, {str(ROOT / "deploy")!r})
import sbom
part = sbom.Part("gateway", ".venv", ({str(tmp_path / "pins.txt")!r},))
try:
    sbom.bom_of(part)
except sbom.SbomError as error:
    print(error)
"""
    for pin, told in (("numpy==0.0.1", "pinned at 0.0.1 and "), ("nobody==1", "1 and not inst")):
        (tmp_path / "pins.txt").write_text(f"{pin}\n")
        done = subprocess.run([PYTHON, "-c", script], capture_output=True, text=True, check=True)
        assert told in done.stdout
