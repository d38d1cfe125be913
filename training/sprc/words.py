"""A model's tokenizer: where its file lies, and what is in it.

The file is a ``tokenizer.json`` of the tokenizers library or BERT's ``vocab.txt``.
"""

from pathlib import Path
from typing import Final

import tokenizers

from retrieval.preprocess.text import bert_tokenizer

NAMES: Final = ("tokenizer.json", "vocab.txt")


class WordsError(Exception):
    """There is no tokenizer, or not the model's; the message is one sentence."""


def find_words(checkpoint: Path) -> Path:
    """The tokenizer's file beside a checkpoint. Raises `WordsError`."""
    for name in NAMES:
        path = checkpoint.with_name(name)
        if path.is_file():
            return path
    raise WordsError(f"neither {' nor '.join(NAMES)} lies beside {checkpoint}: give --tokenizer")


def read_words(path: Path) -> tokenizers.Tokenizer:
    """The tokenizer in a file, which knows how to pad. Raises `WordsError`."""
    try:
        if path.suffix == ".txt":
            words = bert_tokenizer(path)
        else:
            words = _parse(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise WordsError(f"{path} does not exist") from None
    except OSError as error:
        raise WordsError(f"{path} cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise WordsError(f"{path} is not a tokenizer: {error}") from error
    if words.token_to_id("[PAD]") is None:
        raise WordsError(f"{path} has no [PAD] token")
    return words


def require_known(words: tokenizers.Tokenizer, known: int, source: Path | str) -> None:
    """Raises `WordsError` where a tokenizer has more tokens than the `known` of a model."""
    largest = max(words.get_vocab().values())
    if largest >= known:
        raise WordsError(f"{source} numbers tokens up to {largest}, and the model knows {known}")


def _parse(content: str) -> tokenizers.Tokenizer:
    try:
        return tokenizers.Tokenizer.from_str(content)
    except Exception as error:  # noqa: BLE001 - what the library raises for a bad file
        raise ValueError(str(error)) from None
