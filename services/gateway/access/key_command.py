"""``python -m gateway key``: make an API key."""

import argparse
import sys
from typing import Any

from gateway.access.caller import Scope
from gateway.access.key_file import KeyFileError, new_key
from gateway.settings import Settings


def add_parser(commands: "argparse._SubParsersAction[Any]") -> None:
    """Add the command."""
    parser = commands.add_parser(
        "key",
        help="make an API key",
        description="Make an API key. The key is printed on standard output, this once; its entry "
        "for API_KEYS_FILE, which holds only a hash, on standard error. To rotate a key, make "
        "another of the same name and put its hash beside the old one until no caller uses that.",
    )
    parser.add_argument("name", metavar="NAME", help="1 to 64 of a-z, 0-9 and '-'; goes to logs")
    parser.add_argument(
        "--scope",
        action="append",
        choices=[scope.value for scope in Scope],
        help="what it is for, once for each; search and catalog.read where none is given",
    )
    parser.add_argument(
        "--catalog", action="append", default=[], help="a catalog it is bound to, once for each"
    )
    parser.add_argument("--rate", help="for example 50/second")
    parser.add_argument("--quota", help="for example 1000000/day")
    parser.set_defaults(run=_run)


def _run(settings: Settings, options: argparse.Namespace) -> int:
    try:
        key, digest = new_key(options.name)
    except KeyFileError as error:
        print(f"gateway key: {error}", file=sys.stderr)
        return 2
    entry = [f"[keys.{options.name}]", f'sha256 = ["{digest}"]']
    entry.append(f"scopes = {_listed(options.scope or [Scope.SEARCH, Scope.CATALOG_READ])}")
    if options.catalog:
        entry.append(f"catalogs = {_listed(options.catalog)}")
    entry += [
        f'{name} = "{value}"'
        for name, value in (("rate", options.rate), ("quota", options.quota))
        if value
    ]
    print("\n".join(entry), file=sys.stderr)
    print(key)
    return 0


def _listed(values: list[str]) -> str:
    return "[" + ", ".join(f'"{value}"' for value in values) + "]"
