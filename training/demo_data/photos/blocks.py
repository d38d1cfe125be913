"""Photos in blocks: few labels and few colors, several photos of each pair of them.

Questions stay within a block, so that a batch of whole blocks (recipe key `grouped`) shows a
reference, its answers, and what shares only the label or only the color with them.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from typing import Final

import numpy as np

from demo_data.photos.photo import Photo

LABELS: Final = 3
COLORS: Final = 4
BLOCK: Final = 24
"""Photos: two of each label in each color, where there are as many."""

_Cells = dict[tuple[str, str | None], list[Photo]]


def blocks(photos: Sequence[Photo], rng: np.random.Generator) -> Iterator[list[Photo]]:
    """Every photo once, in blocks of `BLOCK` or, where nothing fits any more, fewer.

    A block has up to `LABELS` labels and `COLORS` colors, drawn by how many photos are left of
    them, and photos of these labels without a color, from which any color can be asked for.
    """
    cells: _Cells = defaultdict(list)
    for place in rng.permutation(len(photos)):
        photo = photos[place]
        cells[photo.category, photo.color].append(photo)
    while cells:
        yield _take_block(cells, rng)


def _take_block(cells: _Cells, rng: np.random.Generator) -> list[Photo]:
    by_label: Counter[str] = Counter()
    for (label, _), left in cells.items():
        by_label[label] += len(left)
    labels = _drawn(by_label, LABELS, rng)
    by_color: Counter[str] = Counter()
    for (label, color), left in cells.items():
        if label in labels and color is not None:
            by_color[color] += len(left)
    colors = (*_drawn(by_color, COLORS, rng), None)
    wanted = [(label, color) for color in colors for label in labels]
    block: list[Photo] = []
    while len(block) < BLOCK:
        # One of each cell a round, so that none of them fills the block.
        left_keys = [key for key in wanted if key in cells][: BLOCK - len(block)]
        if not left_keys:
            break
        for key in left_keys:
            block.append(cells[key].pop())
            if not cells[key]:
                del cells[key]
    return block


def _drawn(counts: Counter[str], most: int, rng: np.random.Generator) -> list[str]:
    """Up to so many different keys, each by its count."""
    keys = sorted(counts)
    if not keys:
        return []
    shares = np.array([counts[key] for key in keys]) / counts.total()
    picked = rng.choice(len(keys), min(most, len(keys)), replace=False, p=shares)
    return [keys[place] for place in picked]
