"""Pictures as a model gets them."""

import base64
from io import BytesIO
from pathlib import Path
from typing import Final

from PIL import Image, ImageOps

from catalog.caption.port import CaptionerError
from catalog.pictures.reading import READ_FORMATS

SIDE: Final = 512
"""Longest side, in pixels: what OpenAI's models see of a picture at low detail."""
_QUALITY: Final = 85


def data_url(path: Path) -> str:
    """The picture as a JPEG of at most 512 x 512 in a ``data:`` URL.

    Turned upright as its EXIF says, without any of its metadata; what is transparent becomes white.
    Raises `CaptionerError` where it cannot be read.
    """
    try:
        with Image.open(path, formats=READ_FORMATS) as opened:
            opened.draft("RGB", (SIDE, SIDE))
            picture = ImageOps.exif_transpose(opened)
            picture.thumbnail((SIDE, SIDE), Image.Resampling.LANCZOS)
            shown = _on_white(picture)
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        raise CaptionerError("PICTURE_UNREADABLE", f"{path.name} cannot be read.") from None
    written = BytesIO()
    shown.save(written, "JPEG", quality=_QUALITY)
    return "data:image/jpeg;base64," + base64.b64encode(written.getvalue()).decode()


def _on_white(picture: Image.Image) -> Image.Image:
    if not picture.has_transparency_data:
        return picture.convert("RGB")
    white = Image.new("RGBA", picture.size, "white")
    return Image.alpha_composite(white, picture.convert("RGBA")).convert("RGB")
