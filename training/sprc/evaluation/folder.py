"""A folder of pictures as a gallery, and one question over it.

Pictures are read as the service reads an upload (turned upright, transparency on white), since
they are people's own files and not those of a published data set.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import torch
from PIL import Image
from torch import Tensor
from tqdm import tqdm

from retrieval.errors import RecomposeError
from retrieval.preprocess.upload import normalise_upload
from sprc.datasets.pictures import PictureError
from sprc.datasets.records import DataError
from sprc.evaluation.backends import Backend
from sprc.evaluation.scores import max_sim_chunked

EXTENSIONS: Final = frozenset({".jpg", ".jpeg", ".png", ".webp"})


@dataclass(frozen=True)
class Ranked:
    """One picture of an answer."""

    path: Path
    score: float


def list_gallery(folder: Path) -> list[Path]:
    """Pictures of a folder and the folders in it, by name. Raises `DataError`."""
    if not folder.is_dir():
        raise DataError(f"{folder} is not a folder")
    found = sorted(
        path for path in folder.rglob("*") if path.suffix.lower() in EXTENSIONS and path.is_file()
    )
    if not found:
        raise DataError(f"{folder} holds no picture (.jpg, .png or .webp)")
    return found


def read_upright(path: Path) -> Image.Image:
    """A picture in RGB. Raises `PictureError`."""
    try:
        return normalise_upload(path.read_bytes())
    except OSError as error:
        raise PictureError(f"{path} cannot be read ({error.strerror})") from None
    except RecomposeError as error:
        raise PictureError(f"{path} cannot be used as a picture: {error}") from None


def rank_folder(
    backend: Backend,
    gallery: Sequence[Path],
    reference: Path | None,
    text: str,
    *,
    batch_size: int,
    skip_broken: bool = False,
) -> tuple[list[Ranked], list[str]]:
    """Rank a gallery for a reference picture, words, or both.

    The reference is left out of its own results where it lies in the gallery.

    Returns:
        The whole ranking, best first, and what was left out because it is broken.

    Raises:
        PictureError: A picture is broken; of the gallery only without `skip_broken`.
        DataError: No picture is left.
    """
    query: Tensor | None = None
    if reference is not None:
        embeds, own_tokens = backend.embed(_pixels(backend, [read_upright(reference)]))
        query = backend.compose(embeds, [text]) if text else own_tokens[0]
        same = reference.resolve()
        gallery = [path for path in gallery if path.resolve() != same]
    else:
        query = backend.embed_text([text])
    tokens, kept, problems = _gallery_tokens(backend, gallery, batch_size, skip_broken)
    # One row of words or of both; K rows of a picture alone, whose best matches are averaged.
    scores = max_sim_chunked(query.cpu(), tokens).mean(0)
    order = torch.argsort(scores, descending=True, stable=True).tolist()
    return [Ranked(kept[place], float(scores[place])) for place in order], problems


def _gallery_tokens(
    backend: Backend, gallery: Sequence[Path], batch_size: int, skip_broken: bool
) -> tuple[Tensor, list[Path], list[str]]:
    kept: list[Path] = []
    problems: list[str] = []
    parts: list[Tensor] = []
    batch: list[Image.Image] = []
    with tqdm(gallery, desc="gallery", unit="picture") as bar:
        for path in bar:
            try:
                batch.append(read_upright(path))
            except PictureError as error:
                if not skip_broken:
                    raise
                problems.append(str(error))
                continue
            kept.append(path)
            if len(batch) == batch_size:
                parts.append(backend.embed(_pixels(backend, batch))[1].cpu())
                batch.clear()
        if batch:
            parts.append(backend.embed(_pixels(backend, batch))[1].cpu())
    if not parts:
        raise DataError("the gallery holds no picture beside the reference that can be read")
    return torch.cat(parts), kept, problems


def _pixels(backend: Backend, images: Iterable[Image.Image]) -> Tensor:
    return torch.stack([backend.transform(image) for image in images])
