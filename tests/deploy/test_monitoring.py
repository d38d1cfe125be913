"""What the chart gives to Prometheus' operator and to Grafana, and that alerts know it."""

import json
import re
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from tests.deploy.chart import ROOT, Object, component, containers_of, named, of_kind, render
from tests.deploy.rules_monitoring import job_of, services_of

FOLDER: Final = ROOT / "deploy" / "monitoring"
RULES: Final = sorted(FOLDER.glob("rules/*.yaml"))
DASHBOARDS: Final = sorted(FOLDER.glob("grafana/dashboards/*.json"))
CHART: Final = "gpu-ha"  # the values that have it on
MONITORED: Final = ["monitoring.enabled=true", 'networkPolicy.monitoring=[{"podSelector":{}}]']
# Jobs of one machine's scrape config alone: a cluster watches its nodes, and Prometheus, itself.
ONE_MACHINE: Final = {"node", "prometheus"}
_JOB: Final = re.compile(r'\bjob(=|=~|!=)"([^"]*)"')


def jobs(objects: list[Object]) -> set[str]:
    """The values of the label job that the chart's monitors make."""
    return {
        job_of(monitor, service)
        for monitor in of_kind(objects, "ServiceMonitor")
        for service in services_of(monitor, objects)
    }


def asked() -> set[str]:
    """Every expression for a job in rules, alerts and dashboards, alternatives taken apart."""
    texts = [path.read_text() for path in RULES]
    texts += [path.read_text().replace('\\"', '"') for path in DASHBOARDS]
    return {
        one for text in texts for _, found in _JOB.findall(text) for one in found.split("|") if one
    }


@pytest.mark.parametrize("path", RULES, ids=lambda path: path.stem)
def test_the_rules_are_the_repositorys(path: Path, rendered: dict[str, list[Object]]) -> None:
    found = named(rendered[CHART], "PrometheusRule", f"shop-recompose-rules-{path.stem}")
    assert found["spec"] == yaml.safe_load(path.read_text())
    assert found["spec"].keys() == {"groups"}


@pytest.mark.parametrize("path", DASHBOARDS, ids=lambda path: path.stem)
def test_the_dashboards_are_the_repositorys(path: Path, rendered: dict[str, list[Object]]) -> None:
    found = named(rendered[CHART], "ConfigMap", f"shop-recompose-dashboard-{path.stem}")
    assert found["metadata"]["labels"]["grafana_dashboard"] == "1"
    ((name, text),) = found["data"].items()
    assert name == f"recompose-{path.name}"
    assert json.loads(text) == json.loads(path.read_text())


def test_no_rules_and_dashboards_but_the_repositorys(rendered: dict[str, list[Object]]) -> None:
    found = rendered[CHART]
    assert len(of_kind(found, "PrometheusRule")) == len(RULES)
    shown = [one for one in of_kind(found, "ConfigMap") if component(one) == "monitoring"]
    assert len(shown) == len(DASHBOARDS)


def test_each_part_is_left_out_where_it_is_not_wanted() -> None:
    objects = render(CHART, sets=["monitoring.rules=false", "monitoring.dashboards=false"])
    assert not of_kind(objects, "PrometheusRule")
    assert "monitoring" not in {component(one) for one in of_kind(objects, "ConfigMap")}
    assert of_kind(objects, "ServiceMonitor")


@pytest.mark.parametrize("values", ["default", "minimal", "external-services"])
def test_nothing_of_it_is_there_by_default(values: str, rendered: dict[str, list[Object]]) -> None:
    found = rendered[values]
    assert not [one for one in found if one["apiVersion"].startswith("monitoring.coreos.com")]
    assert not {"redis-exporter", "pushgateway", "monitoring"} & {component(one) for one in found}
    assert "--push-metrics" not in str(found)
    assert "READ_ONLY" not in str(found)


def test_prometheus_finds_them_by_its_labels(rendered: dict[str, list[Object]]) -> None:
    found = of_kind(rendered[CHART], "ServiceMonitor", "PrometheusRule")
    assert {one["metadata"]["labels"]["release"] for one in found} == {"prometheus"}


def test_every_job_that_is_asked_for_is_scraped(rendered: dict[str, list[Object]]) -> None:
    there = jobs(rendered[CHART])
    assert len(asked()) > 5
    for pattern in asked() - ONE_MACHINE:
        assert any(re.fullmatch(pattern, job) for job in there), pattern


def test_every_job_of_one_machine_has_its_like(rendered: dict[str, list[Object]]) -> None:
    config = yaml.safe_load((FOLDER / "prometheus.yaml").read_text())
    on_one_machine = {one["job_name"] for one in config["scrape_configs"]} - ONE_MACHINE
    assert on_one_machine <= jobs(rendered[CHART])


def test_every_job_that_is_scraped_is_missed_when_it_is_down(
    rendered: dict[str, list[Object]],
) -> None:
    (expression,) = (
        rule["expr"]
        for path in RULES
        for group in yaml.safe_load(path.read_text())["groups"]
        for rule in group["rules"]
        if rule.get("alert") == "TargetDown"
    )
    ((_, pattern),) = _JOB.findall(expression)
    for job in jobs(rendered[CHART]):
        assert re.fullmatch(pattern, job), job


@pytest.mark.parametrize("release", ["shop", "recompose", "a-shop-with-a-long-name-in-the-west"])
@pytest.mark.parametrize("schedule", ["30 2 * * *", ""])
def test_alerts_know_imports_and_claims_by_their_names(release: str, schedule: str) -> None:
    """What Kubernetes tells of them has none of our labels."""
    objects = render(CHART, release=release, sets=[f"imports.schedule={json.dumps(schedule)}"])
    text = "".join(path.read_text() for path in RULES)
    patterns = {
        label: set(re.findall(rf'\b{label}=~"([^"]*)"', text))
        for label in ("cronjob", "job_name", "persistentvolumeclaim")
    }
    (found,) = (one for one in of_kind(objects, "Job", "CronJob") if component(one) == "import")
    name = found["metadata"]["name"]
    # A CronJob's Jobs have the minute in their names.
    job = f"{name}-29398770" if schedule else name
    for pattern in patterns["job_name"]:
        assert re.fullmatch(pattern, job)
    # As label_replace makes the work of a Job's name.
    work = re.fullmatch("(.*)-[^-]*", job)[1]  # type: ignore[index]
    assert '"job_name", "(.*)-[^-]*"' in text
    assert re.fullmatch(".*-import", work)
    assert 'work=~".*-import"' in text
    others = [one["metadata"]["name"] for one in of_kind(objects, "Job") if one is not found]
    others += [one["metadata"]["name"] + "-1" for one in of_kind(objects, "CronJob")]
    for other in {*others} - {f"{name}-1"}:
        assert all(re.fullmatch(pattern, other) for pattern in patterns["job_name"])
        assert not re.fullmatch(".*-import-[^-]*", other)
    for pattern in patterns["cronjob"]:
        assert not schedule or re.fullmatch(pattern, name)
    (qdrant,) = of_kind(objects, "StatefulSet")
    claims = [one["metadata"]["name"] for one in of_kind(objects, "PersistentVolumeClaim")]
    for template in qdrant["spec"]["volumeClaimTemplates"]:
        claims.append(f"{template['metadata']['name']}-{qdrant['metadata']['name']}-0")
    for pattern in patterns["persistentvolumeclaim"]:
        assert all(re.fullmatch(pattern, claim) for claim in claims)
    assert all(patterns.values())


def test_what_was_pushed_keeps_its_labels(rendered: dict[str, list[Object]]) -> None:
    honoring = {
        component(one)
        for one in of_kind(rendered[CHART], "ServiceMonitor")
        if any(endpoint.get("honorLabels") for endpoint in one["spec"]["endpoints"])
    }
    assert honoring == {"pushgateway"}


def test_metrics_of_qdrant_are_read_with_a_key_that_changes_nothing(
    rendered: dict[str, list[Object]],
) -> None:
    monitor = named(rendered[CHART], "ServiceMonitor", "shop-recompose-qdrant")
    (endpoint,) = monitor["spec"]["endpoints"]
    reference = {"name": "recompose", "key": "qdrant-read-only-key"}
    assert endpoint["authorization"] == {"credentials": reference}
    qdrant = named(rendered[CHART], "StatefulSet", "shop-recompose-qdrant")
    env = environment(qdrant)
    assert env["QDRANT__SERVICE__READ_ONLY_API_KEY"] == {"valueFrom": {"secretKeyRef": reference}}
    keys = [
        one["valueFrom"]["secretKeyRef"]["key"] for name, one in env.items() if "API_KEY" in name
    ]
    assert len(set(keys)) == len(keys) == 2


def environment(found: Object) -> dict[str, Any]:
    """Of the one container of what serves: by name, without the name."""
    (container,) = containers_of(found["spec"]["template"]["spec"])
    return {one.pop("name"): one for one in json.loads(json.dumps(container["env"]))}


@pytest.mark.parametrize("role", ["cache", "rankings"])
def test_an_exporter_asks_the_redis_of_its_role(
    role: str, rendered: dict[str, list[Object]]
) -> None:
    name = f"shop-recompose-exporter-{role}"
    env = environment(named(rendered[CHART], "Deployment", name))
    assert env["REDIS_ADDR"] == {"value": f"redis://shop-recompose-redis-{role}:6379"}
    password = env["REDIS_PASSWORD"]["valueFrom"]["secretKeyRef"]
    assert password == {"name": "recompose", "key": "redis-password"}
    service = named(rendered[CHART], "Service", name)
    assert service["metadata"]["labels"]["recompose/role"] == role

    outside = named(render("external-services", sets=MONITORED), "Deployment", name)
    address = environment(outside)["REDIS_ADDR"]["valueFrom"]["secretKeyRef"]
    assert address == {"name": "redis-cloud", "key": f"{role}-url"}


def test_a_qdrant_outside_is_scraped_by_its_own_people() -> None:
    objects = render("external-services", sets=MONITORED)
    assert jobs(objects) == {"gateway", "triton", "redis", "pushgateway"}


def test_imports_tell_the_pushgateway_by_options_that_there_are(
    rendered: dict[str, list[Object]],
) -> None:
    known = set(re.findall(r'"(--[a-z-]+)"', (ROOT / "services/indexer/options.py").read_text()))
    (job,) = (one for one in of_kind(rendered[CHART], "CronJob") if component(one) == "import")
    spec = job["spec"]["jobTemplate"]["spec"]["template"]["spec"]
    (container,) = spec["containers"]
    options = dict(
        one.split("=", 1) for one in container["command"] if one.startswith("--") and "=" in one
    )
    assert options.keys() <= known
    assert options["--push-metrics"] == "http://shop-recompose-pushgateway:9091"
    # A volume that outlives the pod: the file remembers when an import last ended well.
    folder = str(Path(options["--metrics-file"]).parent)
    (mount,) = (one for one in container["volumeMounts"] if one["mountPath"] == folder)
    (volume,) = (one for one in spec["volumes"] if one["name"] == mount["name"])
    assert "persistentVolumeClaim" in volume


def test_another_feed_begins_with_an_empty_pushgateway(rendered: dict[str, list[Object]]) -> None:
    def template(objects: list[Object]) -> Any:
        found = named(objects, "Deployment", "shop-recompose-pushgateway")
        assert found["spec"]["strategy"] == {"type": "Recreate"}
        return found["spec"]["template"]

    assert template(rendered[CHART]) == template(render(CHART))
    for change in ('imports.feed="other.csv"', 'imports.catalog="other"'):
        assert template(rendered[CHART]) != template(render(CHART, sets=[change]))
