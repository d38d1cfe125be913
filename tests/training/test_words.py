"""A model's tokenizer: found beside its checkpoint, read, and refused in one sentence."""

from pathlib import Path

import pytest

from retrieval.preprocess.text import SPECIAL_TOKENS
from sprc.words import WordsError, find_words, read_words, require_known
from tests.training.small_run import PARITY, small_data, train
from tests.training.tiny import WORDS, tiny_tokenizer


def test_tokenizer_json_comes_before_vocab_txt(tmp_path: Path) -> None:
    with pytest.raises(WordsError, match=r"^neither tokenizer\.json nor vocab\.txt lies"):
        find_words(tmp_path / "ckpt.pt")
    (tmp_path / "vocab.txt").touch()
    assert find_words(tmp_path / "ckpt.pt") == tmp_path / "vocab.txt"
    (tmp_path / "tokenizer.json").touch()
    assert find_words(tmp_path / "ckpt.pt") == tmp_path / "tokenizer.json"


def test_both_forms_hold_the_same_words(tmp_path: Path) -> None:
    vocabulary = tmp_path / "vocab.txt"
    vocabulary.write_text("\n".join([*SPECIAL_TOKENS, *WORDS]))
    first, second = (read_words(path) for path in (vocabulary, tiny_tokenizer(tmp_path)))
    assert first.to_str() == second.to_str()


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("missing.txt", None, "missing.txt does not exist"),
        ("empty.json", b"", "empty.json is not a tokenizer"),
        ("cut.json", b'{"version": "1.0", "model": {', "cut.json is not a tokenizer"),
        ("bytes.json", b"\xff\xfe", "bytes.json is not a tokenizer"),
        ("words.txt", b"red\nblue", "words.txt is not a tokenizer: the vocabulary lacks"),
        (
            "pad.json",
            b'{"model": {"type": "WordLevel", "vocab": {}, "unk_token": ""}}',
            r"no \[PAD",
        ),
    ],
)
def test_what_is_no_tokenizer_is_refused(
    tmp_path: Path, name: str, content: bytes | None, said: str
) -> None:
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(WordsError, match=said):
        read_words(tmp_path / name)
    with pytest.raises(WordsError, match="cannot be read: Is a directory"):
        read_words(tmp_path)


def test_a_larger_vocabulary_than_the_models_is_refused(tmp_path: Path) -> None:
    words = read_words(tiny_tokenizer(tmp_path))
    require_known(words, 13, "it")
    with pytest.raises(WordsError, match="it numbers tokens up to 12, and the model knows 12"):
        require_known(words, 12, "it")


def test_training_is_refused_in_one_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = small_data(tmp_path / "data")
    larger = tmp_path / "larger.txt"
    larger.write_text((PARITY / "vocab.txt").read_text() + "one\xad\ntwo\xad\n")
    missing = tmp_path / "missing.json"
    for path, said in (
        (missing, f"{missing} does not exist"),
        (larger, f"{larger} numbers tokens up to 30523, and the model knows 30523"),
    ):
        assert train(data, tmp_path / "run", "--tokenizer", str(path)) == 1
        assert capsys.readouterr().err.splitlines()[-1] == f"sprc.train: {said}"
