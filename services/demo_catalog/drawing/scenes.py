"""Where people take pictures of themselves: a street, a room, a park, a wall, a shop."""

from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter

from demo_catalog.drawing.backgrounds import Tint, enlarged
from demo_catalog.palette import lab_distance

FloatArray = NDArray[np.float32]

_MIN_DIFFERENCE: Final = 30.0
_SKIES: Final[tuple[Tint, ...]] = (
    (196, 214, 230),
    (214, 222, 228),
    (238, 226, 208),
    (176, 198, 220),
)
_STONES: Final[tuple[Tint, ...]] = (
    (196, 184, 170), (168, 160, 154), (210, 196, 176), (150, 128, 114), (184, 190, 194),
    (128, 124, 126),
)  # fmt: skip
_GREENS: Final[tuple[Tint, ...]] = ((112, 136, 86), (134, 150, 96), (92, 118, 84), (150, 146, 92))
_INTERIORS: Final[tuple[Tint, ...]] = (
    (232, 226, 216), (214, 206, 198), (206, 214, 214), (222, 210, 190), (190, 186, 194),
    (172, 182, 172),
)  # fmt: skip
_WOODS: Final[tuple[Tint, ...]] = ((158, 120, 84), (124, 92, 66), (186, 154, 116), (104, 86, 74))
_MUTED: Final[tuple[Tint, ...]] = (
    (150, 112, 104), (110, 126, 142), (172, 156, 122), (122, 138, 118), (144, 124, 148),
    (216, 208, 198), (84, 84, 92), (188, 160, 150),
)  # fmt: skip


def scene(rng: np.random.Generator, size: int, garment_rgb: FloatArray) -> FloatArray:
    """A place out of focus [3, size, size] float32 in 0..255, apart from the garment's colour."""
    small = max(size // 2, 32)
    makers = (_street, _room, _park, _wall, _shop)
    image = makers[int(rng.integers(len(makers)))](rng, small)
    blur = small * float(rng.uniform(0.004, 0.02))
    return _apart(enlarged(image.filter(ImageFilter.GaussianBlur(blur)), size), garment_rgb)


def _apart(pixels: FloatArray, garment_rgb: FloatArray) -> FloatArray:
    """Brighter or darker where the middle would run together with the garment."""
    third = pixels.shape[-1] // 4
    middle = pixels[:, third:-third, third:-third].mean(axis=(1, 2))
    if lab_distance(middle, garment_rgb) >= _MIN_DIFFERENCE:
        return pixels
    brighter, darker = 0.45 * pixels + 0.55 * np.float32(248), pixels * np.float32(0.55)
    means = (0.45 * middle + 0.55 * 248, middle * 0.55)
    far = [float(lab_distance(mean.astype(np.float32), garment_rgb)) for mean in means]
    return brighter if far[0] >= far[1] else darker


def _pick(rng: np.random.Generator, tints: tuple[Tint, ...]) -> Tint:
    return tints[int(rng.integers(len(tints)))]


def _shade(tint: Tint, factor: float) -> Tint:
    red, green, blue = (min(round(channel * factor), 255) for channel in tint)
    return red, green, blue


def _fade(image: Image.Image, top: float, bottom: float, first: Tint, last: Tint) -> None:
    """Fill the rows from ``top`` to ``bottom`` with a slow change of colour."""
    begin, end = max(round(top), 0), min(round(bottom), image.height)
    if end <= begin:
        return
    share = np.linspace(0, 1, end - begin)[:, None]
    rows = (1 - share) * np.array(first) + share * np.array(last)
    block = np.broadcast_to(rows[:, None, :], (end - begin, image.width, 3))
    image.paste(Image.fromarray(np.ascontiguousarray(block).astype(np.uint8)), (0, begin))


def _street(rng: np.random.Generator, small: int) -> Image.Image:
    """Houses with windows on both sides of a road."""
    image = Image.new("RGB", (small, small))
    horizon = small * float(rng.uniform(0.5, 0.72))
    sky = _pick(rng, _SKIES)
    _fade(image, 0, horizon, sky, _shade(sky, 1.08))
    road = _pick(rng, _STONES)
    _fade(image, horizon, small, _shade(road, 0.86), road)
    pen = ImageDraw.Draw(image)
    left = -0.1 * small
    while left < small:
        width = small * float(rng.uniform(0.2, 0.42))
        top = small * float(rng.uniform(-0.2, 0.25))
        front = _pick(rng, _STONES)
        pen.rectangle((left, top, left + width, horizon), front)
        columns, step = int(rng.integers(2, 4)), small * float(rng.uniform(0.1, 0.15))
        pane = _shade(_pick(rng, _MUTED), float(rng.uniform(0.7, 1.1)))
        for row in range(1, int((horizon - top) / step)):
            for column in range(columns):
                x = left + width * (column + 0.28) / columns
                y = top + (row - 0.5) * step
                pen.rectangle((x, y, x + width * 0.45 / columns, y + step * 0.6), pane)
        pen.rectangle((left, horizon - small * 0.1, left + width, horizon), _shade(front, 0.72))
        left += width
    kerb = horizon + small * float(rng.uniform(0.04, 0.1))
    pen.rectangle((0, horizon, small, kerb), _shade(road, 1.12))
    if rng.random() < 0.6:
        middle = small * float(rng.uniform(0.2, 0.8))
        for side in (-1, 1):
            pen.line((middle, horizon, middle + side * small * 0.7, small), _shade(road, 1.15), 2)
    return image


def _room(rng: np.random.Generator, small: int) -> Image.Image:
    """A wall with a window or pictures, furniture and a floor."""
    image = Image.new("RGB", (small, small))
    wall = _pick(rng, _INTERIORS)
    floor_at = small * float(rng.uniform(0.68, 0.9))
    _fade(image, 0, floor_at, _shade(wall, 0.94), wall)
    floor = _pick(rng, _WOODS)
    _fade(image, floor_at, small, _shade(floor, 0.9), floor)
    pen = ImageDraw.Draw(image)
    pen.rectangle((0, floor_at - small * 0.02, small, floor_at), _shade(wall, 1.1))
    x = small * float(rng.uniform(-0.1, 0.7))
    width, height = small * float(rng.uniform(0.22, 0.36)), small * float(rng.uniform(0.3, 0.5))
    y = small * float(rng.uniform(0.02, 0.16))
    frame = _shade(wall, 1.12)
    pen.rectangle((x - 3, y - 3, x + width + 3, y + height + 3), frame)
    pen.rectangle((x, y, x + width, y + height), _pick(rng, _SKIES))
    pen.line((x + width / 2, y, x + width / 2, y + height), frame, 3)
    pen.line((x, y + height / 2, x + width, y + height / 2), frame, 3)
    curtain = _pick(rng, _MUTED)
    for side in (x - width * 0.2, x + width * 0.95):
        pen.rectangle((side, y - 4, side + width * 0.25, floor_at - 2), curtain)
    for _ in range(int(rng.integers(1, 4))):
        thing, left = _pick(rng, _MUTED + _WOODS), small * float(rng.uniform(-0.15, 0.9))
        wide, tall = small * rng.uniform(0.14, 0.4), small * rng.uniform(0.1, 0.34)
        pen.rounded_rectangle((left, floor_at - tall, left + wide, floor_at + 4), 5, thing)
        pen.rectangle((left, floor_at - tall * 0.4, left + wide, floor_at + 4), _shade(thing, 0.85))
    if rng.random() < 0.5:
        _plant(rng, pen, small * float(rng.uniform(0.02, 0.95)), floor_at, small)
    return image


def _plant(
    rng: np.random.Generator, pen: ImageDraw.ImageDraw, x: float, floor_at: float, small: int
) -> None:
    for _ in range(9):
        angle, long = rng.uniform(-1.1, 1.1), small * rng.uniform(0.14, 0.3)
        tip = (x + long * np.sin(angle), floor_at - small * 0.08 - long * np.cos(angle))
        pen.line((x, floor_at - small * 0.08, *tip), _pick(rng, _GREENS), 4)
    pot = small * 0.05
    pen.rectangle((x - pot, floor_at - small * 0.1, x + pot, floor_at + 3), _pick(rng, _MUTED))


def _park(rng: np.random.Generator, small: int) -> Image.Image:
    """Trees before the sky, grass and perhaps a path."""
    image = Image.new("RGB", (small, small))
    horizon = small * float(rng.uniform(0.5, 0.74))
    sky = _pick(rng, _SKIES)
    _fade(image, 0, horizon, sky, _shade(sky, 1.06))
    green = _pick(rng, _GREENS)
    _fade(image, horizon, small, _shade(green, 0.92), _shade(green, 1.2))
    pen = ImageDraw.Draw(image)
    for _ in range(int(rng.integers(3, 7))):
        x, top = small * float(rng.uniform(-0.1, 1.1)), small * float(rng.uniform(-0.1, 0.35))
        trunk = small * float(rng.uniform(0.012, 0.03))
        pen.rectangle((x - trunk, top, x + trunk, horizon + 4), _shade(_pick(rng, _WOODS), 0.7))
        leaf = _pick(rng, _GREENS)
        for _ in range(14):
            dx, dy = rng.normal(0, small * 0.09, 2)
            r = small * float(rng.uniform(0.04, 0.1))
            tone = _shade(leaf, float(rng.uniform(0.72, 1.25)))
            pen.ellipse((x + dx - r, top + dy - r, x + dx + r, top + dy + r), tone)
    if rng.random() < 0.6:
        at, wide = small * rng.uniform(0.2, 0.8), small * rng.uniform(0.2, 0.5)
        path = [(at - 3, horizon), (at + 3, horizon), (at + wide, small), (at - wide, small)]
        pen.polygon(path, _shade(_pick(rng, _STONES), 1.08))
    return image


def _wall(rng: np.random.Generator, small: int) -> Image.Image:
    """Bricks or plaster in slanting light, with a pavement below."""
    image = Image.new("RGB", (small, small))
    stone = _pick(rng, _STONES if rng.random() < 0.6 else _MUTED)
    _fade(image, 0, small, _shade(stone, 1.06), _shade(stone, 0.92))
    pen = ImageDraw.Draw(image)
    if rng.random() < 0.6:
        tall = small * float(rng.uniform(0.045, 0.07))
        for row in range(int(small / tall) + 1):
            for column in range(-1, int(small / (2.4 * tall)) + 1):
                x = (column + 0.5 * (row % 2)) * 2.4 * tall
                tone = _shade(stone, float(rng.uniform(0.84, 1.06)))
                box = (x + 1, row * tall + 1, x + 2.4 * tall - 1, (row + 1) * tall - 1)
                pen.rectangle(box, tone)
    if rng.random() < 0.5:
        floor_at = small * float(rng.uniform(0.78, 0.95))
        _fade(image, floor_at, small, _shade(_pick(rng, _STONES), 0.8), _pick(rng, _STONES))
    return image


def _shop(rng: np.random.Generator, small: int) -> Image.Image:
    """Rails of clothes in quiet colours under lamps."""
    image = Image.new("RGB", (small, small))
    wall = _pick(rng, _INTERIORS)
    floor_at = small * float(rng.uniform(0.74, 0.9))
    _fade(image, 0, floor_at, wall, _shade(wall, 0.9))
    _fade(image, floor_at, small, _shade(_pick(rng, _WOODS), 1.1), _pick(rng, _WOODS))
    pen = ImageDraw.Draw(image)
    for rail in rng.uniform(0.08, 0.2, 2) + np.array([0.0, 0.4]):
        y = small * float(rail)
        x = small * float(rng.uniform(-0.2, 0.1))
        while x < small:
            width, long = small * rng.uniform(0.025, 0.06), small * rng.uniform(0.2, 0.3)
            tone = _shade(_pick(rng, _MUTED), float(rng.uniform(0.75, 1.15)))
            if rng.random() < 0.8:
                pen.rectangle((x, y + 3, x + width, min(y + long, floor_at)), tone)
            x += width
        pen.line((0, y, small, y), (96, 96, 100), 2)
    for x in rng.uniform(0, small, 3):
        r = small * 0.025
        pen.ellipse((x - r, 2, x + r, 2 + 2 * r), (255, 246, 224))
    return image
