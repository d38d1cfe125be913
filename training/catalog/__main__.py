"""``python -m catalog crawl | caption | structure | build | check``."""

import argparse
import sys
from collections.abc import Sequence
from importlib import import_module
from typing import Final

from catalog.errors import CatalogError

COMMANDS: Final = {
    "crawl": "gather products and pictures from a shop's pages or from a feed",
    "caption": "choose pairs of pictures and write what differs",
    "structure": "write the data set in FashionIQ's layout",
    "build": "crawl, caption and structure in a row",
    "check": "report on a data set in FashionIQ's layout; a defect sets the exit code",
}
"""Each lives in ``catalog.NAME.command``: `add_arguments(parser)` and `run(options) -> int`."""
INTERRUPTED: Final = 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; what the user can put right ends in a sentence and 1.

    Only the chosen command is imported: reading a data set needs no crawler.
    """
    argv = list(sys.argv[1:] if arguments is None else arguments)
    parser = argparse.ArgumentParser(prog="catalog", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, summary in COMMANDS.items():
        command = commands.add_parser(name, help=summary, description=summary)
        if argv[:1] == [name]:
            import_module(f"catalog.{name}.command").add_arguments(command)
    options = parser.parse_args(argv)
    try:
        return int(import_module(f"catalog.{options.command}.command").run(options))
    except CatalogError as error:
        print(f"catalog {options.command}: {error}", file=sys.stderr)
        return 1
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        reason = error.strerror or type(error).__name__
        print(f"catalog {options.command}: {where}{reason}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print(f"catalog {options.command}: interrupted", file=sys.stderr)
        return INTERRUPTED


if __name__ == "__main__":
    sys.exit(main())
