"""What a shop's word for a colour means, in English."""

import re
from dataclasses import dataclass
from typing import Final

COLOR_NAMES: Final = (
    "black", "white", "gray", "red", "orange", "yellow", "green", "blue", "navy", "purple",
    "pink", "brown", "beige",
)  # fmt: skip
"""The families; a measured colour is one of them."""

_WORDS: Final = {
    "black": "black, jet, ebony, onyx",
    "white": "white, ivory, off white, snow, optic white",
    "gray": "gray, grey, charcoal, silver, graphite, slate, anthracite, ash",
    "red": "red, burgundy, wine, maroon, crimson, scarlet, ruby, brick, cherry, bordeaux",
    "orange": "orange, tangerine, rust, terracotta, apricot, peach, coral",
    "yellow": "yellow, mustard, lemon, gold, golden",
    "green": "green, olive, mint, emerald, teal, lime, sage, forest green, khaki green",
    "blue": "blue, turquoise, aqua, cyan, cobalt, denim, indigo, azure, royal blue",
    "navy": "navy, navy blue, midnight blue",
    "purple": "purple, violet, lavender, lilac, plum, mauve, aubergine",
    "pink": "pink, fuchsia, magenta, rose, hot pink, salmon, blush",
    "brown": "brown, chocolate, coffee, camel, mocha, chestnut, cognac, bronze",
    "beige": "beige, cream, tan, khaki, sand, taupe, nude, ecru, oatmeal, stone",
}
_FAMILY: Final = {word: family for family, words in _WORDS.items() for word in words.split(", ")}
_SAME: Final = {
    "grey": "gray", "navy blue": "navy", "golden": "gold", "optic white": "white",
    "light navy": "navy", "dark navy": "navy",
}  # fmt: skip
_BLUES: Final = {"sky blue": "light blue", "baby blue": "light blue"}
_SHADES: Final = {
    "light": "light", "pale": "light", "pastel": "light", "soft": "light", "baby": "light",
    "dark": "dark", "deep": "dark", "bright": "bright", "neon": "bright", "vivid": "bright",
}  # fmt: skip
_KOREAN: Final = {
    "black": "블랙 검정 검은색 흑청 먹색",
    "white": "화이트 흰색 하양 백색",
    "ivory": "아이보리",
    "off white": "오프화이트",
    "gray": "그레이 회색 멜란지 그레이쉬",
    "charcoal": "차콜 챠콜 진회색",
    "silver": "실버 은색",
    "red": "레드 빨강 빨간색 적색",
    "burgundy": "버건디 자주",
    "wine": "와인",
    "orange": "오렌지 주황",
    "coral": "코랄",
    "yellow": "옐로우 옐로 노랑 노란색",
    "mustard": "머스타드 겨자",
    "gold": "골드 금색",
    "green": "그린 초록 녹색",
    "olive": "올리브",
    "khaki green": "카키",
    "mint": "민트",
    "blue": "블루 파랑 파란색 중청 데님",
    "light blue": "스카이블루 소라 하늘색 연청",
    "dark blue": "진청",
    "navy": "네이비 남색 곤색",
    "indigo": "인디고",
    "purple": "퍼플 보라",
    "lavender": "라벤더",
    "pink": "핑크 분홍",
    "brown": "브라운 갈색 밤색",
    "camel": "카멜",
    "beige": "베이지 샌드",
    "cream": "크림",
}
_KOREAN_WORDS: Final = sorted(
    ((word, name) for name, words in _KOREAN.items() for word in words.split()),
    key=lambda pair: (-len(pair[0]), pair[0]),
)
_KOREAN_SHADES: Final = {
    "라이트": "light", "연한": "light", "페일": "light", "다크": "dark", "진한": "dark",
    "딥": "dark",
}  # fmt: skip
_HANGUL: Final = re.compile(r"[\uac00-\ud7a3]")
_APART: Final = re.compile(r"[/,&+|;]|\band\b|\bwith\b")


@dataclass(frozen=True)
class NamedColor:
    """A colour as one says it in English."""

    word: str
    """For example "navy", "burgundy", "light blue", or "black and white" of two."""
    family: str
    """One of `COLOR_NAMES`; empty of two colours."""
    shade: str = ""
    """"light", "dark" or "bright", where the word begins with it."""


def read_color(text: str) -> NamedColor | None:
    """What a shop's word means, English or Korean; None when it names no colour known here.

    Numbers, brackets and words that are no colours are passed over ("02 Heather Grey" is gray).
    Of several colours the first two count.
    """
    found = [_read_one(part) for part in _APART.split(text.casefold())]
    colors = list(dict.fromkeys(color for color in found if color is not None))
    if not colors:
        return None
    if len(colors) == 1:
        return colors[0]
    return NamedColor(f"{colors[0].word} and {colors[1].word}", "")


def _read_one(text: str) -> NamedColor | None:
    return _read_korean(text) if _HANGUL.search(text) else _read_english(text)


def _read_english(text: str) -> NamedColor | None:
    words = re.findall(r"[a-z]+", text)
    for length in (2, 1):
        # The last colour is the noun: "rose gold" is a gold, "olive green" a green.
        for end in range(len(words), length - 1, -1):
            name = " ".join(words[end - length : end])
            if name in _BLUES:
                return NamedColor(_BLUES[name], "blue", "light")
            if name in _FAMILY:
                before = words[: end - length]
                shade = next((_SHADES[word] for word in before if word in _SHADES), "")
                return _shaded(name, shade)
    return None


def _read_korean(text: str) -> NamedColor | None:
    joined = re.sub(r"\s", "", text)
    for word, name in _KOREAN_WORDS:
        if word in joined:
            if name not in _FAMILY:
                shade, name = name.split(" ")
                return _shaded(name, shade)
            before = joined[: joined.index(word)]
            return _shaded(name, next((s for w, s in _KOREAN_SHADES.items() if w in before), ""))
    return None


def _shaded(name: str, shade: str) -> NamedColor:
    word = _SAME.get(name, name)
    if word in ("black", "white", "navy") or " " in word:
        shade = ""
    return NamedColor(f"{shade} {word}".strip(), _FAMILY[name], shade)
