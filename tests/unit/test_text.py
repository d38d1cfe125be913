"""Caption processing and tokenizing against the published model's records."""

import json
import unicodedata
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from retrieval.errors import InvalidText, Reason
from retrieval.preprocess.text import Tokenizer, bert_tokenizer, canonical_text, process_text
from retrieval.preprocess.text_check import check_text

PARITY = Path(__file__).parents[1] / "parity"
TEXTS = json.loads((PARITY / "texts.json").read_text(encoding="utf-8"))
TOKENS = np.load(PARITY / "tokens.npz")


@pytest.fixture(scope="module")
def tokenizer_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("tokenizer") / "tokenizer.json"
    bert_tokenizer(PARITY / "vocab.txt").save(str(path))
    return path


@pytest.fixture(scope="module")
def tokenizer(tokenizer_file: Path) -> Tokenizer:
    return Tokenizer.from_file(tokenizer_file, max_tokens=32)


@pytest.mark.parametrize("text", TEXTS, ids=range(len(TEXTS)))
def test_processes_as_published(text: dict[str, str]) -> None:
    assert process_text(text["raw"]) == text["processed"]


def test_encodes_a_batch_as_published(tokenizer: Tokenizer) -> None:
    ids, mask = tokenizer.encode_batch([text["raw"] for text in TEXTS])

    assert ids.dtype == mask.dtype == np.int64
    np.testing.assert_array_equal(ids, TOKENS["input_ids"])
    np.testing.assert_array_equal(mask, TOKENS["attention_mask"])


@pytest.mark.parametrize("index", range(len(TEXTS)))
def test_encodes_one_text_as_published(tokenizer: Tokenizer, index: int) -> None:
    ids, mask = tokenizer.encode(TEXTS[index]["raw"])

    np.testing.assert_array_equal(ids, TOKENS["input_ids"][index])
    np.testing.assert_array_equal(mask, TOKENS["attention_mask"][index])


def test_special_tokens_are_special_in_raw_text_only(tokenizer_file: Path) -> None:
    """The tokenizer alone, without the processor, reads raw text as BertTokenizer does."""
    raw = bert_tokenizer(PARITY / "vocab.txt")
    raw.enable_truncation(max_length=32)
    raw.enable_padding(length=32)
    encodings = raw.encode_batch([text["raw"] for text in TEXTS])

    np.testing.assert_array_equal([e.ids for e in encodings], TOKENS["raw_input_ids"])
    np.testing.assert_array_equal(
        [e.attention_mask for e in encodings], TOKENS["raw_attention_mask"]
    )


def test_an_empty_batch_has_no_rows(tokenizer: Tokenizer) -> None:
    ids, mask = tokenizer.encode_batch([])
    assert ids.shape == mask.shape == (0, 32)


def test_composed_and_decomposed_letters_are_one_text(tokenizer: Tokenizer) -> None:
    composed = "crème brûlée Å 각"
    decomposed = unicodedata.normalize("NFD", composed)
    assert decomposed != composed

    assert canonical_text(decomposed) == canonical_text(composed)
    assert tokenizer.process(decomposed) == tokenizer.process(composed)
    np.testing.assert_array_equal(tokenizer.encode(decomposed), tokenizer.encode(composed))


@settings(deadline=None)
@given(st.text(st.characters(codec="utf-8"), max_size=300))
def test_every_text_encodes_to_one_length(tokenizer: Tokenizer, text: str) -> None:
    ids, mask = tokenizer.encode(text)

    length = int(mask.sum())
    assert ids.shape == mask.shape == (32,)
    assert 2 <= length <= 32
    assert mask.tolist() == [1] * length + [0] * (32 - length)
    assert (ids[0], ids[length - 1]) == (101, 102)
    assert not ids[length:].any()
    assert not set(ids[1 : length - 1].tolist()) & {0, 101, 102, 103}


@settings(deadline=None)
@given(st.text(st.characters(codec="utf-8"), max_size=300))
def test_processing_twice_changes_nothing(text: str) -> None:
    once = process_text(text)
    assert process_text(once) == once


@pytest.mark.parametrize(
    ("vocab", "complaint"),
    [
        (["[PAD]", "[UNK]", "[CLS]", "[SEP]"], r"lacks \[MASK\]"),
        (["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "a", "a"], "repeats"),
    ],
)
def test_refuses_a_vocabulary_it_cannot_use(vocab: list[str], complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        bert_tokenizer(vocab)


def test_refuses_a_file_that_is_no_tokenizer(tmp_path: Path) -> None:
    path = tmp_path / "tokenizer.json"
    path.write_text("{}")
    with pytest.raises(ValueError, match=r"tokenizer\.json is not a tokenizer"):
        Tokenizer.from_file(path, max_tokens=32)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "x" * 1000,
        "فستان أحمر",
        "שמלה",
        "👩‍👩‍👧 on it",
        "e\u0301",
        "\u202eright to left",
        "\U0010ffff",
    ],
)
def test_texts_of_every_script_pass(tokenizer: Tokenizer, text: str) -> None:
    check_text(text)
    assert tokenizer.encode(text)[0].shape == (32,)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("a\0b", Reason.TEXT_INVALID),
        ("\ud800", Reason.TEXT_INVALID),
        ("red \udfff dress", Reason.TEXT_INVALID),
        ("x" * 1001, Reason.TEXT_TOO_LONG),
        ("\0" * 2000, Reason.TEXT_TOO_LONG),
    ],
)
def test_what_is_no_text_is_refused_without_echo(text: str, reason: Reason) -> None:
    with pytest.raises(InvalidText) as caught:
        check_text(text)
    assert caught.value.reason == reason
    assert text not in str(caught.value)
