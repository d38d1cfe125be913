"""The demo's WordPiece vocabulary: every word of the generator, and single characters."""

import string
from collections import Counter
from typing import Final

import numpy as np

from retrieval.preprocess.text import SPECIAL_TOKENS, bert_tokenizer, process_text
from sprc.demo.edits import make_edit, sample_family
from sprc.demo.sentences import description, edit_sentence

SEED: Final = 7_001
SAMPLES: Final = 40_000
_LETTERS: Final = string.ascii_lowercase + string.digits
_BEGINNING_OF_DECODER: Final = "[DEC]"


def build_vocabulary(samples: int = SAMPLES) -> list[str]:
    """Tokens in id order: special tokens, characters, words by frequency, `[DEC]` last.

    Characters stand alone and as continuations, so that no ASCII text is unknown.
    """
    words = Counter[str]()
    # The normaliser and the pre-tokenizer do not depend on the vocabulary.
    splitter = bert_tokenizer(list(SPECIAL_TOKENS))
    for text in _samples(samples):
        normal = splitter.normalizer.normalize_str(process_text(text))
        words.update(word for word, _ in splitter.pre_tokenizer.pre_tokenize_str(normal))
    characters = [*_LETTERS, *string.punctuation, *(f"##{letter}" for letter in _LETTERS)]
    known = set(characters)
    frequent = sorted(words.keys() - known, key=lambda word: (-words[word], word))
    return [*SPECIAL_TOKENS, *characters, *frequent, _BEGINNING_OF_DECODER]


def _samples(count: int) -> list[str]:
    rng = np.random.default_rng(SEED)
    texts: list[str] = []
    while len(texts) < count:
        first, second = sample_family(rng, 2)
        edit = make_edit(first, second, rng)
        if edit is not None:
            texts.append(edit_sentence(edit, rng).text)
        texts.append(description(first, rng).text)
    return texts
