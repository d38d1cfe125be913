"""The words of a model that begins from nothing, learned from its training captions."""

from collections import Counter
from collections.abc import Iterable
from string import ascii_lowercase, digits, punctuation
from typing import Final

from tokenizers import Tokenizer, models, pre_tokenizers, trainers

from retrieval.preprocess.text import SPECIAL_TOKENS, bert_tokenizer, process_text

_CONTINUED: Final = "##"
_SPELLING: Final = (*ascii_lowercase, *digits)
_FEWEST: Final = 2
"""A pair of pieces that stands there once is not joined: most such are slips of the keyboard."""


def learn_vocabulary(texts: Iterable[str], most: int) -> list[str]:
    """WordPiece entries in BERT's uncased form, in id order, as `bert_tokenizer` takes them.

    All ASCII letters, digits and signs, alone and as continuations, so that any word can be
    spelled; then pieces of words, joined pair by pair from letters as the captions repeat them, up
    to the words themselves. `most` counts all entries. The same captions give the same entries in
    the same order, whatever the process.
    """
    # Normaliser and pre-tokenizer do not depend on the vocabulary.
    splitter = bert_tokenizer(list(SPECIAL_TOKENS))
    counts = Counter[str]()
    for text in texts:
        normal = splitter.normalizer.normalize_str(process_text(text))
        counts.update(word for word, _ in splitter.pre_tokenizer.pre_tokenize_str(normal))
    first = [*SPECIAL_TOKENS, *_SPELLING, *punctuation, *(f"{_CONTINUED}{c}" for c in _SPELLING)]
    # Only what can be spelled is learned from: another script would take its letters' places.
    spelled = {word: n for word, n in counts.items() if set(word) <= set(_SPELLING)}
    learned = Tokenizer(models.WordPiece(unk_token="[UNK]"))  # noqa: S106
    learned.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    trainer = trainers.WordPieceTrainer(
        vocab_size=most,
        min_frequency=_FEWEST,
        # Letters are numbered here; the trainer would do it in the order of a hash table, and
        # pairs that are as frequent are joined in the order of their numbers.
        special_tokens=first,
        continuing_subword_prefix=_CONTINUED,
        show_progress=False,
    )
    learned.train_from_iterator(_repeated(spelled), trainer)
    entries = learned.get_vocab()
    return sorted(entries, key=entries.__getitem__)[:most]


def _repeated(counts: Counter[str] | dict[str, int]) -> Iterable[str]:
    """Each word as often as it was counted, in an order that depends on the counts alone."""
    for word in sorted(counts):
        yield " ".join([word] * counts[word])
