"""The words of a model that begins from nothing, learned from its training captions."""

from collections import Counter
from collections.abc import Iterable
from string import ascii_lowercase, digits, punctuation

from retrieval.preprocess.text import SPECIAL_TOKENS, bert_tokenizer, process_text


def learn_vocabulary(texts: Iterable[str], most: int) -> list[str]:
    """WordPiece entries in BERT's uncased form, in id order, as `bert_tokenizer` takes them.

    The captions' most frequent words, whole, and all ASCII letters, digits and signs, alone and as
    continuations: a word that is not known is spelled. Pieces of words would give a new word the
    meaning of those that it looks like, which a few thousand captions cannot correct. A word that
    stands there once is left out; `most` counts all entries.
    """
    # Normaliser and pre-tokenizer do not depend on the vocabulary.
    splitter = bert_tokenizer(list(SPECIAL_TOKENS))
    counts = Counter[str]()
    for text in texts:
        normal = splitter.normalizer.normalize_str(process_text(text))
        counts.update(word for word, _ in splitter.pre_tokenizer.pre_tokenize_str(normal))
    letters = [*ascii_lowercase, *digits]
    entries = [*SPECIAL_TOKENS, *letters, *punctuation, *(f"##{c}" for c in letters)]
    known = set(entries)
    words = sorted(
        (word for word, count in counts.items() if count > 1 and word not in known),
        key=lambda word: (-counts[word], word),
    )
    return (entries + words)[:most]
