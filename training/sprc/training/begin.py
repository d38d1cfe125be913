"""What a run begins with: weights, the words of its texts, and the digest that tells weights."""

import hashlib
from collections.abc import Mapping

import tokenizers
from torch import Tensor

from retrieval.preprocess.text import bert_tokenizer
from sprc.checkpoint import load_model
from sprc.model import Blip2QformerCirAlignPrompt
from sprc.training.errors import TrainingError
from sprc.training.options import Options
from sprc.words import find_words, read_words, require_known

TOKENIZER = "tokenizer.json"


def starting_model(options: Options) -> Blip2QformerCirAlignPrompt:
    """The checkpoint's model, or one with BLIP-2's pretrained weights.

    Raises `CheckpointError` or `TrainingError`.
    """
    if options.model_path is not None:
        return load_model(
            options.model_path, vit_heads=options.vit_heads, qformer_heads=options.qformer_heads
        )
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
        WordsError: There is none, or it has more tokens than the model.
        TrainingError: BERT's cannot be had.
    """
    path = options.tokenizer
    if path is None and options.model_path is not None:
        path = find_words(options.model_path)
    words = _published_words() if path is None else read_words(path)
    require_known(words, known, path or "bert-base-uncased")
    return words


def weights_digest(state: Mapping[str, Tensor]) -> str:
    """sha256 of tensors as float32, by name and shape."""
    result = hashlib.sha256()
    for name, value in sorted(state.items()):
        result.update(f"{name} {tuple(value.shape)}\n".encode())
        result.update(value.detach().float().cpu().contiguous().numpy().tobytes())
    return result.hexdigest()


def _published_words() -> tokenizers.Tokenizer:
    from sprc.lavis.library import LavisError, vocabulary

    try:
        return bert_tokenizer(vocabulary())
    except LavisError as error:
        raise TrainingError(f"{error}; give it by --tokenizer") from error
