"""The vocabulary that a model from nothing learns: of BERT's form, always the same."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from demo_data.edits import sample_family
from demo_data.families import Picture
from demo_data.questions import training_questions
from retrieval.preprocess.text import SPECIAL_TOKENS, Tokenizer, bert_tokenizer, process_text
from sprc.training.vocabulary import learn_vocabulary

MOST = 600


@pytest.fixture(scope="module")
def texts() -> list[str]:
    rng = np.random.default_rng(11)
    families = [
        [Picture(f"{n}-{m}", garment) for m, garment in enumerate(sample_family(rng))]
        for n in range(400)
    ]
    return [q.text for q in training_questions(families, rng, edits=3, descriptions=1)]


@pytest.fixture(scope="module")
def vocabulary(texts: list[str]) -> list[str]:
    return learn_vocabulary(texts, MOST)


def test_it_has_berts_form(vocabulary: list[str]) -> None:
    assert tuple(vocabulary[:5]) == tuple(SPECIAL_TOKENS)
    assert len(set(vocabulary)) == len(vocabulary) <= MOST
    assert {"sleeves", "striped", "hoodie"} <= set(vocabulary)


def pieces(vocabulary: list[str], text: str) -> list[str]:
    return list(bert_tokenizer(vocabulary).encode(process_text(text)).tokens[1:-1])


def test_usual_words_are_whole_and_others_are_made_of_pieces(vocabulary: list[str]) -> None:
    for word in ("hoodie", "stripes", "sleeves", "darker"):
        assert pieces(vocabulary, word) == [word]
    for word, first in (("hoodless", "hood"), ("buttonless", "button"), ("striped-ish", "striped")):
        found = pieces(vocabulary, word)
        assert found[0] == first
        assert 1 < len(found) < len(word) - len(first) + 2


def test_it_is_a_wordpiece_of_joined_pairs() -> None:
    """The most frequent pair first, "##u ##g" here, as in any byte-pair or WordPiece trainer."""
    texts = ["hug " * 10, "pug " * 5, "hugs " * 5, "bun " * 4]
    first = learn_vocabulary([], 1000)
    assert learn_vocabulary(texts, len(first) + 2)[len(first) :] == ["##ug", "hug"]


def test_letters_cases_and_accents_are_berts(vocabulary: list[str]) -> None:
    assert pieces(vocabulary, "BLACK t-shirt, size 42") == pieces(
        vocabulary, "black t - shirt , size 42"
    )
    assert pieces(vocabulary, "crème") == pieces(vocabulary, "creme")
    assert pieces(vocabulary, "日本") == ["[UNK]", "[UNK]"]
    assert learn_vocabulary(["日本 日本 日本"], 1000) == learn_vocabulary([], 1000)


def test_no_ascii_text_is_unknown(vocabulary: list[str], texts: list[str]) -> None:
    tokenizer = Tokenizer(bert_tokenizer(vocabulary), max_tokens=64)
    others = ["Qwx 42?", "it's 100% zebra-striped & fine", "naïve café", "{[<~|>]}^_`@#$"]
    ids, _ = tokenizer.encode_batch([*texts, *others])
    assert not (ids == vocabulary.index("[UNK]")).any()


def test_sentences_fit(vocabulary: list[str], texts: list[str]) -> None:
    tokenizer = Tokenizer(bert_tokenizer(vocabulary), max_tokens=64)
    _, mask = tokenizer.encode_batch(texts)
    assert (mask.sum(1) > 32).mean() < 0.02


def test_another_process_learns_the_same(
    vocabulary: list[str], texts: list[str], tmp_path: Path
) -> None:
    (tmp_path / "texts").write_text("\n".join(texts))
    program = (
        "import sys; from pathlib import Path\n"
        f"sys.path[:0] = {sys.path!r}\n"
        "from sprc.training.vocabulary import learn_vocabulary\n"
        f"texts = Path({str(tmp_path / 'texts')!r}).read_text().split(chr(10))\n"
        f"print(chr(10).join(learn_vocabulary(texts, {MOST})))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=120
    )
    assert done.stdout.split("\n")[:-1] == vocabulary
