"""``python -m gateway backup``: copy products, pictures and index into a folder."""

import argparse
import asyncio
import sys
from pathlib import Path

from gateway.backup.failures import BackupFailed
from gateway.backup.folder import BackupFolder
from gateway.backup.making import Made
from gateway.backup.progress import Bar
from gateway.backup.pruning import prune
from gateway.backup.told import INCOMPLETE, reason_of, run_told
from gateway.late_imports import late_imports
from gateway.settings import Settings

_DESCRIPTION = """\
Copy all catalogs of the live index, with their pictures, into the folder TARGET.

A folder holds many backups; each adds only the pictures that the folder does not have yet. A
backup is there whole or not at all: one that was ended on the way leaves none, and the pictures
that it copied are not copied again. The service goes on meanwhile, and every product whose import
was acknowledged before the backup began is in it. Reads the settings that the gateway reads
(BUNDLE_DIR, QDRANT_URL, IMAGE_STORE, DATA_DIR...), and needs neither Triton nor a running gateway.
"""
_EPILOG = """\
exit status: 0 a backup was made, 1 refused or failed and none was made, 2 a bad setting or option,
3 a backup was made, but it lacks products or pictures that could not be read, or older ones could
not be removed
"""


def add_parser(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command and its options."""
    parser = commands.add_parser(
        "backup",
        help="copy products, pictures and index into a folder",
        description=_DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog=_EPILOG,
    )
    parser.add_argument("target", type=Path, metavar="TARGET", help="the folder of backups")
    parser.add_argument(
        "--without-vectors",
        action="store_true",
        help="leave out the vectors: a restore then computes them from the pictures (--embed)",
    )
    parser.add_argument(
        "--keep",
        type=_whole,
        metavar="N",
        help="then remove all but the newest N backups, and the pictures that only they had; not "
        "where the new one lacks something",
    )
    parser.set_defaults(run=run)


def run(settings: Settings, options: argparse.Namespace) -> int:
    """Back up and say what was done; returns the exit status."""

    def work() -> int:
        status = _say(asyncio.run(_back_up(settings, options)))
        # One that lacks something takes the place of none that may be whole.
        if options.keep is not None and status == 0:
            status = _prune(BackupFolder(options.target), options.keep)
        return status

    return run_told(work)


async def _back_up(settings: Settings, options: argparse.Namespace) -> Made:
    bar = Bar()
    try:
        with late_imports():
            from gateway.wiring import backup_of  # late: see __main__

        async with backup_of(settings) as backup:
            folder = BackupFolder(options.target)
            return await backup.run(folder, bar, tokens=not options.without_vectors)
    finally:
        bar.end()


def _say(made: Made) -> int:
    manifest = made.manifest
    catalogs = ", ".join(f"{name} {count:,}" for name, count in manifest.catalogs.items())
    print(
        f"backup {made.name}: {manifest.products:,} products ({catalogs}); "
        f"{made.pictures_added:,} pictures and {made.bytes_added / 1e6:,.1f} MB were new."
    )
    if not manifest.unreadable and not manifest.without_picture:
        return 0
    print(
        f"gateway: the backup is not complete: {manifest.unreadable:,} points of the index are no "
        f"product that can be read, and {manifest.without_picture:,} products have no picture "
        "that is whole.",
        file=sys.stderr,
    )
    return INCOMPLETE


def _prune(folder: BackupFolder, keep: int) -> int:
    try:
        pruned = prune(folder, keep)
    except (BackupFailed, OSError) as error:
        print(f"gateway: the backup was made, but: {reason_of(error)}.", file=sys.stderr)
        return INCOMPLETE
    print(f"{pruned.backups:,} older backups and {pruned.pictures:,} pictures were removed.")
    return 0


def _whole(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("1 or more")
    return number
