"""The Jobs of a model swap: their steps, in their order, and what ends them."""

import subprocess
from pathlib import Path

import pytest

from tests.deploy.chart import Object, containers_of, of_kind, refusal, render

DIGEST = "1a2b3c4d5e6f"


def job(objects: list[Object], kind: str) -> Object:
    (found,) = (one for one in of_kind(objects, "Job") if f"-{kind}-" in one["metadata"]["name"])
    return found


def container(found: Object, name: str) -> Object | None:
    """The container of a Job's pod that has this name."""
    spec = found["spec"]["template"]["spec"]
    return next((one for one in containers_of(spec) if one["name"] == name), None)


def steps(found: Object) -> list[str]:
    """What a Job runs of the gateway's commands, in its order."""
    containers = containers_of(found["spec"]["template"]["spec"])
    lines = [" ".join([*one.get("command", ()), *one.get("args", ())]) for one in containers]
    told = [line.partition("gateway model ")[2].partition(" ||")[0] for line in lines]
    return [line for line in told if line]


def test_forward_goes_step_by_step(rendered: dict[str, list[Object]]) -> None:
    assert steps(job(rendered["gpu-ha"], "forward")) == [
        f"backfill {DIGEST}",
        f"audit {DIGEST}",
        f"compare {DIGEST}",
        f"switch {DIGEST} --leave-out 0",
    ]


def test_rollback_is_one_step_after_the_bundles_came(rendered: dict[str, list[Object]]) -> None:
    assert steps(job(rendered["external-services"], "rollback")) == ["rollback --leave-out 0"]


@pytest.mark.parametrize(("ended", "status"), [(0, 0), (4, 0), (1, 1), (2, 2), (3, 3)])
def test_a_backfill_that_left_products_out_goes_on(
    rendered: dict[str, list[Object]], tmp_path: Path, ended: int, status: int
) -> None:
    """The switch judges how many may be left out; every other status stays what it was."""
    python = tmp_path / "python"
    python.write_text(f"#!/bin/sh\nexit {ended}\n")
    python.chmod(0o755)
    backfill = container(job(rendered["gpu-ha"], "forward"), "backfill")
    assert backfill is not None
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


def waits_for(found: Object, volume: str) -> str | None:
    """The file that a Job waits for before anything else."""
    first = containers_of(found["spec"]["template"]["spec"])[0]
    if first["name"] != "wait":
        return None
    (mount,) = first["volumeMounts"]
    assert mount == {"name": volume, "mountPath": f"/{volume}", "readOnly": True}
    file: str = first["args"][0].partition("test -e ")[2].partition(";")[0]
    return file


def test_publishing_waits_for_the_training_of_its_release(
    rendered: dict[str, list[Object]],
) -> None:
    """And not for an earlier one of the same run, whose bundle is still there."""
    told = container(job(rendered["gpu-ha"], "training"), "tell")
    assert told is not None
    done = waits_for(job(rendered["gpu-ha"], "publish"), "training")
    assert told["command"] == ["touch", done]
    longer = render("gpu-ha", sets=['training.arguments=["--epochs=3"]'])
    assert waits_for(job(longer, "publish"), "training") not in (done, None)
    for change in ("training.enabled=false", 'publish.bundle="bundles/bought"'):
        assert waits_for(job(render("gpu-ha", sets=[change]), "publish"), "training") is None


def test_a_swap_waits_for_what_is_published(rendered: dict[str, list[Object]]) -> None:
    """It would be refused before; and a bundle that publishing refuses is never live."""
    file = waits_for(job(rendered["gpu-ha"], "forward"), "models")
    assert file == f"/models/bundles/{DIGEST}/bundle.json"
    publish = container(job(rendered["gpu-ha"], "publish"), "publish")
    assert publish is not None
    assert {"name": "BUNDLES_DIR", "value": "/models/bundles"} in publish["env"]
    assert waits_for(job(render("gpu-ha", sets=["publish.enabled=false"]), "forward"), "") is None


@pytest.mark.parametrize(("comes", "status"), [("at once", 0), ("later", 0), ("never", 2)])
def test_a_wait_ends(
    comes: str, status: int, rendered: dict[str, list[Object]], tmp_path: Path
) -> None:
    """The script as it is, with a clock of the test's: three looks are the week."""
    file, sleep, seq = (tmp_path / name for name in ("bundle.json", "sleep", "seq"))
    if comes == "at once":
        file.touch()
    sleep.write_text(f"#!/bin/sh\n{f'touch {file}' if comes == 'later' else ':'}\n")
    seq.write_text("#!/bin/sh\necho 1 2 3\n")
    for program in (sleep, seq):
        program.chmod(0o755)
    wait = container(job(rendered["gpu-ha"], "forward"), "wait")
    assert wait is not None
    (script,) = wait["args"]
    done = subprocess.run(
        [*wait["command"], script.replace(f"/models/bundles/{DIGEST}/bundle.json", str(file))],
        env={"PATH": f"{tmp_path}:/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == status
    assert ("did not come within a week" in done.stderr) == (comes == "never")


def test_an_older_model_is_published_and_made_live_on_demand_alone(
    rendered: dict[str, list[Object]],
) -> None:
    """The publisher and the gateway refuse it unless they are told; trying again mends nothing."""
    told = render("gpu-ha", sets=["publish.allowOlder=true", "swap.allowOlder=true"])
    for objects, allowed in ((rendered["gpu-ha"], False), (told, True)):
        publish = job(objects, "publish")
        assert 3 in publish["spec"]["podFailurePolicy"]["rules"][1]["onExitCodes"]["values"]
        load, show = container(publish, "load"), container(publish, "publish")
        assert load is not None
        assert show is not None
        assert "--bundles=/models/bundles" in load["args"]
        switch = steps(job(objects, "forward"))[-1]
        for line in (load["args"], show.get("args", []), switch.split()):
            assert ("--allow-older" in line) == allowed
