"""Checking all of a backup: every file against its sum, every picture against its name."""

import asyncio
from typing import Final

from gateway.backup.progress import Progress
from gateway.backup.reading import OpenBackup
from gateway.backup.records import SavedProduct

_AT_ONCE: Final = 4


async def check(backup: OpenBackup, progress: Progress, *, tokens: bool = True) -> None:
    """Read everything once, without the tokens where they will not be used.

    Raises:
        BackupDamaged: names the first file that is missing or not as it was.
        OSError: the disk cannot be read.
    """
    progress.begin("checking", backup.manifest.products)
    for number in range(len(backup.manifest.parts)):
        part = await asyncio.to_thread(backup.part, number, tokens=tokens)
        await _check_pictures(backup, part.products, progress)
    progress.end()


async def _check_pictures(
    backup: OpenBackup, products: list[SavedProduct], progress: Progress
) -> None:
    places = asyncio.Semaphore(_AT_ONCE)

    async def one(saved: SavedProduct) -> None:
        async with places:
            if saved.picture_saved:
                await asyncio.to_thread(backup.picture, saved.product.image_sha256)
        progress.add(1)

    for end in await asyncio.gather(*map(one, products), return_exceptions=True):
        if end is not None:
            raise end
