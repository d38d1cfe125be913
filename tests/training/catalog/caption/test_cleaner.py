"""Captions are tidied without harm, and what says nothing of use is refused with its reason."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from catalog.caption.cleaner import clean, complaint, find_fault
from catalog.caption.english import is_english
from catalog.caption.port import Question
from catalog.caption.tokens import TEXT_LENGTH, TokenCounter
from catalog.errors import CatalogError
from catalog.pairs import Pair, PairKind
from catalog.products import Product

ROOT = Path(__file__).parents[4]
GOOD = "has long sleeves instead of short ones"


def question(reference: Product | None = None, target: Product | None = None) -> Question:
    reference = reference or Product("p-100", title="Plain Coat", category="coat")
    target = target or Product("p-200", title="Wool Coat", category="coat")
    pair = Pair(PairKind.PRODUCT, "coat", "images/a.jpg", "images/b.jpg", reference.id, target.id)
    return Question(pair, reference, target)


@pytest.mark.parametrize(
    ("written", "cleaned"),
    [
        ("Is black, with long sleeves.", "is black, with long sleeves"),
        ('Caption 1: "Is darker."', "is darker"),
        ("2. **Has a V-neck**", "has a V-neck"),
        ("- is\u00a0navy,\n\tnot  red ", "is navy, not red"),
        ("\u201cIsn\u2019t striped\u2026\u201d", "isn't striped"),
        ("T-shirt in red", "T-shirt in red"),
        ("A darker one", "a darker one"),
        ("U.S. flag on the front", "U.S. flag on the front"),
        ("is 3.5 inches longer", "is 3.5 inches longer"),
        ("Relative caption: 1) is\u200b red", "is red"),
        ("...", ""),
    ],
)
def test_cleaning(written: str, cleaned: str) -> None:
    assert clean(written) == cleaned


WRITTEN = st.one_of(
    st.text(),
    st.text(st.sampled_from("aA1.)(:*-'\"\u2014\u201c #\u2022 \n")),
    st.lists(st.sampled_from(["Caption 1:", "1.", "- ", "Is", "\u201c", "red", "**", "."])).map(
        " ".join
    ),
)


@settings(deadline=None)
@given(WRITTEN)
def test_cleaning_is_idempotent_and_never_longer(written: str) -> None:
    cleaned = clean(written)
    assert clean(cleaned) == cleaned
    assert len(cleaned) <= len(written)
    assert cleaned == cleaned.strip()
    assert "\n" not in cleaned


LATIN_WITHOUT_CASE = (
    "\u00aa\u00ba\u01bb\u01c0\u01c1\u01c2\u01c3\u0294"
    "\ua78f\ua7f7\ua7fb\ua7fc\ua7fd\ua7fe\ua7ff\U0001df0a"
)
"""Ordinal indicators, clicks and the like: letters of category Lo that are Latin all the same."""


@settings(deadline=None)
@given(WRITTEN, WRITTEN, st.text(), st.text(), st.text(min_size=1))
def test_whatever_is_written_is_judged(a: str, b: str, title: str, brand: str, of: str) -> None:
    asked = question(target=Product(of, title=title, brand=brand, category=title))
    fault = find_fault([clean(a), clean(b)], asked)
    assert fault is None or fault.reason.isupper()


@settings(deadline=None)
@given(st.text(st.characters(categories=["Lo"], exclude_characters=LATIN_WITHOUT_CASE), min_size=1))
def test_a_script_that_is_not_latin_is_not_english(written: str) -> None:
    assert not is_english(f"is black with {written}")


@pytest.mark.parametrize(
    ("caption", "reason"),
    [
        ("", "EMPTY"),
        ("2", "EMPTY"),
        ("is black. It has a hood", "MORE_THAN_ONE_SENTENCE"),
        ("is shorter! And red", "MORE_THAN_ONE_SENTENCE"),
        ("es negro con mangas largas", "NOT_ENGLISH"),
        ("ist schwarz und hat lange \u00c4rmel", "NOT_ENGLISH"),
        ("est plus court avec un col rond", "NOT_ENGLISH"),
        ("geomeun saek hudi", "NOT_ENGLISH"),
        ("is black \uac80\uc740\uc0c9", "NOT_ENGLISH"),
        ("is the same", "SAYS_NO_DIFFERENCE"),
        ("is an identical coat", "SAYS_NO_DIFFERENCE"),
        ("is different", "SAYS_NO_DIFFERENCE"),
        ("has a different color and a different style", "SAYS_NO_DIFFERENCE"),
        ("is p-200 in red", "NAMES_PRODUCT"),
    ],
)
def test_a_fault_has_its_reason(caption: str, reason: str) -> None:
    for captions in ([caption, GOOD], [GOOD, caption]):
        fault = find_fault(captions, question())
        assert fault is not None
        assert fault.reason == reason
        assert complaint(captions, question()) == fault.message


@pytest.mark.parametrize(
    "caption",
    [
        "is black",
        "darker",
        "sleeveless",
        "is the same but mint green",
        "has a different logo",
        "3/4 sleeves",
        "is a similar coat with a collar",
        "has a U.S. flag on the front",
        "has a v. deep neckline",
        "is an ombr\u00e9 skirt",
        "shows the black hoodie alone on a plain background",
        "says got milk? on the front",
        "is a wool coat",
    ],
)
def test_good_captions_pass(caption: str) -> None:
    assert complaint([caption, GOOD], question()) == ""
    assert complaint([GOOD, caption], question()) == ""


@pytest.mark.parametrize(
    ("product", "named", "described"),
    [
        (Product("x1", title="Nordlys Heavy Coat"), "is the Nordlys one in red", "is a heavy coat"),
        (Product("x1", title="Nordlys Coat"), "is a nordlys coat", "is like a coat"),
        (Product("x100", title="Black Hoodie"), "is X100 in black", "is a black hoodie"),
        (Product("x1", title="501 jeans"), "is a pair of 501 jeans", "is a pair of jeans"),
        (Product("x1", brand="Ulvsund"), "is a ulvsund coat in red", "is a coat in red"),
        (Product("x1", brand="Mesh"), "is by Mesh in red", "is of red mesh"),
        (Product("x1", brand="Blue Moss"), "is a blue moss coat", "is moss green or blue"),
    ],
)
def test_names_are_told_from_descriptions(product: Product, named: str, described: str) -> None:
    fault = find_fault([named, GOOD], question(target=product))
    assert fault is not None
    assert fault.reason == "NAMES_PRODUCT"
    assert complaint([described, GOOD], question(target=product)) == ""


def test_both_captions_differ() -> None:
    for second in ("is black", "Is black!", "is, black"):
        fault = find_fault(["is black", second], question())
        assert fault is not None
        assert fault.reason == "SAME_TWICE"


def test_two_captions_and_no_other_number() -> None:
    for captions in ([], ["is black"], ["is black", GOOD, "is long"]):
        fault = find_fault(captions, question())
        assert fault is not None
        assert fault.reason == "WRONG_COUNT"


@pytest.fixture(params=["estimate", "tokenizer.json", "vocab.txt"])
def counter(request: pytest.FixtureRequest) -> TokenCounter:
    files = {
        "tokenizer.json": ROOT / "models" / "tokenizer.json",
        "vocab.txt": ROOT / "tests" / "parity" / "vocab.txt",
    }
    return TokenCounter(files.get(request.param))


def test_both_together_fit_in_what_sprc_reads(counter: TokenCounter) -> None:
    # With [CLS], "and" and [SEP]: 3 + 4 + 25 tokens are 32.
    long = "is " + " ".join(["red", "and", "blue", "or", "gray"] * 4) + " with no hood at"
    assert counter.count(["is black with buttons", long]) == TEXT_LENGTH
    assert complaint(["is black with buttons", long], question(), counter) == ""
    fault = find_fault(["is black with buttons", long + " all"], question(), counter)
    assert fault is not None
    assert fault.reason == "TOO_LONG"


def test_the_estimate_is_not_below_the_count() -> None:
    exact = TokenCounter(ROOT / "tests" / "parity" / "vocab.txt")
    for captions in (
        ["is a flowy, asymmetrical dress", "has ruffles and an embroidered hemline"],
        ["is more chartreuse than vermilion", "has an unusual, intricately crocheted yoke"],
        ["isn't see-through", "doesn't have 3/4 sleeves"],
    ):
        assert TokenCounter().count(captions) >= exact.count(captions)


@pytest.mark.parametrize("content", ["", "{}", "\xff", "not\na\nvocabulary"])
@pytest.mark.parametrize("name", ["tokenizer.json", "vocab.txt"])
def test_a_file_that_is_no_tokenizer(tmp_path: Path, name: str, content: str) -> None:
    (tmp_path / name).write_bytes(content.encode("latin-1"))
    with pytest.raises(CatalogError, match="neither a tokenizer"):
        TokenCounter(tmp_path / name)
    with pytest.raises(CatalogError, match="does not exist"):
        TokenCounter(tmp_path / f"no-{name}")
