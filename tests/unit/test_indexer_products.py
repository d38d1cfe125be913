"""From a row to what is sent: products, pictures, batches, and what is refused before."""

import os
from pathlib import Path

import pytest
from google.protobuf.json_format import MessageToDict

from indexer import batches
from indexer.batches import Batch, Fold, make_batches
from indexer.product import MAX_IMAGE_BYTES, Mapper
from indexer.rows import FeedError, Row, RowError
from indexer.template import Template


def row(number: int = 1, **fields: object) -> Row:
    return Row(number, number, repr(fields).encode(), fields)


def batch_all(rows: list[Row], mapper: Mapper, size: int = 64) -> list[Batch]:
    return list(make_batches(rows, Fold(), mapper, "default", size))


def test_every_other_field_is_an_attribute_and_empty_ones_are_dropped(tmp_path: Path) -> None:
    product = Mapper(tmp_path).product(
        row(
            id=12,
            title="a",
            image="x.jpg",
            price=3,
            sale=False,
            sizes=["S", "M"],
            none=None,
            empty="",
            nothing=[],
            attributes={"color": "red", "price": 4, "gone": None},
        )
    )
    assert MessageToDict(product) == {
        "id": "12",
        "title": "a",
        "attributes": {"price": 4.0, "sale": False, "sizes": ["S", "M"], "color": "red"},
    }


def test_a_row_of_an_id_alone_is_a_product(tmp_path: Path) -> None:
    assert MessageToDict(Mapper(tmp_path).product(row(id="a"))) == {"id": "a"}


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({}, "PRODUCT_ID_INVALID"),
        ({"id": ""}, "PRODUCT_ID_INVALID"),
        ({"id": None}, "PRODUCT_ID_INVALID"),
        ({"id": True}, "PRODUCT_ID_INVALID"),
        ({"id": ["a"]}, "PRODUCT_ID_INVALID"),
        ({"id": "\ud800"}, "ROW_UNREADABLE"),
        ({"id": "a", "title": {"en": "a"}}, "ROW_UNREADABLE"),
        ({"id": "a", "title": "\ud800"}, "ROW_UNREADABLE"),
        ({"id": "a", "image": 12.5, "price": 10**400}, "ROW_UNREADABLE"),
        ({"id": "a", "image": ["x.jpg"]}, "ROW_UNREADABLE"),
        ({"id": "a", "image": "https://shop.example/\ud800"}, "ROW_UNREADABLE"),
        ({"id": "a", "attributes": [1]}, "ATTRIBUTES_INVALID"),
        ({"id": "a", "deep": [[[[[[[[[1]]]]]]]]]}, "ATTRIBUTES_INVALID"),
        ({"id": "a", "image": "none.jpg"}, "IMAGE_FILE_MISSING"),
        ({"id": "a", "image": "folder"}, "IMAGE_FILE_MISSING"),
        ({"id": "a", "image": "pipe"}, "IMAGE_FILE_MISSING"),
        ({"id": "a", "image": "\x00"}, "IMAGE_FILE_MISSING"),
        ({"id": "a", "image": "\ud800"}, "IMAGE_FILE_MISSING"),
        ({"id": "a", "image": "large.jpg"}, "IMAGE_TOO_MANY_BYTES"),
        ({"id": "a", "note": "a" * (12 << 20)}, "ROW_TOO_LARGE"),
    ],
    ids=range(20),
)
def test_a_row_that_cannot_be_sent_fails_alone(
    tmp_path: Path, fields: dict[str, object], reason: str
) -> None:
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "pipe")
    with (tmp_path / "large.jpg").open("wb") as file:
        file.truncate(MAX_IMAGE_BYTES + 1)
    [batch] = batch_all([row(1, **fields), row(2, id="good")], Mapper(tmp_path))
    problem = batch.entries[0][1]
    assert isinstance(problem, RowError)
    assert problem.reason == reason
    assert [request.product.id for request in batch.requests] == ["good"]


@pytest.mark.parametrize(
    ("picture", "is_uri"),
    [("http://a/b.jpg", True), ("HTTPS://a/b.jpg", True), ("data:image/png;base64,AA==", True),
     ("a.jpg", False), ("./c:d.jpg", False)],
)  # fmt: skip
def test_addresses_are_told_from_paths(tmp_path: Path, picture: str, is_uri: bool) -> None:
    (tmp_path / "a.jpg").write_bytes(b"a")
    (tmp_path / "c:d.jpg").write_bytes(b"a")
    image = Mapper(tmp_path).load(picture)
    assert image is not None
    assert image.WhichOneof("source") == ("uri" if is_uri else "content")


def test_templates_are_filled_from_the_row() -> None:
    fields = {"id": 7, "size": 2.0, "name": "a b", "gone": None}
    assert Template("images/{id}-{size}.jpg").fill(fields) == "images/7-2.jpg"
    assert Template("{name}").fill(fields) == "a b"
    for text in ("{none}", "{gone}"):
        with pytest.raises(RowError):
            Template(text).fill(fields)


@pytest.mark.parametrize("text", ["images/id.jpg", "{", "{id", "id}", "{}", "{id}}"])
def test_a_template_that_cannot_work_is_refused(text: str) -> None:
    with pytest.raises(FeedError, match="in braces"):
        Template(text)


def test_batches_end_at_their_size_and_before_a_repeated_id(tmp_path: Path) -> None:
    rows = [row(number, id=name) for number, name in enumerate("abcdcef")]
    made = batch_all(rows, Mapper(tmp_path), size=4)
    assert [[one.id for one, _ in batch.entries] for batch in made] == [
        ["a", "b", "c", "d"],
        ["c", "e", "f"],
    ]
    made = batch_all([row(1, id="a"), row(2, id="a")], Mapper(tmp_path))
    assert [len(batch.entries) for batch in made] == [1, 1]


def test_batches_are_bounded_in_bytes(tmp_path: Path) -> None:
    with (tmp_path / "large.jpg").open("wb") as file:
        file.truncate(MAX_IMAGE_BYTES)
    rows = [row(number, id=str(number), image="large.jpg") for number in range(7)]
    made = batch_all(rows, Mapper(tmp_path))
    assert [len(batch.entries) for batch in made] == [3, 3, 1]
    assert all(batch.size_bytes < batches.MAX_BATCH_BYTES + (11 << 20) for batch in made)


def test_the_fold_tells_rows_and_pictures_apart() -> None:
    def fold(*parts: tuple[Row, str]) -> str:
        whole = Fold()
        for part in parts:
            whole.add(*part)
        return whole.value()

    one, two = row(1, id="a"), row(2, id="b")
    folds = [
        fold(),
        fold((one, "")),
        fold((one, "1:2")),
        fold((one, ""), (two, "")),
        fold((two, ""), (one, "")),
    ]
    assert len(set(folds)) == len(folds)
