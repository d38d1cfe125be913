"""`catalog structure` where something is wrong: killed, given what it cannot use, out of disk."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from PIL import Image

from catalog.products import Product, write_products
from catalog.structure.captioned import CAPTIONS
from catalog.structure.kept import KEPT
from tests.training.catalog.small_catalog import (
    make_products,
    write_catalog,
)
from tests.training.catalog.structuring import SHARES, snapshot, structure


@pytest.fixture(scope="module")
def catalog(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Sixty products of two categories."""
    folder = tmp_path_factory.mktemp("catalog")
    write_catalog(folder, make_products(folder, range(60)))
    return folder


@pytest.fixture(scope="module")
def dataset(catalog: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Its data set."""
    root = tmp_path_factory.mktemp("data") / "set"
    assert structure(catalog, root, *SHARES) == 0
    return root


@pytest.fixture
def own(catalog: Path, tmp_path: Path) -> Path:
    """A copy of the catalog that a test may change."""
    return Path(shutil.copytree(catalog, tmp_path / "own"))


def test_a_kill_leaves_whole_files_and_the_next_run_ends_the_same(
    catalog: Path, dataset: Path, tmp_path: Path
) -> None:
    root = tmp_path / "set"
    command = [sys.executable, "-m", "catalog", "structure", str(catalog), "--output", str(root)]
    process = subprocess.Popen(
        [*command, *SHARES], env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    )
    until = time.monotonic() + 60
    while process.poll() is None and len(list(root.glob("images/*.*"))) <= 5:
        assert time.monotonic() < until
    process.send_signal(signal.SIGKILL)
    process.wait()
    (root / "images/.0123456789abcdef0123.png.partial").write_bytes(b"half of a picture")
    for path in root.glob("images/[!.]*"):
        with Image.open(path) as image:
            image.load()
    assert structure(catalog, root, *SHARES) == 0
    volatile = ("DATACARD.md", "fingerprints.json")
    assert snapshot(root, without=volatile) == snapshot(dataset, without=volatile)


def drop_products(own: Path) -> None:
    (own / "products.jsonl").unlink()


def drop_captions(own: Path) -> None:
    (own / CAPTIONS).unlink()


def break_captions(own: Path) -> None:
    (own / CAPTIONS).write_text('{"kind": "snapshot"}\n')


def no_captions(own: Path) -> None:
    (own / CAPTIONS).write_text("")


def not_utf8(own: Path) -> None:
    (own / CAPTIONS).write_bytes("é".encode("latin-1"))


def other_products(own: Path) -> None:
    write_products(own, [Product(id="another")])


@pytest.mark.parametrize(
    ("spoil", "sentence"),
    [
        (drop_products, "products.jsonl does not exist; `catalog crawl` writes it"),
        (drop_captions, "captions.jsonl does not exist; `catalog caption` writes it"),
        (break_captions, "captions.jsonl: line 1 is no captioned pair"),
        (not_utf8, "captions.jsonl is not UTF-8"),
        (no_captions, "no captioned pair can be used (there is none)"),
        (other_products, "no captioned pair can be used (118 x PRODUCT_GONE)"),
    ],
)
def test_bad_input_is_one_sentence_and_writes_nothing(
    own: Path,
    tmp_path: Path,
    spoil: Callable[[Path], None],
    sentence: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    spoil(own)
    assert structure(own, tmp_path / "set") == 1
    said = capsys.readouterr().err
    assert said.startswith("catalog structure: ")
    assert sentence in said
    assert said.count("\n") == 1
    assert not (tmp_path / "set").exists()


def test_a_foreign_data_set_is_left_alone(
    catalog: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "captions").mkdir()
    assert structure(catalog, tmp_path) == 1
    assert "none of ours" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["captions"]


def test_other_shares_than_a_data_set_has_are_refused(
    own: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert structure(own, tmp_path / "set", *SHARES) == 0
    assert structure(own, tmp_path / "set", "--val", "0.3") == 1
    assert "was made with --val 0.25" in capsys.readouterr().err
    (tmp_path / "set" / KEPT).write_text("{}")
    assert structure(own, tmp_path / "set") == 1
    assert "restore it from a copy" in capsys.readouterr().err
    assert structure(own, tmp_path / "other", "--val", "0.5", "--test", "0.5") == 1


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 300 KB, where one may mount."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=300k", "tmpfs", str(folder)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("only root mounts a small file system")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def test_a_full_disk_is_one_sentence_and_the_same_command_goes_on(
    catalog: Path, dataset: Path, small_disk: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = small_disk / "set"
    assert structure(catalog, root, *SHARES) == 1
    said = capsys.readouterr().err
    assert said.startswith("catalog structure: ")
    assert "No space left on device" in said
    assert said.count("\n") == 1
    assert not list(root.rglob("*.partial"))
    subprocess.run(["mount", "-o", "remount,size=50m", str(small_disk)], check=True)
    assert structure(catalog, root, *SHARES) == 0
    assert snapshot(root, without=("DATACARD.md",)) == snapshot(dataset, without=("DATACARD.md",))
