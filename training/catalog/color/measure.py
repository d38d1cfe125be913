"""The colour of the garment in a picture."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from skimage.color import rgb2lab

from catalog.color.foreground import foreground
from catalog.color.names import COLOR_NAMES
from catalog.color.naming import name_color

Floats = NDArray[np.float64]

MEASURE_VERSION: Final = 2
"""Changes whenever the same picture may be given another colour."""
_SIDE: Final = 320
_LEAST_SIDE: Final = 16
"""Pixels under which there is nothing to tell from a background."""
_DOUBTFUL: Final = 0.3
_SURE: Final = 0.7
_SLOPE: Final = 8.0
_WHITE_IN_SHADE: Final = 62.0
_BLACK_IN_LIGHT: Final = 38.0
_CLUSTERS: Final = 6
_ROUNDS: Final = 12
_SAMPLES: Final = 4000


@dataclass(frozen=True)
class MeasuredColor:
    """What a picture's garment is mostly coloured."""

    name: str
    """One of `COLOR_NAMES`."""
    confidence: float
    """0..1: the share of the garment, as far as it was found, that has this colour."""


def measure_color(image: Image.Image) -> MeasuredColor:
    """The dominant colour of the garment in a picture of any size and mode.

    The garment is told from its background (`color.foreground`), its pixels are grouped by k-means
    in CIE L*a*b*, and the groups named (`color.naming`); the name with most pixels wins.
    """
    lab, weights = _garment(image)
    centers, shares = _clusters(lab.reshape(-1, 3), weights.ravel())
    votes = _votes(centers, shares)
    best = max(votes, key=lambda name: (votes[name], name))
    return MeasuredColor(best, round(votes[best], 3))


def _garment(image: Image.Image) -> tuple[Floats, Floats]:
    """CIE L*a*b* [H, W, 3], and how much each pixel [H, W] says of the garment's colour."""
    rgb = _small_rgb(image)
    lab = rgb2lab(rgb)
    if min(lab.shape[:2]) < _LEAST_SIDE:
        return lab, np.ones(lab.shape[:2])
    coarse = foreground(rgb2lab(_halved(rgb)))
    garment = coarse[_halves(lab.shape[0], coarse.shape[0])]
    garment = garment[:, _halves(lab.shape[1], coarse.shape[1])]
    return lab, _sharpened(garment) * _inside(lab)


def _halves(size: int, coarse_size: int) -> NDArray[np.int64]:
    places: NDArray[np.int64] = np.minimum(np.arange(size) // 2, coarse_size - 1)
    return places


def _halved(rgb: Floats) -> Floats:
    height, width = (side // 2 * 2 for side in rgb.shape[:2])
    blocks = rgb[:height, :width].reshape(height // 2, 2, width // 2, 2, 3)
    halved: Floats = blocks.mean(axis=(1, 3))
    return halved


def _sharpened(garment: Floats) -> Floats:
    """What is probably garment counts fully, what is doubtful not at all."""
    sure = garment / max(float(np.percentile(garment, 95)), 1e-9)
    ramp: Floats = ((sure - _DOUBTFUL) / (_SURE - _DOUBTFUL)).clip(0, 1)
    return ramp


def _inside(lab: Floats) -> Floats:
    """Weight [H, W] that is small on edges, where the pixels of two colours mix."""
    down, across = np.gradient(lab, axis=(0, 1))
    slope = np.sqrt((down**2 + across**2).sum(axis=2))
    weight: Floats = np.exp(-((slope / _SLOPE) ** 2)) + 0.02
    return weight


def _votes(centers: Floats, shares: Floats) -> dict[str, float]:
    """Name -> share. Folds make greys of white and black cloth, which count as what they are of."""
    votes = dict.fromkeys(COLOR_NAMES, 0.0)
    names = [name_color(center) for center in centers]
    for name, share in zip(names, shares, strict=True):
        votes[name] += float(share)
    grays = [(float(c[0]), float(s)) for c, s, n in zip(centers, shares, names, strict=True)
             if n == "gray"]  # fmt: skip
    shaded = sum(share for lightness, share in grays if lightness > _WHITE_IN_SHADE)
    shining = sum(share for lightness, share in grays if lightness < _BLACK_IN_LIGHT)
    if votes["white"] > shaded / 2:
        votes["white"], votes["gray"] = votes["white"] + shaded, votes["gray"] - shaded
    if votes["black"] > shining:
        votes["black"], votes["gray"] = votes["black"] + shining, votes["gray"] - shining
    return votes


def _small_rgb(image: Image.Image) -> Floats:
    """[H, W, 3] in 0..1, the longer side `_SIDE`; what is transparent becomes white."""
    image = image.convert("RGBA")
    image.thumbnail((_SIDE, _SIDE), Image.Resampling.BILINEAR, reducing_gap=2.0)
    white = Image.new("RGBA", image.size, "white")
    return np.asarray(Image.alpha_composite(white, image).convert("RGB")) / 255.0


def _clusters(points: Floats, weights: Floats) -> tuple[Floats, Floats]:
    """Weighted k-means: centres [K, 3] of points [N, 3], and each one's share of the weight."""
    step = max(1, len(points) // _SAMPLES)
    points, weights = points[::step], weights[::step] + 1e-9
    centers = _spread(points, weights)
    for _ in range(_ROUNDS):
        nearest = ((points[:, None] - centers[None]) ** 2).sum(axis=2).argmin(axis=1)
        mass = np.bincount(nearest, weights, len(centers))
        for place in np.flatnonzero(mass):
            inside = nearest == place
            centers[place] = weights[inside] @ points[inside] / mass[place]
    return centers, mass / mass.sum()


def _spread(points: Floats, weights: Floats) -> Floats:
    """First centres: the mean, then each time the point whose weighted distance is largest."""
    centers = [weights @ points / weights.sum()]
    distance = np.full(len(points), np.inf)
    for _ in range(_CLUSTERS - 1):
        distance = np.minimum(distance, ((points - centers[-1]) ** 2).sum(axis=1))
        centers.append(points[int(np.argmax(distance * weights))])
    return np.stack(centers)
