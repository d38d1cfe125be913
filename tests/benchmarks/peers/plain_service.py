"""Composed search as most teams would write it: FastAPI, onnxruntime and qdrant-client in one file.

It serves the same graphs as Recompose from the same folder, and asks the same collection. Endpoints
are plain functions, which FastAPI runs in its threads; sessions and clients have their defaults.
It imports nothing of Recompose, and runs by itself:

    MODEL_DIR=models PICTURES=folder QDRANT_PORT=6334 uvicorn plain_service:app

Settings: ``MODEL_DIR`` (a bundle), ``PICTURES`` (a folder with PRODUCT.jpg for each product),
``QDRANT_PORT`` (gRPC), ``COLLECTION``, ``CANDIDATES`` (products by their mean vector, to rank).
"""

import io
import json
import os
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import onnxruntime as ort
from fastapi import FastAPI, File, Form, HTTPException
from PIL import Image
from qdrant_client import QdrantClient, models
from tokenizers import Tokenizer

MODELS = Path(os.environ["MODEL_DIR"])
PICTURES = Path(os.environ["PICTURES"])
COLLECTION = os.environ.get("COLLECTION", "products")
CANDIDATES = int(os.environ.get("CANDIDATES", "1000"))
MEAN = np.array([0.48145466, 0.4578275, 0.40821073], np.float32)
STD = np.array([0.26862954, 0.26130258, 0.27577711], np.float32)

app = FastAPI()
bundle = json.loads((MODELS / "bundle.json").read_text())
image_encoder = ort.InferenceSession(MODELS / "image_encoder/1/model.onnx")
fusion_encoder = ort.InferenceSession(MODELS / "fusion_encoder/1/model.onnx")
tokenizer = Tokenizer.from_file(str(MODELS / "tokenizer.json"))
tokenizer.enable_truncation(bundle["sizes"]["text_length"])
tokenizer.enable_padding(length=bundle["sizes"]["text_length"])
qdrant = QdrantClient(
    host="127.0.0.1",
    grpc_port=int(os.environ["QDRANT_PORT"]),
    prefer_grpc=True,
    check_compatibility=False,
)


@app.get("/health")
def health() -> dict[str, str]:
    return {"status": "ok"}


@app.post("/embed")
def embed(image: Annotated[bytes, File()]) -> dict[str, Any]:
    _, tokens = encode(read(image))
    return {"tokens": tokens.tolist()}


@app.post("/search")
def search(
    image: Annotated[bytes | None, File()] = None,
    product_id: Annotated[str, Form()] = "",
    text: Annotated[str, Form()] = "",
    limit: Annotated[int, Form()] = 20,
) -> dict[str, Any]:
    if image is None:
        path = PICTURES / f"{product_id}.jpg"
        if not path.is_file():
            raise HTTPException(404, "no such product")
        image = path.read_bytes()
    embeds, tokens = encode(read(image))
    query = compose(embeds, text) if text else tokens
    passing = models.Filter(
        must=[models.FieldCondition(key="catalog", match=models.MatchValue(value="default"))]
    )
    pooled = query.mean(axis=0)
    answer = qdrant.query_points(
        COLLECTION,
        prefetch=models.Prefetch(
            query=(pooled / np.linalg.norm(pooled)).tolist(),
            using="pool",
            filter=passing,
            limit=CANDIDATES,
            params=models.SearchParams(quantization=models.QuantizationSearchParams(rescore=False)),
        ),
        query=query.tolist(),
        using="tokens",
        search_params=models.SearchParams(
            exact=True, quantization=models.QuantizationSearchParams(ignore=True)
        ),
        limit=limit + 1,
        with_payload=True,
    )
    hits = [
        {"score": hit.score, "product": hit.payload}
        for hit in answer.points
        if hit.payload["id"] != product_id
    ]
    return {"hits": hits[:limit]}


def read(content: bytes) -> Image.Image:
    try:
        return Image.open(io.BytesIO(content)).convert("RGB")
    except OSError:
        raise HTTPException(400, "not an image") from None


def encode(image: Image.Image) -> tuple[np.ndarray, np.ndarray]:
    """Embeds [1, P, W] and tokens [K, D]."""
    embeds, tokens = image_encoder.run(
        ["image_embeds", "image_tokens"], {"pixel_values": preprocess(image)}
    )
    return embeds, tokens[0]


def compose(embeds: np.ndarray, text: str) -> np.ndarray:
    """The query, [1, D]."""
    encoding = tokenizer.encode(text.lower())
    (query,) = fusion_encoder.run(
        ["query_embedding"],
        {
            "image_embeds": embeds,
            "input_ids": np.array([encoding.ids], np.int64),
            "attention_mask": np.array([encoding.attention_mask], np.int64),
        },
    )
    return query


def preprocess(image: Image.Image) -> np.ndarray:
    """Pad to a ratio of 1.25, resize, crop, normalise: [1, 3, S, S]."""
    size, ratio = bundle["sizes"]["image_size"], bundle["preprocess"]["target_ratio"]
    width, height = image.size
    if max(width, height) / min(width, height) >= ratio:
        long = max(width, height) / ratio
        left, top = max(int((long - width) / 2), 0), max(int((long - height) / 2), 0)
        padded = Image.new("RGB", (width + 2 * left, height + 2 * top))
        padded.paste(image, (left, top))
        image = padded
    width, height = image.size
    scaled = int(size * max(width, height) / min(width, height))
    target = (size, scaled) if width <= height else (scaled, size)
    image = image.resize(target, Image.Resampling.BICUBIC)
    left, top = round((image.width - size) / 2), round((image.height - size) / 2)
    image = image.crop((left, top, left + size, top + size))
    pixels = (np.asarray(image, np.float32) / 255 - MEAN) / STD
    return pixels.transpose(2, 0, 1)[None]
