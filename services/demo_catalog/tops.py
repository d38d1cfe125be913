"""Silhouettes of what is worn above: hoodie, coat, shirt, t-shirt, and the dress.

All lie flat, seen from the front; x = 0 is the middle, the shoulders are near y = -0.7.
"""

import numpy as np

from demo_catalog.garments import Garment
from demo_catalog.geometry import Points, Step, box, flipped, rotated, symmetric, trace
from demo_catalog.parts import Dot, Item, Line, Part, both, both_lines, sewn

_COAT_HEM = {"short": 0.52, "knee": 1.05, "long": 1.62}
_LAPEL_TIP = {"short": -0.12, "knee": 0.0, "long": 0.06}
_DRESS_HEM = {"short": 0.68, "knee": 1.15, "long": 1.84}
_DRESS_FLARE = {"short": 0.56, "knee": 0.68, "long": 0.8}


def tshirt(garment: Garment, rng: np.random.Generator) -> list[Item]:
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
    items: list[Item] = [_back_neck(), *_sleeves(garment.sleeve, rng)]
    items += [Part(body, lift=0.3), _neckband(neck)]
    items += both_lines(Line(trace([(hem - 0.015, 0.72), (0.25, 0.77, 0.0, 0.77)]), 0.012))
    if bare:
        armhole = trace([(shoulder, -0.73), (0.4, -0.4, 0.5, -0.27)])
        items += both_lines(Line(armhole, 0.03, tone=0.8))
    if garment.buttons:
        items.append(Part(box(-0.085, depth, 0.085, -0.14), "solid", 0.86, lift=0.4, rounding=0.1))
        items += [Dot(0.0, y, 0.05) for y in (-0.5, -0.36, -0.22)]
    if garment.pocket:
        items += sewn(_pocket(0.13, -0.36, 0.43, -0.02))
    return items


def hoodie(garment: Garment, rng: np.random.Generator) -> list[Item]:
    """A hood, cords, ribbed hem and cuffs, perhaps a kangaroo pocket."""
    hem = rng.uniform(0.52, 0.58)
    bare = garment.sleeve == "none"
    body = symmetric([
        (0.0, -0.56), (0.16, -0.64, 0.28, -0.78), (0.46 if bare else 0.56, -0.68),
        (0.44, -0.4, 0.54, -0.22), (hem + 0.03, 0.3, hem, 0.7), (0.0, 0.74),
    ])  # fmt: skip
    rib = symmetric([(0.0, 0.68), (hem - 0.01, 0.66), (hem - 0.05, 0.84), (0.0, 0.86)])
    items: list[Item] = list(_hood_back())
    items += _sleeves(garment.sleeve, rng, cuffs=True)
    items += [Part(body, lift=0.3), Part(rib, "solid", 0.84, lift=0.2), *_hood_front()]
    cord = trace([(0.1, -0.6), (0.13, -0.45, 0.1, -0.3)])
    items += both_lines(Line(cord, 0.034, "lace", 1.0))
    if garment.pocket:
        items += sewn(symmetric([(0.0, 0.22), (0.24, 0.22), (0.39, 0.46), (0.39, 0.66), (0, 0.66)]))
    return items


def coat(garment: Garment, rng: np.random.Generator) -> list[Item]:
    """Heavy, open at the neck; lapels or a hood, perhaps two rows of buttons and flap pockets."""
    hem = _COAT_HEM[garment.length or "knee"]
    flare = 0.54 + 0.13 * (hem - 0.5) + rng.uniform(-0.02, 0.03)
    body = symmetric([
        (0.0, -0.5), (0.26, -0.82), (0.6, -0.68), (0.48, -0.4, 0.54, -0.2),
        (0.48, 0.1, flare, hem), (0.0, hem + 0.05),
    ])  # fmt: skip
    items: list[Item] = list(_hood_back()) if garment.hood else [_back_neck(0.28)]
    items += _sleeves("long", rng, cuffs=True, width=0.05)
    items += [Part(body, lift=0.3), Line(trace([(0.0, -0.46), (0.0, hem + 0.04)]), 0.03, tone=0.6)]
    if garment.hood:
        items += _hood_front()
    else:
        tip = _LAPEL_TIP[garment.length or "knee"]
        lapel = trace([(0.24, -0.86), (0.34, -0.74), (0.42, -0.42), (0.3, -0.38), (0.02, tip),
                       (0.0, -0.45)])  # fmt: skip
        items += both(Part(lapel, "solid", 0.88, lift=0.6, rounding=0.15))
    if garment.buttons:
        low = min(hem - 0.16, 0.75)
        top = -0.3 if garment.hood else _LAPEL_TIP[garment.length or "knee"] + 0.06
        count = 3 if low - top < 0.6 else 4
        panel = box(-0.2, top - 0.1, 0.2, low + 0.1)
        items.append(Part(panel, "solid", 0.94, lift=0.25, rounding=0.1))
        items.append(Line(trace([(0.0, top - 0.1), (0.0, low + 0.1)]), 0.03, tone=0.6))
        for y in np.linspace(top, low, count):
            items += [Dot(side * 0.12, float(y), 0.055) for side in (-1.0, 1.0)]
    if garment.pocket:
        y = 0.16 if garment.length == "short" else 0.24
        for part in both(Part(_pocket(0.2, y, 0.47, y + 0.3))):
            items += sewn(part.outline)
        flap = box(0.18, y - 0.02, 0.49, y + 0.09)
        items += both(Part(flap, "solid", 0.74, lift=0.5, rounding=0.1))
    return items


def shirt(garment: Garment, rng: np.random.Generator) -> list[Item]:
    """A pointed collar and a placket; perhaps visible buttons and a chest pocket."""
    hem = rng.uniform(0.48, 0.54)
    body = symmetric([
        (0.0, -0.58), (0.22, -0.8), (0.56, -0.69), (0.46, -0.4, 0.5, -0.26),
        (0.45, 0.2, hem, 0.7), (hem - 0.03, 0.84, 0.24, 0.88), (0.0, 0.89),
    ])  # fmt: skip
    items: list[Item] = [_back_neck(), *_sleeves(garment.sleeve, rng, cuffs=True)]
    items += [
        Part(body, lift=0.3),
        Part(box(-0.085, -0.6, 0.085, 0.88), "solid", 0.92, lift=0.35, rounding=0.1),
    ]
    items += both_lines(Line(trace([(0.09, -0.58), (0.09, 0.87)]), 0.014))
    collar = trace([(0.2, -0.9), (0.27, -0.78), (0.32, -0.55), (0.16, -0.5), (0.0, -0.63)])
    items += both(Part(collar, "solid", 0.95, lift=0.7, rounding=0.2))
    if garment.buttons:
        items += [Dot(0.0, float(y), 0.044) for y in np.linspace(-0.5, 0.7, 6)]
    if garment.pocket:
        items += sewn(_pocket(0.15, -0.3, 0.44, 0.04))
    return items


def dress(garment: Garment, rng: np.random.Generator) -> list[Item]:
    """A fitted bodice over a flared skirt; perhaps buttons down the front and hip pockets."""
    hem = _DRESS_HEM[garment.length or "knee"]
    flare = _DRESS_FLARE[garment.length or "knee"] + rng.uniform(-0.04, 0.05)
    bare = garment.sleeve == "none"
    depth = rng.uniform(-0.58, -0.48)
    shoulder = 0.3 if bare else 0.42
    neck: list[Step] = [(0.0, depth), (0.14, depth - 0.02, 0.2, -0.8)]
    bodice: list[Step] = [*neck, (shoulder, -0.77 if bare else -0.72), (0.3, -0.45, 0.38, -0.34)]
    body = symmetric([
        *bodice, (0.34, -0.1, 0.3, 0.0), (0.38, 0.12, flare, hem),
        (flare * 0.5, hem + 0.07, 0.0, hem + 0.07),
    ])  # fmt: skip
    items: list[Item] = [_back_neck(0.2)]
    items += _sleeves(garment.sleeve, rng, slim=True)
    items += [Part(body, lift=0.3), _neckband(neck)]
    belt = box(-0.315, -0.05, 0.315, 0.05)
    items.append(Part(belt, "solid", 0.82, lift=0.3, rounding=0.15))
    for x in (0.1, 0.22):
        items += both_lines(Line(trace([(x, 0.05), (x * 1.6, 0.3, x * flare * 3, hem)]), 0.014))
    if garment.buttons:
        low = min(hem - 0.08, 0.9)
        strip = box(-0.075, depth, 0.075, hem + 0.065)
        items.append(Part(strip, "solid", 0.9, lift=0.3, rounding=0.1))
        items += [Dot(0.0, float(y), 0.05) for y in np.linspace(depth + 0.1, low, 7)]
    if garment.pocket:
        for part in both(Part(_pocket(0.12, 0.18, 0.4, 0.48))):
            items += sewn(part.outline)
    return items


def _pocket(left: float, top: float, right: float, bottom: float) -> Points:
    middle, point = (left + right) / 2, bottom - 0.18 * (bottom - top)
    return trace([(left, top), (right, top), (right, point), (middle, bottom), (left, point)])


def _back_neck(width: float = 0.22) -> Part:
    back = symmetric([(0.0, -0.86), (width * 0.7, -0.86, width, -0.79), (width * 0.8, -0.5),
                      (0.0, -0.44)])  # fmt: skip
    return Part(back, "solid", 0.55, rounding=0.2)


def _neckband(neck: list[Step]) -> Line:
    half = trace(neck)
    return Line(np.concatenate([flipped(half)[::-1], half]), 0.05, tone=0.8)


def _hood_back() -> tuple[Part, ...]:
    outer = symmetric([(0.0, -1.3), (0.3, -1.3, 0.4, -0.98), (0.46, -0.78, 0.34, -0.62), (0, -0.5)])
    return (Part(outer, lift=0.1, rounding=0.5),)


def _hood_front() -> tuple[Item, ...]:
    opening = symmetric([(0.0, -1.16), (0.2, -1.14, 0.24, -0.92), (0.2, -0.74, 0.0, -0.56)])
    rim = np.concatenate([opening, opening[:1]])
    return (
        Part(opening, "solid", 0.45, rounding=0.5),
        Line(rim, 0.05, tone=0.84),
    )


def _sleeves(
    kind: str | None,
    rng: np.random.Generator,
    *,
    cuffs: bool = False,
    width: float = 0.0,
    slim: bool = False,
) -> list[Part]:
    """Both sleeves, each hanging at its own angle."""
    if kind not in ("short", "long"):
        return []
    parts: list[Part] = []
    for side in (1.0, -1.0):
        swing = float(rng.uniform(-9, 7))
        if kind == "short":
            arm = trace([(0.38, -0.76), (0.56, -0.68), (0.74, -0.6, 0.92, -0.24), (0.66, -0.08),
                         (0.54, -0.2, 0.48, -0.24), (0.42, -0.5)])  # fmt: skip
            edge = trace([(0.935, -0.215), (0.9, -0.3), (0.635, -0.145), (0.665, -0.055)])
        else:
            arm = trace([(0.38, -0.76), (0.57, -0.68), (0.78, -0.56, 0.82 + width, -0.1),
                         (0.88 + width, 0.3, 0.9 + width, 0.62), (0.69, 0.66),
                         (0.64, 0.1, 0.48, -0.2), (0.42, -0.5)])  # fmt: skip
            edge = trace([(0.9 + width, 0.54), (0.9 + width, 0.7), (0.7, 0.74), (0.69, 0.57)])
        if slim:
            shift = np.array([-0.12, -0.02])
            arm, edge = arm + shift, edge + shift
        pivot = (0.36 if slim else 0.48, -0.62)
        angle = 38.0 if kind == "short" else 12.0
        pieces = [Part(rotated(arm, swing, *pivot), angle=swing - angle, rounding=0.45)]
        if cuffs:
            cuff = rotated(edge, swing, *pivot)
            pieces.append(Part(cuff, "solid", 0.82, lift=0.25, rounding=0.25))
        parts += pieces if side > 0 else [both(piece)[1] for piece in pieces]
    return parts
