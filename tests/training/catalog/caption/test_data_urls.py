"""Pictures are sent small, upright, and without what nobody needs to know."""

import base64
import io
from pathlib import Path

import pytest
from PIL import Image

from catalog.caption.data_urls import data_url
from catalog.caption.port import CaptionerError


def sent(path: Path) -> Image.Image:
    head, content = data_url(path).split(",")
    assert head == "data:image/jpeg;base64"
    picture = Image.open(io.BytesIO(base64.b64decode(content)))
    picture.load()
    return picture


@pytest.mark.parametrize("kind", ["png", "jpg", "webp", "gif"])
@pytest.mark.parametrize(
    ("size", "small"), [((2000, 1000), (512, 256)), ((300, 1024), (150, 512)), ((9, 5), (9, 5))]
)
def test_scaled_down_and_never_up(
    tmp_path: Path, kind: str, size: tuple[int, int], small: tuple[int, int]
) -> None:
    path = tmp_path / f"a.{kind}"
    Image.new("RGB", size, "red").save(path)
    picture = sent(path)
    assert (picture.size, picture.mode, picture.format) == (small, "RGB", "JPEG")
    red, green, blue = picture.getpixel((2, 2))  # type: ignore[misc]
    assert red > 230
    assert max(green, blue) < 30


def test_upright_and_without_metadata(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    exif[0x013B] = "somebody's name"
    path = tmp_path / "a.jpg"
    Image.new("RGB", (100, 60), "red").save(path, exif=exif)
    picture = sent(path)
    assert picture.size == (60, 100)
    assert not picture.getexif()
    assert b"somebody" not in base64.b64decode(data_url(path).split(",")[1])


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P"])
def test_what_is_transparent_is_white(tmp_path: Path, mode: str) -> None:
    path = tmp_path / "a.png"
    Image.new("RGBA", (20, 20), (0, 0, 0, 0)).convert(mode).save(path, transparency=None)
    if mode == "P":
        Image.new("P", (20, 20), 0).save(path, transparency=0)
    assert min(sent(path).getpixel((5, 5))) > 240  # type: ignore[type-var, arg-type]


@pytest.mark.parametrize("content", [b"", b"no picture", b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff\xe0"])
def test_no_picture(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "a.jpg"
    path.write_bytes(content)
    with pytest.raises(CaptionerError) as refused:
        data_url(path)
    assert refused.value.reason == "PICTURE_UNREADABLE"
    assert not refused.value.complaint


def test_a_truncated_picture_and_none(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    Image.effect_noise((200, 200), 99).save(path)
    path.write_bytes(path.read_bytes()[:5000])
    for unreadable in (path, tmp_path / "none.png"):
        with pytest.raises(CaptionerError):
            data_url(unreadable)
