"""The demo model's real tokens and composed queries, of the demo catalog's drawn garments."""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any, Final, TypeVar

import numpy as np
import onnxruntime
from numpy.typing import NDArray
from PIL import Image

from demo_catalog.workers import pool_map
from demo_catalog.write import DEFAULT_SEED, make_product
from retrieval.bundle import load_bundle
from retrieval.preprocess.targetpad import targetpad
from retrieval.preprocess.text import Tokenizer
from tests.benchmarks.index_parts.catalogs import Catalog
from tests.benchmarks.index_parts.questions import Question, scored

MODEL: Final = Path(__file__).parents[3] / "models"
_Item = TypeVar("_Item")
_BATCH: Final = 32
_COLORS: Final = ("red", "navy", "black", "white", "green", "pink", "gray", "yellow", "brown")
_CHANGES: Final = ("longer", "shorter", "with a hood", "without a print", "striped", "plain")


def encoded(count: int) -> tuple[Catalog, NDArray[np.float16]]:
    """The first ``count`` products, and the image embeds [count, P, W] of their pictures."""
    encoder = _graph("image_encoder")
    tokens, embeds = [], []
    with pool_map(_pixels, [*range(count)]) as pictures:
        for batch in batched(pictures, _BATCH):
            made = encoder.run(["image_tokens", "image_embeds"], {"pixel_values": np.stack(batch)})
            tokens.append(np.asarray(made[0], np.float16))
            embeds.append(np.asarray(made[1], np.float16))
    luck = np.random.default_rng(count).random(count)
    return Catalog("demo", np.concatenate(tokens), luck), np.concatenate(embeds)


def composed(
    catalog: Catalog, embeds: NDArray[np.float16], count: int, *, seed: int
) -> list[Question]:
    """What the fusion encoder makes of pictures of the catalog and drawn words."""
    random = np.random.default_rng(seed)
    references = random.choice(len(catalog), count, replace=count > len(catalog))
    words = [f"{random.choice(_CHANGES)} and in {random.choice(_COLORS)}" for _ in references]
    sizes = load_bundle(MODEL).sizes
    tokenizer = Tokenizer.from_file(MODEL / "tokenizer.json", sizes.text_length)
    fusion = _graph("fusion_encoder")
    rows = []
    for start in range(0, count, _BATCH):
        ids, mask = tokenizer.encode_batch(words[start : start + _BATCH])
        asked = {
            "image_embeds": embeds[references[start : start + _BATCH]],
            "input_ids": ids,
            "attention_mask": mask,
        }
        made = np.asarray(fusion.run(["query_embedding"], asked)[0], np.float32)
        rows += [one[None] for one in made]
    return scored(catalog, rows, references)


def _pixels(number: int) -> NDArray[np.float32]:
    _, jpeg = make_product(DEFAULT_SEED, number)
    sizes = load_bundle(MODEL).sizes
    return targetpad(Image.open(io.BytesIO(jpeg)), size=sizes.image_size)


def _graph(name: str) -> Any:
    return onnxruntime.InferenceSession(MODEL / name / "1" / "model.onnx")


def batched(items: Iterable[_Item], size: int) -> Iterator[list[_Item]]:
    """``items`` in lists of ``size``, the last one shorter."""
    rest = iter(items)
    while batch := list(islice(rest, size)):
        yield batch
