"""What gateways read of a bundle, and how a model's graphs leave a repository: whole or not."""

from pathlib import Path

import pytest

from publisher.bundles import forget_bundle, keep_bundle
from publisher.repository import copy_bundle, remove_models
from retrieval.bundle import BundleError, load_bundle
from tests.support.tiny_bundle import write_tiny_bundle


@pytest.fixture
def bundle_dir(tmp_path: Path) -> Path:
    return write_tiny_bundle(tmp_path / "bundle")


def test_gateways_get_the_rules_and_the_tokenizer_under_the_digest(
    bundle_dir: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "deep" / "bundles"
    bundle = keep_bundle(bundle_dir, folder)
    (kept,) = folder.iterdir()
    assert kept.name == bundle.short_digest
    assert load_bundle(kept) == bundle
    assert (kept / "tokenizer.json").read_bytes() == (bundle_dir / "tokenizer.json").read_bytes()
    before = kept.stat().st_ino
    keep_bundle(bundle_dir, folder)
    assert kept.stat().st_ino == before


def test_a_damaged_copy_is_replaced_and_a_damaged_bundle_refused(
    bundle_dir: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "bundles"
    bundle = keep_bundle(bundle_dir, folder)
    (folder / bundle.short_digest / "tokenizer.json").write_text("{")
    keep_bundle(bundle_dir, folder)
    kept = folder / bundle.short_digest / "tokenizer.json"
    assert kept.read_bytes() == (bundle_dir / "tokenizer.json").read_bytes()
    assert {path.name for path in folder.iterdir()} == {bundle.short_digest}
    (bundle_dir / "tokenizer.json").write_text("{}")
    with pytest.raises(BundleError):
        keep_bundle(bundle_dir, folder)


def test_a_bundle_is_forgotten_alone_and_again(bundle_dir: Path, tmp_path: Path) -> None:
    folder = tmp_path / "bundles"
    first = keep_bundle(bundle_dir, folder)
    second = keep_bundle(write_tiny_bundle(tmp_path / "other", seed=1), folder)
    for _ in range(2):
        forget_bundle(first.short_digest, folder)
    assert {path.name for path in folder.iterdir()} == {second.short_digest}


def test_a_models_graphs_are_removed_alone_and_again(bundle_dir: Path, tmp_path: Path) -> None:
    repository = tmp_path / "models"
    remove_models("0" * 12, repository)  # of a repository that is not there
    first = copy_bundle(bundle_dir, repository)
    second = copy_bundle(write_tiny_bundle(tmp_path / "other", seed=1), repository)
    for _ in range(2):
        remove_models(first.bundle.short_digest, repository)
    left = {path.name for path in repository.iterdir() if path.is_dir()}
    assert left == set(second.models)
