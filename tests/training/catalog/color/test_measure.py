"""The colour of drawn garments, whose colours are known, is measured from their pictures."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from skimage.color import rgb2lab

from catalog.color.measure import measure_color
from catalog.color.measured import SURE, read_colors
from catalog.color.names import COLOR_NAMES
from catalog.color.naming import name_color
from demo_catalog.draw import draw
from demo_catalog.garments import Garment, sample_garment
from demo_catalog.palette import COLORS

DRAWN = 200


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Garment]]:
    """Garments on plain and busy backgrounds."""
    folder = tmp_path_factory.mktemp("drawn")
    garments = {}
    for number in range(DRAWN):
        rng = np.random.default_rng([29, number])
        garment = sample_garment(rng)
        draw(garment, rng, 160).save(folder / f"{number}.jpg", quality=90)
        garments[f"{number}.jpg"] = garment
    return folder, garments


def test_drawn_garments_have_the_colour_they_were_drawn_in(
    drawn: tuple[Path, dict[str, Garment]],
) -> None:
    folder, garments = drawn
    measured = read_colors(folder, garments)
    right = {name for name, g in garments.items() if measured[name].name == g.color}
    plain = {name for name, g in garments.items() if g.pattern == "plain"}
    # Checks in another colour mix with their ground, and then it is another colour.
    print(f"right: {len(right)} of {DRAWN}; of {len(plain)} plain ones {len(right & plain)}")
    assert len(right) >= 0.94 * DRAWN
    assert len(right & plain) >= 0.96 * len(plain)
    sure = {name for name in garments if measured[name].confidence >= SURE}
    assert len(right & sure) / len(sure) >= len(right) / DRAWN


@pytest.mark.parametrize("name", COLORS)
def test_the_centre_of_a_palette_colour(name: str) -> None:
    lab = rgb2lab(np.array(COLORS[name], np.float64)[None, None] / 255)[0, 0]
    assert name_color(lab) == name


@pytest.mark.parametrize(
    ("rgb", "name"),
    [((200, 20, 110), "pink"), ((181, 35, 84), "pink"), ((203, 30, 40), "red"),
     ((196, 20, 48), "red"), ((110, 20, 38), "red")],
)  # fmt: skip
def test_fuchsia_and_raspberry_are_no_reds(rgb: tuple[int, int, int], name: str) -> None:
    lab = rgb2lab(np.array(rgb)[None, None] / 255)[0, 0]
    assert name_color(lab) == name


def test_every_colour_has_a_name() -> None:
    steps = np.linspace(0, 255, 12)
    for rgb in np.stack(np.meshgrid(steps, steps, steps), axis=-1).reshape(-1, 3):
        assert name_color(rgb2lab(rgb[None, None] / 255)[0, 0]) in COLOR_NAMES


@pytest.mark.parametrize("mode", ["L", "P", "RGBA", "CMYK", "RGB"])
def test_pictures_of_any_mode_and_shape(mode: str) -> None:
    for size in ((1, 1), (3, 500), (640, 480)):
        picture = Image.new("RGB", size, (10, 10, 12)).convert(mode)
        assert measure_color(picture).name == "black"


def test_a_transparent_background_counts_as_white() -> None:
    picture = Image.new("RGBA", (120, 120))
    picture.paste((200, 20, 30, 255), (30, 30, 90, 90))
    measured = measure_color(picture)
    assert measured.name == "red"
    assert 0.9 < measured.confidence <= 1


def test_the_garment_counts_and_not_what_it_lies_on() -> None:
    """A smaller blue thing on a striped orange and green ground that fills the picture."""
    picture = Image.new("RGB", (200, 200), (220, 130, 40))
    for left in range(0, 200, 20):
        picture.paste((60, 150, 70), (left, 0, left + 10, 200))
    picture.paste((40, 80, 200), (65, 60, 140, 150))
    assert measure_color(picture).name == "blue"
