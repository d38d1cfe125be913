"""The splitter: nothing leaks, nothing moves, sizes are about right."""

from collections import Counter
from collections.abc import Mapping
from itertools import combinations
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from catalog.structure.splits import (
    DISTANCE,
    Assigned,
    Assignment,
    Shares,
    Split,
    assign_splits,
)

Catalog = Mapping[str, tuple[str, ...]]
BASES = [Random(seed).getrandbits(64) for seed in range(4)]


@st.composite
def fingerprints(draw: st.DrawFn) -> int:
    """Near one of few bases: chains of near-duplicates are frequent."""
    print_ = draw(st.sampled_from(BASES))
    for bit in draw(st.lists(st.integers(0, 63), max_size=7, unique=True)):
        print_ ^= 1 << bit
    return print_


@st.composite
def histories(draw: st.DrawFn) -> tuple[list[Catalog], dict[str, int]]:
    """A catalog at two to four points in time: products come, go, and gain pictures."""
    prints = {f"n{place}": draw(fingerprints()) for place in range(draw(st.integers(2, 14)))}
    pictures = st.lists(st.sampled_from(sorted(prints)), max_size=3, unique=True).map(tuple)
    ids = st.sampled_from([f"p{place}" for place in range(10)])
    steps = draw(st.lists(st.dictionaries(ids, pictures, max_size=10), min_size=2, max_size=4))
    return steps, prints


def in_use(catalog: Catalog, found: Assignment) -> dict[str, Split]:
    """The split of each picture that a data set may hold."""
    used: dict[str, set[Split]] = {}
    for product, names in catalog.items():
        if product not in found.products_out:
            for name in names:
                if (product, name) not in found.pictures_out:
                    used.setdefault(name, set()).add(found.assigned.products[product])
    assert all(len(splits) == 1 for splits in used.values()), "a picture lies in two splits"
    return {name: splits.pop() for name, splits in used.items()}


@settings(max_examples=150, deadline=None)
@given(histories(), st.integers(0, 5))
def test_no_leak_and_nothing_moves(
    history: tuple[list[Catalog], dict[str, int]], seed: int
) -> None:
    steps, prints = history
    shares = Shares(val=0.3, test=0.3, seed=seed)
    before = Assigned()
    for catalog in steps:
        found = assign_splits(catalog, prints, shares, before)
        now = found.assigned
        assert now.products.keys() | found.products_out >= catalog.keys()
        assert not found.products_out & now.products.keys()
        # Stable: what was assigned, product or picture, is as it was.
        assert before.products.items() <= now.products.items()
        assert before.pictures.items() <= now.pictures.items()
        assert before.fingerprints.items() <= now.fingerprints.items()
        # No leak: neither among what is shown now, nor towards what was shown before.
        used = in_use(catalog, found)
        assert used.items() <= now.pictures.items()
        for one, other in combinations(sorted(now.pictures), 2):
            if (prints[one] ^ prints[other]).bit_count() <= DISTANCE:
                assert now.pictures[one] is now.pictures[other], (one, other)
        # The same catalog again gives the same.
        assert assign_splits(catalog, prints, shares, now) == found
        before = now


@settings(max_examples=40, deadline=None)
@given(histories(), st.randoms(use_true_random=False))
def test_the_order_of_products_does_not_matter(
    history: tuple[list[Catalog], dict[str, int]], random: Random
) -> None:
    steps, prints = history
    shares, before = Shares(val=0.3, test=0.3), Assigned()
    for catalog in steps:
        items = list(catalog.items())
        random.shuffle(items)
        found = assign_splits(catalog, prints, shares, before)
        shuffled = assign_splits(dict(items), prints, shares, before)
        assert shuffled.assigned.products == found.assigned.products
        assert shuffled.products_out == found.products_out
        before = found.assigned


@pytest.mark.parametrize(("val", "test"), [(0.1, 0.1), (0.3, 0.05), (0.0, 0.2), (0.2, 0.0)])
def test_sizes_are_about_right(val: float, test: float) -> None:
    random = Random(7)
    prints = {f"n{place}": random.getrandbits(64) for place in range(6000)}
    # Pairs and triples of products share pictures, as colours of one garment do.
    catalog = {f"p{p}": (f"n{p}", f"n{p - p % (1 + p % 3)}") for p in range(6000)}
    found = assign_splits(catalog, prints, Shares(val, test))
    sizes = Counter(found.assigned.products.values())
    for split, share in ((Split.VAL, val), (Split.TEST, test)):
        assert sizes[split] == pytest.approx(6000 * share, abs=120)
    assert not found.products_out


def test_larger_shares_move_no_product_back_to_train() -> None:
    products = [f"p{place}" for place in range(500)]
    small, large = Shares(0.1, 0.1), Shares(0.2, 0.3)
    for product in products:
        if small.draw(product) is not Split.TRAIN:
            assert large.draw(product) is small.draw(product)


def id_in(split: Split, prefix: str) -> str:
    """A product whose draw is known."""
    return next(f"{prefix}{n}" for n in range(1000) if Shares().draw(f"{prefix}{n}") is split)


BASE = BASES[0]
FAR = BASE ^ (1 << 7) - 1
"""Seven bits away: no near-duplicate, but one between both is near to each."""
BETWEEN = BASE ^ (1 << 4) - 1


def test_a_new_product_joins_the_split_of_what_it_is_linked_with() -> None:
    old, new = id_in(Split.VAL, "old"), id_in(Split.TRAIN, "new")
    first = assign_splits({old: ("a",)}, {"a": BASE}, Shares())
    grown = assign_splits(
        {old: ("a",), new: ("b",)}, {"a": BASE, "b": BETWEEN}, Shares(), first.assigned
    )
    assert grown.assigned.products == {old: Split.VAL, new: Split.VAL}


def test_a_new_product_that_links_two_splits_is_set_aside() -> None:
    train, val = id_in(Split.TRAIN, "a"), id_in(Split.VAL, "b")
    prints = {"a": BASE, "b": FAR, "c": BETWEEN}
    first = assign_splits({train: ("a",), val: ("b",)}, prints, Shares())
    assert first.assigned.products == {train: Split.TRAIN, val: Split.VAL}
    catalog = {train: ("a",), val: ("b",), "new": ("c",), "near-train": ("d",)}
    # The last one is near to `a` and, through the one set aside alone, to `b`.
    prints |= {"d": BASE ^ (1 << 63)}
    grown = assign_splits(catalog, prints, Shares(), first.assigned)
    assert grown.products_out == {"new"}
    assert grown.assigned.products["near-train"] is Split.TRAIN


def test_a_new_picture_of_an_old_product_is_set_aside_alone() -> None:
    train, val = id_in(Split.TRAIN, "a"), id_in(Split.VAL, "b")
    prints = {"a": BASE, "b": FAR, "c": FAR ^ 1}
    first = assign_splits({train: ("a",), val: ("b",)}, prints, Shares())
    grown = assign_splits({train: ("a", "c"), val: ("b",)}, prints, Shares(), first.assigned)
    assert grown.pictures_out == {(train, "c")}
    assert not grown.products_out
    assert grown.assigned.products == first.assigned.products


def test_what_a_shop_no_longer_shows_still_counts() -> None:
    val, new = id_in(Split.VAL, "gone"), id_in(Split.TRAIN, "new")
    first = assign_splits({val: ("a",)}, {"a": BASE}, Shares())
    later = assign_splits({new: ("b",)}, {"b": BETWEEN}, Shares(), first.assigned)
    assert later.assigned.products[new] is Split.VAL


def test_a_picture_that_two_products_show_joins_them_without_a_fingerprint() -> None:
    ids = [f"p{place}" for place in range(30)]
    found = assign_splits(dict.fromkeys(ids, ("same",)), {}, Shares(0.4, 0.4))
    assert len(set(found.assigned.products.values())) == 1
    assert found.largest == 30


def test_evaluation_keeps_a_new_picture_before_training_does() -> None:
    train, val = id_in(Split.TRAIN, "a"), id_in(Split.VAL, "b")
    prints = {"a": BASES[1], "b": BASES[2], "a2": BASE, "b2": BASE ^ 1}
    first = assign_splits({train: ("a",), val: ("b",)}, prints, Shares())
    catalog = {train: ("a", "a2"), val: ("b", "b2")}
    grown = assign_splits(catalog, prints, Shares(), first.assigned)
    assert grown.pictures_out == {(train, "a2")}


def test_beside_what_links_two_splits_the_rest_is_judged_by_its_own_links() -> None:
    train, val = id_in(Split.TRAIN, "a"), id_in(Split.VAL, "b")
    # "far" is near to "near" alone, and would be drawn into another split.
    near, far = "near", id_in(Split.VAL, "far")
    apart = [f"apart{place}" for place in range(20)]
    prints = {
        "a": BASE,
        "b": FAR,
        "c": BETWEEN,
        "n": BASE ^ 0b1111 << 60,
        "f": BASE ^ 0b11111111 << 56,
        "d": BASES[1],
        **{name: BASES[1] ^ (1 << place) for place, name in enumerate(apart)},
    }
    first = assign_splits({train: ("a",), val: ("b",)}, prints, Shares())
    catalog = {train: ("a",), val: ("b",), "both": ("c", "d"), near: ("n",), far: ("f",)}
    # Linked with nothing but the one that is set aside, and with each other.
    catalog |= {name: (name,) for name in apart}
    grown = assign_splits(catalog, prints, Shares(0.4, 0.4), first.assigned)
    assert grown.products_out == {"both"}
    assert grown.assigned.products[near] is grown.assigned.products[far] is Split.TRAIN
    assert len({grown.assigned.products[product] for product in apart}) == 1
