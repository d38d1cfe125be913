"""What a run begins with: weights, the words of its texts, and the digest that tells weights."""

import hashlib
from collections.abc import Mapping
from typing import Any

import tokenizers
from torch import Tensor

from retrieval.preprocess.text import bert_tokenizer
from sprc.checkpoint import load_model
from sprc.datasets.cirr import Cirr
from sprc.datasets.fashioniq import FashionIq
from sprc.initial import initialise
from sprc.model import Blip2QformerCirAlignPrompt
from sprc.published import VITS, ModelType
from sprc.training.errors import TrainingError
from sprc.training.options import Options
from sprc.training.recipe import Recipe
from sprc.training.vocabulary import learn_vocabulary
from sprc.words import find_words, read_words, require_known

TOKENIZER = "tokenizer.json"


def begin(
    options: Options[Recipe], source: Cirr | FashionIq
) -> tuple[Blip2QformerCirAlignPrompt, tokenizers.Tokenizer]:
    """The model and the words that a run begins with.

    Raises `CheckpointError`, `DataError`, `TrainingError` or `WordsError`.
    """
    recipe = options.recipe
    if options.model_path is not None:
        model = load_model(
            options.model_path, vit_heads=options.vit_heads, qformer_heads=options.qformer_heads
        )
        if "backbone" in options.given:
            _require_backbone(model, options)
    elif recipe.backbone == "none":
        return _begin_anew(options, source)
    else:
        model = _pretrained(recipe.backbone, recipe.seed)
    return model, starting_words(options, model.config.qformer.vocab)


def _begin_anew(
    options: Options[Recipe], source: Cirr | FashionIq
) -> tuple[Blip2QformerCirAlignPrompt, tokenizers.Tokenizer]:
    """Weights drawn by the recipe's seed; words that were named, or learned from the captions."""
    sizes = options.recipe.model
    if sizes is None:
        raise TrainingError(
            "a backbone of none needs the sizes of a table [model] in the recipe, or a checkpoint "
            "by --model-path"
        )
    if options.tokenizer is not None:
        words = read_words(options.tokenizer)
    else:
        captions = (text for query in source.training().queries for text in query.captions)
        words = bert_tokenizer(learn_vocabulary(captions, sizes.words))
    # SPRC's vocabulary has one more entry, [DEC], which no text contains.
    model = Blip2QformerCirAlignPrompt(sizes.config(max(words.get_vocab().values()) + 2))
    initialise(model, options.recipe.seed)
    return model, words


def _pretrained(backbone: ModelType, seed: int) -> Blip2QformerCirAlignPrompt:
    # LAVIS takes seconds to import, and is not needed with a checkpoint.
    from sprc.lavis.library import LavisError
    from sprc.lavis.pretrained import pretrained_model

    try:
        model, report = pretrained_model(backbone, seed=seed)
    except LavisError as error:
        raise TrainingError(f"{error}; or give a checkpoint by --model-path") from error
    print(f"BLIP-2's {backbone}; new: {', '.join(report.new)}", flush=True)
    return model


def starting_words(options: Options[Any], known: int) -> tokenizers.Tokenizer:
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


def _require_backbone(model: Blip2QformerCirAlignPrompt, options: Options[Recipe]) -> None:
    backbone, vit = options.recipe.backbone, model.config.vit
    if backbone == "none" or vit != VITS[backbone]:
        raise TrainingError(
            f"{options.model_path} does not hold the ViT of --backbone {backbone}: its width is "
            f"{vit.width} and its depth {vit.depth}"
        )


def _published_words() -> tokenizers.Tokenizer:
    from sprc.lavis.library import LavisError, vocabulary

    try:
        return bert_tokenizer(vocabulary())
    except LavisError as error:
        raise TrainingError(f"{error}; give it by --tokenizer") from error
