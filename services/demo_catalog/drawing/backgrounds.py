"""What a garment lies on or hangs before: plain, or busy enough to be a distraction."""

from collections.abc import Callable
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter

from demo_catalog.drawing.texture import grain, smooth_field
from demo_catalog.palette import lab_distance

FloatArray = NDArray[np.float32]
Tint = tuple[int, int, int]

_TINTS: Final[tuple[Tint, ...]] = (
    (248, 247, 245), (236, 233, 228), (226, 230, 235), (243, 231, 226), (228, 236, 229),
    (240, 234, 214), (221, 214, 226), (205, 214, 222), (214, 203, 190), (190, 198, 196),
    (232, 214, 205), (178, 190, 204), (204, 210, 190), (240, 222, 226), (124, 132, 142),
)  # fmt: skip
_ACCENTS: Final[tuple[Tint, ...]] = (
    (196, 120, 96), (120, 146, 130), (214, 178, 112), (110, 132, 160), (170, 136, 160),
    (222, 206, 186), (90, 104, 116), (232, 226, 216), (150, 112, 84), (142, 168, 176),
)  # fmt: skip
_MIN_DIFFERENCE: Final = 17.0
_BUSY_SHARE: Final = 0.45


def background(rng: np.random.Generator, size: int, garment_rgb: FloatArray) -> FloatArray:
    """A background [3, size, size] float32 in 0..255 that does not hide the garment's colour."""
    tint = _tint(rng, garment_rgb)
    if rng.random() >= _BUSY_SHARE:
        makers: tuple[Callable[..., FloatArray], ...] = (_wash, _studio, _wall)
        return makers[int(rng.integers(len(makers)))](rng, size, tint)
    busy = (_planks, _tiles, _bokeh, _room, _leaves, _terrazzo)
    return busy[int(rng.integers(len(busy)))](rng, size, tint)


def _tint(rng: np.random.Generator, garment_rgb: FloatArray) -> FloatArray:
    tints = np.asarray(_TINTS, dtype=np.float32)
    visible = tints[lab_distance(tints, garment_rgb) >= _MIN_DIFFERENCE]
    tint: FloatArray = visible[int(rng.integers(len(visible)))].reshape(3, 1, 1)
    return tint


def _ramp(size: int, rng: np.random.Generator) -> FloatArray:
    """A slow change of light over the picture [size, size], about -1..1."""
    angle = rng.uniform(0, 2 * np.pi)
    line = np.linspace(-1, 1, size, dtype=np.float32)
    across, down = np.float32(np.cos(angle)) * line, np.float32(np.sin(angle)) * line
    ramp: FloatArray = across[None, :] + down[:, None]
    return ramp


def _wash(rng: np.random.Generator, size: int, tint: FloatArray) -> FloatArray:
    return tint * (1 + np.float32(rng.uniform(0.01, 0.06)) * _ramp(size, rng))


def _studio(rng: np.random.Generator, size: int, tint: FloatArray) -> FloatArray:
    """A wall that meets a lighter floor in a soft curve."""
    line = np.linspace(0, 1, size, dtype=np.float32)[:, None]
    floor = 1 / (1 + np.exp(-(line - np.float32(rng.uniform(0.68, 0.85))) * 22))
    light: FloatArray = 1 - 0.1 * line + 0.12 * floor + 0.02 * _ramp(size, rng)
    return tint * light


def _wall(rng: np.random.Generator, size: int, tint: FloatArray) -> FloatArray:
    """Plaster."""
    rough = 0.025 * smooth_field(rng, 9, size) + 0.012 * grain(rng, size)
    light: FloatArray = 1 + rough + np.float32(0.05) * _ramp(size, rng)
    return tint * light


def _planks(rng: np.random.Generator, size: int, tint: FloatArray) -> FloatArray:
    """A wooden floor, boards of changing brightness with a grain along them."""
    wood = 0.55 * tint + 0.45 * planes((186, 150, 112))
    count = int(rng.integers(5, 9))
    board = np.minimum(np.arange(size) * count // size, count - 1)
    tone = rng.uniform(0.86, 1.06, count).astype(np.float32)[board]
    gap = np.diff(board, prepend=-1) > 0
    tone[gap] *= 0.7
    fibres = rng.normal(0, 0.03, size).astype(np.float32)
    light = (tone + fibres)[:, None] + 0.05 * smooth_field(rng, 12, size)
    if rng.random() < 0.5:
        light = light.T
    return wood * light


def _tiles(rng: np.random.Generator, size: int, tint: FloatArray) -> FloatArray:
    """Square tiles with joints, each a little different."""
    count = int(rng.integers(4, 8))
    index = np.minimum(np.arange(size) * count // size, count - 1)
    tone = rng.uniform(0.9, 1.05, (count, count)).astype(np.float32)[index[:, None], index[None, :]]
    joint = (np.diff(index, prepend=-1) > 0) | (np.diff(index, append=count) > 0)
    tone[joint, :] *= 0.84
    tone[:, joint] *= 0.84
    return tint * tone


def _bokeh(rng: np.random.Generator, size: int, tint: FloatArray) -> FloatArray:
    """Lights out of focus."""
    small = size // 4
    image = Image.new("RGB", (small, small), rgb(tint * 0.82))
    draw = ImageDraw.Draw(image, "RGBA")
    for _ in range(int(rng.integers(14, 26))):
        x, y = rng.uniform(0, small, 2)
        radius = rng.uniform(small * 0.0375, small * 0.13)
        accent = _ACCENTS[int(rng.integers(len(_ACCENTS)))]
        draw.ellipse((x - radius, y - radius, x + radius, y + radius), (*accent, 120))
    return enlarged(image.filter(ImageFilter.GaussianBlur(small * 0.015)), size)


def _room(rng: np.random.Generator, size: int, tint: FloatArray) -> FloatArray:
    """A wall, a floor, frames and furniture, slightly blurred."""
    small = size // 2
    image = Image.new("RGB", (small, small), rgb(tint))
    draw = ImageDraw.Draw(image)
    edge = max(round(small * 3 / 160), 1)
    horizon = small * rng.uniform(0.66, 0.86)
    draw.rectangle((0, horizon, small, small), rgb(tint * 0.8))
    draw.line((0, horizon, small, horizon), rgb(tint * 1.08), edge)
    for _ in range(int(rng.integers(4, 8))):
        accent = planes(_ACCENTS[int(rng.integers(len(_ACCENTS)))])
        width, height = rng.uniform(0.1, 0.3, 2) * small
        x = rng.uniform(-0.1, 1.0) * small
        y = horizon - height if rng.random() < 0.4 else rng.uniform(-0.05, 0.6) * small
        inner = rgb(0.5 * accent + 0.5 * tint)
        draw.rectangle((x, y, x + width, y + height), rgb(accent * 0.75))
        draw.rectangle((x + edge, y + edge, x + width - edge, y + height - edge), inner)
    return enlarged(image.filter(ImageFilter.GaussianBlur(small * 0.00875)), size)


def _leaves(rng: np.random.Generator, size: int, tint: FloatArray) -> FloatArray:
    """A wallpaper of leaves in a neighbouring tone."""
    small = size // 2
    image = Image.new("RGB", (small, small), rgb(tint))
    draw = ImageDraw.Draw(image)
    accent = planes(_ACCENTS[int(rng.integers(len(_ACCENTS)))])
    leaf = rgb(0.6 * tint + 0.4 * accent)
    step = small / int(rng.integers(6, 9))
    t = np.linspace(0, 2 * np.pi, 14, endpoint=False)
    shape = np.stack([np.cos(t) * 0.42, np.sin(t) * 0.17 * (1 + 0.6 * np.cos(t))], axis=1) * step
    for row in range(int(small / step) + 2):
        for column in range(int(small / step) + 2):
            angle = rng.uniform(0, 2 * np.pi)
            turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
            place = np.array([(column + 0.5 * (row % 2)) * step, row * step])
            draw.polygon((shape @ turn + place).ravel().tolist(), leaf)
    return enlarged(image, size)


def _terrazzo(rng: np.random.Generator, size: int, tint: FloatArray) -> FloatArray:
    """Chips of stone in a light ground."""
    small = size // 2
    image = Image.new("RGB", (small, small), rgb(tint))
    draw = ImageDraw.Draw(image)
    angles = np.sort(rng.uniform(0, 2 * np.pi, (70, 5)), axis=1)
    radii = rng.uniform(0.5, 1.0, (70, 5, 1)) * rng.uniform(
        small * 0.0125, small * 0.045, (70, 1, 1)
    )
    chips = np.stack([np.cos(angles), np.sin(angles)], axis=2) * radii
    chips += rng.uniform(0, small, (70, 1, 2))
    for chip in chips:
        accent = planes(_ACCENTS[int(rng.integers(len(_ACCENTS)))])
        draw.polygon(chip.ravel().tolist(), rgb(0.45 * tint + 0.55 * accent))
    return enlarged(image, size)


def planes(color: Tint) -> FloatArray:
    """sRGB as three planes [3, 1, 1] float32."""
    return np.asarray(color, dtype=np.float32).reshape(3, 1, 1)


def rgb(color: FloatArray) -> Tint:
    """Planes [3, 1, 1] as a colour that Pillow takes."""
    red, green, blue = np.clip(color.ravel(), 0, 255).astype(int).tolist()
    return red, green, blue


def enlarged(image: Image.Image, size: int) -> FloatArray:
    """A small picture as [3, size, size] float32 in 0..255."""
    large = np.asarray(image.resize((size, size), Image.Resampling.BILINEAR))
    return np.moveaxis(large, -1, 0).astype(np.float32)
