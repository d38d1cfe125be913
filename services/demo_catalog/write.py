"""A catalog on disk: ``products.jsonl``, ``images/`` and the ``catalog.json`` that completes it."""

import fcntl
import glob
import io
import json
import multiprocessing
import os
import shutil
import signal
import threading
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from itertools import chain
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any, Final

import numpy as np

from demo_catalog import labels
from demo_catalog.draw import DRAWING_VERSION, draw
from demo_catalog.garments import sample_garment
from demo_catalog.progress import progress_bar

DEFAULT_COUNT: Final = 3000
DEFAULT_SEED: Final = 7
MAX_COUNT: Final = 99_999
"""Product ids have five digits."""

PRODUCTS_FILE: Final = "products.jsonl"
IMAGES_FOLDER: Final = "images"
_RECEIPT: Final = "catalog.json"
_JPEG_QUALITY: Final = 88
_BATCH: Final = 25

Product = dict[str, str | bool | float]
_Batch = tuple[Path, int, range]


class ForeignDirectoryError(Exception):
    """The output directory holds something that is not a demo catalog."""


def write_catalog(
    directory: Path,
    count: int = DEFAULT_COUNT,
    seed: int = DEFAULT_SEED,
    *,
    workers: int | None = None,
    progress: bool = True,
) -> Path:
    """Write ``count`` products to ``directory`` unless they are there already.

    The catalog is written beside ``directory`` and renamed when it is whole, so that ``directory``
    never holds a part of one; another count, seed or version of the drawing replaces it. Product
    i depends on (seed, i) alone. Calls for one directory wait for each other.

    Args:
        workers: processes that draw; by default one per usable core.
        progress: show a progress bar on standard error.

    Returns:
        ``directory``, absolute.

    Raises:
        ValueError: ``count`` is not within 1..MAX_COUNT, or ``seed`` is negative.
        ForeignDirectoryError: ``directory`` is a file, or not empty and no demo catalog.
    """
    if not 1 <= count <= MAX_COUNT or seed < 0:
        raise ValueError(f"count must be 1..{MAX_COUNT} and seed 0 or more: {count}, {seed}")
    receipt = {"count": count, "seed": seed, "drawing": DRAWING_VERSION}
    directory = directory.resolve()
    directory.parent.mkdir(parents=True, exist_ok=True)
    with _lock(directory.with_name(f".{directory.name}.lock")):
        if _is_whole(directory, receipt):
            return directory
        _refuse_foreign(directory)
        for abandoned in directory.parent.glob(f".{glob.escape(directory.name)}.partial-*"):
            shutil.rmtree(abandoned, ignore_errors=True)
        partial = directory.with_name(f".{directory.name}.partial-{os.getpid()}")
        (partial / IMAGES_FOLDER).mkdir(parents=True)
        _write_products(partial, count, seed, workers, progress)
        (partial / _RECEIPT).write_text(json.dumps(receipt) + "\n", encoding="utf-8")
        _put_in_place(partial, directory)
    return directory


def make_product(seed: int, index: int) -> tuple[Product, bytes]:
    """Product ``index`` of the catalog of ``seed``, as a line of the feed and a JPEG file."""
    garment_rng, shop_rng, picture_rng = np.random.default_rng((seed, index)).spawn(3)
    garment = sample_garment(garment_rng)
    name = f"demo-{index:05d}"
    product: Product = {
        "id": name,
        "title": labels.title(garment),
        "image": f"{IMAGES_FOLDER}/{name}.jpg",
        "brand": labels.brand(shop_rng),
        "price": labels.price(garment, shop_rng),
        "currency": labels.CURRENCY,
        **garment.attributes(),
    }
    file = io.BytesIO()
    draw(garment, picture_rng).save(file, "JPEG", quality=_JPEG_QUALITY, optimize=True)
    return product, file.getvalue()


def _write_products(
    folder: Path, count: int, seed: int, workers: int | None, progress: bool
) -> None:
    batches = [
        (folder, seed, range(start, min(start + _BATCH, count)))
        for start in range(0, count, _BATCH)
    ]
    workers = min(workers or _usable_cores(), len(batches))
    with (folder / PRODUCTS_FILE).open("w", encoding="utf-8") as feed:
        bar = progress_bar(count, disable=not progress)
        with bar, _pool_map(workers, batches) as done:
            for product in chain.from_iterable(done):
                feed.write(json.dumps(product, ensure_ascii=False) + "\n")
                bar.update()


@contextmanager
def _pool_map(workers: int, batches: list[_Batch]) -> Iterator[Iterator[list[Product]]]:
    """Results in order, drawn here if there is one worker and else in fresh processes."""
    if workers == 1:
        yield map(_write_batch, batches)
        return
    context = multiprocessing.get_context("spawn")  # safe in a process that has threads
    with ProcessPoolExecutor(workers, mp_context=context, initializer=_start_worker) as pool:
        try:
            yield pool.map(_write_batch, batches)
        except BaseException:
            pool.shutdown(cancel_futures=True)  # else leaving would draw all the rest first
            raise


def _start_worker() -> None:
    """Leave an interrupt to the parent, and end with it however it ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_exit_after, args=(parent,), daemon=True).start()


def _exit_after(parent: BaseProcess) -> None:
    parent.join()
    os._exit(1)


def _write_batch(batch: _Batch) -> list[Product]:
    folder, seed, indices = batch
    products = []
    for index in indices:
        product, jpeg = make_product(seed, index)
        (folder / str(product["image"])).write_bytes(jpeg)
        products.append(product)
    return products


def _usable_cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@contextmanager
def _lock(path: Path) -> Iterator[None]:
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)  # released with the file, also when the process dies
        yield


def _is_whole(directory: Path, receipt: dict[str, int]) -> bool:
    """Whether the catalog of this receipt is there, with all of its pictures."""
    if _read_receipt(directory) != receipt or not (directory / PRODUCTS_FILE).is_file():
        return False
    images = sum(1 for _ in (directory / IMAGES_FOLDER).glob("*.jpg"))
    return images == receipt["count"]


def _read_receipt(directory: Path) -> Any:
    try:
        return json.loads((directory / _RECEIPT).read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError, json.JSONDecodeError):
        return None


def _refuse_foreign(directory: Path) -> None:
    if not directory.exists() or (directory / _RECEIPT).is_file():
        return
    if not directory.is_dir() or any(directory.iterdir()):
        raise ForeignDirectoryError(f"{directory} holds something that is no demo catalog")


def _put_in_place(partial: Path, directory: Path) -> None:
    replaced = directory.with_name(f".{directory.name}.replaced")
    shutil.rmtree(replaced, ignore_errors=True)
    if directory.exists():
        directory.rename(replaced)
    partial.rename(directory)
    shutil.rmtree(replaced, ignore_errors=True)
