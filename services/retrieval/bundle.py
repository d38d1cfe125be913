"""The model bundle: what one export is made of, and the digest that names it.

A bundle is a folder that Triton can read as a model repository (``image_encoder/1/model.onnx``
and so on) with two files beside the graphs: ``tokenizer.json`` and ``bundle.json``. The digest
identifies the embedding space: vectors are comparable only if they were made under one digest.

A fourth graph may lie there, the second stage of that space, with a digest of its own: it makes no
vectors, so it comes, changes and goes without touching what was made under the space's digest.
"""

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

GRAPHS: Final = ("image_encoder", "fusion_encoder", "text_encoder")
RERANKER: Final = "reranker"
"""The graph of a second stage, which a bundle may have."""
SHORT_DIGEST_LENGTH: Final = 12


class BundleError(Exception):
    """A bundle is missing, malformed, or not what its own digest says."""


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Sizes(_Frozen):
    """Shapes of the graphs, in the notation of ARCHITECTURE.md."""

    image_size: int = Field(gt=0, description="S, side of the square input in pixels")
    patches: int = Field(gt=0, description="P, ViT tokens per picture, class token included")
    vision_width: int = Field(gt=0, description="W, width of the ViT")
    query_tokens: int = Field(gt=0, description="K, Q-Former query tokens")
    embed_dim: int = Field(gt=0, description="D, size of the shared embedding space")
    text_length: int = Field(gt=0, description="T, padded token ids per text")


class Preprocess(_Frozen):
    """How pixels become ``pixel_values``."""

    version: int
    transform: Literal["targetpad"]
    target_ratio: float
    mean: tuple[float, float, float]
    std: tuple[float, float, float]


class TextRules(_Frozen):
    """How a modification text becomes token ids."""

    version: int
    processor: Literal["blip_caption"]
    max_words: int


class RerankerGraph(_Frozen):
    """The second stage that a bundle may have."""

    digest: str = Field(
        pattern=r"^[0-9a-f]{64}$", description="over its graph and the space that it judges in"
    )


class Bundle(_Frozen):
    """The contents of ``bundle.json``."""

    format: Literal[1]
    name: str
    digest: str = Field(pattern=r"^[0-9a-f]{64}$")
    precision: Literal["float32", "float16"]
    sizes: Sizes
    preprocess: Preprocess
    text: TextRules
    reranker: RerankerGraph | None = None
    trained_at: AwareDatetime | None = Field(
        None, description="when the weights were written by training, where that is known"
    )
    metrics: dict[str, Any] = {}
    export: dict[str, Any] = {}

    @property
    def short_digest(self) -> str:
        """First 12 hex digits: the suffix of model and collection names."""
        return self.digest[:SHORT_DIGEST_LENGTH]

    @property
    def models(self) -> dict[str, str]:
        """Its graphs and the names of their models, in the order of `GRAPHS`, a reranker last."""
        names = {graph: model_name(graph, self.digest) for graph in GRAPHS}
        if self.reranker is not None:
            names[RERANKER] = model_name(RERANKER, self.reranker.digest)
        return names


def compute_digest(directory: Path, sizes: Sizes, preprocess: Preprocess, text: TextRules) -> str:
    """Return the sha256 (hex) over graphs, tokenizer and preprocessing of a bundle folder.

    External weight files beside a graph count as part of it. Raises `BundleError` when a
    graph or the tokenizer is missing.
    """
    total = hashlib.sha256()
    for graph in GRAPHS:
        for part in _graph_parts(directory, graph):
            total.update(part)
    tokenizer = directory / "tokenizer.json"
    if not tokenizer.is_file():
        raise BundleError("the bundle has no tokenizer.json")
    total.update(_file_sha256(tokenizer))
    rules = {
        "sizes": sizes.model_dump(),
        "preprocess": preprocess.model_dump(),
        "text": text.model_dump(),
    }
    total.update(json.dumps(rules, sort_keys=True, separators=(",", ":")).encode())
    return total.hexdigest()


def compute_reranker_digest(directory: Path, space: str) -> str:
    """Return the sha256 (hex) over a bundle folder's reranker and the digest of its space.

    A reranker reads the image embeds and the word ids of one space, and means nothing in another.
    Raises `BundleError` where there is none.
    """
    total = hashlib.sha256()
    for part in _graph_parts(directory, RERANKER):
        total.update(part)
    total.update(space.encode())
    return total.hexdigest()


def load_bundle(directory: Path, *, verify: bool = False) -> Bundle:
    """Read ``bundle.json`` of a bundle folder.

    With ``verify`` the files are hashed and compared with the digests. Raises `BundleError`.
    """
    path = directory / "bundle.json"
    try:
        bundle = Bundle.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        raise BundleError(f"{directory} holds no bundle.json") from None
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise BundleError(f"{path} is not a bundle: {where}: {first['msg']}") from None
    if verify:
        _verify(directory, bundle)
    return bundle


def model_name(graph: str, digest: str) -> str:
    """Name of a graph in a model repository: ``image_encoder_1a2b3c4d5e6f``."""
    return f"{graph}_{digest[:SHORT_DIGEST_LENGTH]}"


def _verify(directory: Path, bundle: Bundle) -> None:
    actual = compute_digest(directory, bundle.sizes, bundle.preprocess, bundle.text)
    if actual != bundle.digest:
        raise BundleError(
            f"{directory}: the files hash to {actual[:SHORT_DIGEST_LENGTH]}, but bundle.json "
            f"says {bundle.short_digest}: a graph, the tokenizer or the rules were changed"
        )
    if bundle.reranker is None:
        return
    actual = compute_reranker_digest(directory, bundle.digest)
    if actual != bundle.reranker.digest:
        raise BundleError(
            f"{directory}: the reranker hashes to {actual[:SHORT_DIGEST_LENGTH]}, but bundle.json "
            f"says {bundle.reranker.digest[:SHORT_DIGEST_LENGTH]}: it was changed, or is another "
            "bundle's"
        )


def _graph_parts(directory: Path, graph: str) -> Iterator[bytes]:
    """What a digest is told of a graph: each file's name and sha256."""
    version = directory / graph / "1"
    if not (version / "model.onnx").is_file():
        raise BundleError(f"the bundle has no {graph}/1/model.onnx")
    for file in sorted(path for path in version.iterdir() if path.is_file()):
        yield f"{graph}/{file.name}\0".encode()
        yield _file_sha256(file)


def _file_sha256(path: Path) -> bytes:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").digest()
