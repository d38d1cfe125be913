"""What a run begins with: the tokenizer, and the digest that tells its weights."""

import hashlib
from collections.abc import Mapping
from pathlib import Path

import tokenizers
from torch import Tensor

from retrieval.preprocess.text import Tokenizer, bert_tokenizer
from sprc.training.errors import TrainingError
from sprc.training.files import writing

TOKENIZER = "tokenizer.json"


def find_tokenizer(folder: Path) -> Path:
    """The tokenizer beside a checkpoint. Raises `TrainingError`."""
    for name in (TOKENIZER, "vocab.txt"):
        if (folder / name).is_file():
            return folder / name
    raise TrainingError(f"{folder} holds neither tokenizer.json nor vocab.txt: give --tokenizer")


def keep_tokenizer(source: Path, output: Path) -> None:
    """Put a tokenizer beside the run's checkpoints, as ``tokenizer.json``.

    Raises `TrainingError`.
    """
    try:
        text = (
            bert_tokenizer(source).to_str(pretty=True)
            if source.suffix == ".txt"
            else source.read_text()
        )
    except (OSError, ValueError) as error:
        raise TrainingError(f"{source} is no tokenizer: {error}") from error
    with writing(output / TOKENIZER) as aside:
        aside.write_text(text)


def read_tokenizer(path: Path, length: int, vocabulary: int) -> Tokenizer:
    """A tokenizer of texts of `length` tokens for a model of a vocabulary's size.

    Raises `TrainingError`.
    """
    try:
        if path.suffix == ".txt":
            tokenizer = bert_tokenizer(path)
        else:
            tokenizer = tokenizers.Tokenizer.from_str(path.read_text(encoding="utf-8"))
        largest = max(tokenizer.get_vocab().values())
        if largest >= vocabulary:
            raise TrainingError(
                f"{path} numbers tokens up to {largest}, and the model knows {vocabulary}"
            )
        return Tokenizer(tokenizer, length)
    except TrainingError:
        raise
    except OSError as error:
        raise TrainingError(f"{path} cannot be read: {error.strerror}") from error
    except Exception as error:
        raise TrainingError(f"{path} is no tokenizer: {error}") from error


def weights_digest(state: Mapping[str, Tensor]) -> str:
    """sha256 of tensors as float32, by name and shape."""
    result = hashlib.sha256()
    for name, value in sorted(state.items()):
        result.update(f"{name} {tuple(value.shape)}\n".encode())
        result.update(value.detach().float().cpu().contiguous().numpy().tobytes())
    return result.hexdigest()
