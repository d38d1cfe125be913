"""``python -m demo_catalog --output DIR [--count N] [--seed N]``."""

import argparse
import sys
from pathlib import Path

from demo_catalog.folder import ForeignDirectoryError
from demo_catalog.write import DEFAULT_COUNT, DEFAULT_SEED, write_catalog


def main(arguments: list[str] | None = None) -> int:
    """Write a catalog; the exit status is 0, 2 for a directory or number that cannot be used,
    130 after an interrupt."""
    parser = argparse.ArgumentParser(
        prog="python -m demo_catalog", description="Draw a catalog of garments with a feed."
    )
    parser.add_argument("--output", type=Path, required=True, help="directory to write")
    parser.add_argument("--count", type=int, default=DEFAULT_COUNT, help="products (%(default)s)")
    parser.add_argument("--seed", type=int, default=DEFAULT_SEED, help="catalog (%(default)s)")
    options = parser.parse_args(arguments)
    try:
        write_catalog(options.output, options.count, options.seed)
    except (ForeignDirectoryError, ValueError) as error:
        print(f"demo_catalog: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
