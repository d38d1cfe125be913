"""From a modification text to token ids, as SPRC reads its captions.

`canonical_text` comes first and makes composed and decomposed Unicode one text; `process_text` is
the published caption processor and nothing else; `Tokenizer` is the uncased BERT tokenizer over
both, with every text padded to one length.
"""

import re
import unicodedata
from collections.abc import Sequence
from pathlib import Path
from typing import Final, Self

import numpy as np
import tokenizers
from numpy.typing import NDArray
from tokenizers import models, normalizers, pre_tokenizers, processors

MAX_WORDS: Final = 50
SPECIAL_TOKENS: Final = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")

_PUNCTUATION: Final = re.compile(r"""[.!"()*#:;~]""")
_WHITESPACE_RUN: Final = re.compile(r"\s{2,}")


def canonical_text(text: str) -> str:
    """`text` in Unicode normal form C, so that equal-looking texts have one cache key."""
    return unicodedata.normalize("NFC", text)


def process_text(text: str, max_words: int = MAX_WORDS) -> str:
    """The evaluation caption processor `blip_caption` of the published model.

    Lower-cases, turns `. ! " ( ) * # : ; ~` into spaces, joins runs of two or more whitespace
    characters to one space (a lone tab stays), strips, and keeps the first `max_words` words. The
    result may be empty.
    """
    spaced = _PUNCTUATION.sub(" ", text.lower())
    joined = _WHITESPACE_RUN.sub(" ", spaced)
    words = joined.rstrip("\n").strip(" ").split(" ")
    return " ".join(words[:max_words])


def bert_tokenizer(vocab: Sequence[str] | Path) -> tokenizers.Tokenizer:
    """The uncased BertTokenizer over a vocabulary: its tokens in id order, or a `vocab.txt`.

    The five special tokens are recognised in raw text in upper case only, so a text that went
    through `process_text` cannot contain one. Raises ValueError when the vocabulary lacks a
    special token or repeats a token.
    """
    if isinstance(vocab, Path):
        # Split on line feeds alone: the vocabulary holds tokens that are line separators.
        tokens: Sequence[str] = vocab.read_text(encoding="utf-8").rstrip("\n").split("\n")
    else:
        tokens = vocab
    ids = {token: index for index, token in enumerate(tokens)}
    if len(ids) != len(tokens):
        raise ValueError("the vocabulary repeats a token")
    missing = [token for token in SPECIAL_TOKENS if token not in ids]
    if missing:
        raise ValueError(f"the vocabulary lacks {', '.join(missing)}")
    tokenizer = tokenizers.Tokenizer(
        models.WordPiece(ids, unk_token="[UNK]", max_input_chars_per_word=100)  # noqa: S106
    )
    tokenizer.normalizer = normalizers.BertNormalizer(
        clean_text=True, handle_chinese_chars=True, strip_accents=True, lowercase=True
    )
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.post_processor = processors.BertProcessing(
        ("[SEP]", ids["[SEP]"]), ("[CLS]", ids["[CLS]"])
    )
    tokenizer.add_special_tokens(list(SPECIAL_TOKENS))
    return tokenizer


class Tokenizer:
    """Texts to padded token ids; safe to share between threads."""

    def __init__(
        self, tokenizer: tokenizers.Tokenizer, max_tokens: int, max_words: int = MAX_WORDS
    ) -> None:
        """Take over `tokenizer`: its truncation and padding are set to `max_tokens` (T).

        Raises ValueError when it has no `[PAD]` token.
        """
        pad_id = tokenizer.token_to_id("[PAD]")
        if pad_id is None:
            raise ValueError("the tokenizer has no [PAD] token")
        tokenizer.enable_truncation(max_length=max_tokens)
        tokenizer.enable_padding(length=max_tokens, pad_id=pad_id)
        self._tokenizer = tokenizer
        self._max_tokens = max_tokens
        self._max_words = max_words

    @classmethod
    def from_file(cls, path: Path, max_tokens: int, max_words: int = MAX_WORDS) -> Self:
        """Read a `tokenizer.json` of the Hugging Face tokenizers library.

        Raises OSError when it cannot be read and ValueError when it is not a tokenizer.
        """
        content = path.read_text(encoding="utf-8")
        try:
            tokenizer = tokenizers.Tokenizer.from_str(content)
        except Exception as error:  # noqa: BLE001 - what the library raises for a bad file
            raise ValueError(f"{path.name} is not a tokenizer: {error}") from None
        return cls(tokenizer, max_tokens, max_words)

    def process(self, text: str) -> str:
        """What is read of `text`: canonical, lower-cased, without the dropped punctuation."""
        return process_text(canonical_text(text), self._max_words)

    def encode(self, text: str) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Token ids and attention mask of one raw text, [T] int64 each, `[CLS]` and `[SEP]` in."""
        ids, mask = self.encode_batch([text])
        return ids[0], mask[0]

    def encode_batch(self, texts: Sequence[str]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Token ids and attention mask of raw texts, [B, T] int64 each."""
        processed = [self.process(text) for text in texts]
        encodings = (
            self._tokenizer.encode_batch(processed)
            if len(processed) > 1
            # A batch is given to threads of the library's, and one text is not worth their waking.
            else [self._tokenizer.encode(text) for text in processed]
        )
        ids = np.array([encoding.ids for encoding in encodings], dtype=np.int64)
        mask = np.array([encoding.attention_mask for encoding in encodings], dtype=np.int64)
        return ids.reshape(-1, self._max_tokens), mask.reshape(-1, self._max_tokens)
