"""Rules, their unit tests, runbooks and dashboards agree with each other and with promtool."""

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support.monitoring import (
    DASHBOARDS,
    FOLDER,
    RULES,
    alerts,
    dashboard,
    filled,
    questions,
    rules,
    without_limits,
)

ROOT = FOLDER.parents[1]
TESTS = sorted(FOLDER.glob("rules-tests/*.yaml"))
RUNBOOKS = sorted(FOLDER.glob("runbooks/*.md"))
GRID = 24


def promtool(*arguments: str | Path) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        ["promtool", *map(str, arguments)], capture_output=True, text=True, timeout=60, check=False
    )


def cases() -> list[dict[str, Any]]:
    """One for each expectation of the rules' unit tests."""
    return [
        case
        for path in TESTS
        for test in yaml.safe_load(path.read_text())["tests"]
        for case in test["alert_rule_test"]
    ]


def test_promtool_accepts_config_and_rules() -> None:
    answer = promtool("check", "config", FOLDER / "prometheus.yaml")
    assert answer.returncode == 0, answer.stderr + answer.stdout
    answer = promtool("check", "rules", *RULES)
    assert answer.returncode == 0, answer.stderr + answer.stdout


@pytest.mark.parametrize("path", TESTS, ids=lambda path: path.stem)
def test_the_rules_pass_their_unit_tests(path: Path) -> None:
    answer = promtool("test", "rules", path)
    assert answer.returncode == 0, answer.stderr + answer.stdout


@pytest.mark.parametrize(
    ("tests", "right", "wrong"),
    [
        ("index", "< 0.99", "< 0.9"),
        ("index", "> 0.01", ">= 0.001"),
        ("index-age", "> 172800", "< 172800"),
        ("service", "> 0.1", "> 0.04"),
    ],
)
def test_a_limit_that_is_wrong_fails_the_unit_tests(
    tests: str, right: str, wrong: str, tmp_path: Path
) -> None:
    """The unit tests look at the limits: with another one, or the other direction, they fail."""
    (tmp_path / "rules").mkdir()
    (tmp_path / "rules-tests").mkdir()
    rules_name = f"{tests.partition('-')[0]}.yaml"
    original = (FOLDER / "rules" / rules_name).read_text()
    assert right in original
    (tmp_path / "rules" / rules_name).write_text(original.replace(right, wrong))
    copy = tmp_path / "rules-tests" / f"{tests}.yaml"
    copy.write_text((FOLDER / "rules-tests" / f"{tests}.yaml").read_text())
    assert promtool("test", "rules", copy).returncode != 0


@pytest.mark.parametrize("name", alerts())
def test_each_alert_is_tested_firing_and_quiet(name: str) -> None:
    own = [case for case in cases() if case["alertname"] == name]
    assert any(case["exp_alerts"] for case in own), f"{name} is never seen firing"
    assert any(not case["exp_alerts"] for case in own), f"{name} is never seen quiet"


def test_each_test_is_of_an_alert() -> None:
    assert {case["alertname"] for case in cases()} == set(alerts())


@pytest.mark.parametrize("name", alerts())
def test_each_alert_says_how_grave_it_is_and_where_to_read_on(name: str) -> None:
    alert = alerts()[name]
    assert alert["labels"]["severity"] in {"page", "ticket", "info"}
    assert alert["annotations"]["summary"].endswith(".")
    runbook = ROOT / alert["annotations"]["runbook"]
    assert runbook == FOLDER / "runbooks" / f"{name}.md"
    text = runbook.read_text()
    assert text.startswith(f"# {name}\n")
    for section in ("What it means", "What to look at", "What to do"):
        body = text.partition(f"## {section}\n")[2].partition("\n## ")[0]
        assert len(body.split()) >= 5, f"{name}: {section}"


@pytest.mark.parametrize("path", RUNBOOKS, ids=lambda path: path.stem)
def test_each_runbook_has_an_alert_and_links_that_lead_somewhere(path: Path) -> None:
    assert path.stem in alerts()
    for target in re.findall(r"\]\(([^)]+)\)", path.read_text()):
        assert (path.parent / target).is_file(), target


@pytest.mark.parametrize("path", RUNBOOKS, ids=lambda path: path.stem)
def test_the_dashboards_that_runbooks_name_exist(path: Path) -> None:
    named = set(re.findall(r"^- (Overview|Search|Models|Index)\b", path.read_text(), re.MULTILINE))
    assert {name.lower() for name in named} <= {one.stem for one in DASHBOARDS}


def test_recorded_names_are_the_ones_that_are_asked_for() -> None:
    recorded = {rule["record"] for rule in rules() if "record" in rule}
    asked = {
        name
        for question in questions()
        for name in re.findall(r"recompose:[a-z_]+(?::[a-z0-9_]+)?", question.query)
    }
    assert asked == recorded


def test_comparisons_are_taken_off_and_nothing_else() -> None:
    query = 'rate(a{b!="c", d=~"5.."}[5m])'
    assert without_limits(f"{query} > 14.4 * 0.001") == f"{query} "
    assert without_limits("a == 0\nor\nabsent(a)") == "a \nor\nabsent(a)"


@pytest.mark.parametrize("path", DASHBOARDS, ids=lambda path: path.stem)
def test_a_dashboard_is_whole(path: Path) -> None:
    document = dashboard(path)
    assert document["uid"] == f"recompose-{path.stem}"
    taken: set[tuple[int, int]] = set()
    for panel in document["panels"]:
        assert panel["description"].endswith("."), panel["title"]
        assert panel["datasource"] == {"type": "prometheus", "uid": "${datasource}"}
        assert panel["fieldConfig"]["defaults"]["unit"]
        place = panel["gridPos"]
        assert place["x"] + place["w"] <= GRID
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert not cells & taken, f"{panel['title']} lies on another panel"
        taken |= cells
    for field in ("id", "title"):
        values = [panel[field] for panel in document["panels"]]
        assert len(set(values)) == len(values)


@pytest.mark.parametrize("path", DASHBOARDS, ids=lambda path: path.stem)
def test_a_dashboard_marks_the_moment_of_a_switch(path: Path, tmp_path: Path) -> None:
    """Forward at 11 minutes and back at 19; a pod more at 14 is no switch."""
    (annotation,) = dashboard(path)["annotations"]["list"]
    assert annotation["enable"]
    served = {
        ("aaa", "1"): "1x10 _x8 1x10",
        ("aaa", "2"): "1x11 _x8 1x9",
        ("bbb", "1"): "_x11 1x7 _x10",
        ("bbb", "2"): "_x12 1x7 _x9",
        ("bbb", "3"): "_x14 1x4 _x10",
    }
    marks = {"5m": [], "11m": ["bbb"], "12m": ["bbb"], "14m": [], "20m": ["aaa"], "21m": []}
    values = {
        f'recompose_model_info{{namespace="shop", digest="{digest}", instance="{pod}"}}': text
        for (digest, pod), text in served.items()
    }
    test = {
        "interval": "1m",
        "input_series": [{"series": name, "values": text} for name, text in values.items()],
        "promql_expr_test": [
            {
                "expr": f"sum by (digest) (({filled(annotation['expr'])}) > bool 0)",
                "eval_time": at,
                "exp_samples": [{"labels": f'{{digest="{one}"}}', "value": 1} for one in digests],
            }
            for at, digests in marks.items()
        ],
    }
    (tmp_path / "test.yaml").write_text(yaml.safe_dump({"tests": [test]}))
    answer = promtool("test", "rules", tmp_path / "test.yaml")
    assert answer.returncode == 0, answer.stderr + answer.stdout


def test_grafana_is_told_where_both_are() -> None:
    provisioning = FOLDER / "grafana" / "provisioning"
    sources = yaml.safe_load((provisioning / "datasources" / "prometheus.yaml").read_text())
    assert [one["type"] for one in sources["datasources"]] == ["prometheus"]
    providers = yaml.safe_load((provisioning / "dashboards" / "recompose.yaml").read_text())
    assert providers["providers"][0]["folder"] == "Recompose"


@pytest.mark.parametrize("path", [*RULES, *DASHBOARDS], ids=lambda path: path.name)
def test_the_chart_brings_the_same_files(path: Path) -> None:
    kind = "rules" if path.suffix == ".yaml" else "dashboard"
    copy = ROOT / "helm" / "recompose" / "files" / "monitoring" / f"{kind}-{path.name}"
    assert copy.read_text() == path.read_text(), "copy it into the chart"
