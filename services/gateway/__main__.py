"""``python -m gateway``: read the settings, wire, serve, or run a command of the gateway's."""

import argparse
import os
import sys

from gateway import collect_pictures, openapi_command
from gateway.access import key_command
from gateway.audit import command as audit
from gateway.backup import backup_command as backup
from gateway.backup import restore_command as restore
from gateway.late_imports import late_imports
from gateway.model_swap import command as model
from gateway.settings import Settings, SettingsError, read_settings
from gateway.telemetry import configure_logging
from gateway.tracing.settings import TracingSettings, read_tracing_settings
from retrieval.bundle import BundleError


async def _run(settings: Settings, traced: TracingSettings | None) -> None:
    # Late, as in the commands: what is wired takes seconds to import, on a busy machine many, and
    # a bad setting or --help is answered without it.
    with late_imports():
        from gateway.lifecycle import serve
        from gateway.wiring import build

    await serve(build(settings, traced))


def _serve(settings: Settings, traced: TracingSettings | None) -> None:
    # libuv's event loop: a search turns it some fifty times. Late, too: commands do without it.
    import uvloop

    uvloop.run(_run(settings, traced))


def main(arguments: list[str] | None = None) -> int:
    """0 after a clean stop, 2 with one sentence when a setting or the bundle is bad."""
    options = _parser().parse_args(arguments)
    try:
        settings = read_settings()
        configure_logging(settings.log_format)
        if options.command is None:
            _serve(settings, read_tracing_settings())
        else:
            status: int = options.run(settings, options)
            return status
    except (SettingsError, BundleError) as error:
        print(f"gateway: {error}", file=sys.stderr)
        return 2
    except OSError as error:
        print(f"gateway: cannot listen: {error.strerror or error}", file=sys.stderr)
        return 2
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="gateway",
        description="Serve searches and catalogs; without a command, until SIGTERM. All settings "
        "are environment variables.",
    )
    commands = parser.add_subparsers(dest="command", metavar="COMMAND")
    for command in (audit, backup, restore, collect_pictures, model, openapi_command, key_command):
        command.add_parser(commands)
    return parser


if __name__ == "__main__":
    status = main()
    # All is closed by now. FastAPI's caches still hold the channels, and grpc.aio's poller thread
    # stumbles over them while the interpreter is taken down: leave without that.
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)
