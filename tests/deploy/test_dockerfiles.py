"""Rules on the Dockerfiles, each of which fails on a file that breaks it."""

import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Final

import pytest
import yaml

from tests.deploy.dockerfiles import FOLDER, NAMES, ROOT, Dockerfile, copied, load, parse

USER: Final = "10001:10001"
LABELS: Final = ("title", "description", "licenses", "version", "revision")
RUNS_ONCE: Final = {"indexer", "training"}
SECRET: Final = re.compile(r"(?i)(password|secret|token|_key)\w*=(?!\$)\S")

GOOD: Final = """\
ARG PYTHON_IMAGE=python:3.11-slim-bookworm
FROM ${PYTHON_IMAGE} AS build
COPY requirements/serving.txt /tmp/
RUN python3 -m venv /v && /v/bin/python -m pip install --no-cache-dir -r /tmp/serving.txt \\
    && /v/bin/python -m pip uninstall --yes pip
FROM ${PYTHON_IMAGE}
LABEL org.opencontainers.image.title="a" org.opencontainers.image.description="b" \\
    org.opencontainers.image.licenses="c" org.opencontainers.image.version="d" \\
    org.opencontainers.image.revision="e"
COPY --from=build /v /v
USER 10001:10001
HEALTHCHECK CMD ["true"]
"""


def _runs_as_the_numeric_user(file: Dockerfile) -> bool:
    return file.last.all("USER")[-1:] == [USER]


def _bases_are_arguments_with_versions(file: Dockerfile) -> bool:
    for stage in file.stages:
        named = re.fullmatch(r"\$\{(\w+_IMAGE)\}", stage.base)
        default = file.arguments.get(named[1], "") if named else ""
        if not re.fullmatch(r"[\w./-]+:\d[\w.-]*", default):
            return False
    return True


def _says_how_it_is(file: Dockerfile) -> bool:
    return len(file.last.all("HEALTHCHECK")) == 1


def _is_labelled(file: Dockerfile) -> bool:
    text = " ".join(file.last.all("LABEL"))
    return all(f"org.opencontainers.image.{label}=" in text for label in LABELS)


def _holds_no_secret(file: Dockerfile) -> bool:
    given = [
        text for stage in file.stages for word in ("ARG", "ENV", "RUN") for text in stage.all(word)
    ]
    given += [f"{name}={value}" for name, value in file.arguments.items()]
    return not any(SECRET.search(text) for text in given)


def _copies_what_exists(file: Dockerfile) -> bool:
    return all((ROOT / source).exists() for stage in file.stages for source in copied(stage))


def _names_what_it_copies(file: Dockerfile) -> bool:
    return not any(source in (".", "/") for stage in file.stages for source in copied(stage))


def _installs_pinned_files_without_leftovers(file: Dockerfile) -> bool:
    for run in (text for stage in file.stages for text in stage.all("RUN")):
        if "pip install" in run and not re.search(r"pip install (--[\w-]+ )*-r ", run):
            return False
        if "pip install" in run and not ("--no-cache-dir" in run and "pip uninstall" in run):
            return False
        if "apt-get install" in run and "rm -rf /var/lib/apt/lists" not in run:
            return False
    return True


RULES: Final[dict[Callable[[Dockerfile], bool], tuple[str, str]]] = {
    # Each with a change to GOOD that breaks it.
    _runs_as_the_numeric_user: ("USER 10001:10001", "USER recompose"),
    _bases_are_arguments_with_versions: (":3.11-slim-bookworm", ":latest"),
    _says_how_it_is: ('HEALTHCHECK CMD ["true"]', ""),
    _is_labelled: ('org.opencontainers.image.licenses="c"', ""),
    _holds_no_secret: ("USER", "ENV CACHE_KEY=recompose\nUSER"),
    _copies_what_exists: ("COPY requirements/serving.txt", "COPY requirements/served.txt"),
    _names_what_it_copies: ("COPY requirements/serving.txt", "COPY ."),
    _installs_pinned_files_without_leftovers: ("-r /tmp/serving.txt", "numpy"),
}


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__.strip("_"))
def test_rules(rule: Callable[[Dockerfile], bool]) -> None:
    assert len(NAMES) == 6
    assert [name for name in NAMES if not rule(load(name))] == []


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__.strip("_"))
def test_rules_notice(rule: Callable[[Dockerfile], bool]) -> None:
    assert rule(parse(GOOD))
    old, new = RULES[rule]
    assert old in GOOD
    assert not rule(parse(GOOD.replace(old, new, 1)))


def test_health_checks_ask() -> None:
    """NONE is for what runs once and serves nothing."""
    asked = {name: load(name).last.all("HEALTHCHECK")[0] != "NONE" for name in NAMES}
    assert {name for name, asks in asked.items() if not asks} == RUNS_ONCE


def test_hadolint() -> None:
    done = subprocess.run(
        [Path(sys.executable).with_name("hadolint"), "--config", ROOT / ".hadolint.yaml",
         *FOLDER.glob("*.Dockerfile")],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_context_lets_sources_in() -> None:
    """Everything that is copied passes .dockerignore, which begins with nothing."""
    lines = (ROOT / ".dockerignore").read_text().splitlines()
    assert next(line for line in lines if not line.startswith("#")) == "*"
    allowed = tuple(line.removeprefix("!") for line in lines if line.startswith("!"))
    for name in NAMES:
        for stage in load(name).stages:
            for source in copied(stage):
                assert source.startswith(allowed), f"{name}: {source} is not in the build context"


def _pins(path: Path) -> dict[str, str]:
    lines = [line for line in path.read_text().splitlines() if line and not line.startswith("#")]
    return dict(line.split("==") for line in lines)


def test_the_indexers_pins_are_servings() -> None:
    own, serving = (_pins(ROOT / f"requirements/{n}.txt") for n in ("indexer", "serving"))
    assert own
    assert own.items() <= serving.items()


def test_the_indexers_pins_are_all_it_imports() -> None:
    """Whatever it comes to import is in its image, too."""
    packages = {
        "google": "protobuf",
        "grpc": "grpcio",
        "prometheus_client": "prometheus_client",
        "tenacity": "tenacity",
        "tqdm": "tqdm",
    }
    own = {"indexer", "recompose"}
    imported: set[str] = set()
    for folder in own:
        for file in (ROOT / "services" / folder).rglob("*.py"):
            found = re.findall(r"^\s*(?:import|from) (\w+)", file.read_text(), re.MULTILINE)
            imported |= set(found)
    others = {name for name in imported - own if name not in sys.stdlib_module_names}
    assert others == packages.keys()
    assert set(packages.values()) <= _pins(ROOT / "requirements/indexer.txt").keys()


def test_the_gpu_variant_differs_in_onnxruntime_alone() -> None:
    cpu, gpu = (_pins(ROOT / f"requirements/{name}.txt") for name in ("triton", "triton-gpu"))
    assert cpu.pop("onnxruntime")
    assert gpu["onnxruntime-gpu"]
    assert cpu.items() <= gpu.items()


def test_chart_and_images_agree() -> None:
    """The chart's user, and the names of images that are built here."""
    chart = ROOT / "helm" / "recompose"
    user = re.search(
        r"runAsUser: (\d+)\s+runAsGroup: (\d+)", (chart / "templates/_pods.tpl").read_text()
    )
    assert user is not None
    assert ":".join(user.groups()) == USER
    named = yaml.safe_load((chart / "values.yaml").read_text())["images"]
    for name in ("gateway", "indexer", "storefront", "training"):
        assert named[name].startswith(f"recompose/{name}:")
    assert load("triton").arguments["TRITON_IMAGE"] == named["triton"]


@pytest.mark.skipif(
    not os.environ.get("RECOMPOSE_TEST_LONG"),
    reason="installs torch: only with RECOMPOSE_TEST_LONG=1 (make test-long)",
)
@pytest.mark.timeout(3600)
def test_the_training_images_steps_install(tmp_path: Path) -> None:
    """Its pip steps, run in a clean environment, and then each command of the image."""
    build = next(stage for stage in load("training").stages if stage.name == "build")
    (install,) = [run for run in build.all("RUN") if "pip install" in run]
    install = install.replace("/tmp/training.txt", str(ROOT / "training/requirements.txt"))
    install = install.replace("/opt/venv", str(tmp_path / "venv")).replace(
        "python3 -m", "python3.11 -m"
    )
    subprocess.run(["/bin/sh", "-ec", install], cwd=tmp_path, check=True, env=_clean())
    paths = f"{ROOT}/training:{ROOT}/services"
    for command in ("sprc.train", "sprc.evaluate", "sprc.export", "demo_data", "catalog crawl"):
        done = subprocess.run(
            [tmp_path / "venv/bin/python", "-m", *command.split(), "--help"],
            cwd=tmp_path, env={**_clean(), "PYTHONPATH": paths}, capture_output=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr.decode()[-2000:]


def _clean() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
