"""Annotations of FashionIQ, of data sets in its format, and of CIRR."""

import json
import shutil
from pathlib import Path

import pytest

from sprc.datasets.cirr import Cirr
from sprc.datasets.fashioniq import FashionIq
from sprc.datasets.records import DataError, Protocol
from tests.training.synthetic import write_cirr, write_fashioniq, write_json


@pytest.fixture
def fashioniq(tmp_path: Path) -> Path:
    write_fashioniq(tmp_path / "fiq")
    return tmp_path / "fiq"


@pytest.fixture
def cirr(tmp_path: Path) -> Path:
    write_cirr(tmp_path / "cirr_dataset")
    return tmp_path / "cirr_dataset"


def test_training_joins_the_categories_in_the_published_order(fashioniq: Path) -> None:
    training = FashionIq.open(fashioniq).training()
    assert [query.id for query in training.queries[::4]] == ["dress-0", "toptee-0", "shirt-0"]
    first = training.queries[0]
    assert (first.reference, first.target) == ("Bdresstrain0", "Bdresstrain1")
    assert first.captions == ("Is redder 0.", "has 0 sleeves, ")
    assert first.text == "Is redder 0 and has 0 sleeves"
    assert len(training.names) == len(set(training.names)) == 15


def test_the_two_protocols_differ_in_the_gallery_alone(fashioniq: Path) -> None:
    data = FashionIq.open(fashioniq)
    original = data.evaluation(Protocol.ORIGINAL_SPLIT)
    val = data.evaluation(Protocol.VAL_SPLIT)
    assert [e.name for e in original] == [e.name for e in val] == ["dress", "toptee", "shirt"]
    for whole, union in zip(original, val, strict=True):
        assert whole.queries == union.queries
        assert len(whole.gallery) == 8
        used = {name for q in union.queries for name in (q.reference, q.target)}
        assert set(union.gallery) == used
        assert len(union.gallery) == len(used) == 5
        assert (whole.protocol, union.protocol) == (Protocol.ORIGINAL_SPLIT, Protocol.VAL_SPLIT)
        assert [whole.positions[name] for name in whole.gallery] == list(range(8))
    with pytest.raises(ValueError, match="protocol"):
        data.evaluation(Protocol.CIRR)


def test_test_queries_have_no_target(fashioniq: Path) -> None:
    query = FashionIq.open(fashioniq).queries("shirt", "test")[0]
    assert query.target is None
    assert query.names == (query.reference,)
    with pytest.raises(DataError, match="shirt-0"):
        _ = query.known_target


def test_categories_of_any_name_are_found(tmp_path: Path) -> None:
    write_fashioniq(tmp_path, ["table lamp", "sofa.small"], captions=1)
    data = FashionIq.open(tmp_path)
    assert data.categories == ("sofa.small", "table lamp")
    assert data.training().queries[0].text == "Is redder 0."
    assert FashionIq.open(tmp_path, ["table lamp"]).categories == ("table lamp",)
    with pytest.raises(DataError, match=r"cap\.chair\.SPLIT\.json"):
        FashionIq.open(tmp_path, ["chair"])


def test_cirr_splits(cirr: Path) -> None:
    data = Cirr.open(cirr)
    training, val, test = data.training(), data.evaluation(), data.test()
    assert training.pictures.path("train-3-0-img1") == cirr / "train/7/train-3-0-img1.png"
    assert val.pictures.path("dev-0-0-img0").is_file()
    query = val.queries[1]
    assert query.id == "12063"
    assert query.text == "show 1 bottles"
    assert (query.reference, query.target) == ("dev-3-0-img1", "dev-5-0-img1")
    assert len(query.members) == 6
    assert len(val.gallery) == len(test.gallery) == 9
    assert all(query.target is None for query in test.queries)
    assert val.protocol is test.protocol is Protocol.CIRR


def test_cirr_annotation_repository_at_the_root(tmp_path: Path) -> None:
    write_cirr(tmp_path, annotations=".")
    assert Cirr.open(tmp_path).test().pictures.path("test1-0-0-img0").is_file()
    (tmp_path / "img_raw").mkdir()
    for folder in ("train", "dev", "test1"):
        shutil.move(tmp_path / folder, tmp_path / "img_raw" / folder)
    assert Cirr.open(tmp_path).test().pictures.path("test1-0-0-img0").is_file()


def test_annotations_load_without_pictures(fashioniq: Path, cirr: Path) -> None:
    shutil.rmtree(fashioniq / "images")
    shutil.rmtree(cirr / "dev")
    assert len(FashionIq.open(fashioniq).evaluation(Protocol.ORIGINAL_SPLIT)) == 3
    assert len(Cirr.open(cirr).evaluation().queries) == 5


@pytest.mark.parametrize(
    "file",
    ["captions/cap.shirt.val.json", "image_splits/split.toptee.val.json"],
)
def test_a_missing_file_is_named(fashioniq: Path, file: str) -> None:
    data = FashionIq.open(fashioniq)
    (fashioniq / file).unlink()
    with pytest.raises(DataError, match=f"{file} does not exist"):
        data.evaluation(Protocol.ORIGINAL_SPLIT)


def test_a_folder_that_is_no_data_set_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="captions does not exist"):
        FashionIq.open(tmp_path)
    with pytest.raises(DataError, match="cirr/captions does not exist"):
        Cirr.open(tmp_path)
    (tmp_path / "captions").mkdir()
    with pytest.raises(DataError, match=r"holds no cap\.CATEGORY\.SPLIT\.json"):
        FashionIq.open(tmp_path)
    with pytest.raises(DataError, match=r"split\.rc2\.train\.json does not exist"):
        Cirr.open(tmp_path).training()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("[", "cannot be read as JSON"),
        ("{}", "not a JSON list of objects"),
        ("[3]", "not a JSON list of objects"),
        ("[]", "holds no queries"),
        ('[{"target": "a", "captions": ["x", "y"]}]', "entry 0 has no text 'candidate'"),
        ('[{"candidate": "a", "captions": ["x", "y"]}]', "entry 0 has no text 'target'"),
        ('[{"candidate": "a", "target": "b", "captions": "x"}]', "no list of texts 'captions'"),
        ('[{"candidate": "a", "target": "b", "captions": []}]', "0 captions, not one or two"),
        (
            '[{"candidate": "Bdressval0", "target": "b", "captions": ["x", "y"]}]',
            r"dress-0 needs b, not listed in .*split\.dress\.val\.json",
        ),
    ],
)
def test_bad_captions_are_named(fashioniq: Path, content: str, message: str) -> None:
    (fashioniq / "captions" / "cap.dress.val.json").write_text(content)
    with pytest.raises(DataError, match=rf"cap\.dress\.val\.json.*{message}"):
        FashionIq.open(fashioniq).evaluation(Protocol.ORIGINAL_SPLIT)


def test_a_repeated_gallery_picture_is_named(fashioniq: Path) -> None:
    write_json(fashioniq / "image_splits" / "split.dress.val.json", ["a", "b", "a"])
    with pytest.raises(DataError, match=r"split\.dress\.val\.json lists a more than once"):
        FashionIq.open(fashioniq).evaluation(Protocol.ORIGINAL_SPLIT)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"pairid": "7"}, "entry 1 has no number 'pairid'"),
        ({"pairid": 12060}, "repeats a pairid"),
        ({"img_set": None}, "entry 1 has no object 'img_set'"),
        ({"target_hard": "dev-3-0-img1"}, "its reference as target"),
        ({"target_hard": "dev-0-0-img0"}, "a target outside its 'img_set'"),
        ({"reference": "nowhere"}, r"query 12063 needs nowhere, not listed in .*split\.rc2\.val"),
    ],
)
def test_bad_cirr_annotations_are_named(
    cirr: Path, change: dict[str, object], message: str
) -> None:
    path = cirr / "cirr" / "captions" / "cap.rc2.val.json"
    records = json.loads(path.read_text())
    records[1] |= change
    write_json(path, records)
    with pytest.raises(DataError, match=rf"cap\.rc2\.val\.json.*{message}"):
        Cirr.open(cirr).evaluation()


def test_cirr_training_needs_no_picture_beyond_its_pairs(cirr: Path) -> None:
    path = cirr / "cirr" / "image_splits" / "split.rc2.train.json"
    listed = json.loads(path.read_text())
    training = Cirr.open(cirr).training()
    spare = next(name for name in listed if name not in training.names)
    write_json(path, {name: where for name, where in listed.items() if name != spare})
    assert Cirr.open(cirr).training().queries == training.queries
