"""What a gateway makes of a bundle's folder."""

from pathlib import Path

import pytest

from gateway.settings import Settings
from gateway.space_wiring import HeldSpaces
from gateway.telemetry import Metrics
from retrieval.triton import TritonReranker
from tests.support.two_bundles import write_servable_bundle


class FreeLease:
    """Is had by whoever asks."""

    async def take(self, name: bytes, for_s: float) -> bool:
        return True


@pytest.mark.parametrize("seed", [None, 1])
async def test_a_space_has_a_reranker_where_its_bundle_has_one(
    tmp_path: Path, seed: int | None
) -> None:
    folder = write_servable_bundle(tmp_path / "bundle", seed=0, reranker=seed)
    settings = Settings(bundle_dir=folder, data_dir=tmp_path / "data")
    held = HeldSpaces(settings, Metrics(), FreeLease())
    assert isinstance(held.spaces.live.reranker, TritonReranker) == (seed is not None)
    await held.close()
