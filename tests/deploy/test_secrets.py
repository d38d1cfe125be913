"""deploy/secrets.sh: all that the chart's Secret needs, made once and never anew."""

import hashlib
import stat
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import pytest

from tests.deploy.chart import ROOT, VALUES, Object

SCRIPT = ROOT / "deploy" / "secrets.sh"


def make(folder: Path) -> "subprocess.CompletedProcess[str]":
    return subprocess.run([SCRIPT, folder], capture_output=True, text=True, timeout=60, check=False)


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("secrets")
    assert make(folder).returncode == 0
    return folder / "keys"


@pytest.mark.parametrize("values", VALUES)
def test_it_makes_what_the_chart_reads(
    rendered: dict[str, list[Object]], keys: Path, values: str
) -> None:
    made = {path.name for path in keys.iterdir()}
    wanted = set(_read_out_of("recompose", rendered[values]))
    assert wanted
    assert wanted <= made


def _read_out_of(secret: str, found: Any) -> list[str]:
    """Keys of a Secret that are asked for anywhere within."""
    if isinstance(found, list):
        return [key for item in found for key in _read_out_of(secret, item)]
    if not isinstance(found, dict):
        return []
    keys = [key for item in found.values() for key in _read_out_of(secret, item)]
    if found.get("name") == secret and "key" in found:
        keys.append(found["key"])
    if found.get("secretName") == secret:
        keys += [item["key"] for item in found["items"]]
    return keys


def test_each_key_is_the_one_of_its_hash(keys: Path) -> None:
    entries = tomllib.loads((keys / "api-keys.toml").read_text())["keys"]
    assert entries.keys() == {"storefront", "import", "test", "publish"}
    for name, entry in entries.items():
        key = (keys / f"{name}-key").read_text()
        assert key.startswith(f"rck_{name}_")
        assert entry["sha256"] == [hashlib.sha256(key.encode()).hexdigest()]


def test_passwords_are_letters_and_digits_and_nobody_elses(keys: Path) -> None:
    for path in keys.iterdir():
        text = path.read_text()
        if path.name == "api-keys.toml":
            continue
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert len(text) >= 40
        assert text == text.strip()
        if not text.startswith("rck_"):
            assert text.isalnum()


def test_what_is_there_stays(keys: Path) -> None:
    before = {path.name: path.read_bytes() for path in keys.iterdir()}
    again = make(keys.parent)
    assert (again.returncode, "is there already" in again.stderr) == (1, True)
    assert {path.name: path.read_bytes() for path in keys.iterdir()} == before
