"""The command line. Exit codes: 0 all rows answered, 1 stopped on the way, 2 unusable input."""

import asyncio
import contextlib
import signal
import sys
from collections.abc import Coroutine, Sequence
from pathlib import Path
from typing import Any

from indexer.channel import ChannelError, environment_access
from indexer.checkpoint import Checkpoint
from indexer.client import CatalogClient, ServiceError
from indexer.feed import fingerprint, open_feed
from indexer.importer import Import, Plan, TooManyFailuresError
from indexer.lock import AlreadyRunningError, alone_with
from indexer.metrics_file import push_metrics, write_metrics
from indexer.missing import DeletionRefusedError, MissingProducts
from indexer.options import Options, read_options
from indexer.product import Mapper
from indexer.progress import Progress, say
from indexer.rows import FeedError
from indexer.template import Template


def main(arguments: Sequence[str] | None = None) -> int:
    """Run ``python -m indexer``; answer with the exit status."""
    options = read_options(arguments)
    try:
        plan = _plan(options)
        if options.show_missing:
            return asyncio.run(_show_missing(plan, options))
        with contextlib.ExitStack() as stack:
            try:
                stack.enter_context(alone_with(plan.checkpoint))
            except OSError as error:
                return _fail(_unwritable(error, plan), 1)
            return asyncio.run(_import(plan, options))
    except ChannelError as error:
        return _fail(str(error), 2)
    except FeedError as error:
        if not options.show_missing:
            _tell_metrics(options, 2, None)
        return _fail(str(error), 2)
    except AlreadyRunningError:
        return _fail(
            f"Another import uses {plan.checkpoint}. Wait for it, or give this one files of its "
            "own by --state-dir.",
            1,
        )


async def _import(plan: Plan, options: Options) -> int:
    """Import, and delete what is missing if that was asked for; answer with the exit status."""
    status = 1
    async with _client(options) as client:
        run = Import(plan, client)
        try:
            await _until_told(_import_and_delete(run, client, options))
            status = 0
        except asyncio.CancelledError:
            _fail("Interrupted; run the same command again to go on.", 1)
        except ServiceError as error:
            _fail(f"{error} Run the same command again to go on.", 1)
        except TooManyFailuresError:
            _fail(
                f"Stopped: more than {options.max_failures.text} of the rows failed; "
                f"{plan.dead_letter} says why. Mend the feed, or use --again once the service is "
                "mended.",
                1,
            )
        except DeletionRefusedError as error:
            _fail(f"Nothing was deleted. {error}", 1)
        except OSError as error:
            _fail(_unwritable(error, plan), 1)
    state = run.state
    _tell_metrics(options, status, state)
    sys.stdout.write(
        f"imported {state.imported}, unchanged {state.unchanged}, failed {state.failed}, "
        f"of {plan.feed.rows} rows\n"
    )
    return status


async def _import_and_delete(run: Import, client: CatalogClient, options: Options) -> None:
    if not options.delete_missing:
        await run.run()
        return
    with MissingProducts(client) as missing:
        await missing.look(run.plan.feed, run.plan.mapper)
        await run.run()
        missing.check(run.state.fold, options.delete_at_most)
        progress = Progress(missing.count, 0, doing="deleting", unit="products")
        try:
            deleted = await missing.delete(progress.add)
        finally:
            progress.close()
        sys.stdout.write(
            f"deleted {deleted} of {missing.catalog_size} products, which the feed does not list\n"
        )


async def _show_missing(plan: Plan, options: Options) -> int:
    """Tell which products would be deleted, and change nothing; answer with the exit status."""
    async with _client(options) as client:
        with MissingProducts(client) as missing:
            try:
                await _until_told(missing.look(plan.feed, plan.mapper))
            except ServiceError as error:
                return _fail(str(error), 1)
            except asyncio.CancelledError:
                return _fail("Interrupted.", 1)
            for product_id in missing.ids():
                sys.stdout.write(f"{product_id}\n")
            say(
                f"The feed does not list {missing.count} of the catalog's {missing.catalog_size} "
                "products; nothing was changed."
            )
    return 0


def _tell_metrics(options: Options, status: int, state: Checkpoint | None) -> None:
    """Write and push metrics, where that is wanted; an import does not fail for their sake."""
    if options.metrics_file is None:
        return
    try:
        told = write_metrics(options.metrics_file, options.catalog, status, state)
    except OSError as error:
        say(f"indexer: {options.metrics_file} cannot be written: {error.strerror}.")
        return
    if options.push_metrics is None:
        return
    try:
        push_metrics(options.push_metrics, options.file.name, told)
    except OSError as error:
        say(f"indexer: {options.push_metrics} does not take the metrics: {error}.")


def _client(options: Options) -> CatalogClient:
    return CatalogClient(
        options.server,
        options.catalog,
        access=environment_access(),
        timeout_s=options.timeout,
        retry_for_s=options.retry_for,
        on_retry=say,
    )


async def _until_told(work: Coroutine[Any, Any, None]) -> None:
    """Do it, cancelled by SIGINT and SIGTERM."""
    task = asyncio.ensure_future(work)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, task.cancel)
    await task


def _unwritable(error: OSError, plan: Plan) -> str:
    return (
        f"{error.filename or plan.checkpoint} cannot be written: {error.strerror}. "
        "--state-dir puts the import's own files elsewhere."
    )


def _plan(options: Options) -> Plan:
    feed = open_feed(options.file)
    state_dir: Path = options.state_dir or feed.path.parent
    with contextlib.suppress(OSError):
        state_dir.mkdir(parents=True, exist_ok=True)
    image, title = options.image_template, options.title_template
    return Plan(
        feed=feed,
        mapper=Mapper(
            folder=feed.path.parent,
            image=Template(image) if image else None,
            title=Template(title) if title else None,
        ),
        catalog=options.catalog,
        checkpoint=options.checkpoint or state_dir / f"{feed.path.name}.checkpoint.json",
        key=fingerprint(options.catalog, image or "", title or "", feed.columns),
        dead_letter=options.dead_letter or state_dir / f"{feed.path.name}.dead-letter.jsonl",
        batch_size=options.batch_size,
        concurrency=options.concurrency,
        max_failures=options.max_failures.of(feed.rows),
        again=options.again,
    )


def _fail(sentence: str, status: int) -> int:
    say(f"indexer: {sentence}")
    return status
