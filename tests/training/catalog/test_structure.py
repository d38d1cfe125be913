"""`catalog structure`: FashionIQ's layout, for SPRC and for those who look into it."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image

from catalog.pairs import PairKind
from catalog.pictures.store import PictureStore
from catalog.products import Product, read_products, write_products
from catalog.structure.captioned import CAPTIONS
from catalog.structure.kept import KEPT
from catalog.structure.layout import picture_name, slug
from catalog.structure.write import MOST_VALUES, attributes
from sprc.datasets.fashioniq import FashionIq
from sprc.datasets.records import Protocol
from tests.training.catalog.small_catalog import (
    caption_row,
    encoded,
    make_products,
    noise,
    write_captions,
    write_catalog,
)
from tests.training.catalog.structuring import SHARES, load, snapshot, structure


@pytest.fixture(scope="module")
def catalog(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Sixty products of two categories."""
    folder = tmp_path_factory.mktemp("catalog")
    write_catalog(folder, make_products(folder, range(60)))
    return folder


@pytest.fixture(scope="module")
def dataset(catalog: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Its data set."""
    root = tmp_path_factory.mktemp("data") / "set"
    assert structure(catalog, root, *SHARES) == 0
    return root


@pytest.fixture
def own(catalog: Path, tmp_path: Path) -> Path:
    """A copy of the catalog that a test may change."""
    return Path(shutil.copytree(catalog, tmp_path / "own"))


def test_captions_are_as_fashioniq_publishes_them(dataset: Path) -> None:
    names = sorted(path.name for path in (dataset / "captions").iterdir())
    assert names == [
        f"cap.{category}.{split}.json"
        for category in ("coat", "jeans")
        for split in ("test", "train", "val")
    ]
    for _, split, entries in load(dataset, "captions"):
        fields = (
            ["candidate", "captions"] if split == "test" else ["target", "candidate", "captions"]
        )
        assert entries
        assert all(list(entry) == fields and len(entry["captions"]) == 2 for entry in entries)
    targets = json.loads((dataset / "test-targets.json").read_text())
    for category, split, entries in load(dataset, "captions"):
        if split == "test":
            with_targets = targets[category]
            assert all(entry.pop("target") for entry in with_targets)
            assert with_targets == entries


def test_pictures_of_a_product_and_its_questions_lie_in_one_split(
    catalog: Path, dataset: Path
) -> None:
    owner = {
        picture_name(path): product.id
        for product in read_products(catalog)
        for path in (*product.images, *product.snapshots)
    }
    splits = json.loads((dataset / KEPT).read_text())["products"]
    assert len(splits) == 60
    seen = set()
    for category, split, names in load(dataset, "image_splits"):
        assert names == sorted(set(names))
        assert {splits[owner[name]] for name in names} == {split}
        seen.update(names)
        captions = json.loads((dataset / f"captions/cap.{category}.{split}.json").read_text())
        assert {entry["candidate"] for entry in captions} <= set(names)
    assert seen == {path.stem for path in (dataset / "images").iterdir()}


def test_sprc_reads_it(dataset: Path) -> None:
    found = FashionIq.open(dataset)
    assert found.categories == ("coat", "jeans")
    training = found.training()
    assert training.attributes[training.queries[0].known_target]["category"] in {"coat", "jeans"}
    evaluations = found.evaluation(Protocol.ORIGINAL_SPLIT)
    assert all(evaluation.queries for evaluation in evaluations)
    for name in training.names:
        with Image.open(found.pictures.path(name)) as image:
            image.load()
            assert image.mode == "RGB"
    assert all(query.target is None for query in found.queries("coat", "test"))


def test_pairs_across_splits_are_counted(dataset: Path) -> None:
    rows = [json.loads(line) for line in (dataset / "set-aside.jsonl").read_text().splitlines()]
    assert {(row["what"], row["reason"]) for row in rows} == {("pair", "DIFFERENT_SPLITS")}
    assert all(row["message"] and row["reference_id"] != row["id"] for row in rows)
    kept = sum(len(entries) for _, _, entries in load(dataset, "captions"))
    assert kept + len(rows) == 60 + 58


def test_jpegs_are_links_and_webp_becomes_png_without_loss(catalog: Path, dataset: Path) -> None:
    forms = set()
    for product in read_products(catalog):
        source = catalog / product.images[0]
        made = dataset / "images" / picture_name(product.images[0])
        forms.add(source.suffix)
        if source.suffix == ".webp":
            with Image.open(source) as before, Image.open(made.with_suffix(".png")) as after:
                assert before.convert("RGB").tobytes() == after.tobytes()
        else:
            assert made.with_suffix(".jpg").samefile(source)
    assert forms == {".webp", ".jpg"}


def test_a_second_run_changes_nothing_and_writes_no_picture_again(
    own: Path, tmp_path: Path
) -> None:
    root = tmp_path / "set"
    assert structure(own, root, *SHARES) == 0
    before = snapshot(root)
    states = {path: path.stat().st_ctime_ns for path in (root / "images").iterdir()}
    assert structure(own, root) == 0
    assert snapshot(root) == before
    assert {path: path.stat().st_ctime_ns for path in (root / "images").iterdir()} == states


def test_growth_moves_no_product_and_what_is_gone_goes(own: Path, tmp_path: Path) -> None:
    root = tmp_path / "set"
    products = list(read_products(own))
    write_catalog(own, products[:40])
    assert structure(own, root, *SHARES) == 0
    first = json.loads((root / KEPT).read_text())["products"]
    (root / "images/mine.jpg").write_bytes(b"not ours")
    write_catalog(own, products[10:])
    assert structure(own, root) == 0
    grown = json.loads((root / KEPT).read_text())["products"]
    assert first.items() <= grown.items()
    assert len(grown) == 60
    names = {path.stem for path in (root / "images").iterdir()}
    assert not {picture_name(path) for p in products[:10] for path in p.images} & names
    assert "mine" in names


def test_a_category_that_went_has_no_files_left(own: Path, tmp_path: Path) -> None:
    root = tmp_path / "set"
    assert structure(own, root, *SHARES) == 0
    products = [replace(p, category="Wool Coats") for p in read_products(own)]
    write_catalog(own, products)
    assert structure(own, root) == 0
    assert {category for category, _, _ in load(root, "captions")} == {"wool-coats"}
    assert {category for category, _, _ in load(root, "image_splits")} == {"wool-coats"}


def near_copy(own: Path, of: int, quality: int) -> str:
    content = encoded(noise(2 * of).resize((144, 180)), quality=quality)
    return PictureStore(own).add(content).path


def test_near_duplicates_share_a_split_and_what_links_two_is_set_aside(
    own: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = tmp_path / "set"
    products = list(read_products(own))
    assert structure(own, root, *SHARES) == 0
    splits = json.loads((root / KEPT).read_text())["products"]
    train, val = (
        next(n for n, p in enumerate(products) if splits[p.id] == split)
        for split in ("train", "val")
    )
    copies = [
        Product(id=f"copy{place}", category="coat", images=(near_copy(own, val, 50 + place),))
        for place in range(8)
    ]
    both = Product(
        id="both", category="coat", images=(near_copy(own, train, 61), near_copy(own, val, 62))
    )
    write_products(own, [*products, *copies, both])
    rows = [json.loads(line) for line in (own / CAPTIONS).read_text().splitlines()]
    write_captions(own, [*rows, caption_row(PairKind.PRODUCT, copies[0], both)])
    capsys.readouterr()
    assert structure(own, root) == 0
    grown = json.loads((root / KEPT).read_text())["products"]
    assert {grown[copy.id] for copy in copies} == {"val"}
    assert "both" not in grown
    said = capsys.readouterr().err
    assert "1 x product LINKS_TWO_SPLITS" in said
    assert "1 x pair LINKS_TWO_SPLITS" in said


def test_a_category_without_a_validation_question_joins_another(tmp_path: Path) -> None:
    folder, root = tmp_path / "catalog", tmp_path / "set"
    products = make_products(folder, range(40), ("coat",))
    products += [replace(p, category="Muffs") for p in make_products(folder, range(100, 102))]
    write_catalog(folder, products)
    assert structure(folder, root, "--val", "0.2") == 0
    splits = json.loads((root / KEPT).read_text())["products"]
    assert "val" not in {splits["p100"], splits["p101"]}, "choose other numbers"
    assert {category for category, _, _ in load(root, "captions")} == {"other"}
    assert FashionIq.open(root).evaluation(Protocol.ORIGINAL_SPLIT)


def test_missing_and_broken_pictures_are_set_aside(own: Path, tmp_path: Path) -> None:
    root = tmp_path / "set"
    products = read_products(own)
    gone, broken = own / products[1].images[0], own / products[2].images[0]
    gone.unlink()
    broken.write_bytes(b"\xff\xd8\xff\xe0 no more")
    assert structure(own, root, *SHARES) == 0
    rows = [json.loads(line) for line in (root / "set-aside.jsonl").read_text().splitlines()]
    pictures = {(row["id"], row["reason"]) for row in rows if row["what"] == "picture"}
    assert pictures == {("p001", "PICTURE_MISSING"), ("p002", "PICTURE_UNREADABLE")}
    names = {path.stem for path in (root / "images").iterdir()}
    listed = {name for _, _, names in load(root, "image_splits") for name in names}
    assert listed == names


@pytest.mark.parametrize(
    ("category", "expected"),
    [
        ("Coats & Jackets", "coats-jackets"),
        ("T-Shirt", "t-shirt"),
        ("../../etc", "etc"),
        ("코트", "코트"),
        ("a.train.json", "a-train-json"),
        ("!?", "other"),
        ("", "other"),
        ("x" * 300, "x" * 60),
    ],
)
def test_categories_become_parts_of_file_names(category: str, expected: str) -> None:
    assert slug(category) == expected


def test_the_card_says_what_is_there_and_keeps_what_was_filled_in(
    own: Path, tmp_path: Path
) -> None:
    root = tmp_path / "set"
    products = [replace(p, category="wide | narrow\n# coats") for p in read_products(own)]
    write_catalog(own, products)
    left_out = '{"reason": "NOTHING_TO_SAY", "message": "-"}\n' * 3
    (own / "captions-set-aside.jsonl").write_text(left_out)
    assert structure(own, root, *SHARES) == 0
    card = (root / "DATACARD.md").read_text()
    for part in (
        "60 products with pages at shop.example",
        "| `attributes:v1` |",
        "| snapshot of a product to its product picture | 60 |",
        "seed 1, val 0.25, test 0.2",
        "| pair | DIFFERENT_SPLITS: Its two products lie in different splits. |",
        "| pair | NOTHING_TO_SAY: It got no captions. | 3 |",
        "60 of the pictures are snapshots",
        "| wide-narrow-coats |",
        "**Not stated: to fill in.** Who holds the rights",
    ):
        assert part in card
    total = sum(len(entries) for _, _, entries in load(root, "captions"))
    assert card.count(f"\n{total} questions over 120 pictures of 60 products") == 1
    mine = card.replace("**Not stated: to fill in.** Who gathered this", "By me.\n\nFor trials")
    (root / "DATACARD.md").write_text(mine)
    assert structure(own, root) == 0
    assert (root / "DATACARD.md").read_text() == mine
    assert structure(own, root, "--source-note", "By us", "--license", "CC BY 4.0") == 0
    card = (root / "DATACARD.md").read_text()
    assert "\nBy us\n" in card
    assert "\nCC BY 4.0\n" in card
    assert "By me." not in card


def test_one_large_group_is_worth_a_word(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "catalog"
    products = make_products(folder, range(20))
    shared = products[0].snapshots
    write_catalog(folder, [replace(p, snapshots=shared) for p in products[:5]] + products[5:])
    assert structure(folder, tmp_path / "set") == 0
    assert "near-duplicate pictures link 5 of 20 products" in capsys.readouterr().err


def test_attributes_say_what_is_seen(own: Path, tmp_path: Path) -> None:
    root, products = tmp_path / "set", list(read_products(own))
    green = Image.new("RGB", (120, 160), "white")
    green.paste((20, 130, 40), (30, 30, 90, 130))
    picture = PictureStore(own).add(encoded(green)).path
    products[0] = replace(
        products[0], color="", images=(picture,), brand="Ulvsund", attributes={"fit": "slim"}
    )
    products = [replace(p, attributes={**p.attributes, "code": p.id}) for p in products]
    write_catalog(own, products)
    assert structure(own, root, *SHARES) == 0
    found = json.loads((root / "attributes.json").read_text())
    assert found.keys() == {path.stem for path in (root / "images").iterdir()}
    seen = {"category": "coat", "code": "p000", "color": "green", "fit": "slim"}
    assert found[picture_name(picture)] == seen
    free = {f"n{place}": f"images/aa/n{place}.jpg" for place in range(MOST_VALUES + 1)}
    texts = [Product(n, images=(path,), attributes={"note": n}) for n, path in free.items()]
    assert set(map(len, attributes(texts, free).values())) == {0}
    assert set(map(len, attributes(texts[1:], free).values())) == {1}


def test_small_categories_are_together_where_that_is_asked_for(tmp_path: Path) -> None:
    folder = tmp_path / "catalog"
    products = make_products(folder, range(60), ("coat", "coat", "coat", "jeans", "muff"))
    write_catalog(folder, products, apart=5)
    found = {}
    for smallest in (1, 12, 1000):
        root = tmp_path / str(smallest)
        assert structure(folder, root, "--val", "0.4", "--smallest", str(smallest)) == 0
        found[smallest] = {category for category, _, _ in load(root, "captions")}
        sizes = {c: len(names) for c, split, names in load(root, "image_splits") if split == "val"}
        assert all(size >= smallest for size in sizes.values()) or found[smallest] == {"other"}
    assert found == {1: {"coat", "jeans", "muff"}, 12: {"coat", "other"}, 1000: {"other"}}
