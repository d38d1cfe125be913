"""`catalog check`: ours and FashionIQ's own annotations, whole and spoilt."""

import base64
import json
import re
from collections.abc import Callable
from hashlib import sha256
from html.parser import HTMLParser
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from catalog.__main__ import main
from catalog.check.findings import KINDS, Level
from tests.training.catalog.small_catalog import encoded, make_products, noise, write_catalog

PARTS = [(category, split) for category in ("coat", "hat") for split in ("train", "val", "test")]


def write_json(path: Path, content: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content))


def edit(root: Path, name: str, change: Callable[[Any], Any]) -> None:
    content = json.loads((root / name).read_text())
    changed = change(content)
    write_json(root / name, content if changed is None else changed)


@pytest.fixture
def published(tmp_path: Path) -> Path:
    """Annotations as FashionIQ publishes them, with pictures: three a split, all in questions."""
    root = tmp_path / "published"
    for number, (category, split) in enumerate(PARTS):
        names = [f"B{number}{place}" for place in range(3)]
        questions = [
            {"target": names[1], "candidate": names[0], "captions": ["is red", "has long sleeves"]},
            {"target": names[2], "candidate": names[1], "captions": ["is shorter", "and blue"]},
        ]
        if split == "test":
            for question in questions:
                del question["target"]
            questions.append({"candidate": names[2], "captions": ["is green", "no collar"]})
        write_json(root / f"captions/cap.{category}.{split}.json", questions)
        write_json(root / f"image_splits/split.{category}.{split}.json", names)
        (root / "images").mkdir(exist_ok=True)
        for place, name in enumerate(names):
            image = noise(10 * number + place)
            image.save(root / "images" / f"{name}.{'png' if place else 'jpg'}")
    return root


def check(root: Path, *more: str) -> tuple[int, dict[str, int], dict[str, Any]]:
    """Exit code, how many of each kind, and the report."""
    output = root.parent / "report"
    code = main(["check", str(root), "--output", str(output), *more])
    report = json.loads((output / "report.json").read_text())
    found = {f["kind"]: f["count"] for f in report["findings"]}
    # Three pictures are few indeed.
    assert found.pop("GALLERY_SMALL", 0) <= 2
    return code, found, report


def test_a_whole_data_set_has_no_finding(published: Path) -> None:
    code, found, report = check(published)
    assert (code, found) == (0, {})
    assert report["findings"][0]["examples"] == ["category coat has 3", "category hat has 3"]
    assert report["verdict"] == "No defect and no warning."
    figures = report["figures"]
    assert (figures["questions"], figures["listed_pictures"], report["picture_files"]) == (
        14,
        18,
        18,
    )
    assert figures["parts"][0] == {
        "category": "coat",
        "train_questions": 2,
        "val_questions": 2,
        "test_questions": 3,
        **{f"{split}_pictures": 3 for split in ("train", "val", "test")},
    }
    captions = figures["captions"]
    assert captions["number"] == 28
    assert captions["words"] == {"least": 2, "median": 2.0, "mean": 2.21, "most": 3}
    assert captions["vocabulary"] == 11
    assert captions["validation_words_not_in_train"] == 0
    assert figures["per_reference"] == {
        "pictures": 14,
        "questions_each": {"least": 1, "median": 1.0, "mean": 1, "most": 1},
    }


def test_annotations_alone(published: Path) -> None:
    for path in (published / "images").iterdir():
        path.unlink()
    (published / "images").rmdir()
    code, found, report = check(published)
    assert (code, found) == (1, {"PICTURE_MISSING": 18})
    assert len(report["findings"][0]["examples"]) == 1, "spoken of once"
    code, found, _ = check(published, "--annotations-only")
    assert (code, found) == (0, {"PICTURES_ABSENT": 18})
    assert not (published.parent / "report/triplets.png").exists()


def first_of(name: str, **changes: Any) -> Callable[[Path], None]:
    """Change the first entry of a caption file; a field that becomes None goes."""

    def spoil(root: Path) -> None:
        def change(entries: Any) -> None:
            for field, value in changes.items():
                entries[0][field] = value
                if value is None:
                    del entries[0][field]

        edit(root, f"captions/cap.{name}.json", change)

    return spoil


def content_of(name: str, content: bytes) -> Callable[[Path], None]:
    def spoil(root: Path) -> None:
        (root / name).write_bytes(content)

    return spoil


def listed(name: str, *more: str) -> Callable[[Path], None]:
    def spoil(root: Path) -> None:
        edit(root, f"image_splits/split.{name}.json", lambda names: [*names, *more])

    return spoil


def without(name: str) -> Callable[[Path], None]:
    return lambda root: (root / name).unlink()


def near_copy(name: str, seed: int) -> Callable[[Path], None]:
    """The picture becomes one that is encoded anew from another one's noise."""

    def spoil(root: Path) -> None:
        (root / "images" / name).write_bytes(encoded(noise(seed).resize((150, 188)), quality=60))

    return spoil


def repeated(root: Path) -> None:
    edit(root, "captions/cap.coat.train.json", lambda entries: [*entries, entries[0]])


def no_validation(root: Path) -> None:
    write_json(root / "captions/cap.hat.val.json", [])


def attributes(content: Any) -> Callable[[Path], None]:
    return lambda root: write_json(root / "attributes.json", content)


def targets(content: Any) -> Callable[[Path], None]:
    return lambda root: write_json(root / "test-targets.json", content)


LONG = "is a quite extraordinarily embroidered asymmetrical double-breasted velveteen overcoat"
CASES: list[tuple[str, int, Callable[[Path], None], str]] = [
    ("FILE_MALFORMED", 1, content_of("captions/cap.coat.train.json", b"[{"), "is not JSON, line 1"),
    ("FILE_MALFORMED", 1, content_of("captions/cap.coat.train.json", b"{}"), "not a list of entr"),
    ("FILE_MALFORMED", 1, content_of("captions/cap.coat.val.json", b"\xff"), "is not UTF-8"),
    ("FILE_MALFORMED", 1, content_of("captions/cap.coat.val.json", b"[" * 99999), "is not JSON"),
    ("FILE_MALFORMED", 1, content_of("image_splits/split.hat.val.json", b"[1]"), "list of names"),
    ("FILE_MALFORMED", 1, attributes({"B00": "red"}), "attributes.json does not say"),
    ("FILE_MALFORMED", 1, targets([]), "test-targets.json is not an object"),
    ("ENTRY_MALFORMED", 1, first_of("coat.train", candidate=None), "entry 0 has no candidate"),
    ("ENTRY_MALFORMED", 1, first_of("coat.train", target=7), "entry 0 has no target"),
    ("ENTRY_MALFORMED", 1, first_of("coat.test", captions="red"), "has no list of captions"),
    ("ENTRY_MALFORMED", 1, first_of("coat.test", captions=["a", "b", "c"]), "has 3 captions"),
    ("ENTRY_MALFORMED", 2, content_of("captions/cap.hat.val.json", b"[1, []]"), "1 is no object"),
    ("FILE_MISSING", 1, without("image_splits/split.hat.val.json"), "no list of pictures for its"),
    (
        "FILE_MISSING",
        1,
        without("captions/cap.hat.test.json"),
        "has no captions for its split test",
    ),
    ("LISTED_TWICE", 1, listed("hat.val", "B40"), "lists B40 2 times"),
    ("NOT_LISTED", 1, first_of("coat.val", target="B40"), "cap.coat.val.json: entry 0 needs B40"),
    ("PICTURE_MISSING", 1, without("images/B40.jpg"), "images/B40 exists neither as .png nor"),
    ("PICTURE_UNREADABLE", 1, content_of("images/B40.jpg", b"none"), "images/B40.jpg cannot be"),
    ("SPLIT_LEAK", 1, listed("hat.val", "B00"), "B00 is listed in coat.train and hat.val"),
    ("NEAR_DUPLICATE_LEAK", 1, near_copy("B10.jpg", 1), "B01, B10 lie in train, val"),
    ("NEAR_DUPLICATES", 1, near_copy("B10.jpg", 11), "B10, B11 in val"),
    ("CAPTIONS_EMPTY", 1, first_of("coat.val", captions=[" ", ""]), "entry 0 has no words"),
    ("CAPTION_EMPTY", 1, first_of("coat.val", captions=["red", ""]), "one caption without words"),
    ("CAPTION_LONG", 1, first_of("coat.val", captions=[LONG, LONG]), "tokens"),
    ("TEST_TARGETS_DIFFER", 2, targets({"coat": []}), "category coat: its entries are others"),
    ("NO_QUESTIONS", 1, no_validation, "category hat has none to validate on"),
    ("SAME_PICTURE", 1, first_of("coat.val", target="B10"), "has B10 twice"),
    ("QUESTION_TWICE", 1, repeated, "cap.coat.train.json: entry 2 was there before"),
    ("PICTURE_UNUSED", 1, near_copy("extra.jpg", 900), "images/extra.jpg"),
    ("PICTURE_TWICE", 1, near_copy("B11.jpg", 900), "B11.jpg and B11.png"),
    ("ATTRIBUTES_UNKNOWN", 1, attributes({"B77": {"color": "red"}}), "speaks of B77"),
    ("FILE_UNKNOWN", 1, content_of("captions/notes.txt", b""), "captions/notes.txt"),
    ("PICTURE_UNASKED", 1, listed("hat.val", "B99"), ""),
]


@pytest.mark.parametrize(
    ("kind", "count", "spoil", "sentence"), CASES, ids=[f"{c[0]}-{n}" for n, c in enumerate(CASES)]
)
def test_what_is_spoilt_is_found(
    published: Path, kind: str, count: int, spoil: Callable[[Path], None], sentence: str
) -> None:
    spoil(published)
    code, found, report = check(published, "--triplets", "0")
    assert found.get(kind) == count
    (finding,) = (f for f in report["findings"] if f["kind"] == kind)
    assert any(sentence in example for example in finding["examples"]) or not sentence
    grave = [KINDS[name][0] for name in found]
    assert code == (1 if Level.DEFECT in grave else 0)


def test_every_kind_is_tried() -> None:
    tried = {kind for kind, *_ in CASES}
    assert tried | {"GALLERY_SMALL"} | {"PICTURES_ABSENT", "PICTURES_UNREAD"} == KINDS.keys()


def test_no_images_reads_none(published: Path) -> None:
    (published / "images/B40.jpg").write_bytes(b"none")
    code, found, _ = check(published, "--no-images")
    assert (code, found) == (0, {"PICTURES_UNREAD": 18})
    assert not (published.parent / "report/fingerprints.json").exists()


def snapshot(root: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in root.rglob("*") if path.is_file()}


def test_nothing_is_written_into_a_data_set_of_others(
    published: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = snapshot(published)
    assert main(["check", str(published)]) == 0
    assert "--output writes a page" in capsys.readouterr().out
    check(published)
    assert snapshot(published) == before


def test_a_second_check_reads_only_what_changed(published: Path) -> None:
    check(published)
    kept = published.parent / "report/fingerprints.json"
    before = kept.stat().st_mtime_ns
    check(published)
    assert kept.stat().st_mtime_ns == before
    near_copy("B10.jpg", 1)(published)
    _, found, _ = check(published)
    assert found["NEAR_DUPLICATE_LEAK"] == 1


def test_our_own_data_set_passes_and_its_test_targets_are_read(tmp_path: Path) -> None:
    folder, root = tmp_path / "catalog", tmp_path / "set"
    write_catalog(folder, make_products(folder, range(40)))
    assert main(["structure", str(folder), "--output", str(root), "--val", "0.3"]) == 0
    assert main(["check", str(root)]) == 0
    assert (root / "check/report.html").is_file()
    code, found, report = check(root)
    assert code == 0
    assert not {kind for kind in found if KINDS[kind][0] is not Level.NOTE}
    assert report["figures"]["per_target"]["pictures"] > 0
    targets = json.loads((root / "test-targets.json").read_text())
    category = next(iter(targets))
    edit(root, "test-targets.json", lambda content: content | {category: content[category][1:]})
    code, found, _ = check(root)
    assert (code, found["TEST_TARGETS_DIFFER"]) == (1, 1)


class Seen(HTMLParser):
    """Tags, and every address that a page names."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.addresses: list[str] = []
        self.policy = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        found = dict(attrs)
        self.addresses += [found[name] or "" for name in ("src", "href") if name in found]
        if found.get("http-equiv") == "Content-Security-Policy":
            self.policy = found["content"] or ""


def test_the_page_is_one_file_that_runs_and_fetches_nothing(published: Path) -> None:
    hostile = '<script>alert("x")</script>'
    first_of("coat.val", captions=[hostile, ""], candidate=hostile)(published)
    check(published)
    page = (published.parent / "report/report.html").read_text()
    seen = Seen()
    seen.feed(page)
    assert hostile not in page
    assert "needs &lt;script&gt;" in page
    assert "script" not in seen.tags
    assert [address[:22] for address in seen.addresses] == ["data:image/png;base64,"]
    style = re.search(r"<style>(.*?)</style>", page, re.DOTALL)
    assert style
    digest = base64.b64encode(sha256(style[1].encode()).digest()).decode()
    assert seen.policy.startswith("default-src 'none';")
    assert f"style-src 'sha256-{digest}'" in seen.policy
    assert " style=" not in page


def test_the_sheet_shows_references_and_targets_of_random_questions(published: Path) -> None:
    solid = {"B00": (255, 0, 0), "B01": (0, 255, 0), "B02": (0, 0, 255)}
    for path in (published / "images").iterdir():
        color = np.array(solid.get(path.stem, (90, 90, 90)), dtype=np.uint8)
        Image.fromarray(np.full((100, 100, 3), color)).save(path, quality=100)
    sheets = []
    for seed in ("1", "1", "2"):
        check(published, "--seed", seed, "--triplets", "4")
        sheets.append((published.parent / "report/triplets.png").read_bytes())
    assert sheets[0] == sheets[1] != sheets[2]
    check(published, "--triplets", "60")
    with Image.open(BytesIO((published.parent / "report/triplets.png").read_bytes())) as sheet:
        counts = {color: n for n, color in sheet.convert("RGB").getcolors(1 << 20) or []}
    cell = 200 * 200
    # B01 is the target of one question and the reference of the next; B00's colour went through
    # JPEG.
    assert counts[0, 255, 0] == 2 * cell
    assert counts[0, 0, 255] == cell
    assert counts.get((254, 0, 0), 0) + counts.get((255, 0, 0), 0) == cell


def test_no_data_set(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", str(tmp_path / "none")]) == 1
    assert "no data set like FashionIQ" in capsys.readouterr().err
    (tmp_path / "captions").mkdir()
    (tmp_path / "image_splits").mkdir()
    assert main(["check", str(tmp_path)]) == 1
    assert "holds no cap.CATEGORY.SPLIT.json" in capsys.readouterr().err
    assert not (tmp_path / "check").exists()
