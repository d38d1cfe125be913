"""The page and the curves of an evaluation."""

import io
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from sprc.datasets.fashioniq import FashionIq
from sprc.datasets.records import EvaluationSet, Protocol
from sprc.evaluation.curves import draw_curves, recall_line
from sprc.evaluation.outcome import Outcome
from sprc.evaluation.page import PageLimits, render_page
from sprc.evaluation.reasons import judge
from sprc.evaluation.scores import Source
from sprc.ranks import NOT_RANKED
from tests.training.synthetic import write_fashioniq

HOSTILE = '<script>alert("x")</script> & so on'


class Seen(HTMLParser):
    """Tags, and every address that a page names."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.addresses: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.addresses += [value or "" for name, value in attrs if name in {"src", "href"}]


@pytest.fixture(scope="module")
def evaluation(tmp_path_factory: pytest.TempPathFactory) -> EvaluationSet:
    """Twelve queries over twenty pictures, the third with hostile words."""
    root = tmp_path_factory.mktemp("page")
    write_fashioniq(root, ("coat",), gallery=20, queries=12)
    (found,) = FashionIq.open(root).evaluation(Protocol.ORIGINAL_SPLIT)
    queries = list(found.queries)
    queries[2] = replace(queries[2], captions=(HOSTILE,))
    return replace(found, queries=tuple(queries))


@pytest.fixture(scope="module")
def outcome(evaluation: EvaluationSet) -> Outcome:
    """The target of query i comes at rank i; its reference last, but for query 11 first."""
    similarity = torch.zeros(12, 20)
    for place, query in enumerate(evaluation.queries):
        target, reference = (evaluation.positions[n] for n in (query.known_target, query.reference))
        others = [p for p in range(20) if p not in (target, reference)]
        order = [*others[:place], target, *others[place:], reference]
        if place == 11:
            order = [reference, *others[:10], target, *others[10:]]
        similarity[place, order] = torch.linspace(1, -1, 20)
    made = Outcome(Protocol.ORIGINAL_SPLIT)
    made.add(evaluation, {Source.COMPOSED: similarity})
    return made


def test_page_is_self_contained_and_escapes(outcome: Outcome) -> None:
    page = render_page("Title", "model <b>", [outcome], draw_curves([outcome]), PageLimits())
    seen = Seen()
    seen.feed(page)
    assert seen.addresses
    assert all(address.startswith("data:image/") for address in seen.addresses)
    assert not {"script", "link", "iframe", "b"} & set(seen.tags)
    assert "default-src 'none'" in page
    assert "http" not in re.sub(r"data:image/[a-z]+;base64,[A-Za-z0-9+/=]+|http-equiv", "", page)
    assert "&lt;script&gt;" in page


def test_worst_come_first_with_their_ranks(outcome: Outcome) -> None:
    page = render_page("T", "m", [outcome], b"", PageLimits(queries=3))
    assert re.findall(r"query (coat-\d+)<", page) == ["coat-11", "coat-10", "coat-9"]
    assert "rank 12 of 20; the reference itself came first" in page
    assert "rank 11 of 20; other pictures fit better" in page
    assert "Found at rank 10." in page
    assert "The 3 worst of 12 queries" in page
    assert "<td>found</td><td>10</td>" in page
    # Reference, target, and ten results for each query; the target among them where it is.
    assert page.count("<figure") == 3 * 12
    assert page.count('<figure class="target">') == 3 + 1


def test_page_stops_growing_at_its_limit(outcome: Outcome) -> None:
    whole = render_page("T", "m", [outcome], b"", PageLimits())
    small = render_page("T", "m", [outcome], b"", PageLimits(max_bytes=len(whole) // 2))
    assert len(small) < len(whole) // 2 + 1000
    assert "More would make this page too large." in small
    assert "too large" not in whole


def test_reasons_compare_with_picture_and_words_alone() -> None:
    def reason(image: int, text: int) -> str:
        ranks = {Source.COMPOSED: 40, Source.IMAGE_ONLY: image, Source.TEXT_ONLY: text}
        return judge(ranks, Source.COMPOSED, reference=3, gallery=90).sentence

    assert reason(50, 2) == (
        "The target came at rank 41 of 90; the words alone would have found it "
        "(alone: the picture rank 51, the words rank 3)."
    )
    assert "the picture alone would have found it" in reason(0, 60)
    assert "neither the picture nor the words" in reason(50, 60)
    beyond = judge({Source.SERVED: NOT_RANKED}, Source.SERVED, reference=3, gallery=900)
    assert beyond.sentence.startswith("The target is beyond the ranking's depth")


def test_curve_of_a_cut_ranking_ends_at_its_deepest_rank() -> None:
    assert recall_line(torch.tensor([0, 2, 2, 4]), 6) == [25, 25, 75, 75, 100, 100]
    assert recall_line(torch.tensor([0, 2, NOT_RANKED, NOT_RANKED]), 6) == [25, 25, 50]


def test_curves_are_a_picture_with_a_panel_for_each_protocol(outcome: Outcome) -> None:
    one, two = (Image.open(io.BytesIO(draw_curves([outcome] * count))) for count in (1, 2))
    assert two.width == 2 * one.width
    assert len(np.unique(np.asarray(one.convert("L")))) > 10


def test_page_of_a_lost_picture_names_it(outcome: Outcome, tmp_path: Path) -> None:
    from sprc.datasets.pictures import FolderPictures, PictureError

    gone = replace(outcome.details[0].evaluation, pictures=FolderPictures(tmp_path))
    other = replace(outcome, details=[replace(outcome.details[0], evaluation=gone)])
    with pytest.raises(PictureError, match="exists neither as"):
        render_page("T", "m", [other], b"", PageLimits())
