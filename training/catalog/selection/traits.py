"""What a picture can show of a product: the attributes that tell two products apart.

A shop knows much that no picture shows (sizes, article numbers, care). Only attributes whose names
are listed here count, under the shop's usual names for them, and their values in one spelling.
"""

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from catalog.color.names import read_color
from catalog.products import Product
from catalog.selection.values import read_value

_NAMES: Final = {
    "pattern": "pattern, patterns, pattern type, design pattern, 패턴, 무늬",
    "pattern color": "pattern color, pattern colour",
    "print": "print, graphic, print type, motif, 프린트",
    "sleeve": "sleeve, sleeves, sleeve length, sleeve type, 소매, 소매길이, 소매기장",
    "length": "length, item length, dress length, skirt length, garment length, 기장, 총장",
    "neckline": "neckline, neck, neck type, neck style, 넥라인",
    "collar": "collar, collar type, collar style, 카라, 칼라",
    "fit": "fit, fit type, silhouette, 핏",
    "material": "material, fabric, fabric type, 소재, 원단",
    "hood": "hood, hooded, has hood, 후드",
    "pocket": "pocket, pockets, has pockets, 포켓, 주머니",
    "buttons": "button, buttons, buttoned, 버튼, 단추",
    "zipper": "zipper, zip, zip up, 지퍼",
    "belt": "belt, belted, 벨트",
    "lace": "lace, 레이스",
    "heel": "heel, heel height, heel type, 굽",
    "rise": "rise, waist rise",
    "kids": "kids, kid, child, children, for kids, 키즈",
    "gender": "gender, sex, 성별",
}
_TRAIT: Final = {alias: trait for trait, names in _NAMES.items() for alias in names.split(", ")}
TRAITS: Final = ("color", *_NAMES)


def traits(product: Product) -> Mapping[str, str]:
    """Trait -> value, for what is known of a product, in the order of `TRAITS`.

    A colour known here is in English ("네이비" is "navy"); another stays as the shop writes it.
    """
    known = {"color": color_of(product)}
    for name, text in product.attributes.items():
        trait = _TRAIT.get(" ".join(re.findall(r"\w+", name.casefold().replace("_", " "))))
        if trait is not None:
            known.setdefault(trait, read_value(trait, text))
    if known.get("pattern") == "plain":
        known["pattern color"] = ""
    return MappingProxyType({name: known[name] for name in TRAITS if known.get(name)})


def color_of(product: Product) -> str:
    """The product's colour: the main one, else the only one on offer; empty where unknown."""
    text = product.color or (product.colors[0] if len(product.colors) == 1 else "")
    color = read_color(text)
    return color.word if color is not None else " ".join(text.casefold().split())
