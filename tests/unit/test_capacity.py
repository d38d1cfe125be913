"""The capacity page says what its arithmetic says, and the arithmetic follows its own rules."""

from pathlib import Path

import pytest

from deploy.capacity import NEEDS, NODE_DISK, NODE_MEMORY, Need, rounded, size, table
from retrieval.qdrant.schema import POOL, TOKENS, vectors_config

ARCHITECTURE = Path(__file__).parents[2] / "ARCHITECTURE.md"


def test_the_page_has_the_table() -> None:
    assert table() in ARCHITECTURE.read_text(), "run `.venv/bin/python -m deploy.capacity`"


def test_the_index_is_configured_as_it_is_counted() -> None:
    config = vectors_config(256)
    tokens, pool = config[TOKENS], config[POOL]
    assert tokens.datatype == "float16"
    assert tokens.on_disk
    assert pool.datatype is None  # float32
    assert not pool.on_disk
    assert pool.quantization_config.scalar.always_ram
    assert pool.hnsw_config.m == 16


@pytest.mark.parametrize("need", NEEDS)
def test_one_copy_fits_its_shards(need: Need) -> None:
    assert need.disk_bytes / need.shards <= NODE_DISK
    assert need.memory_bytes / need.shards <= NODE_MEMORY
    assert need.replicas >= 2


def test_more_products_take_more_shards_and_more_searches_more_copies() -> None:
    assert Need(2e9, 10).shards == pytest.approx(2 * Need(1e9, 10).shards, abs=1)
    assert Need(1e9, 5000).replicas == 5 * Need(1e9, 1000).replicas
    assert Need(1e9, 10).replicas == Need(1e5, 10).replicas


@pytest.mark.parametrize(
    ("number", "said"), [(0.0305, "0.030"), (0.3, "0.30"), (2.61, "2.6"), (2987.4, "3,000")]
)
def test_two_figures(number: float, said: str) -> None:
    assert rounded(number) == said


def test_sizes() -> None:
    assert [size(54e6), size(2.6e9), size(26e12)] == ["54 MB", "2.6 GB", "26 TB"]
