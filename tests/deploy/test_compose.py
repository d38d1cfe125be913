"""deploy/compose.yaml, alone and under compose.tls.yaml: valid, restricted, no default password,
begun in order of health."""

import copy
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

DEPLOY: Final = Path(__file__).parents[2] / "deploy"
COMPOSE: Final = DEPLOY / "compose.yaml"
TLS: Final = DEPLOY / "compose.tls.yaml"
MONITORING: tuple[str, ...] = ("monitoring/prometheus.yaml", "monitoring/rules")
MONITORING += ("monitoring/grafana/provisioning", "monitoring/grafana/dashboards")
ENDS_BY_ITSELF: Final = {"publish", "indexer"}
HOLDS_NO_SHELL: Final = {"redis-exporter"}
SECRET: Final = re.compile(r"(PASSWORD|KEY)$")
INTERPOLATED: Final = re.compile(r"(?<!\$)\$\{(\w+)([^}]*)\}")

NAMED: Final = ("models", "pictures", "index", "import-state", "metrics", "grafana")

Document = dict[str, Any]
Rule = Callable[[str, Document], bool]


def _has_pinned_image(name: str, service: Document) -> bool:
    image, _, tag = service["image"].rpartition(":")
    return bool(image) and re.search(r"\d+\.\d+", tag) is not None


def _is_restricted(name: str, service: Document) -> bool:
    return (
        service.get("read_only") is True
        and service.get("cap_drop") == ["ALL"]
        and service.get("security_opt") == ["no-new-privileges:true"]
        and "cap_add" not in service
        and not service.get("privileged")
    )


def _needs_its_secrets(name: str, service: Document) -> bool:
    for key, value in service.get("environment", {}).items():
        named = INTERPOLATED.findall(value)
        if value.startswith("/run/"):  # where a file with it is mounted
            continue
        if SECRET.search(key) and not named:
            return False
        if any(SECRET.search(name) and not rest.startswith(":?") for name, rest in named):
            return False
    return True


def _says_how_it_is(name: str, service: Document) -> bool:
    ours = service["image"].startswith("recompose/")  # Their Dockerfiles say it.
    return (
        name in ENDS_BY_ITSELF | HOLDS_NO_SHELL or ours or "test" in service.get("healthcheck", {})
    )


def _waits_for_health(name: str, service: Document) -> bool:
    return all(
        each["condition"]
        == ("service_completed_successfully" if other == "publish" else "service_healthy")
        for other, each in service.get("depends_on", {}).items()
    )


def _opens_to_this_machine(name: str, service: Document) -> bool:
    return all(
        port.startswith(("127.0.0.1:", "${BIND:-127.0.0.1}:")) for port in service.get("ports", [])
    )


def _writes_to_volumes_alone(name: str, service: Document) -> bool:
    return all(
        volume.startswith(tuple(f"{each}:" for each in NAMED)) or re.search(":ro(,|$)", volume)
        for volume in service.get("volumes", [])
    )


RULES: Final[dict[Rule, Document]] = {
    # Each with what breaks it.
    _has_pinned_image: {"image": "redis:latest"},
    _is_restricted: {"read_only": False},
    _needs_its_secrets: {"environment": {"REDIS_PASSWORD": "${REDIS_PASSWORD:-recompose}"}},
    _says_how_it_is: {"image": "redis:7.4", "healthcheck": {"disable": True}},
    _waits_for_health: {"depends_on": {"redis": {"condition": "service_started"}}},
    _opens_to_this_machine: {"ports": ["8080:8080"]},
    _writes_to_volumes_alone: {"volumes": ["/srv/data:/data"]},
}


@pytest.fixture(scope="module")
def compose() -> Document:
    """The file, anchors resolved."""
    document: Document = yaml.safe_load(COMPOSE.read_text())
    return document


@pytest.fixture(scope="module")
def with_tls(compose: Document) -> Document:
    """Both files as Compose merges them."""
    return merged(compose, yaml.safe_load(TLS.read_text()))


def merged(base: Document, over: Document) -> Document:
    """What Compose makes of two files (Compose specification, 13-merge.md), as far as ours need
    it: mappings by key, volumes by the path in the container, everything else replaced."""
    result = copy.deepcopy(base)
    for key, value in over.items():
        if isinstance(value, dict) and isinstance(base.get(key), dict):
            result[key] = merged(base[key], value)
        elif key == "volumes":
            result[key] = list({_place(one): one for one in [*base.get(key, ()), *value]}.values())
        else:
            assert not isinstance(value, list), f"how Compose merges {key} is not said here"
            result[key] = copy.deepcopy(value)
    return result


def _place(volume: str) -> str:
    return volume.removesuffix(":ro").removesuffix(":ro,rslave").rpartition(":")[2]


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__.strip("_"))
def test_rules(compose: Document, with_tls: Document, rule: Rule) -> None:
    for document in (compose, with_tls):
        assert [name for name, each in document["services"].items() if not rule(name, each)] == []


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__.strip("_"))
def test_rules_notice(compose: Document, rule: Rule) -> None:
    broken = {**copy.deepcopy(compose["services"]["redis"]), **RULES[rule]}
    assert not rule("redis", broken)


def _is_valid(path: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec", path],
        capture_output=True, text=True, check=False,
    )  # fmt: skip


def test_schema(tmp_path: Path, compose: Document) -> None:
    """It is valid by the Compose specification, and a misspelt key is not."""
    for path in (COMPOSE, TLS):
        assert (told := _is_valid(path)).returncode == 0, told.stdout + told.stderr
    compose = copy.deepcopy(compose)
    compose["services"]["redis"]["read_onyl"] = True
    (tmp_path / "compose.yaml").write_text(yaml.safe_dump(compose))
    assert _is_valid(tmp_path / "compose.yaml").returncode != 0


def test_required_variables_are_made(tmp_path: Path) -> None:
    """All that must be set is written by the script, with a value."""
    required = {
        name
        for path in (COMPOSE, TLS)
        for name, rest in INTERPOLATED.findall(path.read_text())
        if rest[:2] == ":?"
    }
    subprocess.run([DEPLOY / "secrets.sh", tmp_path], check=True, capture_output=True)
    lines = dict(line.split("=", 1) for line in (tmp_path / "compose.env").read_text().splitlines())
    assert required
    assert lines.keys() == required | {"COMPOSE_PROFILES"}
    assert all(len(lines[name]) > 20 for name in required)


def test_volumes_and_services_exist(compose: Document) -> None:
    services, named = compose["services"], set(compose["volumes"])
    used = {
        volume.partition(":")[0] for each in services.values() for volume in each.get("volumes", [])
    }
    assert {name for name in used if not name.startswith((".", "$", "/"))} == named == set(NAMED)
    others = {name for each in services.values() for name in each.get("depends_on", {})}
    assert others <= services.keys()


def test_what_is_built_has_a_dockerfile(compose: Document) -> None:
    built = [each["build"] for each in compose["services"].values() if "build" in each]
    assert len(built) >= 6
    for each in built:
        assert (DEPLOY / each["context"] / each["dockerfile"]).resolve().is_file()


def test_gpu_profile_swaps_triton(compose: Document) -> None:
    """One or the other answers by one name, and only the GPU's asks for a device."""
    services = compose["services"]
    tritons = {name: each for name, each in services.items() if name.startswith("triton")}
    assert {name: each["profiles"] for name, each in tritons.items()} == {
        "triton-cpu": ["cpu"],
        "triton": ["gpu"],
    }
    assert all("triton" in t["networks"]["default"]["aliases"] for t in tritons.values())
    assert ["deploy" in tritons[name] for name in ("triton-cpu", "triton")] == [False, True]
    waits = services["gateway"]["depends_on"]
    assert all(waits[name]["required"] is False for name in tritons)
    assert services["gateway"]["environment"]["TRITON_URL"] == "triton:8001"


def test_monitoring_is_mounted_from_here(compose: Document) -> None:
    """Prometheus and Grafana are provisioned by files of the repository, which are there."""
    mounted = {
        volume.split(":")[0].removeprefix("./")
        for name in ("prometheus", "grafana")
        for volume in compose["services"][name]["volumes"]
        if volume.startswith("./")
    }
    assert mounted == set(MONITORING)
    assert [path for path in MONITORING if not (DEPLOY / path).exists()] == []


def test_the_index_is_reached_by_two(compose: Document) -> None:
    """Qdrant has no key here, so the network keeps the others out."""
    assert compose["networks"]["index"]["internal"] is True
    services = compose["services"]
    assert services["qdrant"]["networks"] == ["index"]
    inside = {name for name, each in services.items() if "index" in each.get("networks", [])}
    assert inside == {"qdrant", "gateway", "prometheus"}


def test_prometheus_finds_what_it_scrapes(compose: Document) -> None:
    """Every host in Prometheus' configuration is a service, or Prometheus itself."""
    config = yaml.safe_load((DEPLOY / MONITORING[0]).read_text())
    hosts = {
        target.partition(":")[0]
        for job in config["scrape_configs"]
        for static in job["static_configs"]
        for target in static["targets"]
    }
    assert len(hosts) > 3
    assert hosts - {"localhost"} <= compose["services"].keys()
