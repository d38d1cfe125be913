"""``catalog caption`` from products to captions, and what a user may have got wrong."""

import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from catalog.__main__ import main
from catalog.products import Product, read_products, write_products
from tests.training.catalog.caption.chat_server import ChatServer
from tests.training.catalog.caption.shop import ROOT, caption, rows, said


def test_attributes_caption_without_key_network_or_answers(
    shop: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("OPENAI_API_KEY")
    assert main(["caption", str(shop)]) == 0
    assert "7 of 7 pairs captioned" in said(capsys)
    captions = rows(shop / "captions.jsonl")
    assert {row["captioner"] for row in captions} == {"attributes:v1"}
    colors = {product.id: product.color for product in read_products(shop)}
    for row in captions:
        if row["kind"] == "product":
            assert colors[row["target_id"]] in row["captions"][0]
    assert not (shop / "answers").exists()
    first = (shop / "captions.jsonl").read_bytes()
    assert main(["caption", str(shop)]) == 0
    assert (shop / "captions.jsonl").read_bytes() == first


def test_a_colour_is_measured_where_the_shop_names_none(shop: Path) -> None:
    write_products(
        shop,
        [
            Product(product.id, category="coat", images=product.images)
            for product in read_products(shop)
        ],
    )
    assert main(["caption", str(shop)]) == 0
    assert len(rows(shop / "captions.jsonl")) == 6


def test_the_same_pairs_whoever_captions(shop: Path, server: ChatServer) -> None:
    pairs = []
    for run in (lambda: main(["caption", str(shop)]), lambda: caption(shop, server.url)):
        assert run() == 0
        pairs.append([(row["reference"], row["target"]) for row in rows(shop / "captions.jsonl")])
    assert pairs[0] == pairs[1]


def test_a_catalog_that_grows_pays_for_its_new_pairs_alone(shop: Path, server: ChatServer) -> None:
    products = read_products(shop)
    write_products(shop, products[:2])
    assert caption(shop, server.url) == 0
    old = len(server.asked)
    write_products(shop, products)
    assert caption(shop, server.url) == 0
    assert len(server.asked) == len(rows(shop / "captions.jsonl")) == 7 > old
    assert set(server.times.values()) == {1}


def test_pictures_that_show_the_same_are_no_pair(shop: Path) -> None:
    _, red, green = read_products(shop)
    copy = "images/aa/copy.jpg"
    with Image.open(shop / green.images[0]) as picture:
        picture.save(shop / copy, quality=60)
    write_products(shop, [green, Product("coat-3", category="coat", color="navy", images=(copy,))])
    assert main(["caption", str(shop)]) == 1
    write_products(shop, [green, red])
    assert main(["caption", str(shop)]) == 0


@pytest.mark.parametrize(
    ("products", "sentence"),
    [
        ([], "no pair can be chosen from the 0 products"),
        ([Product("a", category="coat")], "no pair can be chosen from the 1 products"),
        (None, "products.jsonl does not exist; `catalog crawl` writes it"),
    ],
)
def test_nothing_to_caption(
    tmp_path: Path,
    products: list[Product] | None,
    sentence: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    if products is not None:
        write_products(tmp_path, products)
    assert main(["caption", str(tmp_path)]) == 1
    assert sentence in said(capsys)


def test_a_tokenizer_that_is_none(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["caption", str(shop), "--tokenizer", str(shop / "products.jsonl")]) == 1
    assert "neither a tokenizer.json nor a vocab.txt" in said(capsys)
    tokenizer = ROOT / "models" / "tokenizer.json"
    assert main(["caption", str(shop), "--tokenizer", str(tokenizer)]) == 0


def test_help_needs_no_sdk() -> None:
    told = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "catalog", "caption", "--help"],
        cwd=ROOT / "training",
        env={"PYTHONPATH": f"{ROOT / 'services'}:{ROOT / 'training'}"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert "--budget" in told.stdout
    assert "openai._client" not in told.stderr
