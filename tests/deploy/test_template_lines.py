"""Lines taken out of the templates themselves: the rules notice these, too."""

import shutil
from pathlib import Path

import pytest

from tests.deploy import rules_monitoring, rules_objects, rules_pods, rules_workloads
from tests.deploy.chart import CHART, render
from tests.deploy.test_rules import Rule

_PODS = "templates/_pods.tpl"
_GATEWAY = "templates/gateway/_deployment.tpl"
_TRITON = "templates/triton/deployment.yaml"
_MONITORS = "templates/monitoring/monitors.yaml"
# File, line (without its indentation), how many lines go with it, and the rule that must notice.
LINES: list[tuple[str, str, int, Rule]] = [
    (_PODS, "automountServiceAccountToken: false", 1, rules_pods.no_token),
    (_PODS, "enableServiceLinks: false", 1, rules_pods.own_names),
    (_PODS, "runAsNonRoot: true", 1, rules_pods.restricted),
    (_PODS, "runAsUser: 10001", 1, rules_pods.numeric_user),
    (_PODS, "seccompProfile:", 2, rules_pods.restricted),
    (_PODS, "allowPrivilegeEscalation: false", 1, rules_pods.restricted),
    (_PODS, "readOnlyRootFilesystem: true", 1, rules_pods.read_only_root),
    (_PODS, "capabilities:", 2, rules_pods.restricted),
    (_PODS, "maxUnavailable: 1", 1, rules_workloads.disruption),
    (_PODS, "unhealthyPodEvictionPolicy: AlwaysAllow", 1, rules_workloads.disruption),
    (_GATEWAY, "terminationGracePeriodSeconds: 30", 1, rules_pods.ends_in_time),
    (_GATEWAY, "lifecycle:", 5, rules_workloads.pre_stop),
    (_GATEWAY, "startupProbe:", 6, rules_workloads.probes),
    (_GATEWAY, "resources:", 2, rules_pods.resources),
    (_GATEWAY, '{{- include "recompose.spread" (list $root $component) | nindent 6 }}', 1,
     rules_workloads.spread),
    (_TRITON, "- --model-control-mode=explicit", 1, rules_workloads.triton),
    (_TRITON, "- --grpc-restricted-protocol=shared-memory,trace,logging:closed=$(CLOSED_KEY)", 1,
     rules_workloads.triton),
    (_TRITON, "medium: Memory", 1, rules_workloads.triton),
    ("templates/triton/service.yaml", "clusterIP: None", 1, rules_objects.headless),
    ("templates/gateway/claim.yaml", "helm.sh/resource-policy: keep", 1, rules_objects.kept_claims),
    ("templates/network/_policy.tpl", "policyTypes: [Ingress, Egress]", 1, rules_objects.policies),
    ("templates/jobs/_jobs.tpl", "concurrencyPolicy: Forbid", 1, rules_workloads.jobs),
    ("templates/jobs/_jobs.tpl", "- action: Ignore", 4, rules_workloads.jobs),
    ("templates/jobs/training.yaml", "- --resume", 1, rules_workloads.training),
    (_MONITORS, "namespaceSelector:", 2, rules_monitoring.monitors_meet),
    (_MONITORS, "jobLabel: app.kubernetes.io/component", 1, rules_monitoring.monitors_meet),
    (_MONITORS, '{{- include "recompose.scraped" $ | nindent 6 }}', 1, rules_monitoring.monitored),
    ("templates/gateway/service.yaml", '{{- include "recompose.scraped" . | nindent 4 }}', 1,
     rules_monitoring.monitored),
    ("templates/network/monitoring.yaml",
     '{{- include "recompose.ingress.metrics" (list $ 9121) | nindent 4 }}', 1,
     rules_monitoring.monitors_enter),
]  # fmt: skip


@pytest.mark.parametrize(("file", "line", "count", "rule"), LINES)
def test_a_line_less_is_noticed(
    file: str, line: str, count: int, rule: Rule, tmp_path: Path
) -> None:
    chart = tmp_path / "recompose"
    shutil.copytree(CHART, chart)
    lines = (chart / file).read_text().splitlines()
    place = [one.strip() for one in lines].index(line)
    del lines[place : place + count]
    (chart / file).write_text("\n".join(lines) + "\n")
    assert list(rule(render("gpu-ha", chart=chart)))
