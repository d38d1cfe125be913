"""``catalog-splits.json``: what earlier runs decided about the splits."""

import json
from pathlib import Path
from typing import Any, Final

from catalog.errors import CatalogError
from catalog.products import write_text
from catalog.structure.splits import Assigned, Shares, Split

KEPT: Final = "catalog-splits.json"
_VERSION: Final = 1


def read_kept(root: Path) -> tuple[Shares, Assigned] | None:
    """What is kept in a data set, None for a new one. Raises `CatalogError`."""
    path = root / KEPT
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except ValueError:
        raise CatalogError(_unreadable(path)) from None
    try:
        return _parse(content)
    except (KeyError, IndexError, TypeError, ValueError, AttributeError):
        raise CatalogError(_unreadable(path)) from None


def write_kept(root: Path, shares: Shares, assigned: Assigned) -> None:
    """Replace what is kept, in one step."""
    content = {
        "version": _VERSION,
        "seed": shares.seed,
        "val": shares.val,
        "test": shares.test,
        "products": dict(sorted(assigned.products.items())),
        "pictures": {
            name: [split, f"{assigned.fingerprints[name]:016x}"]
            for name, split in sorted(assigned.pictures.items())
        },
    }
    write_text(root / KEPT, json.dumps(content, ensure_ascii=False, indent=1) + "\n")


def _parse(content: Any) -> tuple[Shares, Assigned]:
    if content["version"] != _VERSION:
        raise ValueError("another version")
    shares = Shares(float(content["val"]), float(content["test"]), int(content["seed"]))
    pictures = content["pictures"]
    return shares, Assigned(
        products={product: Split(split) for product, split in content["products"].items()},
        pictures={name: Split(known[0]) for name, known in pictures.items()},
        fingerprints={name: int(known[1], 16) for name, known in pictures.items()},
    )


def _unreadable(path: Path) -> str:
    return (
        f"{path} cannot be read; restore it from a copy, or remove it and the data set with it: "
        "without it products would change their splits"
    )
