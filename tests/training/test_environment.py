"""The training environment: one list of pins, for the venv and for conda, and it is installed."""

import re
from importlib.metadata import version
from pathlib import Path

import yaml

TRAINING = Path(__file__).parents[2] / "training"
PIN = re.compile(r"[A-Za-z0-9_.-]+==[A-Za-z0-9_.-]+")


def pins() -> list[str]:
    lines = (TRAINING / "requirements.txt").read_text().splitlines()
    return [line for line in lines if line and not line.startswith("#")]


def conda() -> list[str | dict[str, list[str]]]:
    environment = yaml.safe_load((TRAINING / "environment.yml").read_text())
    dependencies: list[str | dict[str, list[str]]] = environment["dependencies"]
    return dependencies


def test_every_requirement_is_one_exact_pin() -> None:
    assert all(PIN.fullmatch(pin) for pin in pins())
    names = [re.sub(r"[-_.]+", "-", pin.split("==")[0]).lower() for pin in pins()]
    assert len(names) == len(set(names))


def test_conda_pins_what_the_venv_pins() -> None:
    lists = [entry["pip"] for entry in conda() if isinstance(entry, dict)]
    assert lists == [pins()], "repeat requirements.txt's lines under pip: in environment.yml"


def test_conda_has_the_python_that_the_project_is_written_for() -> None:
    (python,) = (e for e in conda() if isinstance(e, str) and e.startswith("python="))
    target = re.search(
        r'^target-version = "py3(\d+)"$',
        (TRAINING.parent / "pyproject.toml").read_text(),
        re.MULTILINE,
    )
    assert target is not None
    assert python == f"python=3.{target[1]}"


def test_installed_is_what_is_pinned() -> None:
    different = {
        pin: version(pin.split("==")[0])
        for pin in pins()
        # A build for one processor names itself behind a plus sign (2.13.0+cpu).
        if version(pin.split("==")[0]).split("+")[0] != pin.split("==")[1]
    }
    assert not different, "make setup-training installs the pins"
