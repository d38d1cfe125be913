"""The words of a model that begins from nothing, learned from its training captions."""

from collections.abc import Iterable
from string import ascii_lowercase, digits, punctuation

from tokenizers.trainers import WordPieceTrainer

from retrieval.preprocess.text import SPECIAL_TOKENS, bert_tokenizer, process_text


def learn_vocabulary(texts: Iterable[str], most: int) -> list[str]:
    """WordPiece entries in BERT's uncased form, in id order, as `bert_tokenizer` takes them.

    All ASCII letters, digits and signs are among them, alone and as continuations, so that no
    ASCII text is unknown. `most` counts all entries.
    """
    letters = [*ascii_lowercase, *digits]
    trainer = WordPieceTrainer(
        vocab_size=most,
        min_frequency=2,
        special_tokens=[*SPECIAL_TOKENS, *letters, *punctuation, *(f"##{c}" for c in letters)],
        show_progress=False,
    )
    # Normaliser and pre-tokenizer do not depend on the vocabulary.
    tokenizer = bert_tokenizer(list(SPECIAL_TOKENS))
    tokenizer.train_from_iterator(map(process_text, texts), trainer)
    entries: dict[str, int] = tokenizer.get_vocab()
    return sorted(entries, key=entries.__getitem__)
