"""What holds for monitors, for which Kubernetes has no schema: each meets what it is about."""

from collections.abc import Iterator, Sequence
from typing import Any, Final

from tests.deploy.chart import (
    SERVING,
    Object,
    component,
    containers_of,
    of_kind,
    selects,
    title,
)

# The fields of the operator's API (monitoring.coreos.com/v1) that the chart uses.
_SPEC: Final = {"jobLabel", "namespaceSelector", "selector", "endpoints"}
_ENDPOINT: Final = {"port", "path", "authorization", "relabelings", "honorLabels"}
# What has no metrics of its own: exporters tell of Redis, Caddy's are closed.
_SILENT: Final = {"redis", "storefront"}


def monitored(objects: Sequence[Object]) -> Iterator[str]:
    """Where one part is scraped all are, and each pod once: twice would double every sum."""
    monitors = of_kind(objects, "ServiceMonitor")
    if not monitors:
        return
    for found in of_kind(objects, *SERVING):
        labels = found["spec"]["template"]["metadata"]["labels"]
        ways = [
            service
            for monitor in monitors
            for service in services_of(monitor, objects)
            if selects({"matchLabels": service["spec"]["selector"]}, labels)
        ]
        wanted = 0 if component(found) in _SILENT else 1
        if len(ways) != wanted:
            yield f"{title(found)}: is scraped in {len(ways)} ways"


def monitors_meet(objects: Sequence[Object]) -> Iterator[str]:
    """Namespace, selector and port are those of a Service, and lead to a port of its pods."""
    for monitor in of_kind(objects, "ServiceMonitor"):
        spec = monitor["spec"]
        if spec.keys() != _SPEC:
            yield f"{title(monitor)}: has fields {sorted(spec)}"
            continue
        if spec["namespaceSelector"] != {"matchNames": [monitor["metadata"]["namespace"]]}:
            yield f"{title(monitor)}: looks into other namespaces"
        services = services_of(monitor, objects)
        if not services:
            yield f"{title(monitor)}: selects no Service"
        for service in services:
            if not job_of(monitor, service):
                yield f"{title(monitor)}: {title(service)} gives no job"
            for endpoint in spec["endpoints"]:
                if not endpoint.keys() <= _ENDPOINT or endpoint.get("path") != "/metrics":
                    yield f"{title(monitor)}: endpoint {endpoint}"
                if port_of(endpoint, service, objects) is None:
                    yield f"{title(monitor)}: {title(service)} has no port {endpoint.get('port')}"


def monitors_enter(objects: Sequence[Object]) -> Iterator[str]:
    """Prometheus may reach the ports that it is told to scrape, where pods are closed."""
    policies = of_kind(objects, "NetworkPolicy")
    for monitor in of_kind(objects, "ServiceMonitor"):
        for service in services_of(monitor, objects):
            for found in _pods_of(service, objects):
                labels = found["spec"]["template"]["metadata"]["labels"]
                for endpoint in monitor["spec"]["endpoints"]:
                    port = port_of(endpoint, service, objects)
                    if policies and port not in _open_to_others(policies, labels):
                        yield f"{title(monitor)}: may not enter {title(found)} at {port}"


def services_of(monitor: Object, objects: Sequence[Object]) -> list[Object]:
    """The Services that a monitor selects, by their own labels."""
    return [
        service
        for service in of_kind(objects, "Service")
        if selects(monitor["spec"]["selector"], service["metadata"].get("labels", {}))
    ]


def job_of(monitor: Object, service: Object) -> str:
    """The label ``job`` of what is scraped: the operator's, then what relabelings make of it."""
    job: str = service["metadata"].get("labels", {}).get(monitor["spec"].get("jobLabel"), "")
    for endpoint in monitor["spec"]["endpoints"]:
        for step in endpoint.get("relabelings", ()):
            if step["targetLabel"] == "job":
                job = step["replacement"]
    return job


def port_of(endpoint: Any, service: Object, objects: Sequence[Object]) -> int | None:
    """The number of the container's port that an endpoint leads to."""
    targets = [
        one["targetPort"] for one in service["spec"]["ports"] if one["name"] == endpoint.get("port")
    ]
    for found in _pods_of(service, objects):
        for container in containers_of(found["spec"]["template"]["spec"]):
            for port in container.get("ports", ()):
                if port.get("name") in targets:
                    number: int = port["containerPort"]
                    return number
    return None


def _pods_of(service: Object, objects: Sequence[Object]) -> list[Object]:
    return [
        found
        for found in of_kind(objects, *SERVING)
        if selects(
            {"matchLabels": service["spec"]["selector"]},
            found["spec"]["template"]["metadata"]["labels"],
        )
    ]


def _open_to_others(policies: Sequence[Object], labels: Any) -> set[int]:
    """Ports that some namespace other than the release's reaches, clients' among them or not."""
    return {
        port["port"]
        for policy in policies
        if selects(policy["spec"]["podSelector"], labels)
        for rule in policy["spec"].get("ingress") or ()
        if any("monitoring" in str(peer.get("namespaceSelector")) for peer in rule["from"])
        for port in rule["ports"]
    }
