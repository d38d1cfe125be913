"""Batches of families with one edit and one description each."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from demo_catalog.garments import Garment
from retrieval.preprocess.text import Tokenizer
from sprc.demo.attributes import Wish, wish_vector
from sprc.demo.edits import Edit, make_edit
from sprc.demo.pictures import Families
from sprc.demo.sentences import Sentence, description, edit_sentence, with_noise

DESCRIPTION_SHARE = 0.65
"""Of the text-only queries; the others are edits, read for what their words alone ask."""


@dataclass(frozen=True)
class Texts:
    """Tokenised texts, cut to the longest; int64 [B, T']."""

    input_ids: Tensor
    attention_mask: Tensor


@dataclass(frozen=True)
class Batch:
    """F families of `size` pictures; every index counts the batch's pictures family by family."""

    pictures: Tensor
    """[F * size] int64, indices into the training pictures."""
    vectors: Tensor
    """[F * size, values] uint8, what each picture shows."""
    references: Tensor
    """[F] int64, position of each edit's reference in `pictures`."""
    edits: Texts
    wishes: Tensor
    """[F, values] uint8."""
    words: Texts
    words_wishes: Tensor


class Sampler:
    """Draws batches from families; its own generator makes them repeatable."""

    def __init__(self, families: Families, tokenizer: Tokenizer, seed: int) -> None:
        self.families = families
        self.tokenizer = tokenizer
        self.rng = np.random.default_rng(seed)
        self._order: list[int] = []

    def batch(self, count: int) -> Batch:
        """`count` families, each once an epoch."""
        if len(self._order) < count:
            self._order = self.rng.permutation(self.families.count).tolist()
        chosen, self._order = self._order[:count], self._order[count:]
        size = self.families.size
        indices = [family * size + member for family in chosen for member in range(size)]
        references, edits, words = [], [], []
        for position, family in enumerate(chosen):
            members = self.families.garments[family * size : (family + 1) * size]
            reference, edit = self._edit(members)
            references.append(position * size + reference)
            edits.append(edit_sentence(edit, self.rng))
            words.append(self._words(members, edits[-1]))
        return Batch(
            pictures=torch.tensor(indices),
            vectors=torch.from_numpy(self.families.vectors[indices]),
            references=torch.tensor(references),
            edits=self._tokenise(edits),
            wishes=_stack([sentence.wish for sentence in edits]),
            words=self._tokenise(words),
            words_wishes=_stack([sentence.words_wish for sentence in words]),
        )

    def _edit(self, members: Sequence[Garment]) -> tuple[int, Edit]:
        pairs = [(a, b) for a in range(len(members)) for b in range(len(members)) if a != b]
        for index in self.rng.permutation(len(pairs)):
            first, second = pairs[index]
            edit = make_edit(members[first], members[second], self.rng)
            if edit is not None:
                return first, edit
        raise ValueError("a family without a pair of one to three changes")

    def _words(self, members: Sequence[Garment], edit: Sentence) -> Sentence:
        if edit.words_wish and self.rng.random() > DESCRIPTION_SHARE:
            return edit
        return description(members[int(self.rng.integers(len(members)))], self.rng)

    def _tokenise(self, sentences: Sequence[Sentence]) -> Texts:
        texts = [with_noise(sentence.text, self.rng) for sentence in sentences]
        return tokenise(self.tokenizer, texts)


def tokenise(tokenizer: Tokenizer, texts: Sequence[str]) -> Texts:
    """Tokens of raw texts without the columns that are padding in all of them."""
    ids, mask = tokenizer.encode_batch(texts)
    longest = int(mask.sum(1).max())
    return Texts(torch.from_numpy(ids[:, :longest]), torch.from_numpy(mask[:, :longest]))


def _stack(wishes: Sequence[Wish]) -> Tensor:
    return torch.from_numpy(np.stack([wish_vector(wish) for wish in wishes]))
