"""Colours measured from pictures: computed once, and kept beside them.

DIR/colors.json    {"version": 1, "colors": {PICTURE: [NAME, CONFIDENCE]}}
"""

import json
import multiprocessing
import os
import signal
import threading
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from multiprocessing.process import BaseProcess
from pathlib import Path
from time import monotonic
from typing import Final

from catalog.color.measure import MEASURE_VERSION, MeasuredColor, measure_color
from catalog.color.names import COLOR_NAMES, read_color
from catalog.pictures.reading import read_pixels
from catalog.pictures.refused import PictureRefused
from catalog.products import Product, write_text
from catalog.progress import progress

COLORS: Final = "colors.json"
SURE: Final = 0.4
"""Confidence under which a colour is not told: of 180 photos judged by eye, 170 reached it, and
of those 94 % were right."""
_BEFORE_PROCESSES: Final = 24
_KEEP_EVERY_S: Final = 10.0
"""A kill loses what was measured since."""


def with_measured_colors(folder: Path, products: Sequence[Product]) -> tuple[Product, ...]:
    """The products, with a measured colour where the shop names none that is known here.

    It is that of the picture that stands for the product (`selection.choose.picture_of`). Where it
    is not sure, the product stays as it is.
    """
    asked = {product.id: _picture(product) for product in products if not _is_named(product)}
    measured = read_colors(folder, [picture for picture in asked.values() if picture])
    return tuple(
        replace(product, color=told)
        if (told := color_told(measured.get(asked.get(product.id, "")))) is not None
        else product
        for product in products
    )


def color_told(measured: MeasuredColor | None) -> str | None:
    """The name of a measured colour; None where it is not sure or not measured."""
    return measured.name if measured is not None and measured.confidence >= SURE else None


def read_colors(folder: Path, pictures: Iterable[str]) -> dict[str, MeasuredColor]:
    """Colours of pictures (paths relative to `folder`), measured where `colors.json` has none.

    What was measured is kept even if something ends it. A picture that cannot be read has none.
    """
    kept = _read(folder / COLORS)
    wanted = list(dict.fromkeys(pictures))
    missing = [picture for picture in wanted if picture not in kept]
    if missing:
        saved = monotonic()
        try:
            for picture, measured in _measure(folder, missing):
                kept[picture] = measured
                if monotonic() - saved > _KEEP_EVERY_S:
                    _write(folder / COLORS, kept)
                    saved = monotonic()
        finally:
            _write(folder / COLORS, kept)
    return {picture: kept[picture] for picture in wanted if picture in kept}


def _picture(product: Product) -> str:
    return next(iter((*product.images, *product.snapshots)), "")


def _is_named(product: Product) -> bool:
    named = product.color or (product.colors[0] if len(product.colors) == 1 else "")
    return read_color(named) is not None


def _measure(folder: Path, pictures: Sequence[str]) -> Iterator[tuple[str, MeasuredColor]]:
    paths = [folder / picture for picture in pictures]
    with progress(len(pictures), "colours") as bar, _mapped(paths) as results:
        for picture, measured in zip(pictures, results, strict=True):
            if measured is not None:
                yield picture, measured
            bar.update()


@contextmanager
def _mapped(paths: Sequence[Path]) -> Iterator[Iterator[MeasuredColor | None]]:
    """Results in order, from one process per usable core where there are many pictures."""
    if len(paths) < _BEFORE_PROCESSES:
        yield map(_measure_file, paths)
        return
    context = multiprocessing.get_context("spawn")
    workers = len(os.sched_getaffinity(0))
    with ProcessPoolExecutor(workers, context, initializer=_start_worker) as pool:
        try:
            yield pool.map(_measure_file, paths, chunksize=4)
        except BaseException:
            pool.shutdown(cancel_futures=True)  # else leaving would work off all the rest first
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


def _measure_file(path: Path) -> MeasuredColor | None:
    try:
        return measure_color(read_pixels(path.read_bytes()))
    except (OSError, PictureRefused):
        return None


def _read(path: Path) -> dict[str, MeasuredColor]:
    """What is kept; nothing where there is no such file, or one of another version."""
    try:
        kept = json.loads(path.read_text(encoding="utf-8"))
        if kept["version"] != MEASURE_VERSION:
            return {}
        return {
            str(picture): MeasuredColor(name, float(confidence))
            for picture, (name, confidence) in kept["colors"].items()
            if name in COLOR_NAMES
        }
    except FileNotFoundError:
        return {}
    except (ValueError, KeyError, TypeError, AttributeError):
        return {}


def _write(path: Path, colors: dict[str, MeasuredColor]) -> None:
    rows = {picture: [c.name, c.confidence] for picture, c in sorted(colors.items())}
    content = {"version": MEASURE_VERSION, "colors": rows}
    write_text(path, json.dumps(content, ensure_ascii=False, separators=(",", ":")) + "\n")
