"""The picture under construction: cloth, seams and shadows are laid on it one by one."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter

FloatArray = NDArray[np.float32]

_OVERSAMPLE: Final = 2
_COARSE: Final = 4
_MARGIN: Final = 3 * _COARSE
_RELIEF_BLUR: Final = 2.2 * _COARSE
_DESIGN_SIZE: Final = 320
"""Lengths in pixels are given for this size and scale with it, so that all sizes look alike."""

_BILINEAR: Final = Image.Resampling.BILINEAR


@dataclass(frozen=True, slots=True)
class Stamp:
    """Where a shape lies and how much of each pixel it covers."""

    rows: slice
    columns: slice
    coverage: FloatArray
    """[h, w] float32 in 0..1."""
    mask: Image.Image
    """The same as a mode L picture."""


class Canvas:
    """An RGB picture [3, S, S] float32 in 0..255 with the operations that drawing needs.

    Planes, not pixels, come first: numpy is several times faster over long rows than over triples.
    """

    def __init__(self, pixels: FloatArray) -> None:
        self.pixels = np.array(pixels, dtype=np.float32)
        self.size = int(pixels.shape[-1])
        self.scale = self.size / _DESIGN_SIZE
        self.coarse = max(round(_COARSE * self.scale), 1)
        self.margin = math.ceil(_MARGIN * self.scale)

    def polygon(self, points: NDArray[np.float64]) -> Stamp | None:
        """The stamp of a filled outline [N, 2] in pixels; None if it lies outside."""
        bounds = self._bounds(points.min(axis=0), points.max(axis=0))
        if bounds is None:
            return None
        left, top, _, _ = bounds
        image = self._sheet(bounds)
        place = (points - np.array([left, top])) * _OVERSAMPLE
        ImageDraw.Draw(image).polygon(place.ravel().tolist(), fill=255)
        return self._stamp(bounds, image)

    def strokes(self, lines: Sequence[NDArray[np.float64]], width_px: float) -> Stamp | None:
        """The stamp of lines, each [N, 2] in pixels and with round ends."""
        points = np.concatenate(lines)
        bounds = self._bounds(points.min(axis=0) - width_px, points.max(axis=0) + width_px)
        if bounds is None:
            return None
        left, top, _, _ = bounds
        image = self._sheet(bounds)
        pen = ImageDraw.Draw(image)
        width = max(round(width_px * _OVERSAMPLE), 2)
        radius = width / 2
        for line in lines:
            place = ((line - np.array([left, top])) * _OVERSAMPLE).ravel().tolist()
            pen.line(place, fill=255, width=width, joint="curve")
            for x, y in (place[:2], place[-2:]):
                pen.ellipse((x - radius, y - radius, x + radius, y + radius), fill=255)
        return self._stamp(bounds, image)

    def blend(self, stamp: Stamp, color: FloatArray) -> None:
        """Lay ``color`` ([3, 1, 1] or [3, h, w]) on the stamp."""
        area = self.pixels[:, stamp.rows, stamp.columns]
        difference = color - area
        difference *= stamp.coverage
        area += difference

    def cast_shadow(
        self,
        outlines: Sequence[NDArray[np.float64]],
        strength: float,
        shift: tuple[float, float] = (0.010, 0.017),
        blur: float = 0.018,
    ) -> None:
        """Darken below and beside the union of the outlines, wide and soft.

        Args:
            shift: right and down, as a share of the picture; ``blur`` likewise.
        """
        small = -(-self.size // self.coarse)
        mask = Image.new("L", (small, small))
        pen = ImageDraw.Draw(mask)
        for outline in outlines:
            moved = (outline + np.array(shift) * self.size) / self.coarse
            pen.polygon(moved.ravel().tolist(), fill=255)
        soft = mask.filter(ImageFilter.GaussianBlur(self.size * blur / self.coarse))
        shade = np.asarray(soft.resize((self.size, self.size), _BILINEAR), dtype=np.float32)
        self.pixels *= 1 - np.float32(strength / 255) * shade

    def to_image(self) -> Image.Image:
        """The picture, 8 bits a channel."""
        rounded = np.clip(self.pixels + np.float32(0.5), 0, 255).astype(np.uint8)
        return Image.fromarray(np.ascontiguousarray(np.moveaxis(rounded, 0, -1)))

    def darken(self, stamp: Stamp, strength: float, shift: tuple[int, int], blur: float) -> None:
        """Cast a soft shadow of the stamp, shifted by (right, down) pixels."""
        shade = self._soft(stamp, blur)
        right, down = (round(pixels * self.scale) for pixels in shift)
        top, left = stamp.rows.start + down, stamp.columns.start + right
        bottom, end = min(top + shade.shape[0], self.size), min(left + shade.shape[1], self.size)
        top0, left0 = max(top, 0), max(left, 0)
        if bottom <= top0 or end <= left0:
            return
        part = shade[top0 - top : bottom - top, left0 - left : end - left]
        self.pixels[:, top0:bottom, left0:end] *= 1 - np.float32(strength) * part

    def relief(self, stamp: Stamp, depth: float) -> FloatArray:
        """Brightness [h, w] around 1 that makes the stamp look rounded, lit from the top left."""
        coarse = stamp.mask.reduce(self.coarse).filter(
            ImageFilter.GaussianBlur(_RELIEF_BLUR * self.scale / self.coarse)
        )
        soft = np.asarray(coarse, dtype=np.float32) * np.float32(1 / 255)
        slope = np.zeros_like(soft)
        slope[:, 1:-1] += soft[:, 2:] - soft[:, :-2]
        slope[1:-1, :] += soft[2:, :] - soft[:-2, :]
        steep = np.float32(0.75 * _COARSE * self.scale / self.coarse)
        light = 1 - np.float32(depth) * (np.float32(0.7) * (1 - soft) - steep * slope)
        return np.asarray(Image.fromarray(light).resize(stamp.mask.size, _BILINEAR))

    def _soft(self, stamp: Stamp, radius: float) -> FloatArray:
        width, height = stamp.mask.size
        coarse = stamp.mask.reduce(self.coarse).filter(
            ImageFilter.GaussianBlur(radius * self.scale / self.coarse)
        )
        soft = coarse.resize((width, height), _BILINEAR)
        return np.asarray(soft, dtype=np.float32) * np.float32(1 / 255)

    def _bounds(
        self, low: NDArray[np.float64], high: NDArray[np.float64]
    ) -> tuple[int, int, int, int] | None:
        left, top = (int(v) for v in np.maximum(np.floor(low) - self.margin, 0))
        right, bottom = (int(v) for v in np.minimum(np.ceil(high) + self.margin, self.size))
        return None if right - left < 2 or bottom - top < 2 else (left, top, right, bottom)

    def _sheet(self, bounds: tuple[int, int, int, int]) -> Image.Image:
        left, top, right, bottom = bounds
        return Image.new("L", ((right - left) * _OVERSAMPLE, (bottom - top) * _OVERSAMPLE))

    def _stamp(self, bounds: tuple[int, int, int, int], image: Image.Image) -> Stamp:
        left, top, right, bottom = bounds
        mask = image.reduce(_OVERSAMPLE)
        coverage = np.asarray(mask, dtype=np.float32) * np.float32(1 / 255)
        return Stamp(slice(top, bottom), slice(left, right), coverage, mask)
