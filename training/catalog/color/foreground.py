"""Where in a picture the garment probably is.

Boundary connectivity (W. Zhu, S. Liang, Y. Wei, J. Sun: Saliency Optimization from Robust
Background Detection, CVPR 2014): a patch belongs to the background if much of what has its colour
and hangs together with it lies on the picture's border, however busy that background is. What
differs from the background and lies in the middle is the garment.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import shortest_path
from skimage.segmentation import slic

Floats = NDArray[np.float64]
Labels = NDArray[np.int64]

_PATCHES: Final = 200
_COMPACTNESS: Final = 12.0
_COLOR_SCALE: Final = 10.0
"""CIE76 difference within which patches look alike (section 3.2 of the paper: 7 to 15)."""
_SPACE_SCALE: Final = 0.3
"""Distance, in longer sides of the picture, within which patches matter to each other."""
_SMOOTH: Final = 0.1
_MIDDLE: Final = 0.32
"""Standard deviation of the weight of the middle, in sides of the picture."""


def foreground(lab: Floats) -> Floats:
    """How probably each pixel shows the garment: [H, W] in 0..1, from [H, W, 3] CIE L*a*b*."""
    labels: Labels = slic(
        lab, n_segments=_PATCHES, compactness=_COMPACTNESS, convert2lab=False, start_label=0,
        channel_axis=-1,
    )  # fmt: skip
    _, labels = np.unique(labels, return_inverse=True)
    labels = labels.reshape(lab.shape[:2])
    count = int(labels.max()) + 1
    if count < 3:
        return np.ones(lab.shape[:2])
    colors, centers = _means(labels, count, lab)
    difference = np.linalg.norm(colors[:, None] - colors[None, :], axis=2)
    touching, border = _touching(labels, count)
    background = _background(difference, touching, border)
    apart = np.linalg.norm(centers[:, None] - centers[None, :], axis=2)
    closeness = np.exp(-(apart**2) / (2 * _SPACE_SCALE**2))
    contrast = (difference * closeness) @ background
    middle = np.exp(-((centers - _middle(lab)) ** 2).sum(axis=1) / (2 * _MIDDLE**2))
    garment = contrast * middle
    garment /= max(float(garment.max()), 1e-9)
    whole = _smoothed(background, garment, difference, touching)
    return np.clip(whole, 0, 1)[labels]


def _middle(lab: Floats) -> Floats:
    height, width = lab.shape[:2]
    return np.array([height, width]) / (2 * max(height, width))


def _means(labels: Labels, count: int, lab: Floats) -> tuple[Floats, Floats]:
    """Mean colour [N, 3] and centre [N, 2] (in longer sides) of each patch."""
    area = np.bincount(labels.ravel(), minlength=count)
    rows, columns = np.indices(labels.shape) / max(labels.shape)

    def mean(values: Floats) -> Floats:
        return np.bincount(labels.ravel(), values.ravel(), minlength=count) / area

    colors = np.stack([mean(lab[..., channel]) for channel in range(3)], axis=1)
    return colors, np.stack([mean(rows), mean(columns)], axis=1)


def _touching(labels: Labels, count: int) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Which patches touch each other [N, N], and which the picture's border [N]."""
    touching = np.zeros((count, count), bool)
    for first, second in ((labels[1:], labels[:-1]), (labels[:, 1:], labels[:, :-1])):
        touching[first.ravel(), second.ravel()] = True
    touching |= touching.T
    np.fill_diagonal(touching, False)
    border = np.zeros(count, bool)
    for line in (labels[0], labels[-1], labels[:, 0], labels[:, -1]):
        border[line] = True
    return touching, border


def _background(
    difference: Floats, touching: NDArray[np.bool_], border: NDArray[np.bool_]
) -> Floats:
    """How probably each patch [N] is background, by its boundary connectivity."""
    linked = touching | np.outer(border, border)
    np.fill_diagonal(linked, False)
    first, second = np.nonzero(linked)
    # A step between patches of one surface costs nothing, so that shading does not add up.
    step = np.maximum(difference[first, second] - _own_noise(difference, touching), 1e-6)
    graph = coo_matrix((step, (first, second)), shape=difference.shape)
    along = shortest_path(graph, directed=False)
    alike = np.exp(-(along**2) / (2 * _COLOR_SCALE**2))
    connectivity = alike[:, border].sum(axis=1) / np.sqrt(alike.sum(axis=1))
    background: Floats = 1 - np.exp(-(connectivity**2) / 2)
    return background


def _own_noise(difference: Floats, touching: NDArray[np.bool_]) -> float:
    """The step to the most similar neighbour that is usual in this picture."""
    nearest = np.where(touching, difference, np.inf).min(axis=1)
    return float(np.mean(nearest[np.isfinite(nearest)]))


def _smoothed(
    background: Floats, garment: Floats, difference: Floats, touching: NDArray[np.bool_]
) -> Floats:
    """The least-squares compromise of both and of neighbours that look alike (equation 9)."""
    weights = np.exp(-(difference**2) / (2 * _COLOR_SCALE**2)) + _SMOOTH
    weights = np.where(touching, weights, 0)
    laplacian = np.diag(weights.sum(axis=1)) - weights
    system = laplacian + np.diag(background + garment + 1e-6)
    solved: Floats = np.linalg.solve(system, garment)
    return solved
