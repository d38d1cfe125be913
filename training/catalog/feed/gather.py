"""A feed into a folder of products and pictures.

The feed is looked through once, so that an unusable one changes nothing, and then read row by row
while pictures are checked and stored some rows ahead. What cannot be used is set aside with its
reason. A run that ends early keeps what it has done; the same command again goes on from there.
"""

import contextlib
import fcntl
import json
import sys
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Final

from catalog.errors import CatalogError
from catalog.feed.columns import Columns, match_columns
from catalog.feed.drafts import Draft, draft, fitted, row_id
from catalog.feed.folder import PictureFolder
from catalog.feed.formats import Feed, open_feed
from catalog.feed.journal import PictureJournal
from catalog.feed.outcome import CONTRADICTED, Gathered
from catalog.feed.rows import Row, RowRefusedError
from catalog.feed.taking import PictureTaker, Taken
from catalog.interrupt import sigterm_interrupts
from catalog.pictures.fingerprints import keep_fingerprints
from catalog.pictures.refused import PictureRefused
from catalog.pictures.tidy import tidy
from catalog.products import Product, read_products, write_products
from catalog.progress import progress
from catalog.set_aside import SetAside, write_set_aside

STATE: Final = "feed"
MAX_PICTURES: Final = 40
"""Of a product, and as many snapshots: their paths are part of what the service takes."""
_ROWS_AHEAD: Final = 64


def gather_feed(feed: Path, images: Path | None, output: Path) -> None:
    """Write `products.jsonl`, `images/` and `set-aside.jsonl` into `output`; print exact counts.

    Args:
        feed: CSV, TSV, JSON Lines or Google Merchant XML.
        images: The folder of its pictures; without it the feed's own folder.
        output: Made where there is none. Products of another feed in it are replaced.

    Raises:
        CatalogError: The feed or a folder is unusable, which changes nothing; the disk takes no
            more; more than half of the rows were set aside, or rows contradict each other under
            one id. What was done is kept.
        KeyboardInterrupt: Ctrl-C or SIGTERM; what was done is kept.
    """
    source = open_feed(feed)
    columns = match_columns(source)
    folder = PictureFolder(feed, images)
    try:
        output.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise CatalogError(f"{output} cannot be a folder: {error.strerror}") from None
    try:
        with sigterm_interrupts(), _alone_in(output):
            _gather(source, columns, folder, output)
    except OSError as error:
        where = error.filename or output
        raise CatalogError(
            f"{where}: {error.strerror}; what was done is kept, and the same command goes on"
        ) from None


def _gather(feed: Feed, columns: Columns, folder: PictureFolder, output: Path) -> None:
    with (
        PictureJournal(output / STATE / "pictures.jsonl") as journal,
        PictureTaker(folder, output, journal) as taker,
    ):
        run = _Run(feed, columns, taker)
        try:
            run.read()
            run.tidy(output)
        except (KeyboardInterrupt, OSError, CatalogError):
            # Where the disk is full even the list may find no room; the old one stays then.
            with contextlib.suppress(OSError):
                run.keep_so_far(output)
            raise
        write_products(output, run.gathered.products)
        write_set_aside(output, run.gathered.set_aside())
    print(run.gathered.report(feed.path, output, taker.read, taker.known))
    if complaint := run.gathered.complaint(feed.path, output):
        raise CatalogError(complaint)


class _Run:
    """One pass over the feed."""

    def __init__(self, feed: Feed, columns: Columns, taker: PictureTaker) -> None:
        self.gathered = Gathered()
        self._feed = feed
        self._columns = columns
        self._taker = taker
        self._seen: dict[str, bytes] = {}
        """Id -> digest of its row."""
        self._fingerprints: dict[str, int] = {}

    def read(self) -> None:
        """Make products of the rows. Raises `OSError` where the store cannot write."""
        waiting: deque[tuple[Row, Draft, list[Taken], list[Taken]]] = deque()
        with progress(self._feed.rows, "gathering", "rows") as bar:
            for row in self._feed.read():
                try:
                    waiting.append(self._begin(row))
                except RowRefusedError as refused:
                    self._set_aside(row, refused)
                    bar.update()
                if len(waiting) > _ROWS_AHEAD:
                    self._finish(*waiting.popleft())
                    bar.update()
            while waiting:
                self._finish(*waiting.popleft())
                bar.update()

    def tidy(self, output: Path) -> None:
        """Each view once, no placeholders."""
        keep_fingerprints(output, self._fingerprints)
        tidied = tidy(output, self.gathered.products)
        self.gathered.products = list(tidied.products)
        for row in tidied.set_aside:
            (self.gathered.pictures_aside if row.picture else self.gathered.rows_aside).append(row)

    def keep_so_far(self, output: Path) -> None:
        """Write what there is, and of the list before what this run has not come to."""
        products = {product.id: product for product in self.gathered.products}
        aside = {row.id for row in self.gathered.rows_aside}
        with contextlib.suppress(CatalogError):
            before = {one.id: one for one in read_products(output) if one.id not in aside}
            products = before | products
        write_products(output, products.values())
        write_set_aside(output, self.gathered.set_aside())
        print(
            f"{len(self.gathered.products)} of {self._feed.rows} rows are products in {output}; "
            "the same command goes on",
            file=sys.stderr,
        )

    def _begin(self, row: Row) -> tuple[Row, Draft, list[Taken], list[Taken]]:
        found = draft(row, self._columns)
        digest = sha256(json.dumps(row.fields, sort_keys=True).encode()).digest()
        before = self._seen.setdefault(found.product.id, digest)
        if before is not digest:
            raise _twice(equal=before == digest)
        images = self._take(row, found.product, found.images)
        snapshots = self._take(row, found.product, found.snapshots)
        if not any(taken.key for taken in images):
            # Addresses, perhaps, of which the shop has the files by another name.
            named_after_id = self._taker.by_id(found.product.id)
            images = [named_after_id] if named_after_id else images
        return row, found, images, snapshots

    def _take(self, row: Row, product: Product, names: Sequence[str]) -> list[Taken]:
        message = f"A product keeps {MAX_PICTURES} pictures and as many snapshots."
        self.gathered.pictures_aside.extend(
            SetAside("IMAGE_TOO_MANY", message, product.id, name, row.where)
            for name in names[MAX_PICTURES:]
        )
        return [self._taker.by_name(name) for name in names[:MAX_PICTURES]]

    def _finish(self, row: Row, found: Draft, images: list[Taken], snapshots: list[Taken]) -> None:
        product = replace(
            found.product,
            images=self._stored(row, found.product, images),
            snapshots=self._stored(row, found.product, snapshots),
        )
        if product.images or product.snapshots:
            self.gathered.products.append(fitted(product))
        else:
            message = "The product has no picture that can be used."
            if not images and not snapshots:
                message = "The row names no picture, and none is named after its id."
            self._set_aside(row, RowRefusedError("NO_PICTURE", message))

    def _stored(self, row: Row, product: Product, pictures: list[Taken]) -> tuple[str, ...]:
        paths: dict[str, None] = {}
        for taken in pictures:
            outcome = self._taker.outcome(taken)
            if isinstance(outcome, PictureRefused):
                self.gathered.pictures_aside.append(
                    SetAside(outcome.reason, outcome.message, product.id, taken.name, row.where)
                )
            else:
                paths[outcome.path] = None
                self._fingerprints[outcome.path] = outcome.fingerprint
        return tuple(paths)

    def _set_aside(self, row: Row, refused: RowRefusedError) -> None:
        product_id = row_id(row, self._columns)
        self.gathered.rows_aside.append(
            SetAside(refused.reason, refused.message, product_id, where=row.where)
        )


def _twice(*, equal: bool) -> RowRefusedError:
    if equal:
        return RowRefusedError("ROW_TWICE", "An earlier row says the very same.")
    return RowRefusedError(
        CONTRADICTED, "An earlier row has the same id and says something else; that one counts."
    )


@contextmanager
def _alone_in(output: Path) -> Iterator[None]:
    """One run at a time; the kernel lets go of the lock when the process ends."""
    (output / STATE).mkdir(exist_ok=True)
    with (output / STATE / "lock").open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise CatalogError(f"{output} is being written by another command") from None
        yield
