"""The Jobs of a model swap: their steps, in their order, and what ends them."""

import subprocess
from pathlib import Path

import pytest

from tests.deploy.chart import Object, of_kind, refusal, render

DIGEST = "1a2b3c4d5e6f"


def job(objects: list[Object], kind: str) -> Object:
    (found,) = (one for one in of_kind(objects, "Job") if f"-{kind}-" in one["metadata"]["name"])
    return found


def steps(found: Object) -> list[str]:
    """What a Job runs of the gateway's commands, in its order."""
    spec = found["spec"]["template"]["spec"]
    containers = [*spec.get("initContainers", ()), *spec["containers"]]
    lines = [" ".join([*one.get("command", ()), *one["args"]]) for one in containers]
    return [line.partition("gateway model ")[2].partition(" ||")[0] for line in lines]


def test_forward_goes_step_by_step(rendered: dict[str, list[Object]]) -> None:
    assert steps(job(rendered["gpu-ha"], "forward")) == [
        f"backfill {DIGEST}",
        f"audit {DIGEST}",
        f"compare {DIGEST}",
        f"switch {DIGEST} --leave-out 0",
    ]


def test_rollback_is_one_step_after_the_bundles_came(rendered: dict[str, list[Object]]) -> None:
    assert [step for step in steps(job(rendered["external-services"], "rollback")) if step] == [
        "rollback --leave-out 0"
    ]


@pytest.mark.parametrize(("ended", "status"), [(0, 0), (4, 0), (1, 1), (2, 2), (3, 3)])
def test_a_backfill_that_left_products_out_goes_on(
    rendered: dict[str, list[Object]], tmp_path: Path, ended: int, status: int
) -> None:
    """The switch judges how many may be left out; every other status stays what it was."""
    python = tmp_path / "python"
    python.write_text(f"#!/bin/sh\nexit {ended}\n")
    python.chmod(0o755)
    backfill = job(rendered["gpu-ha"], "forward")["spec"]["template"]["spec"]["initContainers"][0]
    command = [*backfill["command"], *backfill["args"]]
    done = subprocess.run(command, env={"PATH": f"{tmp_path}:/usr/bin:/bin"}, check=False)
    assert done.returncode == status


def test_another_attempt_is_another_job(rendered: dict[str, list[Object]]) -> None:
    first = job(rendered["gpu-ha"], "forward")
    again = job(render("gpu-ha", sets=["swap.attempt=2"]), "forward")
    assert first["metadata"]["name"] != again["metadata"]["name"]


@pytest.mark.parametrize(
    ("values", "sets", "said"),
    [
        ("default", ['swap.kind="rollback"'], "one bundle"),
        ("gpu-ha", ['swap.digest=""'], "swap"),
        ("external-services", ['swap={"kind": "forward", "digest": "000000000000"}'], "further"),
    ],
)
def test_a_swap_that_cannot_work_is_refused(values: str, sets: list[str], said: str) -> None:
    assert said in refusal(*sets, values=values)
