"""The `Encoder` port without a model: random projections, the same for equal inputs."""

import asyncio

import numpy as np

from retrieval.bundle import Bundle, Preprocess, Sizes, TextRules
from retrieval.domain import Deadline, F32Array, FloatArray, I64Array, ImageEmbeddings
from retrieval.errors import RecomposeError

SIZES = Sizes(
    image_size=32, patches=5, vision_width=8, query_tokens=4, embed_dim=16, text_length=12
)
BUNDLE = Bundle(
    format=1,
    name="fake",
    digest="fa" * 32,
    precision="float32",
    sizes=SIZES,
    preprocess=Preprocess(
        version=1,
        transform="targetpad",
        target_ratio=1.25,
        mean=(0.48145466, 0.4578275, 0.40821073),
        std=(0.26862954, 0.26130258, 0.27577711),
    ),
    text=TextRules(version=1, processor="blip_caption", max_words=50),
)


class FakeEncoder:
    """Counts its calls; ``failure`` is raised by each of them, where set, and each for pictures
    takes ``takes_s``.

    Encoders of two seeds are two models.
    """

    def __init__(self, seed: int = 7) -> None:
        self.calls = {"encode_images": 0, "compose": 0, "encode_texts": 0}
        self.failure: RecomposeError | None = None
        self.takes_s = 0.0
        random = np.random.default_rng(seed)
        pixels = 3 * SIZES.image_size**2
        self._to_embeds = random.normal(size=(pixels, SIZES.patches * SIZES.vision_width))
        self._to_tokens = random.normal(size=(pixels, SIZES.query_tokens * SIZES.embed_dim))
        self._from_embeds = random.normal(
            size=(SIZES.patches * SIZES.vision_width, SIZES.embed_dim)
        )
        self._from_ids = random.normal(size=(SIZES.text_length, SIZES.embed_dim))

    async def encode_images(self, pixel_values: F32Array, deadline: Deadline) -> ImageEmbeddings:
        self._begin("encode_images")
        if self.takes_s:
            await asyncio.sleep(self.takes_s)
        batch = len(pixel_values)
        flat = pixel_values.reshape(batch, -1)
        embeds = (flat @ self._to_embeds).reshape(batch, SIZES.patches, SIZES.vision_width)
        tokens = (flat @ self._to_tokens).reshape(batch, SIZES.query_tokens, SIZES.embed_dim)
        return ImageEmbeddings(embeds.astype(np.float32), _unit(tokens))

    async def encode_gallery(self, pixel_values: F32Array, deadline: Deadline) -> F32Array:
        return (await self.encode_images(pixel_values, deadline)).tokens

    async def compose(
        self,
        image_embeds: FloatArray,
        input_ids: I64Array,
        attention_mask: I64Array,
        deadline: Deadline,
    ) -> F32Array:
        self._begin("compose")
        flat = image_embeds.reshape(len(image_embeds), -1)
        return _unit(flat @ self._from_embeds + input_ids @ self._from_ids)

    async def encode_texts(
        self, input_ids: I64Array, attention_mask: I64Array, deadline: Deadline
    ) -> F32Array:
        self._begin("encode_texts")
        return _unit(input_ids @ self._from_ids)

    async def check(self, deadline: Deadline) -> None:
        if self.failure is not None:
            raise self.failure

    def _begin(self, call: str) -> None:
        if self.failure is not None:
            raise self.failure
        self.calls[call] += 1


def _unit(rows: np.ndarray) -> F32Array:
    normalised: F32Array = (rows / np.linalg.norm(rows, axis=-1, keepdims=True)).astype(np.float32)
    return normalised
