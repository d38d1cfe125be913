"""``python -m gateway restore``: bring a backup back, or only check it."""

import argparse
import asyncio
import sys
from pathlib import Path

from gateway.backup.checking import check
from gateway.backup.folder import BackupFolder
from gateway.backup.progress import Bar
from gateway.backup.reading import OpenBackup
from gateway.backup.restoring import Restored
from gateway.backup.told import INCOMPLETE, run_told
from gateway.late_imports import late_imports
from gateway.settings import Settings

_DESCRIPTION = """\
Bring the products, pictures and index of a backup in the folder SOURCE back.

Everything is checked before anything is written, and what is damaged is named. An index that
holds products is left alone unless told otherwise. May be ended at any moment and run again: it
goes on where it was. Stop imports meanwhile; a restore writes over what they write. Reads the
settings that the gateway reads (BUNDLE_DIR, QDRANT_URL, IMAGE_STORE, DATA_DIR..., with --embed
also TRITON_URL).
"""
_EPILOG = """\
exit status: 0 everything was restored, or with --check is whole; 1 refused, damaged, or a part of
the service failed; 2 a bad setting or option; 3 restored but for products without a picture,
whose vectors could not be computed
"""


def add_parser(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command and its options."""
    parser = commands.add_parser(
        "restore",
        help="bring a backup back, or check it",
        description=_DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog=_EPILOG,
    )
    parser.add_argument("source", type=Path, metavar="SOURCE", help="the folder of backups")
    parser.add_argument(
        "--backup", metavar="NAME", help="one of SOURCE/backups (the newest where left out)"
    )
    parser.add_argument(
        "--check", action="store_true", help="only check that the backup is whole; change nothing"
    )
    parser.add_argument(
        "--into-existing",
        action="store_true",
        help="write into an index that holds products: over those with the same ids, beside others",
    )
    parser.add_argument(
        "--embed",
        action="store_true",
        help="compute the vectors from the pictures with Triton instead of taking the backup's: "
        "for another model, or a backup without vectors",
    )
    parser.set_defaults(run=run)


def run(settings: Settings, options: argparse.Namespace) -> int:
    """Restore or check, and say what was done; returns the exit status."""
    return run_told(lambda: asyncio.run(_run(settings, options)))


async def _run(settings: Settings, options: argparse.Namespace) -> int:
    bar = Bar()
    try:
        backup = OpenBackup(BackupFolder(options.source), options.backup)
        if options.check:
            await check(backup, bar)
            print(_contents(backup))
            return 0
        with late_imports():
            from gateway.wiring import restore_of  # late: see __main__

        async with restore_of(settings, embed=options.embed) as restore:
            done = await restore.run(backup, bar, into_existing=options.into_existing)
    finally:
        bar.end()
    return _say(backup, done)


def _contents(backup: OpenBackup) -> str:
    manifest = backup.manifest
    catalogs = ", ".join(f"{name} {count:,}" for name, count in manifest.catalogs.items())
    vectors = "with" if manifest.has_tokens else "without"
    return (
        f"backup {backup.name} is whole: {manifest.products:,} products ({catalogs}), {vectors} "
        f"the vectors of model {manifest.model.digest[:12]}."
    )


def _say(backup: OpenBackup, done: Restored) -> int:
    vectors = "computed anew" if done.embedded else "as they were"
    tuning = "with the choice of its last audit" if done.tuned else "not audited yet"
    print(
        f"backup {backup.name}: {done.products:,} products are restored, their vectors {vectors}; "
        f"the index is {'live' if done.live else 'not live'}, {tuning}."
    )
    if not done.live:
        print("gateway: the index of another model is live, and stays so.", file=sys.stderr)
    if not done.left_out:
        return 0
    print(
        f"gateway: {done.left_out:,} products were left out: the backup has no picture of them.",
        file=sys.stderr,
    )
    return INCOMPLETE
