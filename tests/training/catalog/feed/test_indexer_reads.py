"""`python -m indexer import DIR/products.jsonl` reads what was gathered as it is."""

import io

from google.protobuf.json_format import MessageToDict
from PIL import Image

from indexer.feed import open_feed
from indexer.product import Mapper
from retrieval.preprocess.upload import normalise_upload
from tests.training.catalog.feed.shop import Shop
from tests.training.catalog.pictures.drawn import drawn, encoded


def test_every_row_is_a_product_with_a_picture(shop: Shop) -> None:
    shop.picture("1.jpg", 1)
    shop.picture("worn.jpg", 2)
    for name, form in [("2.gif", "GIF"), ("3.tiff", "TIFF"), ("4.png", "PNG")]:
        image = drawn(hash(form) % 100 + 3, mode="RGBA" if form == "PNG" else "RGB")
        (shop.images / name).write_bytes(encoded(image, form))
    shop.write(
        "id,title,label,price,sizes,snapshots,Sleeve Length,소매",
        "1,코트,Coat,129000 KRW,S|M,worn.jpg,long,긴",
        *(f"{number},,Hoodie,,,,," for number in range(2, 5)),
    )
    shop.gather()
    feed = open_feed(shop.output / "products.jsonl")
    mapper = Mapper(shop.output)
    assert feed.rows == 4
    for row in feed.read():
        product = mapper.product(row)
        image = mapper.load(mapper.picture(row))
        assert image is not None
        assert normalise_upload(image.content).size == Image.open(io.BytesIO(image.content)).size
        assert row.number == int(product.id)
        attributes = MessageToDict(product.attributes)
        if product.id == "1":
            assert product.title == "코트"
            assert attributes["sleeve_length"] == "long"
            assert attributes["column_8"] == "긴"
            assert (attributes["price"], attributes["currency"]) == (129000.0, "KRW")
            assert (attributes["category"], attributes["sizes"]) == ("coat", ["S", "M"])
        else:
            assert attributes["category"] == "hoodie"
