"""``python -m gateway openapi``: the OpenAPI document of the REST API, without a service."""

import argparse
import json
import sys
from typing import Any

from gateway.settings import Settings


def add_parser(commands: "argparse._SubParsersAction[Any]") -> None:
    """Add the command."""
    parser = commands.add_parser(
        "openapi",
        help="print the OpenAPI document of the REST API",
        description="Print the OpenAPI document of the REST API, as /openapi.json serves it; for "
        "generators of clients and types. Nothing needs to run.",
    )
    parser.set_defaults(run=_run)


def _run(settings: Settings, options: argparse.Namespace) -> int:
    # The edge costs a second to import, which the other commands need not wait for.
    from gateway.rest_openapi import build_document
    from gateway.rest_operations import OPERATIONS

    json.dump(build_document(OPERATIONS), sys.stdout, indent=2)
    sys.stdout.write("\n")
    return 0
