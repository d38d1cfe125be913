"""What an evaluation sends to a service is what it would have read itself."""

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from retrieval.preprocess.upload import normalise_upload
from sprc.datasets.pictures import PictureError, Transform, read_pixels
from sprc.evaluation import lossless
from sprc.evaluation.lossless import encode_lossless


@pytest.mark.parametrize("mode", ["RGB", "L"])
@pytest.mark.parametrize("limit", [10 << 20, 150])
def test_the_service_sees_the_same_pixels(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mode: str, limit: int
) -> None:
    """As PNG, and as the WebP that a picture too large for PNG becomes."""
    monkeypatch.setattr(lossless, "MAX_BYTES", limit)
    ramp = np.add.outer(np.arange(70), 2 * np.arange(50)).astype(np.uint8)
    image = Image.fromarray(np.stack([ramp, ramp // 2, 255 - ramp], axis=-1)).convert(mode)
    exif = Image.Exif()
    exif[0x0112] = 6  # lies on its side: the published transform does not care, so nor may we
    image.save(tmp_path / "a.png", exif=exif)
    content = encode_lossless(tmp_path / "a.png")
    with Image.open(io.BytesIO(content)) as sent:
        assert sent.format == ("PNG" if limit > 150 else "WEBP")
    served = Transform(64)(normalise_upload(content))
    assert (served == read_pixels(tmp_path / "a.png", Transform(64))).all()


def test_what_cannot_be_sent_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    damaged = tmp_path / "damaged.png"
    Image.new("RGB", (40, 40)).save(damaged)
    damaged.write_bytes(damaged.read_bytes()[:60])
    with pytest.raises(PictureError, match=r"damaged.png cannot be read as a picture"):
        encode_lossless(damaged)
    noise = np.random.default_rng(1).integers(0, 256, (40, 40, 3), dtype=np.uint8)
    Image.fromarray(noise).save(tmp_path / "noise.png")
    monkeypatch.setattr(lossless, "MAX_BYTES", 1000)
    with pytest.raises(PictureError, match=r"noise.png is over the service's limit"):
        encode_lossless(tmp_path / "noise.png")
