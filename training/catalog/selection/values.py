"""Values of attributes in one spelling, whatever a shop writes."""

import re
from typing import Final

from catalog.color.names import read_color

YES: Final = "yes"
NO: Final = "no"
_YES: Final = frozenset(["yes", "y", "true", "t", "1", "있음", "o", "with"])
_NO: Final = frozenset(["no", "n", "false", "f", "0", "none", "without", "없음", "x"])
_FLAGS: Final = frozenset(("hood", "pocket", "buttons", "zipper", "belt", "lace", "collar", "kids"))
_LONGEST: Final = 40

_SPELLINGS: Final = {
    "pattern": {
        "plain": "plain, solid, none, no, no pattern, unpatterned, solid color, 무지, 솔리드, 없음",
        "striped": "striped, stripe, stripes, stripy, 스트라이프, 줄무늬",
        "checked": "checked, check, checks, checkered, plaid, gingham, tartan, 체크, 체크무늬",
        "dotted": "dotted, dots, dot, polka dot, polka dots, spotted, 도트, 땡땡이, 물방울",
        "floral": "floral, flower, flowers, flowery, flower print, 플라워, 꽃무늬, 플로럴",
        "camouflage": "camouflage, camo, 카모, 카모플라쥬, 밀리터리",
        "leopard": "leopard, leopard print, 레오파드, 호피",
        "animal": "animal, animal print, zebra, snake, snakeskin",
        "paisley": "paisley, 페이즐리",
        "geometric": "geometric, argyle, herringbone, 기하학",
        "tie dye": "tie dye, tie-dye, 타이다이",
        "color block": "color block, colour block, color-block, colorblock, 컬러블록",
    },
    "print": {
        "none": "none, no, no print, false, plain, 없음",
        "graphic": "graphic, graphics, printed, yes, true, 그래픽, 프린팅",
        "logo": "logo, 로고",
        "text": "text, letters, lettering, slogan, 레터링",
    },
    "sleeve": {
        "none": "none, no, sleeveless, no sleeves, without sleeves, 민소매, 나시, 슬리브리스",
        "short": "short, short sleeve, short sleeves, short sleeved, half sleeve, 반팔, 반소매",
        "three-quarter": "three-quarter, three quarter, 3/4, 3/4 sleeve, 칠부, 7부",
        "long": "long, long sleeve, long sleeves, long sleeved, full, full sleeve, 긴팔, 긴소매",
    },
    "length": {
        "short": "short, mini, cropped, crop, 숏, 미니, 크롭",
        "knee": "knee, knee length, knee-length, midi, mid, medium, 미디, 하프",
        "long": "long, maxi, full, full length, ankle, ankle length, 롱, 맥시",
    },
    "neckline": {
        "v-neck": "v-neck, v neck, v, 브이넥",
        "crew neck": "crew neck, crew, round neck, round, crewneck, 라운드넥, 크루넥",
        "turtleneck": "turtleneck, turtle neck, roll neck, high neck, 터틀넥, 폴라",
        "scoop neck": "scoop neck, scoop, u-neck",
        "square neck": "square neck, square, 스퀘어넥",
        "boat neck": "boat neck, boat, 보트넥",
        "off-shoulder": "off-shoulder, off shoulder, off the shoulder, 오프숄더",
        "halter neck": "halter neck, halter, 홀터넥",
    },
    "fit": {
        "slim": "slim, slim fit, skinny, tight, fitted, 슬림, 슬림핏, 스키니",
        "regular": "regular, regular fit, straight, standard, 레귤러, 스탠다드",
        "loose": "loose, loose fit, relaxed, oversized, oversize, wide, baggy, 오버핏, 와이드",
    },
    "material": {
        "cotton": "cotton, 면, 코튼", "wool": "wool, 울, 모직", "linen": "linen, 린넨, 마",
        "denim": "denim, 데님", "leather": "leather, 가죽, 레더", "silk": "silk, 실크",
        "corduroy": "corduroy, 코듀로이, 골덴", "fleece": "fleece, 플리스", "knit": "knit, 니트",
    },
    "gender": {
        "women": "women, woman, female, womens, women's, ladies, f, 여성, 여",
        "men": "men, man, male, mens, men's, m, 남성, 남",
        "unisex": "unisex, all, both, 공용, 남녀공용, 유니섹스",
    },
}  # fmt: skip
_SPELLED: Final = {
    trait: {alias: value for value, aliases in spellings.items() for alias in aliases.split(", ")}
    for trait, spellings in _SPELLINGS.items()
}


def read_value(trait: str, text: str) -> str:
    """A value in the one spelling; empty where it says nothing that a caption could.

    Values not listed stay, in lower case: they tell products apart in any language. What runs on
    for more than a few words is prose and tells nothing.
    """
    value = " ".join(text.casefold().split())
    if trait in ("pattern color", "color"):
        color = read_color(value)
        return color.word if color is not None else ""
    if trait in _FLAGS and value in _YES | _NO:
        return YES if value in _YES else NO
    if trait == "material":
        named = (word for word in re.findall(r"\w+", value) if word in _SPELLED[trait])
        value = next(named, value)
    value = _SPELLED.get(trait, {}).get(value, value)
    return value if 0 < len(value) <= _LONGEST and not re.search(r"https?:", value) else ""
