"""What a run begins with: weights, the words of its texts, and the digest that tells weights."""

import hashlib
from collections.abc import Mapping
from pathlib import Path

import tokenizers
from torch import Tensor

from retrieval.preprocess.text import bert_tokenizer
from sprc.checkpoint import load_model
from sprc.model import Blip2QformerCirAlignPrompt
from sprc.published import VITS
from sprc.training.errors import TrainingError
from sprc.training.options import Options

TOKENIZER = "tokenizer.json"


def starting_model(options: Options) -> Blip2QformerCirAlignPrompt:
    """The checkpoint's model, or one with BLIP-2's pretrained weights.

    Raises `CheckpointError` or `TrainingError`.
    """
    if options.model_path is not None:
        model = load_model(
            options.model_path, vit_heads=options.vit_heads, qformer_heads=options.qformer_heads
        )
        if options.backbone_given:
            _require_backbone(model, options)
        return model
    # LAVIS takes seconds to import, and is not needed with a checkpoint.
    from sprc.lavis.library import LavisError
    from sprc.lavis.pretrained import pretrained_model

    try:
        model, report = pretrained_model(options.recipe.backbone, seed=options.recipe.seed)
    except LavisError as error:
        raise TrainingError(f"{error}; or give a checkpoint by --model-path") from error
    print(f"BLIP-2's {options.recipe.backbone}; new: {', '.join(report.new)}", flush=True)
    return model


def starting_words(options: Options, known: int) -> tokenizers.Tokenizer:
    """The tokenizer that was named, lies beside the checkpoint, or is BERT's.

    Args:
        options: The run's.
        known: How many tokens the model knows.

    Raises:
        TrainingError: There is none, or it has more tokens than the model.
    """
    path = options.tokenizer
    if path is None and options.model_path is not None:
        path = _beside(options.model_path.parent)
    words = _published_words() if path is None else _read_words(path)
    largest = max(words.get_vocab().values())
    if largest >= known:
        raise TrainingError(f"{path} numbers tokens up to {largest}, and the model knows {known}")
    return words


def weights_digest(state: Mapping[str, Tensor]) -> str:
    """sha256 of tensors as float32, by name and shape."""
    result = hashlib.sha256()
    for name, value in sorted(state.items()):
        result.update(f"{name} {tuple(value.shape)}\n".encode())
        result.update(value.detach().float().cpu().contiguous().numpy().tobytes())
    return result.hexdigest()


def _require_backbone(model: Blip2QformerCirAlignPrompt, options: Options) -> None:
    backbone, vit = options.recipe.backbone, model.config.vit
    if vit != VITS[backbone]:
        raise TrainingError(
            f"{options.model_path} does not hold the ViT of --backbone {backbone}: its width is "
            f"{vit.width} and its depth {vit.depth}"
        )


def _beside(folder: Path) -> Path:
    for name in (TOKENIZER, "vocab.txt"):
        if (folder / name).is_file():
            return folder / name
    raise TrainingError(f"{folder} holds neither tokenizer.json nor vocab.txt: give --tokenizer")


def _read_words(path: Path) -> tokenizers.Tokenizer:
    try:
        if path.suffix == ".txt":
            return bert_tokenizer(path)
        content = path.read_text(encoding="utf-8")
    except OSError as error:
        raise TrainingError(f"{path} cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise TrainingError(f"{path} is no tokenizer: {error}") from error
    try:
        return tokenizers.Tokenizer.from_str(content)
    except Exception as error:  # noqa: BLE001 - what the library raises for a bad file
        raise TrainingError(f"{path} is no tokenizer: {error}") from None


def _published_words() -> tokenizers.Tokenizer:
    from sprc.lavis.library import LavisError, vocabulary

    try:
        return bert_tokenizer(vocabulary())
    except LavisError as error:
        raise TrainingError(f"{error}; give it by --tokenizer") from error
