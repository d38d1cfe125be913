"""What deploy/monitoring asks of Prometheus, and the real programs to ask it of."""

import json
import re
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import httpx
import yaml

FOLDER: Final = Path(__file__).parents[2] / "deploy" / "monitoring"
RULES: Final = sorted(FOLDER.glob("rules/*.yaml"))
DASHBOARDS: Final = sorted(FOLDER.glob("grafana/dashboards/*.json"))
_STARTS_WITHIN_S: Final = 20
_LIMIT: Final = re.compile(r"(==|!=|>=?|<=?)\s+[0-9.]+(\s+\*\s+[0-9.]+)?")
"""A comparison with a number: what makes an alert of a query."""


@dataclass(frozen=True)
class Question:
    """A query, and who asks it: ``overview: Searches``, ``rule: recompose:...``, ``alert: ...``."""

    asker: str
    query: str


def rules() -> list[dict[str, Any]]:
    """All recording rules and alerts."""
    return [
        rule
        for path in RULES
        for group in yaml.safe_load(path.read_text())["groups"]
        for rule in group["rules"]
    ]


def alerts() -> dict[str, dict[str, Any]]:
    """The alerts by name."""
    return {rule["alert"]: rule for rule in rules() if "alert" in rule}


def dashboard(path: Path) -> dict[str, Any]:
    """A dashboard's document."""
    document: dict[str, Any] = json.loads(path.read_text())
    return document


def without_limits(query: str) -> str:
    """The query without its comparisons with numbers."""
    return _LIMIT.sub("", query)


def questions() -> list[Question]:
    """Every query of rules, alerts (without their limits), panels and annotations."""
    asked = []
    for rule in rules():
        if "alert" in rule:
            asked.append(Question(f"alert: {rule['alert']}", without_limits(rule["expr"])))
        else:
            asked.append(Question(f"rule: {rule['record']}", rule["expr"]))
    for path in DASHBOARDS:
        document = dashboard(path)
        for panel in document["panels"]:
            for target in panel["targets"]:
                asked.append(Question(f"{path.stem}: {panel['title']}", filled(target["expr"])))
        for one in document["annotations"]["list"]:
            asked.append(Question(f"{path.stem}: {one['name']}", filled(one["expr"])))
    return asked


def filled(query: str) -> str:
    """A panel's query with Grafana's variables as they are at the start."""
    return query.replace("$namespace", ".*").replace("$__rate_interval", "1m")


def ask(address: str, query: str) -> list[dict[str, Any]]:
    """The vector that an instant query answers with, now. Raises AssertionError on an error."""
    answer = httpx.get(f"{address}/api/v1/query", params={"query": query}, timeout=10).json()
    assert answer["status"] == "success", f"{answer.get('error')}: {query}"
    found: list[dict[str, Any]] = answer["data"]["result"]
    return found


@contextmanager
def running(command: Sequence[str], ready_url: str, log: Path) -> Iterator[None]:
    """A program, from when its URL answers to the end of the block."""
    with log.open("wb") as output:
        process = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT)
    try:
        end = time.monotonic() + _STARTS_WITHIN_S
        while not _answers(ready_url):
            assert process.poll() is None, log.read_text(errors="replace")[-2000:]
            assert time.monotonic() < end, f"{command[0]} does not answer"
            time.sleep(0.1)
        yield
    finally:
        process.terminate()
        process.wait(10)


def _answers(url: str) -> bool:
    try:
        return httpx.get(url, timeout=5).status_code == httpx.codes.OK
    except httpx.TransportError:
        return False


def on_one_machine(targets: dict[str, str], interval: str) -> dict[str, Any]:
    """The scrape config with other targets; a job without one is not scraped."""
    config: dict[str, Any] = yaml.safe_load((FOLDER / "prometheus.yaml").read_text())
    config["global"] = {
        "scrape_interval": interval,
        "scrape_timeout": interval,
        "evaluation_interval": interval,
    }
    config["rule_files"] = [str(path) for path in RULES]
    for job in config["scrape_configs"]:
        own = targets.get(job["job_name"])
        job["static_configs"] = [{"targets": [own]}] if own else []
    return config
