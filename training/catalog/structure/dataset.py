"""From a folder of products and captions to a data set, step by step."""

from dataclasses import dataclass
from pathlib import Path

from catalog.color.measured import with_measured_colors
from catalog.errors import CatalogError
from catalog.products import read_products
from catalog.structure.arrange import Arranged, arrange
from catalog.structure.begin import SharesWanted, begin
from catalog.structure.captioned import read_captions
from catalog.structure.card import CardNotes, write_card
from catalog.structure.categories import join_small
from catalog.structure.folder import assign_folder
from catalog.structure.kept import write_kept
from catalog.structure.pictures import add_pictures, drop_pictures
from catalog.structure.set_aside import count, write_set_aside
from catalog.structure.splits import Split
from catalog.structure.write import write_files

LARGE_GROUP = 0.05
"""Share of the products from which one group of near-duplicates is worth a word."""


@dataclass(frozen=True)
class Written:
    """What became of a run."""

    root: Path
    arranged: Arranged
    products: int
    largest: int
    dropped: int

    def sentence(self) -> str:
        """For the end of the command."""
        sizes = dict.fromkeys(Split, 0)
        for (_, split), items in self.arranged.questions.items():
            sizes[split] += len(items)
        parts = [
            f"{self.root}: {sum(sizes.values())} questions ("
            + ", ".join(f"{number} {split}" for split, number in sizes.items())
            + f") in {len(self.arranged.categories)} categories, "
            f"{len(self.arranged.pictures)} pictures"
        ]
        parts += [
            f"set aside: {number} x {what} {reason}"
            for (what, reason), number in count(self.arranged.set_aside).items()
        ]
        if self.dropped:
            parts.append(f"removed: {self.dropped} pictures that no split lists any more")
        if self.largest > max(2, LARGE_GROUP * self.products):
            parts.append(
                f"note: near-duplicate pictures link {self.largest} of {self.products} products, "
                "which therefore lie in one split"
            )
        return "\n".join(parts)


def build_dataset(
    folder: Path, root: Path, wanted: SharesWanted, notes: CardNotes, smallest: int = 1
) -> Written:
    """Write a data set, or bring it up to date; what is there already is not made again.

    Args:
        folder: Holds `products.jsonl`, `captions.jsonl` and the pictures.
        root: The data set.
        wanted: Sizes of the splits.
        notes: For its card.
        smallest: Validation pictures of a category that stays one of its own.

    Raises:
        CatalogError: Something that is read is missing or malformed, no question is left, or
            `root` holds a data set that is none of ours or has other shares.
        OSError: A file cannot be written; those before it are whole and stay.
    """
    products, captioned = read_products(folder), read_captions(folder)
    if len({product.id for product in products}) < len(products):
        raise CatalogError(f"{folder}: two products have one id")
    shares, before = begin(root, wanted)
    assignment, unusable = assign_folder(folder, products, shares, before)

    def arrange_usable() -> Arranged:
        return join_small(arrange(products, captioned, assignment, unusable), smallest)

    arranged = arrange_usable()
    if not arranged.questions:
        reasons = ", ".join(
            f"{number} x {reason}"
            for (what, reason), number in count(arranged.set_aside).items()
            if what == "pair"
        )
        raise CatalogError(
            f"{folder}: no captioned pair can be used ({reasons or 'there is none'})"
        )
    root.mkdir(parents=True, exist_ok=True)
    # First of all: what is written next must never be drawn another way.
    write_kept(root, shares, assignment.assigned)
    # Again where a picture was refused: another one may stand in for it.
    while refused := add_pictures(folder, root, arranged.pictures):
        unusable |= {path: refused[n] for n, path in arranged.pictures.items() if n in refused}
        arranged = arrange_usable()
    write_set_aside(root, arranged.set_aside)
    write_files(root, arranged, with_measured_colors(folder, products))
    dropped = drop_pictures(root, arranged.pictures)
    write_card(root, folder, products, arranged, assignment, shares, notes)
    return Written(root, arranged, len(products), assignment.largest, dropped)
