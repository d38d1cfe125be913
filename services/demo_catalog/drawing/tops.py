"""Silhouettes of shirts and t-shirts.

All tops are seen from the front; x = 0 is the middle, the shoulders are near y = -0.7. They lie
flat unless there are arms in them.
"""

import numpy as np

from demo_catalog.drawing.arms import Arms
from demo_catalog.drawing.geometry import Step, box, symmetric, trace
from demo_catalog.drawing.parts import Dot, Item, Line, Part, both, both_lines, sewn, stitches
from demo_catalog.drawing.sewing import back_neck, neckband, patch_pocket, sleeves, torso_creases
from demo_catalog.garments import Garment


def tshirt(garment: Garment, rng: np.random.Generator, arms: Arms | None) -> list[Item]:
    """Round or V neck, with or without three buttons below it, perhaps a chest pocket."""
    depth = -0.5 if rng.random() < 0.3 and not garment.buttons else -0.6
    bare = garment.sleeve == "none"
    waist, hem = rng.uniform(0.44, 0.5), rng.uniform(0.47, 0.54)
    shoulder = 0.4 if bare else 0.55
    neck: list[Step] = [(0.0, depth), (0.13, depth - 0.03, 0.22, -0.8)]
    body = symmetric([
        *neck, (shoulder, -0.73 if bare else -0.68), (0.4 if bare else 0.46, -0.4, 0.5, -0.27),
        (waist, 0.2, hem, 0.78), (0.25, 0.83, 0.0, 0.83),
    ])  # fmt: skip
    items: list[Item] = [back_neck(), *sleeves(garment.sleeve, rng, arms)]
    items += [Part(body, lift=0.3), *neckband(neck)]
    items += torso_creases(rng, 0.76, 0.4 if bare else 0.46)
    for y in (0.72, 0.75):
        items += both_lines(
            stitches(trace([(hem - 0.015, y), (0.25, y + 0.05, 0.0, y + 0.05)]), 0.01)
        )
    if bare:
        armhole = trace([(shoulder, -0.73), (0.4, -0.4, 0.5, -0.27)])
        items += both_lines(Line(armhole, 0.03, tone=0.8))
        items += both_lines(stitches(armhole + np.array([-0.045, 0.0]), 0.01))
    if garment.buttons:
        items.append(Part(box(-0.085, depth, 0.085, -0.14), "solid", 0.86, lift=0.4, rounding=0.1))
        items += [Dot(0.0, y, 0.05) for y in (-0.5, -0.36, -0.22)]
    if garment.pocket:
        items += sewn(patch_pocket(0.13, -0.36, 0.43, -0.02))
    return items


def shirt(garment: Garment, rng: np.random.Generator, arms: Arms | None) -> list[Item]:
    """A pointed collar and a placket; perhaps visible buttons and a chest pocket."""
    hem = rng.uniform(0.48, 0.54)
    body = symmetric([
        (0.0, -0.58), (0.22, -0.8), (0.56, -0.69), (0.46, -0.4, 0.5, -0.26),
        (0.45, 0.2, hem, 0.7), (hem - 0.03, 0.84, 0.24, 0.88), (0.0, 0.89),
    ])  # fmt: skip
    items: list[Item] = [back_neck(), *sleeves(garment.sleeve, rng, arms, cuffs=True)]
    items += [
        Part(body, lift=0.3),
        Part(box(-0.085, -0.6, 0.085, 0.88), "solid", 0.92, lift=0.35, rounding=0.1),
    ]
    items += torso_creases(rng, 0.82)
    items += both_lines(Line(trace([(0.09, -0.58), (0.09, 0.87)]), 0.014))
    items += both_lines(stitches(trace([(0.06, -0.55), (0.06, 0.86)]), 0.009))
    yoke = trace([(0.1, -0.5), (0.3, -0.53, 0.5, -0.56)])
    items += both_lines(Line(yoke, 0.012))
    tail = trace([(hem - 0.01, 0.68), (hem - 0.05, 0.79, 0.24, 0.84), (0.1, 0.85)])
    items += both_lines(stitches(tail, 0.01))
    collar = trace([(0.2, -0.9), (0.27, -0.78), (0.32, -0.55), (0.16, -0.5), (0.0, -0.63)])
    items += both(Part(collar, "solid", 0.95, lift=0.7, rounding=0.2))
    seam = trace([(0.29, -0.77), (0.285, -0.575), (0.16, -0.535), (0.04, -0.635)])
    items += both_lines(stitches(seam, 0.009))
    if garment.buttons:
        items += [Dot(0.0, float(y), 0.044) for y in np.linspace(-0.5, 0.7, 6)]
    if garment.pocket:
        items += sewn(patch_pocket(0.15, -0.3, 0.44, 0.04))
    return items
