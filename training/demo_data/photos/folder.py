"""Photos as they are used: small, with the color measured, made once and kept.

DIR/images/NAME.jpg    longer side 320 pixels
DIR/photos.json        [[ID, NAME, CATEGORY, COLOR, CONFIDENCE], ...]
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256
from itertools import chain
from pathlib import Path
from typing import Final

from PIL import Image
from tqdm import tqdm

from catalog.color.measure import MEASURE_VERSION, measure_color
from catalog.errors import CatalogError
from catalog.feed.formats import Feed, open_feed
from catalog.pictures.reading import read_pixels
from catalog.pictures.refused import PictureRefused
from demo_catalog.folder import write_whole
from demo_catalog.workers import pool_map
from demo_data.photos.photo import SURE, Photo, PhotoShelf
from demo_data.words.photos import CATEGORY_OF_LABEL

LISTS: Final = ("products.csv", "images.csv")
"""What says of each photo what it shows; the second is the data set's own name for it."""
SIDE: Final = 320
_JPEG_QUALITY: Final = 92
_CHUNK: Final = 16
_VERSION: Final = 1
_RECEIPT: Final = "demo-photos.json"
_FOUND: Final = "photos.json"


@dataclass(frozen=True)
class _Listed:
    id: str
    name: str
    category: str


_Measured = tuple[str, str, str, str, float]
_Task = tuple[Path, Path, Sequence[_Listed]]


def prepare_photos(
    source: Path, folder: Path, *, workers: int | None = None, progress: bool = True
) -> PhotoShelf:
    """The photos of `source`, made small in ``folder/images`` unless they are there already.

    Photos whose label is none of `CATEGORY_OF_LABEL` are left out ("Not sure", "Other", "Skip"),
    as are those that are missing or damaged; how many of each is printed with `progress`.

    Args:
        source: a folder with a list (`LISTS`; columns id or image, and label) and ``images``.
        folder: what is made.
        workers: processes; by default one per usable core.

    Raises:
        CatalogError: The list is missing, is no CSV, or has neither ids nor labels.
        ForeignDirectoryError: `folder` holds something else.
    """
    feed = _feed(source)
    listed, unused = _read_list(feed)

    def fill(partial: Path) -> None:
        (partial / "images").mkdir()
        found = list(_measure(source / "images", partial, listed, workers, progress))
        (partial / _FOUND).write_text(json.dumps(found) + "\n", encoding="utf-8")

    digest = _digest(feed.path, source)
    receipt = {"version": _VERSION, "colors": MEASURE_VERSION, "source": digest}
    folder = write_whole(folder, _RECEIPT, receipt, fill, _complete)
    photos = [
        Photo(photo_id, name, category, color if confidence >= SURE else None)
        for photo_id, name, category, color, confidence in _read(folder)
    ]
    if progress:
        print(_summary(photos, len(listed), unused))
    return PhotoShelf(photos, folder / "images", digest)


def _feed(source: Path) -> Feed:
    for name in LISTS:
        if (source / name).is_file():
            return open_feed(source / name)
    raise CatalogError(f"{source} holds no {' or '.join(LISTS)}")


def _read_list(feed: Feed) -> tuple[list[_Listed], int]:
    """The photos with a usable label in order of their ids, and how many have none."""
    labels: dict[str, str] = {}
    for row in feed.read():
        photo_id = row.fields.get("id") or row.fields.get("image") or ""
        # An id names a file, and none beyond the folder.
        if row.problem is None and photo_id and Path(photo_id).name == photo_id:
            labels[photo_id] = str(row.fields.get("label", "")).strip()
    used = sorted(photo_id for photo_id, label in labels.items() if label in CATEGORY_OF_LABEL)
    if not used:
        raise CatalogError(f"{feed.path} has no columns id (or image) and label with known labels")
    # A short name: each is listed many thousand times as the answer to questions.
    listed = [
        _Listed(photo_id, f"photo-{place:04d}", CATEGORY_OF_LABEL[labels[photo_id]])
        for place, photo_id in enumerate(used)
    ]
    return listed, feed.rows - len(used)


def _digest(path: Path, source: Path) -> str:
    """What decides the content: the list, and the names and sizes of the pictures."""
    digest = sha256(path.read_bytes())
    for picture in sorted((source / "images").glob("*.jpg")):
        digest.update(f"{picture.name} {picture.stat().st_size}\n".encode())
    return digest.hexdigest()


def _measure(
    images: Path, folder: Path, listed: Sequence[_Listed], workers: int | None, progress: bool
) -> Iterator[_Measured]:
    chunks = [listed[start : start + _CHUNK] for start in range(0, len(listed), _CHUNK)]
    tasks: list[_Task] = [(images, folder / "images", chunk) for chunk in chunks]
    bar = tqdm(total=len(listed), desc="measure photos", unit="picture", disable=not progress)
    with bar, pool_map(_measure_chunk, tasks, workers) as done:
        for chunk, found in zip(chunks, done, strict=True):
            yield from found
            bar.update(len(chunk))


def _measure_chunk(task: _Task) -> list[_Measured]:
    images, folder, chunk = task
    return list(chain.from_iterable(_measure_one(images, folder, listed) for listed in chunk))


def _measure_one(images: Path, folder: Path, listed: _Listed) -> Iterator[_Measured]:
    """One photo, or none where its file is missing or damaged."""
    try:
        picture = read_pixels((images / f"{listed.id}.jpg").read_bytes())
    except (FileNotFoundError, PictureRefused):
        return
    picture.thumbnail((SIDE, SIDE), Image.Resampling.LANCZOS)
    picture.save(folder / f"{listed.name}.jpg", quality=_JPEG_QUALITY)
    color = measure_color(picture)
    yield listed.id, listed.name, listed.category, color.name, color.confidence


def _read(folder: Path) -> list[_Measured]:
    found: list[_Measured] = json.loads((folder / _FOUND).read_text(encoding="utf-8"))
    return found


def _complete(folder: Path) -> bool:
    if not (folder / _FOUND).is_file():
        return False
    there = {path.stem for path in (folder / "images").glob("*.jpg")}
    return {name for _, name, *_ in _read(folder)} == there


def _summary(photos: Sequence[Photo], listed: int, unused: int) -> str:
    unsure = sum(photo.color is None for photo in photos)
    return (
        f"{len(photos)} photos, the color of {unsure} of them unsure; left out "
        f"{unused} without a usable label and {listed - len(photos)} missing or damaged"
    )
