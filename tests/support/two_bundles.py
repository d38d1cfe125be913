"""Two small models that are really served, and a shop of drawn products whose every score under
each of them is known: by Triton's embeddings and late interaction in numpy, without a gateway."""

import asyncio
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from tempfile import NamedTemporaryFile

import numpy as np
from PIL import Image

from gateway.pictures import to_pixels
from retrieval.bundle import load_bundle
from retrieval.domain import Deadline, F32Array
from retrieval.preprocess.text import SPECIAL_TOKENS, Tokenizer, bert_tokenizer
from retrieval.preprocess.upload import normalise_upload
from retrieval.triton import TritonEncoder
from tests.support.tiny_bundle import write_tiny_bundle

WORDS = ("red", "blue", "coat", "with", "hood", "product", "a", "in")
SCORE_ROUNDING = 5e-3


def write_servable_bundle(
    folder: Path, *, seed: int, trained_at: datetime | None = None, reranker: int | None = None
) -> Path:
    """A tiny bundle whose text encoder, and reranker where a seed is given, knows `WORDS`."""
    with NamedTemporaryFile("w", suffix=".json") as file:
        file.write(bert_tokenizer([*SPECIAL_TOKENS, *WORDS]).to_str())
        file.flush()
        return write_tiny_bundle(
            folder,
            seed=seed,
            tokenizer=Path(file.name),
            trained_at=trained_at,
            reranker=reranker,
        )


def drawn_picture(number: int) -> bytes:
    """A PNG, another one for each number."""
    pixels = np.random.default_rng(number).integers(0, 256, size=(24, 24, 3), dtype=np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


@dataclass(frozen=True)
class Question:
    """What is searched for: by a product of the shop, by words, or both."""

    product: str = ""
    words: str = ""

    def json(self) -> dict[str, object]:
        """The body of a search of ten hits; a reference is left out of its own answer."""
        body: dict[str, object] = {"modification": self.words, "page_size": 10}
        if self.product:
            body["reference"] = {"product_id": self.product}
        return body


async def true_scores(
    address: str, bundle_dir: Path, pictures: Mapping[str, bytes], questions: Sequence[Question]
) -> dict[Question, dict[str, float]]:
    """Each question's score of each product under one model, best first."""
    bundle = load_bundle(bundle_dir)
    tokenizer = Tokenizer.from_file(
        bundle_dir / "tokenizer.json", max_tokens=bundle.sizes.text_length
    )
    encoder = TritonEncoder(address, bundle)
    soon = Deadline.after(60)
    ids = [*pictures]
    pixels = [
        await asyncio.to_thread(lambda one=one: to_pixels(normalise_upload(one), bundle))  # type: ignore[misc]
        for one in pictures.values()
    ]
    embedded = [await encoder.encode_images(one[None], soon) for one in pixels]
    tokens = {name: one.tokens[0] for name, one in zip(ids, embedded, strict=True)}
    embeds = {name: one.embeds for name, one in zip(ids, embedded, strict=True)}
    found = {}
    for question in questions:
        if not question.words:
            query = tokens[question.product]
        else:
            texts = tokenizer.encode_batch([question.words])
            query = (
                (await encoder.compose(embeds[question.product], *texts, soon))[0]
                if question.product
                else (await encoder.encode_texts(*texts, soon))[0]
            )
        scores = {
            name: _late_interaction(query, of_product)
            for name, of_product in tokens.items()
            if name != question.product
        }
        found[question] = dict(sorted(scores.items(), key=lambda item: -item[1]))
    await encoder.close()
    return found


def _late_interaction(query: F32Array, tokens: F32Array) -> float:
    return float((np.atleast_2d(query) @ tokens.T).max(axis=1).mean())


def is_answer_of(hits: Sequence[tuple[str, float]], scores: Mapping[str, float]) -> bool:
    """Whether hits are the first of a model's ranking, with its scores."""
    best = [*scores.values()][: len(hits)]
    return len({name for name, _ in hits}) == len(hits) and all(
        abs(score - scores.get(name, np.inf)) < SCORE_ROUNDING and abs(score - due) < SCORE_ROUNDING
        for (name, score), due in zip(hits, best, strict=True)
    )
