"""What several garments share: sleeves, hoods, neckbands, pockets, and where they crease."""

import numpy as np

from demo_catalog.drawing.arms import Arms, worn_sleeves
from demo_catalog.drawing.geometry import Points, Step, flipped, rotated, symmetric, trace, tube
from demo_catalog.drawing.parts import Crease, Item, Line, Part, both, both_lines, moved, stitches


def patch_pocket(left: float, top: float, right: float, bottom: float) -> Points:
    """The outline of a pocket that ends in a point."""
    middle, point = (left + right) / 2, bottom - 0.18 * (bottom - top)
    return trace([(left, top), (right, top), (right, point), (middle, bottom), (left, point)])


def back_neck(width: float = 0.22) -> Part:
    """The inner side of a collar, seen only while nobody wears it."""
    back = symmetric([(0.0, -0.86), (width * 0.7, -0.86, width, -0.79), (width * 0.8, -0.5),
                      (0.0, -0.44)])  # fmt: skip
    return Part(back, "lining", rounding=0.2)


def neckband(neck: list[Step]) -> list[Item]:
    """A ribbed band along the neckline, and the stitches below it."""
    half = trace(neck)
    whole = np.concatenate([flipped(half)[::-1], half[1:]])
    below = whole + np.array([0.0, 0.05])
    return [
        Part(tube(whole, [0.026, 0.03, 0.026]), "solid", 0.8, rounding=0.2, weave="rib"),
        stitches(below, 0.01),
    ]


def hood_back() -> list[Item]:
    """The hood itself, with a seam over its top."""
    outer = symmetric([(0.0, -1.3), (0.3, -1.3, 0.4, -0.98), (0.46, -0.78, 0.34, -0.62), (0, -0.5)])
    seam = trace([(0.0, -1.29), (0.0, -1.14)])
    bend = Crease(trace([(0.3, -1.1), (0.38, -0.9, 0.3, -0.7)]), 0.06)
    return [Part(outer, lift=0.1, rounding=0.5), Line(seam, 0.014), bend,
            Crease(flipped(bend.points), 0.06)]  # fmt: skip


def hood_front() -> list[Item]:
    """Its dark opening and the edge around that."""
    opening = symmetric([(0.0, -1.16), (0.2, -1.14, 0.24, -0.92), (0.2, -0.74, 0.0, -0.56)])
    rim = np.concatenate([opening, opening[:1]])
    outside = opening * np.array([1.2, 1.13]) + np.array([0.0, 0.11])
    return [
        Part(opening, "solid", 0.45, rounding=0.5),
        Line(rim, 0.05, tone=0.84),
        stitches(outside[2:-2], 0.01),
    ]


def sleeves(
    kind: str | None,
    rng: np.random.Generator,
    arms: Arms | None,
    *,
    cuffs: bool = False,
    width: float = 0.0,
    slim: bool = False,
) -> list[Item]:
    """Both sleeves: around the wearer's arms, or flat and each hanging at its own angle."""
    swings = rng.uniform(-9, 7, 2)
    if kind not in ("short", "long"):
        return []
    if arms is not None:
        return list(worn_sleeves(kind, arms, cuffs=cuffs, extra=width, slim=slim))
    items: list[Item] = []
    for side, swing in enumerate(swings):
        items += [_mirrored(item, side) for item in _sleeve(kind, float(swing), cuffs, width, slim)]
    return items


def _sleeve(kind: str, swing: float, cuffs: bool, width: float, slim: bool) -> list[Item]:
    if kind == "short":
        arm = trace([(0.38, -0.76), (0.56, -0.68), (0.74, -0.6, 0.92, -0.24), (0.66, -0.08),
                     (0.54, -0.2, 0.48, -0.24), (0.42, -0.5)])  # fmt: skip
        edge = trace([(0.935, -0.215), (0.9, -0.3), (0.635, -0.145), (0.665, -0.055)])
        hem = trace([(0.895, -0.29), (0.63, -0.13)])
        bends = [
            ((0.5, -0.36), (0.62, -0.34, 0.74, -0.42)),
            ((0.52, -0.28), (0.6, -0.24, 0.7, -0.3)),
        ]
    else:
        arm = trace([(0.38, -0.76), (0.57, -0.68), (0.78, -0.56, 0.82 + width, -0.1),
                     (0.88 + width, 0.3, 0.9 + width, 0.62), (0.69, 0.66),
                     (0.64, 0.1, 0.48, -0.2), (0.42, -0.5)])  # fmt: skip
        edge = trace([(0.9 + width, 0.54), (0.9 + width, 0.7), (0.7, 0.74), (0.69, 0.57)])
        hem = trace([(0.885 + width, 0.55), (0.7, 0.59)])
        bends = [
            ((0.5, -0.34), (0.6, -0.3, 0.72, -0.4)),
            ((0.6, -0.02), (0.7, 0.05, 0.84, -0.02)),
            ((0.62, 0.08), (0.72, 0.1, 0.8, 0.16)),
            ((0.68, 0.42), (0.76, 0.48, 0.86, 0.42)),
        ]
    pieces: list[Item] = [
        Part(arm, angle=swing - (38.0 if kind == "short" else 12.0), rounding=0.45)
    ]
    pieces += [Crease(trace(list(bend)), 0.07) for bend in bends]
    if cuffs:
        pieces.append(Part(edge, "solid", 0.82, lift=0.25, rounding=0.25, weave="rib"))
    else:
        pieces.append(stitches(hem, 0.012))
    pivot = (0.36 if slim else 0.48, -0.62)
    shift = np.array([-0.12, -0.02]) if slim else np.zeros(2)
    return [moved(piece, lambda points: rotated(points + shift, swing, *pivot))
            for piece in pieces]  # fmt: skip


def torso_creases(rng: np.random.Generator, low: float, armpit: float = 0.46) -> list[Item]:
    """Where a top gives: from the armpits inwards, at the waist, and above the hem."""
    items: list[Item] = []
    for side in (1.0, -1.0):
        for reach in rng.uniform(0.1, 0.3, 2):
            x, y = armpit - reach, -0.3 + float(rng.uniform(0.1, 0.34))
            items.append(_crease([(armpit - 0.02, -0.3), (armpit - 0.1, y - 0.1, x, y)], side, 1.0))
        y = low * float(rng.uniform(0.35, 0.6))
        items.append(_crease([(0.44, y), (0.3, y + 0.06, 0.16, y + 0.03)], side, 0.8))
        x = float(rng.uniform(0.12, 0.36))
        items.append(
            _crease([(x, low - 0.04), (x - 0.03, low - 0.2, x + 0.02, low - 0.34)], side, 0.7)
        )
    return items


def hanging_creases(
    rng: np.random.Generator, count: int, top: float, low: float, inner: float, outer: float
) -> list[Item]:
    """Folds of a skirt, which fan out from ``inner`` at its top to ``outer`` at its hem."""
    items: list[Item] = []
    for place in np.linspace(-0.86, 0.86, count):
        share = float(place + rng.uniform(-0.06, 0.06))
        begin = top + (low - top) * float(rng.uniform(0.02, 0.3))
        path = trace([(share * inner, begin), (share * (0.6 * inner + 0.4 * outer),
                      (begin + low) / 2, share * outer, low + 0.1)])  # fmt: skip
        items.append(Crease(path, 0.035 + 0.07 * outer / count * 2, float(rng.uniform(0.7, 1.3))))
    return items


def swaying_hem(flare: float, hem: float, drop: float, *, waves: int = 4) -> list[Step]:
    """The lower edge of a skirt from its right corner to its middle, in soft waves."""
    x = np.linspace(flare, 0.0, 6 * waves)
    share = x / flare
    y = hem + drop * (1 - share**2) + 0.012 * np.sin(share * np.pi * (2 * waves - 0.5))
    return list(zip(x.tolist(), y.tolist(), strict=True))


def _crease(steps: list[Step], side: float, depth: float) -> Crease:
    return Crease(trace(steps) * np.array([side, 1.0]), 0.07, depth)


def _mirrored(item: Item, side: int) -> Item:
    if side == 0:
        return item
    if isinstance(item, Part):
        return both(item)[1]
    if isinstance(item, Line):
        return both_lines(item)[1]
    return moved(item, flipped)
