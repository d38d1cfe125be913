"""Where a feed's pictures lie, and that no path leads out of there."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from catalog.errors import CatalogError
from catalog.feed.folder import PictureFolder
from catalog.pictures.refused import PictureRefused


@pytest.fixture
def images(tmp_path: Path) -> Path:
    for name in (
        "images/a.jpg",
        "images/b.JPEG",
        "images/both.png",
        "images/both.jpg",
        "images/notes.txt",
        "images/in/c, d.jpg",
        "images/shop.example/p/1.jpg",
        "images/q/2 x.jpg",
        "images/cafe\u0301.webp",
        "secret.jpg",
    ):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    return tmp_path / "images"


@pytest.fixture
def folder(images: Path) -> PictureFolder:
    return PictureFolder(images.parent / "feed.csv", images)


def reason(folder: PictureFolder, name: str) -> str:
    with pytest.raises(PictureRefused) as caught:
        folder.by_name(name)
    return caught.value.reason


@pytest.mark.parametrize(
    ("name", "file"),
    [
        ("a.jpg", "a.jpg"),
        ("./in/../a.jpg", "a.jpg"),
        ("in/c, d.jpg", "in/c, d.jpg"),
        ("a", "a.jpg"),
        ("b", "b.JPEG"),
        ("https://shop.example/p/1.jpg?width=9", "shop.example/p/1.jpg"),
        ("HTTP://cdn.example/q/2%20x.jpg", "q/2 x.jpg"),
    ],
)
def test_found(folder: PictureFolder, images: Path, name: str, file: str) -> None:
    assert folder.by_name(name) == images / file


def test_an_absolute_path_into_the_folder(folder: PictureFolder, images: Path) -> None:
    assert folder.by_name(str(images / "a.jpg")) == images / "a.jpg"


@pytest.mark.parametrize(
    "name", ["../secret.jpg", "in/../../secret.jpg", "https://../secret.jpg", "/etc/passwd"]
)
def test_no_way_out(folder: PictureFolder, name: str) -> None:
    assert reason(folder, name) == "IMAGE_OUTSIDE_FOLDER"


def test_no_way_out_by_a_link(folder: PictureFolder, images: Path) -> None:
    (images / "link.jpg").symlink_to(images.parent / "secret.jpg")
    (images / "up").symlink_to(images.parent)
    (images / "inner.jpg").symlink_to("a.jpg")
    assert reason(folder, "link.jpg") == "IMAGE_OUTSIDE_FOLDER"
    assert reason(folder, "up/secret.jpg") == "IMAGE_OUTSIDE_FOLDER"
    assert folder.by_name("inner.jpg") == images / "a.jpg"
    with pytest.raises(PictureRefused):
        folder.by_id("link")


@pytest.mark.parametrize("name", ["none.jpg", "in", "", "a\0.jpg", "x" * 5000, "../none.jpg"])
def test_missing(folder: PictureFolder, name: str) -> None:
    assert reason(folder, name) == "IMAGE_MISSING"


def test_what_is_no_file_is_not_waited_for(folder: PictureFolder, images: Path) -> None:
    os.mkfifo(images / "pipe.jpg")
    assert reason(folder, "pipe.jpg") == "IMAGE_MISSING"


def test_an_address_is_not_fetched(folder: PictureFolder) -> None:
    """Nor is a file of the same name in another place taken for it."""
    assert reason(folder, "https://shop.example/a.jpg/a.jpg") == "IMAGE_ADDRESS"
    assert reason(folder, "file:///etc/none") == "IMAGE_ADDRESS"


def test_named_after_the_product(folder: PictureFolder, images: Path) -> None:
    assert folder.by_id("b") == images / "b.JPEG"
    assert folder.by_id("both") == images / "both.jpg"
    assert folder.by_id("caf\u00e9") == images / "cafe\u0301.webp"
    assert folder.by_id("notes") is None
    assert folder.by_id("none") is None


def test_beside_the_feed(images: Path) -> None:
    folder = PictureFolder(images.parent / "feed.csv", None)
    assert folder.by_name("images/a.jpg") == images / "a.jpg"
    assert folder.by_name("a.jpg") == images / "a.jpg"
    assert folder.by_id("both") == images / "both.jpg"
    assert folder.by_id("secret") == images.parent / "secret.jpg"


@pytest.fixture
def locked() -> Iterator[Path]:
    """A folder that may not be read, for a user who may otherwise come there."""
    outer = Path(tempfile.mkdtemp())
    outer.chmod(0o755)
    (outer / "images").mkdir(mode=0o000)
    before = os.geteuid()
    if before == 0:
        os.seteuid(65534)
    try:
        yield outer / "images"
    finally:
        os.seteuid(before)
        (outer / "images").chmod(0o700)
        shutil.rmtree(outer)


def test_a_folder_that_may_not_be_read(locked: Path) -> None:
    with pytest.raises(CatalogError, match="images cannot be read: Permission denied"):
        PictureFolder(Path("feed.csv"), locked)


def test_no_folder(images: Path) -> None:
    with pytest.raises(CatalogError, match="cannot be read: No such file or directory"):
        PictureFolder(Path("feed.csv"), images / "none")
    with pytest.raises(CatalogError, match=r"a\.jpg is not a folder"):
        PictureFolder(Path("feed.csv"), images / "a.jpg")
