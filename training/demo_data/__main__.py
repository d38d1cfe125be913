"""``python -m demo_data --output DIR``."""

import argparse
import sys
from dataclasses import fields, replace
from pathlib import Path

from catalog.errors import CatalogError
from demo_catalog.folder import ForeignDirectoryError
from demo_data.write import Plan, write_data


def main(arguments: list[str] | None = None) -> int:
    """Write the data; returns the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m demo_data",
        description="Draw what the demo model learns from, and what it is judged by.",
    )
    parser.add_argument("--output", type=Path, required=True, help="folder to write")
    parser.add_argument(
        "--photos",
        type=Path,
        metavar="CLOTHING_DATA",
        help="folder of real photos: products.csv (or images.csv) with columns id (or image) and "
        "label, and images/ID.jpg; what is made of them is kept in OUTPUT-photos",
    )
    for field in fields(Plan):
        parser.add_argument(
            f"--{field.name.replace('_', '-')}", type=int, default=field.default, metavar="N",
            help="default %(default)s",
        )  # fmt: skip
    options = parser.parse_args(arguments)
    plan = replace(Plan(), **{field.name: getattr(options, field.name) for field in fields(Plan)})
    try:
        folder = write_data(options.output, plan, photos=options.photos)
    except (CatalogError, ForeignDirectoryError, OSError) as error:
        print(f"demo_data: {error}", file=sys.stderr)
        return 1
    print(folder)
    return 0


if __name__ == "__main__":
    sys.exit(main())
