"""Removing the pictures that no product of any catalog refers to, so that no product loses one.

An import keeps a picture first and writes the product that refers to it afterwards. In between
nothing refers to the picture, and where it was there already, an import does not write it again.
So "nobody refers to it now" is no reason to delete. A picture goes in two steps instead:

1. One that nobody refers to, and that has been there for the grace period, is set aside: it is in
   the trash, where reads still find it, and where an import does *not* take it for kept.
2. A later run takes it back if somebody refers to it by then. If it has been in the trash for
   another grace period, it is removed for good.

Why nothing is lost: take an import that is being made while its picture goes to the trash, and
that found it outside. It ends, one way or the other, within the grace period (an import call has
at most an hour, the grace period at least two), and reads find the picture all the while. The
run that would remove it looks at the index after that, sees the product, and takes it back. An
import that came later wrote the picture anew.

The order of a run follows: look at the index first, empty the trash next, fill it last. A run
that is killed leaves pictures in one place or in both, never in none, and the next one goes on.
"""

import asyncio
import itertools
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from typing import Final

from retrieval.domain import Deadline, PictureShelf, ReferencedPictures, StoredPicture
from retrieval.ports import PictureReferences, PictureTrash

LEAST_GRACE_S: Final = 2 * 3600.0
_AT_ONCE: Final = 8


class CollectionRefused(Exception):
    """What the index says cannot be the whole truth; nothing was changed. One sentence."""


@dataclass(frozen=True, slots=True)
class Rules:
    """How much a run may do.

    Attributes:
        grace_s: age in seconds before a picture is set aside, and again before it is removed.
        batch: how many pictures a run may set aside, and how many it may remove.
        most_share: a run refuses where more than this share of all pictures is due to be set aside
            or removed: then it may be the index that is short of products.
        dry_run: only say what would be done.
    """

    grace_s: float = 24 * 3600.0
    batch: int = 1000
    most_share: float = 0.5
    dry_run: bool = False


@dataclass(frozen=True, slots=True)
class Report:
    """What a run found and did, or with a dry run would have done.

    Attributes:
        products: of all catalogs and all models' collections.
        referenced: distinct pictures that they refer to.
        kept: pictures outside the trash before the run.
        unused: those of them that nobody refers to.
        young: those of `unused` that are still in their grace period.
        set_aside: those that went to the trash.
        restored: pictures that came back from the trash, since they are referred to again.
        removed: pictures that were removed for good.
        waiting: pictures that are left in the trash.
        left: pictures that are due, but beyond the batch.
    """

    products: int
    referenced: int
    kept: int
    unused: int
    young: int
    set_aside: int
    restored: int
    removed: int
    waiting: int
    left: int


class PictureCollection:
    """Finds and removes unused pictures."""

    def __init__(
        self, references: PictureReferences, store: PictureTrash, now: Callable[[], float]
    ) -> None:
        """``now``: seconds since 1970."""
        self._references = references
        self._store = store
        self._now = now

    async def run(self, rules: Rules, deadline: Deadline) -> Report:
        """One run. May be ended at any moment and made again.

        Raises:
            CollectionRefused: the index is empty, or too many pictures would go.
            DependencyError: the index or the store cannot be read or written.
        """
        before_s = self._now() - rules.grace_s
        marked = await self._references.referenced(deadline)
        if not marked.sha256s:
            raise CollectionRefused(
                "the index refers to no picture at all, which cannot be told from an index that "
                "was lost"
            )
        kept, unused, due = 0, 0, []
        async for picture in self._store.pictures(PictureShelf.KEPT, deadline):
            kept += 1
            if _is_referenced(picture, marked):
                continue
            unused += 1
            if picture.changed_at_s < before_s:
                due.append(picture)
        trashed = [p async for p in self._store.pictures(PictureShelf.TRASH, deadline)]
        wanted = [picture for picture in trashed if _is_referenced(picture, marked)]
        overdue = [
            picture
            for picture in trashed
            if picture.changed_at_s < before_s and not _is_referenced(picture, marked)
        ]
        going, all_pictures = len(due) + len(overdue), kept + len(trashed)
        if going > rules.most_share * all_pictures:
            raise CollectionRefused(
                f"{going:,} of {all_pictures:,} pictures would go, more than the share of "
                f"{rules.most_share:.0%} that may, so the index may be short of products"
            )
        removing, leaving = overdue[: rules.batch], due[: rules.batch]
        if not rules.dry_run:
            store = self._store
            await _each(wanted, lambda picture: store.restore(picture.sha256, deadline))
            await _each(removing, lambda picture: store.expunge(picture.sha256, before_s, deadline))
            await _each(leaving, lambda picture: store.trash(picture.sha256, deadline))
        return Report(
            products=marked.products,
            referenced=len(marked.sha256s),
            kept=kept,
            unused=unused,
            young=unused - len(due),
            set_aside=len(leaving),
            restored=len(wanted),
            removed=len(removing),
            waiting=len(trashed) - len(wanted) - len(removing) + len(leaving),
            left=len(due) - len(leaving) + len(overdue) - len(removing),
        )


def _is_referenced(picture: StoredPicture, marked: ReferencedPictures) -> bool:
    return bytes.fromhex(picture.sha256) in marked.sha256s


async def _each(
    pictures: Iterable[StoredPicture], work: Callable[[StoredPicture], Awaitable[None]]
) -> None:
    """Do it for all, a few at a time; after a failure no more are begun."""
    remaining = iter(pictures)
    while some := list(itertools.islice(remaining, _AT_ONCE)):
        ends = await asyncio.gather(*(work(picture) for picture in some), return_exceptions=True)
        for end in ends:
            if end is not None:
                raise end
