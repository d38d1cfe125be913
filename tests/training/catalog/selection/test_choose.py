"""Pairs are few differences apart, capped, seeded, and stay as a catalog grows."""

import random
from collections import Counter
from collections.abc import Mapping, Sequence
from time import monotonic

import pytest

from catalog.pairs import Pair, PairKind
from catalog.products import Product
from catalog.selection.choose import NO_CATEGORY, PairOptions, choose_pairs
from catalog.selection.traits import traits

VALUES = {
    "sleeve": ("none", "short", "long"),
    "pattern": ("plain", "striped", "checked"),
    "pocket": ("yes", "no"),
    "Item Code": tuple(f"X{number}" for number in range(500)),
}
COLORS = ("black", "black", "black", "white", "red", "navy", "")


def shop(count: int, seed: int) -> list[Product]:
    """Products of two categories; the first ones are the same whatever the count."""
    rng = random.Random(seed)
    return [
        Product(
            id=f"p{number}",
            category=rng.choice(("Shirt", "coat")),
            color=rng.choice(COLORS),
            images=(f"images/{number}.jpg",),
            snapshots=tuple(f"worn/{number}-{k}.jpg" for k in range(rng.randrange(4))),
            attributes={k: rng.choice(v) for k, v in VALUES.items() if rng.random() < 0.8},
        )
        for number in range(count)
    ]


def known_traits(products: Sequence[Product]) -> dict[str, Mapping[str, str]]:
    return {product.id: traits(product) for product in products}


def differences(pair: Pair, known: Mapping[str, Mapping[str, str]]) -> list[tuple[str, str]]:
    one, other = known[pair.reference_id], known[pair.target_id]
    return [
        (one.get(name, ""), other.get(name, ""))
        for name in {*one, *other}
        if one.get(name) != other.get(name)
    ]


def test_a_snapshot_leads_to_its_own_product() -> None:
    worn = Product(id="a", category="coat", images=("a.jpg", "back.jpg"), snapshots=("w.jpg",))
    only_worn = Product(id="b", category="coat", snapshots=("x.jpg", "y.jpg"))
    loose = Product(id="c", images=("c.jpg",), snapshots=("c.jpg", "z.jpg", "z.jpg"))
    assert choose_pairs([loose, only_worn, worn], PairOptions()) == (
        Pair(PairKind.SNAPSHOT, "coat", "w.jpg", "a.jpg", "a", "a"),
        Pair(PairKind.SNAPSHOT, NO_CATEGORY, "z.jpg", "c.jpg", "c", "c"),
    )
    assert choose_pairs([worn], PairOptions(snapshots=False)) == ()


def test_snapshots_of_a_product_are_capped_and_the_same_ones_stay() -> None:
    many = tuple(f"w{number}.jpg" for number in range(30))
    product = Product(id="a", category="coat", images=("a.jpg",), snapshots=many)
    three = choose_pairs([product], PairOptions(per_product=3))
    assert len(three) == 3
    assert set(three) < set(choose_pairs([product], PairOptions(per_product=5)))


@pytest.mark.parametrize("seed", range(12))
def test_product_pairs_keep_what_is_promised(seed: int) -> None:
    products = shop(random.Random(seed).choice((3, 30, 300)), seed)
    options = PairOptions(seed=seed, per_product=1 + seed % 5, differences=1 + seed % 3)
    pairs = choose_pairs(products, options)
    assert len(set(pairs)) == len(pairs)
    by_id, known = {product.id: product for product in products}, known_traits(products)
    for pair in pairs:
        reference, target = by_id[pair.reference_id], by_id[pair.target_id]
        assert pair.category == reference.category.lower() == target.category.lower()
        assert pair.target == target.images[0]
        if pair.kind is PairKind.SNAPSHOT:
            assert reference is target
            assert pair.reference in reference.snapshots
        else:
            assert pair.reference == reference.images[0]
            found = differences(pair, known)
            assert 1 <= len(found) <= options.differences
            assert any(one and other for one, other in found)
    for kind in PairKind:
        of_kind = [pair for pair in pairs if pair.kind is kind]
        for counted in (
            Counter(pair.reference_id for pair in of_kind),
            Counter(pair.target_id for pair in of_kind),
        ):
            assert max(counted.values(), default=0) <= options.per_product


def test_one_difference_is_preferred() -> None:
    products = shop(400, 1)
    options = PairOptions(snapshots=False)
    known = known_traits(products)
    pairs = choose_pairs(products, options)
    counted = Counter(len(differences(pair, known)) for pair in pairs)
    assert counted[1] > counted[2] + counted[3]
    assert set(counted) == {1, 2, 3}


def test_the_order_of_products_does_not_matter_and_the_seed_does() -> None:
    products = shop(200, 2)
    turned = random.Random(0).sample(products, len(products))
    pairs = choose_pairs(products, PairOptions(snapshots=False))
    assert choose_pairs(turned, PairOptions(snapshots=False)) == pairs
    other = choose_pairs(products, PairOptions(seed=2, snapshots=False))
    assert len(set(other) & set(pairs)) < 0.7 * len(pairs)


def test_most_pairs_stay_as_the_catalog_grows() -> None:
    grown = shop(1010, 3)
    options = PairOptions(snapshots=False)
    before = set(choose_pairs(grown[:1000], options))
    one_more = set(choose_pairs(grown[:1001], options))
    assert len(before - one_more) < 60
    assert len(before - set(choose_pairs(grown, options))) < 0.12 * len(before)


def test_nothing_but_colour_is_enough_and_no_attribute_is_none() -> None:
    products = [
        Product(id=f"p{n}", category="coat", color=c, images=(f"{n}.jpg",))
        for n, c in enumerate(("red", "Red", "네이비", "navy"))
    ]
    pairs = choose_pairs(products, PairOptions())
    assert len(pairs) == 8
    known = known_traits(products)
    assert all(known[pair.reference_id] != known[pair.target_id] for pair in pairs)
    assert choose_pairs(products[:2], PairOptions()) == ()
    plain = [Product(id=p.id, category="coat", images=p.images) for p in products]
    assert choose_pairs(plain, PairOptions()) == ()
    no_category = [Product(id=p.id, color=p.color, images=p.images) for p in products]
    assert choose_pairs(no_category, PairOptions()) == ()
    assert choose_pairs([], PairOptions()) == ()


def test_nearly_the_same_pictures_never_form_a_pair() -> None:
    products = [
        Product(id="a", category="coat", color="red", images=("a.jpg",), snapshots=("w.jpg",)),
        Product(id="b", category="coat", color="blue", images=("b.jpg",)),
        Product(id="c", category="coat", color="green", images=("c.jpg",)),
        Product(id="d", category="coat", color="black", images=("c.jpg",)),
    ]
    prints = {"a.jpg": 0, "b.jpg": 0b111111, "c.jpg": 0b1111111, "w.jpg": 0b11}
    pairs = choose_pairs(products, PairOptions(), prints)
    assert {(pair.reference_id, pair.target_id) for pair in pairs} == {
        ("a", "c"), ("c", "a"), ("a", "d"), ("d", "a"),
    }  # fmt: skip


def test_a_large_shop_takes_seconds() -> None:
    products = shop(20_000, 4)
    begin = monotonic()
    pairs = choose_pairs(products, PairOptions())
    assert len(pairs) > 60_000
    assert monotonic() - begin < 60


@pytest.mark.parametrize(
    "wrong", [{"per_product": 0}, {"differences": 0}, {"differences": 4}, {"near": -1}]
)
def test_options_that_cannot_be(wrong: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="must be"):
        PairOptions(**wrong)  # type: ignore[arg-type]  # all of them are numbers
