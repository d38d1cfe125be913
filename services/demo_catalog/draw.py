"""A garment's picture: alone for the shop, or worn by someone somewhere."""

from collections.abc import Sequence
from typing import Final, Literal

import numpy as np
from PIL import Image

from demo_catalog.drawing.backgrounds import background
from demo_catalog.drawing.canvas import Canvas
from demo_catalog.drawing.fabric import Cloth
from demo_catalog.drawing.figure import wear
from demo_catalog.drawing.geometry import Frame, Points, fit_frame, worn_frame
from demo_catalog.drawing.light import casual_light
from demo_catalog.drawing.painter import Painter
from demo_catalog.drawing.paints import choose_paints
from demo_catalog.drawing.parts import Item, Part, extent
from demo_catalog.drawing.scenes import scene
from demo_catalog.drawing.silhouettes import silhouette
from demo_catalog.drawing.texture import grain
from demo_catalog.garments import Garment, check_garment

Kind = Literal["product", "snapshot"]
"""product: the garment alone, large; snapshot: worn by a figure in a scene, in casual light."""

KINDS: Final[tuple[Kind, ...]] = ("product", "snapshot")

DRAWING_VERSION: Final = 3
"""Changes whenever the same seed would give another picture."""

DEFAULT_SIZE: Final = 320
MIN_SIZE: Final = 64


def draw(
    garment: Garment,
    rng: np.random.Generator,
    size: int = DEFAULT_SIZE,
    kind: Kind = "product",
) -> Image.Image:
    """The garment as an RGB picture of ``size`` x ``size`` pixels.

    Everything that is not an attribute (pose, cut, dye lot, folds, background, wearer) comes from
    ``rng``, so that equal states of it give equal pixels.

    Raises:
        InvalidGarmentError: the garment's attributes do not go together.
        ValueError: ``size`` is under MIN_SIZE.
    """
    check_garment(garment)
    if size < MIN_SIZE:
        raise ValueError(f"size must be {MIN_SIZE} or more: {size}")
    return (_product if kind == "product" else _snapshot)(garment, rng, size)


def _product(garment: Garment, rng: np.random.Generator, size: int) -> Image.Image:
    paint_rng, shape_rng, place_rng, ground_rng, cloth_rng = _generators(rng)
    paints, pattern = choose_paints(garment, paint_rng)
    items = silhouette(garment, shape_rng)
    frame = fit_frame(extent(items), place_rng, size)
    canvas = Canvas(background(ground_rng, size, paints["main"]))
    canvas.cast_shadow(_outlines(items, frame), strength=0.38)
    cloth = Cloth(garment.pattern, cloth_rng)
    Painter(canvas, frame, paints, pattern, cloth, garment.category, cloth_rng).paint(items)
    canvas.pixels += np.float32(place_rng.uniform(1.2, 2.2)) * grain(place_rng, size)
    return canvas.to_image()


def _snapshot(garment: Garment, rng: np.random.Generator, size: int) -> Image.Image:
    paint_rng, shape_rng, place_rng, ground_rng, cloth_rng = _generators(rng)
    paints, pattern = choose_paints(garment, paint_rng)
    worn = wear(garment, shape_rng)
    frame = worn_frame(worn.garment, worn.view, place_rng, size)
    canvas = Canvas(scene(ground_rng, size, paints["main"]))
    shadow = float(ground_rng.uniform(0.12, 0.3))
    canvas.cast_shadow(_outlines(worn.items, frame), shadow, (0.02, 0.02), blur=0.03)
    cloth = Cloth(garment.pattern, cloth_rng)
    Painter(canvas, frame, paints, pattern, cloth, garment.category, cloth_rng).paint(worn.items)
    canvas.pixels *= casual_light(place_rng, size)
    canvas.pixels += np.float32(place_rng.uniform(1.5, 3.5)) * grain(place_rng, size)
    return canvas.to_image()


def _generators(rng: np.random.Generator) -> list[np.random.Generator]:
    """For the paints, shape, place, ground and cloth: what one takes does not move another."""
    return [np.random.default_rng(seed) for seed in rng.integers(2**63, size=5)]


def _outlines(items: Sequence[Item], frame: Frame) -> list[Points]:
    return [frame.to_pixels(item.outline) for item in items if isinstance(item, Part)]
