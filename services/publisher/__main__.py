"""``python -m publisher BUNDLE --repository DIR [--bundles DIR] [--triton HOST:PORT]``."""

import argparse
import asyncio
import os
import sys
from pathlib import Path

from publisher.addresses import addresses_of
from publisher.bundles import OlderModel, require_newest
from publisher.repository import Published, PublishError, copy_bundle, require_digest
from publisher.serving import load_models
from retrieval.bundle import BundleError

_OLDER = 3


def main(argv: list[str] | None = None) -> int:
    """Publish one bundle; returns the exit status."""
    arguments = _parser().parse_args(argv)
    try:
        if arguments.digest:
            require_digest(arguments.bundle, arguments.digest)
        if arguments.bundles and not arguments.allow_older:
            require_newest(arguments.bundle, arguments.bundles)
        published = copy_bundle(arguments.bundle, arguments.repository)
        if arguments.triton:
            _load(published, arguments)
    except (BundleError, PublishError, OSError) as error:
        print(f"Not published: {error}.", file=sys.stderr)
        return _OLDER if isinstance(error, OlderModel) else 1
    bundle = published.bundle
    copied = "copied" if published.changed else "were there already"
    ready = f" and are ready at {arguments.triton}" if arguments.triton else ""
    print(
        f"Published {bundle.name} {bundle.short_digest}: {len(published.models)} models "
        f"{copied}{ready}."
    )
    return 0


def _load(published: Published, arguments: argparse.Namespace) -> None:
    servers = [arguments.triton]
    if arguments.all_addresses:
        servers = addresses_of(arguments.triton)
    for server in servers:
        asyncio.run(
            load_models(
                published,
                server,
                timeout_s=arguments.timeout_s,
                key=os.environ.get("TRITON_ADMIN_KEY", ""),
            )
        )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="publisher",
        description="Copy a bundle's graphs into a Triton model repository under names that end "
        "in its digest, and have Triton load them.",
        epilog="Where Triton's repository API is restricted, TRITON_ADMIN_KEY holds its key. "
        "Exit status: 0 done; 1 not published; 2 a bad argument; 3 refused, since it is older.",
    )
    parser.add_argument("bundle", type=Path, metavar="BUNDLE", help="folder with bundle.json")
    parser.add_argument(
        "--repository", type=Path, required=True, metavar="DIR", help="Triton's model repository"
    )
    parser.add_argument(
        "--digest", default="", metavar="HEX", help="refuse a bundle whose digest begins otherwise"
    )
    parser.add_argument(
        "--bundles",
        type=Path,
        metavar="DIR",
        help="where gateways look for bundles: refuse one that was trained before one in there",
    )
    parser.add_argument(
        "--allow-older", action="store_true", help="publish it although it is older than another"
    )
    parser.add_argument(
        "--triton", metavar="HOST:PORT", default="", help="gRPC API of the Triton that reads DIR"
    )
    parser.add_argument(
        "--all-addresses",
        action="store_true",
        help="have every Triton load them that HOST resolves to, such as all pods of a service",
    )
    parser.add_argument(
        "--timeout-s", type=float, default=120.0, help="how long each Triton may take (120)"
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
