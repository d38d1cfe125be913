"""What a garment is called, by the category that a shop gives it."""

import re
from dataclasses import dataclass
from typing import Final

from catalog.caption.english import is_known


@dataclass(frozen=True)
class Noun:
    """A word for a garment."""

    word: str
    plural: bool = False

    def with_article(self, before: str = "") -> str:
        """ "a dress", "an orange dress", "jeans"."""
        words = f"{before} {self.word}".strip()
        if self.plural:
            return words
        return f"an {words}" if words[0] in "aeiou" else f"a {words}"


_SINGULAR: Final = {
    "t-shirt": "t-shirt, tee / t-shirt, tshirt, t shirt, tee, 티셔츠, 반팔티",
    "shirt": "shirt / shirt, 셔츠, 남방",
    "blouse": "blouse, top / blouse, 블라우스",
    "top": "top / top, toptee, tops, tops and tees, 탑, 상의",
    "long-sleeved top": "long-sleeved top / longsleeve, long sleeve, 롱슬리브, 긴팔티",
    "polo shirt": "polo shirt, polo / polo, polo shirt, 카라티",
    "undershirt": "undershirt / undershirt, 언더셔츠",
    "tank top": "tank top / tank, tank top, 민소매",
    "hoodie": "hoodie, hooded sweatshirt / hoodie, hoody, 후드, 후드티, 후디, 후드 티셔츠",
    "sweatshirt": "sweatshirt / sweatshirt, 맨투맨, 스웨트셔츠",
    "sweater": "sweater / sweater, knit, knitwear, jumper, pullover, 니트, 스웨터",
    "cardigan": "cardigan / cardigan, 가디건, 카디건",
    "coat": "coat / coat, 코트",
    "jacket": "jacket / jacket, outwear, outerwear, 자켓, 재킷, 점퍼, 아우터",
    "blazer": "blazer, jacket / blazer, 블레이저",
    "vest": "vest / vest, 조끼, 베스트",
    "dress": "dress / dress, 원피스, 드레스",
    "skirt": "skirt / skirt, 스커트, 치마",
    "bodysuit": "bodysuit / body, bodysuit, 바디수트",
    "hat": "hat / hat, 모자",
    "cap": "cap, hat / cap, 캡",
    "bag": "bag / bag, 가방",
}
_PLURAL: Final = {
    "jeans": "jeans / jeans, jean, denim, 청바지, 데님 팬츠, 데님",
    "pants": "pants, trousers / pants, trousers, pant, 바지, 팬츠, 슬랙스",
    "shorts": "shorts / short, shorts, 반바지, 쇼츠",
    "leggings": "leggings / legging, leggings, 레깅스",
    "shoes": "shoes / shoe, shoes, 신발, 구두",
    "sneakers": "sneakers, shoes / sneaker, sneakers, 스니커즈, 운동화",
    "boots": "boots / boot, boots, 부츠",
}


def _table() -> dict[str, tuple[Noun, ...]]:
    found = {}
    for plural, garments in ((False, _SINGULAR), (True, _PLURAL)):
        for line in garments.values():
            words, categories = line.split(" / ")
            nouns = tuple(Noun(word, plural) for word in words.split(", "))
            found.update(dict.fromkeys(categories.split(", "), nouns))
    return found


_NOUNS: Final = _table()
_ANY: Final = (Noun("item"), Noun("product"))


def nouns_of(category: str) -> tuple[Noun, ...]:
    """What one calls a garment of a shop's category, the usual word first; "item" where unknown.

    A category not listed is its own word if that is English.
    """
    name = " ".join(re.findall(r"[\w-]+", category.casefold()))
    for known in (name, name.removesuffix("s"), name.removesuffix("es")):
        if known in _NOUNS:
            return _NOUNS[known]
    words = re.findall(r"[a-z]+", name)
    all_english = name.replace("-", " ").split() == words and all(map(is_known, words))
    if all_english and 1 <= len(words) <= 2:
        return (Noun(name, name.endswith("s") and not name.endswith("ss")),)
    return _ANY
