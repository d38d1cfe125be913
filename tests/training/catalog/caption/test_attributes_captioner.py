"""Captions from attributes say what differs, in other words each, and nothing that is not known."""

import asyncio
import random
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from catalog.caption.attributes_captioner import AttributesCaptioner
from catalog.caption.cleaner import clean, find_fault
from catalog.caption.port import CaptionerError, Question
from catalog.caption.spoken_garments import nouns_of
from catalog.caption.spoken_traits import say
from catalog.pairs import Pair, PairKind
from catalog.products import Product
from catalog.selection.choose import PairOptions, choose_pairs
from catalog.selection.traits import TRAITS

VALUES = {
    "color": ("black", "white", "light blue", "네이비", "Burgundy", "black/white", "오트밀크", ""),
    "pattern": ("plain", "striped", "체크", "dotted", "floral", "leopard", "zickzack"),
    "pattern_color": ("red", "white", "노랑"),
    "sleeve": ("none", "short", "3/4", "긴팔"),
    "length": ("short", "knee", "long"),
    "neckline": ("v-neck", "round", "sweetheart", "rundhals"),
    "collar": ("yes", "no", "shawl"),
    "fit": ("slim", "regular", "oversized"),
    "material": ("100% cotton", "가죽", "wool"),
    "hood": ("yes", "no"),
    "pocket": ("true", "false"),
    "buttons": ("1", "0"),
    "print": ("none", "logo", "text", "graphic", "star"),
    "kids": ("True", "False"),
    "gender": ("women", "남성", "unisex"),
}
CATEGORIES = ("t-shirt", "dress", "jeans", "셔츠", "outwear", "shoes", "Zubehör", "")


def ask(question: Question, seed: int = 1) -> tuple[str, str]:
    return asyncio.run(AttributesCaptioner(seed).captions(question))


def between(reference: Product, target: Product) -> Question:
    pair = Pair(PairKind.PRODUCT, "shirt", "r.jpg", "t.jpg", reference.id, target.id)
    return Question(pair, reference, target)


def shirt(number: int = 0, color: str = "", **attributes: str) -> Product:
    return Product(id=f"p{number}", category="shirt", color=color, attributes=attributes)


def said_of(reference: Product, target: Product, draws: int = 60) -> list[str]:
    """Captions of one pair of products with many seeds."""
    question = between(reference, target)
    return [caption for seed in range(draws) for caption in ask(question, seed)]


@st.composite
def products(draw: st.DrawFn) -> Product:
    known = draw(
        st.fixed_dictionaries({}, optional={k: st.sampled_from(v) for k, v in VALUES.items()})
    )
    return Product(
        id=f"p{draw(st.integers(0, 10**6))}",
        category=draw(st.sampled_from(CATEGORIES)),
        color=known.pop("color", ""),
        attributes=known,
    )


@settings(max_examples=200, deadline=None)
@given(products(), products(), st.sampled_from(PairKind), st.integers(0, 9))
def test_captions_have_no_fault(
    reference: Product, target: Product, kind: PairKind, seed: int
) -> None:
    question = Question(
        Pair(kind, target.category, "r.jpg", "t.jpg", reference.id, target.id), reference, target
    )
    try:
        captions = ask(question, seed)
    except CaptionerError as error:
        captions = None
        reason = error.reason
    if captions is None:
        assert (kind, reason) == (PairKind.PRODUCT, "NOTHING_TO_SAY")
        return
    assert captions == (clean(captions[0]), clean(captions[1]))
    assert find_fault(captions, question) is None
    assert captions == ask(question, seed)


def test_the_new_value_is_said_first() -> None:
    said = said_of(shirt(1, "red"), shirt(2, "네이비"))
    assert all("navy" in caption for caption in said[0::2])
    assert sum("navy" in caption or "darker" in caption for caption in said[1::2]) == 60
    assert any("instead of red" in caption for caption in said)
    assert any("darker" in caption for caption in said[1::2])
    assert len(set(said)) > 20


@pytest.mark.parametrize(
    ("before", "after", "among", "never"),
    [
        ({"pattern": "striped"}, {"pattern": "plain"}, ("no stripes", "plain"), "with stripes"),
        ({"sleeve": "short"}, {"sleeve": "long"}, ("long sleeves", "longer sleeves"), "shorter"),
        ({"sleeve": "long"}, {"sleeve": "none"}, ("no sleeves", "sleeveless"), "long"),
        ({"length": "long"}, {"length": "knee"}, ("shorter", "knee length"), "longer"),
        ({"buttons": "yes"}, {"buttons": "no"}, ("no buttons", "without buttons"), "has buttons"),
        ({"print": "logo"}, {"print": "none"}, ("no logo", "without the logo"), "a logo"),
        ({"fit": "slim"}, {"fit": "loose"}, ("looser", "loose fit"), "tighter"),
        ({"kids": "False"}, {"kids": "True"}, ("for kids", "for children"), "adults"),
        (
            {"pattern": "plain"},
            {"pattern": "striped", "pattern_color": "white"},
            ("white stripes", "striped"),
            "no ",
        ),
    ],
)
def test_comparisons_and_negations(
    before: dict[str, str], after: dict[str, str], among: tuple[str, ...], never: str
) -> None:
    said = said_of(shirt(1, **before), shirt(2, **after))
    for words in among:
        assert any(words in caption for caption in said), words
    assert not any(never in caption for caption in said)


def test_the_two_captions_are_not_the_same_in_other_articles() -> None:
    one, other = shirt(1, "red"), shirt(2, "grey")
    for seed in range(60):
        first, second = (set(caption.split()) for caption in ask(between(one, other), seed))
        told = {"instead", "not", "rather", "lighter", "shirt"}
        assert first & told != second & told


def test_a_garment_whose_name_is_rare_still_has_english_captions() -> None:
    one, other = (
        Product(id=color, category="Undershirt", color=color) for color in ("red", "gray")
    )
    for caption in said_of(one, other):
        assert find_fault((caption, "is gray"), between(one, other)) is None or caption == "is gray"


def test_a_shade_is_lighter_or_darker() -> None:
    alike = {"pattern": "plain", "sleeve": "long"}
    said = said_of(shirt(1, "light blue", **alike), shirt(2, "dark blue", **alike), 200)
    assert any("same shirt in a darker blue" in caption for caption in said)
    assert not any("lighter" in caption for caption in said)


def test_what_stays_is_not_said_to_change() -> None:
    one = shirt(1, "black", sleeve="short", pocket="yes")
    said = said_of(one, shirt(2, "black", sleeve="long", pocket="yes"))
    assert any("same black shirt" in caption for caption in said)
    assert not any("pocket" in caption for caption in said)
    assert all("sleeve" in caption for caption in said)
    assert not any("is black" in caption for caption in said)


def test_no_denies_one_thing_alone() -> None:
    one = shirt(1, buttons="yes", pocket="no")
    for caption in said_of(one, shirt(2, buttons="no", pocket="yes"), 200):
        assert "no buttons and pockets" not in caption
        assert "without buttons and pockets" not in caption


def test_only_what_is_known_to_be_alike_is_called_the_same() -> None:
    said = said_of(shirt(1, "black"), shirt(2, "red"))
    assert not any("same" in caption or "similar" in caption for caption in said)


def test_what_is_not_english_is_not_said() -> None:
    reference = shirt(1, "red", neckline="v-neck", sleeve="short")
    target = shirt(2, "오트밀크", neckline="rundhals", sleeve="긴팔")
    said = said_of(reference, target)
    assert all("long" in caption for caption in said)
    assert not any("red" in caption or "neck" in caption for caption in said)


@pytest.mark.parametrize(
    ("reference", "target"),
    [
        (shirt(1, "red"), shirt(2, "red")),
        (shirt(1, "red"), shirt(2, "오트밀크")),
        (shirt(1, "red"), shirt(2)),
        (shirt(1, sleeve="long"), shirt(2, color="red")),
    ],
)
def test_nothing_to_say(reference: Product, target: Product) -> None:
    with pytest.raises(CaptionerError) as raised:
        ask(between(reference, target))
    assert raised.value.reason == "NOTHING_TO_SAY"


def test_a_snapshot_leads_to_the_product_alone() -> None:
    hoodie = Product(id="a", category="후드티", color="블랙", attributes={"pattern": "striped"})
    pair = Pair(PairKind.SNAPSHOT, "후드티", "w.jpg", "a.jpg", "a", "a")
    said = [c for seed in range(60) for c in ask(Question(pair, hoodie, hoodie), seed)]
    assert all("black" in c and ("hoodie" in c or "hooded sweatshirt" in c) for c in said)
    assert any("on a plain background" in caption for caption in said)
    assert any("striped" in caption for caption in said)
    jeans = Product(id="b", category="jeans", color="blue")
    said = [c for seed in range(60) for c in ask(Question(pair, jeans, jeans), seed)]
    assert not any("itself" in c or "wearing it" in c for c in said)


def test_plural_garments_have_plural_verbs() -> None:
    one, other = shirt(1, "red", pocket="no"), shirt(2, "blue", pocket="yes")
    one, other = (Product(**{**vars(p), "category": "pants"}) for p in (one, other))
    subjects = [c for c in said_of(one, other) if c.startswith(("the pants", "the trousers"))]
    assert subjects
    assert not any(f" {verb} " in caption for caption in subjects for verb in ("is", "has"))


def test_manner() -> None:
    """Most begin with "is" or "has", as in FashionIQ; no phrase makes up the whole."""
    rng = random.Random(1)
    shop = [
        Product(
            id=f"p{n:03}",
            category="dress",
            color=rng.choice(VALUES["color"][:5]),
            images=(f"{n}.jpg",),
            attributes={k: rng.choice(VALUES[k][:2]) for k in ("sleeve", "length", "pocket")},
        )
        for n in range(200)
    ]
    by_id = {product.id: product for product in shop}
    said = [
        caption
        for pair in choose_pairs(shop, PairOptions())
        for caption in ask(Question(pair, by_id[pair.reference_id], by_id[pair.target_id]))
    ]
    assert len(said) > 1000
    first = Counter(caption.split()[0] for caption in said)
    assert 0.4 < (first["is"] + first["has"]) / len(said) < 0.9
    assert Counter(said).most_common(1)[0][1] < 0.05 * len(said)
    assert 4 < sum(len(caption.split()) for caption in said) / len(said) < 9


@pytest.mark.parametrize(
    ("category", "word", "plural"),
    [
        ("T-Shirts", "t-shirt", False),
        ("dresses", "dress", False),
        ("Longsleeve", "long-sleeved top", False),
        ("청바지", "jeans", True),
        ("Leather Jackets", "leather jackets", True),
        ("Zubehör", "item", False),
        ("", "item", False),
    ],
)
def test_what_a_category_is_called(category: str, word: str, plural: bool) -> None:
    noun = nouns_of(category)[0]
    assert (noun.word, noun.plural) == (word, plural)


@pytest.mark.parametrize(
    ("trait", "after", "words"),
    [
        ("neckline", "v-neck", "a v-neck"),
        ("neckline", "off-shoulder", "an off-shoulder neckline"),
        ("collar", "shawl", "a shawl collar"),
        ("pocket", "patch pockets", "patch pockets"),
        ("buttons", "gold", "gold buttons"),
        ("lace", "black", "black lace"),
        ("fit", "boxy", "a boxy fit"),
        ("heel", "high", "a high heel"),
        ("neckline", "rundhals", ""),
        ("buttons", "3", ""),
    ],
)
def test_parts_with_any_english_value(trait: str, after: str, words: str) -> None:
    assert say(trait, "no", after, {}).has == ((words,) if words else ())


@pytest.mark.parametrize("trait", TRAITS)
def test_every_trait_has_words(trait: str) -> None:
    after = {
        "color": "red", "pattern": "floral", "pattern color": "red", "sleeve": "long",
        "length": "long", "fit": "loose", "material": "wool", "gender": "women", "print": "logo",
        "neckline": "crew neck", "heel": "high", "rise": "low",
    }.get(trait, "yes")  # fmt: skip
    assert say(trait, "no", after, {"pattern": "striped"})
