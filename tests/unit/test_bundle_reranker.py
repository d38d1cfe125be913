"""A reranker comes, changes and goes, and the space that it judges in stays what it is."""

import json
import shutil
from pathlib import Path

import pytest

from publisher.bundles import keep_bundle
from publisher.repository import copy_bundle, models_of, remove_models
from retrieval.bundle import BundleError, load_bundle
from tests.support.tiny_bundle import write_tiny_bundle


@pytest.fixture
def bundle_dir(tmp_path: Path) -> Path:
    return write_tiny_bundle(tmp_path / "bundle", reranker=1)


def folders(repository: Path) -> set[str]:
    return {path.name for path in repository.iterdir() if path.is_dir()}


def test_a_spaces_digest_says_nothing_of_its_reranker(bundle_dir: Path, tmp_path: Path) -> None:
    one = load_bundle(bundle_dir, verify=True)
    other = load_bundle(write_tiny_bundle(tmp_path / "other", reranker=2), verify=True)
    without = load_bundle(write_tiny_bundle(tmp_path / "without"), verify=True)
    assert one.digest == other.digest == without.digest
    assert one.reranker is not None
    assert one.reranker != other.reranker
    assert without.reranker is None
    assert one.models["reranker"] == f"reranker_{one.reranker.digest[:12]}"
    assert without.models == {n: m for n, m in one.models.items() if n != "reranker"}


def test_the_same_graph_is_another_reranker_in_another_space(
    bundle_dir: Path, tmp_path: Path
) -> None:
    elsewhere = write_tiny_bundle(tmp_path / "elsewhere", seed=5, reranker=1)
    graph = Path("reranker") / "1" / "model.onnx"
    assert (elsewhere / graph).read_bytes() == (bundle_dir / graph).read_bytes()
    assert load_bundle(elsewhere).reranker != load_bundle(bundle_dir).reranker


def test_a_reranker_that_is_not_what_its_digest_says_is_refused(bundle_dir: Path) -> None:
    with (bundle_dir / "reranker" / "1" / "model.onnx").open("ab") as graph:
        graph.write(b"\0")
    with pytest.raises(BundleError, match="the reranker hashes to"):
        load_bundle(bundle_dir, verify=True)
    shutil.rmtree(bundle_dir / "reranker")
    with pytest.raises(BundleError, match=r"no reranker/1/model\.onnx"):
        load_bundle(bundle_dir, verify=True)


def test_a_digest_of_another_form_is_no_bundle(bundle_dir: Path) -> None:
    path = bundle_dir / "bundle.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"reranker": {"digest": "12ab"}}))
    with pytest.raises(BundleError, match=r"is not a bundle: reranker\.digest"):
        load_bundle(bundle_dir)


def test_a_reranker_is_published_with_the_graphs(bundle_dir: Path, tmp_path: Path) -> None:
    repository = tmp_path / "models"
    published = copy_bundle(bundle_dir, repository)
    assert published.models == tuple(load_bundle(bundle_dir).models.values())
    assert published.changed == set(published.models) == folders(repository)
    copied, source = repository / published.models[-1], bundle_dir / "reranker"
    for file in ("config.pbtxt", "1/model.onnx"):
        assert (copied / file).read_bytes() == (source / file).read_bytes()
    assert copy_bundle(bundle_dir, repository).changed == set()


def test_a_new_reranker_takes_a_place_beside_the_old_one_and_both_go_with_the_space(
    bundle_dir: Path, tmp_path: Path
) -> None:
    """A gateway that runs asks for the one that it began with."""
    repository, bundles = tmp_path / "models", tmp_path / "bundles"
    first, short = copy_bundle(bundle_dir, repository), load_bundle(bundle_dir).short_digest
    keep_bundle(bundle_dir, bundles)
    other_dir = write_tiny_bundle(tmp_path / "other", reranker=2)
    second = copy_bundle(other_dir, repository)
    assert second.changed == {second.models[-1]}
    assert folders(repository) == {*first.models, *second.models}
    keep_bundle(other_dir, bundles)
    assert load_bundle(bundles / short) == load_bundle(other_dir)

    neighbour = copy_bundle(write_tiny_bundle(tmp_path / "far", seed=1, reranker=1), repository)
    assert {*models_of(short, repository)} == {*first.models, *second.models}
    for _ in range(2):
        remove_models(short, repository)
    assert folders(repository) == set(neighbour.models)


def test_a_bundle_that_lost_its_reranker_publishes_none(bundle_dir: Path, tmp_path: Path) -> None:
    repository, bundles = tmp_path / "models", tmp_path / "bundles"
    keep_bundle(bundle_dir, bundles)
    without = write_tiny_bundle(tmp_path / "without")
    shutil.copytree(bundle_dir / "reranker", without / "reranker")
    assert len(copy_bundle(without, repository).models) == 3
    kept = keep_bundle(without, bundles)
    assert load_bundle(bundles / kept.short_digest).reranker is None
