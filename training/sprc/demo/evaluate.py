"""Recall on held-out drawn garments: composed, and what it must beat.

The gallery holds every held-out picture. A query's own reference is left out, as the search does;
a candidate satisfies an edit when all its attributes are as the edit and the reference ask
(`sprc.demo.attributes`): edited ones as said, every other visible one as in the reference.
Background, pose, cut, dye lot and the colour of details do not count.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from retrieval.preprocess.text import Tokenizer
from sprc.demo.attributes import wish_vector
from sprc.demo.augment import normalise
from sprc.demo.batches import tokenise
from sprc.demo.edits import make_edit
from sprc.demo.losses import satisfies
from sprc.demo.pictures import Families
from sprc.demo.sentences import description, edit_sentence
from sprc.demo.unseen import unseen_sentence
from sprc.model import Blip2QformerCirAlignPrompt, max_sim

BATCH = 250
CUTS = (1, 5, 10, 50)


@dataclass(frozen=True)
class Benchmark:
    """Composed queries over a gallery, and descriptions for text-only search."""

    families: Families
    texts: list[str]
    references: Tensor
    wishes: Tensor
    changes: Tensor
    unseen: dict[int, str]
    """Position of a query of one change -> the same change in words never trained on."""
    descriptions: list[str]
    description_wishes: Tensor


def make_benchmark(families: Families, seed: int) -> Benchmark:
    """Each pair used both ways; its partner satisfies the edit, others may too."""
    rng = np.random.default_rng(seed)
    texts: list[str] = []
    references, wishes, changes = [], [], []
    unseen: dict[int, str] = {}
    other_rng = np.random.default_rng(seed + 1)
    descriptions, description_wishes = [], []
    for start in range(0, len(families.garments), families.size):
        for first, second in ((start, start + 1), (start + 1, start)):
            edit = make_edit(families.garments[first], families.garments[second], rng)
            if edit is None:
                continue
            sentence = edit_sentence(edit, rng)
            if len(edit.named) == 1 and sentence.wish == edit.wish:
                named = edit.named[0]
                said = unseen_sentence(named, edit.reference, edit.target, other_rng)
                unseen[len(texts)] = said
            texts.append(sentence.text)
            references.append(first)
            wishes.append(wish_vector(sentence.wish))
            changes.append(len(edit.named))
        words = description(families.garments[start], rng)
        descriptions.append(words.text)
        description_wishes.append(wish_vector(words.wish))
    return Benchmark(
        families,
        texts,
        torch.tensor(references),
        torch.from_numpy(np.stack(wishes)),
        torch.tensor(changes),
        unseen,
        descriptions,
        torch.from_numpy(np.stack(description_wishes)),
    )


@torch.inference_mode()
def evaluate(
    model: Blip2QformerCirAlignPrompt, benchmark: Benchmark, tokenizer: Tokenizer
) -> dict[str, float]:
    """All figures of the model card; recalls in percent. The model is put in eval mode."""
    model.eval()
    pixels = torch.from_numpy(benchmark.families.pixels)
    starts = range(0, len(pixels), BATCH)
    embeds = torch.cat([model.embed_image(normalise(pixels[i : i + BATCH])) for i in starts])
    tokens = torch.cat([model.image_tokens(embeds[i : i + BATCH]) for i in starts])
    edits = tokenise(tokenizer, benchmark.texts)
    composed = model.compose(embeds[benchmark.references], edits.input_ids, edits.attention_mask)
    text_only = model.embed_text(edits.input_ids, edits.attention_mask)
    words = tokenise(tokenizer, benchmark.descriptions)
    described = max_sim(model.embed_text(words.input_ids, words.attention_mask), tokens)

    vectors = torch.from_numpy(benchmark.families.vectors)
    right = satisfies(benchmark.wishes, vectors)
    rows = torch.arange(len(right))
    if bool(right[rows, benchmark.references].any()) or not bool(right.any(1).all()):
        raise ValueError("a query is satisfied by its own reference, or by nothing")
    scores = {
        "composed": max_sim(composed, tokens),
        "image_only": image_scores(tokens[benchmark.references], tokens),
        "text_only": max_sim(text_only, tokens),
    }
    figures: dict[str, float] = {"gallery": len(vectors), "queries": len(right)}
    figures |= _named("composed_with_reference", recalls(scores["composed"], right))
    for values in scores.values():
        values[rows, benchmark.references] = -torch.inf
    for name, values in scores.items():
        figures |= _named(name, recalls(values, right))
    figures |= _late_fusion(scores["image_only"], scores["text_only"], right)
    for count in (1, 2, 3):
        chosen = benchmark.changes == count
        found = recalls(scores["composed"][chosen], right[chosen])
        figures |= _named(f"composed_{count}_changes", found)
    figures |= _named("composed_unseen_words", _unseen(model, benchmark, tokenizer, embeds, tokens))
    described_right = satisfies(benchmark.description_wishes, vectors)
    figures["description_precision_at10"] = _precision(described, described_right, 10)
    figures["token_cosine"] = round(_token_cosine(tokens), 3)
    return figures


def _unseen(
    model: Blip2QformerCirAlignPrompt,
    benchmark: Benchmark,
    tokenizer: Tokenizer,
    embeds: Tensor,
    tokens: Tensor,
) -> dict[int, float]:
    chosen = torch.tensor(list(benchmark.unseen))
    texts = tokenise(tokenizer, list(benchmark.unseen.values()))
    references = benchmark.references[chosen]
    scores = max_sim(
        model.compose(embeds[references], texts.input_ids, texts.attention_mask), tokens
    )
    scores[torch.arange(len(chosen)), references] = -torch.inf
    vectors = torch.from_numpy(benchmark.families.vectors)
    return recalls(scores, satisfies(benchmark.wishes[chosen], vectors))


def image_scores(references: Tensor, tokens: Tensor) -> Tensor:
    """Image-only score [Q, N]: mean over the reference's K tokens of their best match."""
    count = references.shape[1]
    per_token = max_sim(references.flatten(0, 1), tokens)
    return per_token.view(len(references), count, -1).mean(1)


def recalls(scores: Tensor, right: Tensor) -> dict[int, float]:
    """Percent of queries with any satisfying item among the first k."""
    order = scores.topk(max(CUTS), dim=1).indices
    hits = right.gather(1, order)
    return {k: round(float(hits[:, :k].any(1).float().mean()) * 100, 1) for k in CUTS}


def _named(name: str, found: Mapping[int, float]) -> dict[str, float]:
    return {f"{name}_recall_at{k}": value for k, value in found.items()}


def _late_fusion(image: Tensor, text: Tensor, right: Tensor) -> dict[str, float]:
    """Weighted sum of the two single scores, at the weight that is best on this very set."""
    best: dict[int, float] = {}
    weight = 0.0
    for step in range(1, 40):
        share = step / 40
        found = recalls(share * image + (1 - share) * text, right)
        if not best or found[1] > best[1]:
            best, weight = found, share
    return {**_named("late_fusion", best), "late_fusion_image_weight": weight}


def _precision(scores: Tensor, right: Tensor, k: int) -> float:
    """Percent of satisfying items among the first k, of the most that could be there."""
    hits = right.gather(1, scores.topk(k, dim=1).indices).sum(1)
    possible = right.sum(1).clamp(max=k)
    return round(float((hits / possible).mean()) * 100, 1)


def _token_cosine(tokens: Tensor) -> float:
    unit = functional.normalize(tokens, dim=-1)
    cosines = unit @ unit.transpose(1, 2)
    count = tokens.shape[1]
    return float((cosines.sum((1, 2)) - count).mean() / (count * (count - 1)))
