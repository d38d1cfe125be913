"""What a run begins with: the shares of the splits, and what earlier runs decided."""

from dataclasses import dataclass
from pathlib import Path

from catalog.errors import CatalogError
from catalog.structure.kept import KEPT, read_kept
from catalog.structure.splits import Assigned, Shares


@dataclass(frozen=True)
class SharesWanted:
    """What the user asked for; None for what the data set has, or the default."""

    val: float | None = None
    test: float | None = None
    seed: int | None = None

    def shares(self) -> Shares:
        """Of a new data set. Raises `CatalogError`."""
        default = Shares()
        shares = Shares(
            default.val if self.val is None else self.val,
            default.test if self.test is None else self.test,
            default.seed if self.seed is None else self.seed,
        )
        if shares.val + shares.test >= 1:
            raise CatalogError("--val and --test together leave nothing to train on")
        return shares


def begin(root: Path, wanted: SharesWanted) -> tuple[Shares, Assigned]:
    """The shares of a data set, new or not, and what is decided.

    Raises `CatalogError`: `root` holds a data set that is none of ours or has other shares.
    """
    kept = None if root is None else read_kept(root)
    if root is None or kept is None:
        if root is not None and any(
            (root / name).exists() for name in ("captions", "image_splits", "images")
        ):
            raise CatalogError(
                f"{root} holds a data set without {KEPT}, so it is none of ours; "
                "give another --output"
            )
        return wanted.shares(), Assigned()
    shares, before = kept
    for name in ("val", "test", "seed"):
        value = getattr(wanted, name)
        if value is not None and value != getattr(shares, name):
            raise CatalogError(
                f"{root / KEPT} was made with --{name} {getattr(shares, name)}, and products keep "
                f"their splits; leave --{name} out, or give another --output"
            )
    return shares, before
