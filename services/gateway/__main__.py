"""``python -m gateway``: read the settings, wire, serve."""

import asyncio
import os
import sys

from gateway.lifecycle import serve
from gateway.settings import Settings, SettingsError, read_settings
from gateway.telemetry import configure_logging
from gateway.wiring import build
from retrieval.bundle import BundleError


async def _run(settings: Settings) -> None:
    await serve(build(settings))


def main() -> int:
    """0 after a clean stop, 2 with one sentence when a setting or the bundle is bad."""
    try:
        settings = read_settings()
        configure_logging(settings.log_format)
        asyncio.run(_run(settings))
    except (SettingsError, BundleError) as error:
        print(f"gateway: {error}", file=sys.stderr)
        return 2
    except OSError as error:
        print(f"gateway: cannot listen: {error.strerror or error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    status = main()
    # All is closed by now. FastAPI's caches still hold the channels, and grpc.aio's poller thread
    # stumbles over them while the interpreter is taken down: leave without that.
    sys.stderr.flush()
    os._exit(status)
