"""A model that is older than one that is published is published, or made live, on demand alone."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest

from gateway.model_swap.backfill import backfill
from gateway.model_swap.change import rollback, switch
from gateway.model_swap.parts import SwapRefused
from gateway.model_swap.publish import Published
from publisher.__main__ import main
from publisher.bundles import OlderModel, keep_bundle
from retrieval.bundle import load_bundle
from retrieval.bundle_age import older_than
from retrieval.domain import Deadline, Pooled, Tuning
from tests.support.core import write
from tests.support.swap import Swap, swapping
from tests.support.tiny_bundle import write_tiny_bundle
from tests.support.two_models import NEW, OLD

SPRING = datetime(2026, 4, 1, 12, tzinfo=UTC)
AUTUMN = datetime(2026, 10, 1, 12, tzinfo=UTC)
A_WAY_EAST = timezone(timedelta(hours=9))


@pytest.fixture
def bundles(tmp_path: Path) -> dict[str, Path]:
    """Folders of bundles by when they were trained."""
    times = {"spring": SPRING, "autumn": AUTUMN, "unsaid": None}
    return {
        name: write_tiny_bundle(tmp_path / name, seed=seed, trained_at=at)
        for seed, (name, at) in enumerate(times.items())
    }


@pytest.mark.parametrize(
    ("one", "other", "told"),
    [
        ("spring", "autumn", "was trained on 2026-04-01 at 12:00:00 UTC, before tiny"),
        ("unsaid", "spring", "does not say when it was trained, and tiny"),
        ("autumn", "spring", None),
        ("spring", "unsaid", None),
        ("unsaid", "unsaid", None),
    ],
)
def test_which_is_older(
    bundles: dict[str, Path], one: str, other: str, told: str | None, tmp_path: Path
) -> None:
    there = bundles[other]
    if one == other:
        there = write_tiny_bundle(tmp_path / "another", seed=9)
    found = older_than(load_bundle(bundles[one]), load_bundle(there))
    assert found is None if told is None else found is not None and told in found


def test_the_same_moment_elsewhere_is_not_older(bundles: dict[str, Path]) -> None:
    autumn, spring = load_bundle(bundles["autumn"]), load_bundle(bundles["spring"])
    moved = spring.model_copy(update={"trained_at": AUTUMN.astimezone(A_WAY_EAST)})
    assert older_than(moved, autumn) is None
    assert older_than(autumn, moved) is None


def test_one_model_is_not_older_than_itself(bundles: dict[str, Path]) -> None:
    autumn = load_bundle(bundles["autumn"])
    assert older_than(autumn.model_copy(update={"trained_at": None}), autumn) is None


async def test_an_older_model_is_not_published_over_a_newer_one(
    bundles: dict[str, Path], tmp_path: Path
) -> None:
    shown = tmp_path / "shown"
    here = Published("127.0.0.1:1", None, shown)
    newest = await here.publish(bundles["autumn"], 1.0)
    for older in ("spring", "unsaid"):
        with pytest.raises(OlderModel, match=rf"{newest}.*--allow-older"):
            await here.publish(bundles[older], 1.0)
        with pytest.raises(OlderModel):
            keep_bundle(bundles[older], shown)
    assert [path.name for path in shown.iterdir()] == [newest]
    assert await here.publish(bundles["autumn"], 1.0) == newest  # again
    allowed = await here.publish(bundles["spring"], 1.0, allow_older=True)
    assert {path.name for path in shown.iterdir()} == {newest, allowed}


async def test_a_newer_model_is_published_over_an_older_one(
    bundles: dict[str, Path], tmp_path: Path
) -> None:
    shown = tmp_path / "shown"
    (shown / "0123456789ab").mkdir(parents=True)
    (shown / "0123456789ab" / "bundle.json").write_text("{")  # of no use to any gateway
    for name in ("unsaid", "spring", "autumn"):
        await Published("127.0.0.1:1", None, shown).publish(bundles[name], 1.0)
    assert len([*shown.iterdir()]) == 4


def test_the_publisher_refuses_before_anything_is_copied(
    bundles: dict[str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shown, repository = tmp_path / "shown", tmp_path / "models"
    keep_bundle(bundles["autumn"], shown)
    command = [str(bundles["spring"]), f"--repository={repository}", f"--bundles={shown}"]
    assert main(command) == 3
    spring, autumn = (load_bundle(bundles[name]).short_digest for name in ("spring", "autumn"))
    assert capsys.readouterr().err == (
        f"Not published: tiny {spring} was trained on 2026-04-01 at 12:00:00 UTC, before tiny "
        f"{autumn} on 2026-10-01 at 12:00:00 UTC: publish it all the same with --allow-older.\n"
    )
    assert not repository.exists()
    assert main([*command, "--allow-older"]) == 0
    assert main([str(bundles["autumn"]), *command[1:]]) == 0


def dated(swap: Swap, times: dict[str, datetime]) -> None:
    """Have the models of a swap say when they were trained."""
    for model, at in times.items():
        space = swap.models.by_model[model]
        bundle = space.bundle.model_copy(update={"trained_at": at})
        swap.models.by_model[model] = replace(space, bundle=bundle)


async def test_no_switch_goes_to_an_older_model_and_a_rollback_does(tmp_path: Path) -> None:
    with swapping(tmp_path) as swap:
        dated(swap, {OLD: AUTUMN, NEW: SPRING})
        await swap.models.spaces.refresh()
        await swap.models.catalog.import_products("", [write(1)], Deadline.after(10))
        await backfill(swap.parts, NEW)
        tuning = Tuning(Pooled(200), 1.0, 1, 10, 1.7e9)
        await swap.models.indexes[NEW].keep(tuning, Deadline.after(10))
        with pytest.raises(SwapRefused, match=r"trained on 2026-04-01.*--allow-older"):
            await switch(swap.parts, NEW, change_share=0.1)
        assert swap.models.registry.live == OLD
        await switch(swap.parts, NEW, change_share=0.1, allow_older=True)
        assert swap.models.registry.live == NEW

        dated(swap, {OLD: SPRING, NEW: AUTUMN})
        await rollback(swap.parts)
        assert swap.models.registry.live == OLD
