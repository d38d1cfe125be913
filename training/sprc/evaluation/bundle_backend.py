"""A bundle's graphs in onnxruntime, with the rules of its ``bundle.json``."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import onnxruntime
import torch
from torch import Tensor
from torch.utils.data import Dataset

from retrieval.bundle import GRAPHS, RERANKER, Bundle, load_bundle
from retrieval.preprocess.text import Tokenizer
from sprc.datasets.loading import PictureDataset
from sprc.datasets.pictures import PictureFiles, Transform
from sprc.evaluation.backends import BackendError, ModelOptions
from sprc.training.features import Mixed
from sprc.words import read_words


class BundleBackend:
    """What the service runs: same graphs, same tokenizer, same transform.

    With a reranker it is a `Matcher` too.
    """

    def __init__(
        self,
        sessions: dict[str, Any],
        tokenizer: Tokenizer,
        transform: Transform,
        bundle: Bundle,
    ) -> None:
        self.label = f"bundle {bundle.name} {bundle.short_digest}"
        self.transform = transform
        self.tokenizer = tokenizer
        self.bundle = bundle
        self._sessions = sessions

    @classmethod
    def open(cls, folder: Path, options: ModelOptions, *, rerank: bool = False) -> "BundleBackend":
        """Check a bundle against its digest and load it, where asked to its reranker too.

        Raises `BundleError`, `BackendError` or `WordsError`.
        """
        given = [
            flag
            for flag, value in (
                ("--tokenizer", options.tokenizer),
                ("--backbone", options.backbone),
                ("--vit-heads", options.vit_heads),
                ("--qformer-heads", options.qformer_heads),
                ("--transform", options.transform),
                ("--target-ratio", options.target_ratio),
            )
            if value is not None
        ]
        if given or options.precision != "float32":
            flag = given[0] if given else "--precision"
            raise BackendError(f"{folder} is a bundle, whose own rules hold: leave {flag} out")
        bundle = load_bundle(folder, verify=True)
        if rerank and bundle.reranker is None:
            raise BackendError(f"{folder} is a bundle without a second stage")
        providers = _providers(options.device)
        try:
            sessions = {
                name: onnxruntime.InferenceSession(
                    folder / name / "1" / "model.onnx", providers=providers
                )
                for name in (*GRAPHS, *([RERANKER] if rerank else []))
            }
        except Exception as error:
            raise BackendError(
                f"{folder} holds a graph that onnxruntime cannot load ({type(error).__name__})"
            ) from error
        return cls(
            sessions,
            Tokenizer(
                read_words(folder / "tokenizer.json"),
                bundle.sizes.text_length,
                bundle.text.max_words,
            ),
            Transform.named(
                bundle.preprocess.transform,
                bundle.sizes.image_size,
                bundle.preprocess.target_ratio,
            ),
            bundle,
        )

    def embed(self, pixels: Tensor) -> tuple[Tensor, Tensor]:
        """See `Backend`."""
        embeds, tokens = self._sessions["image_encoder"].run(
            ["image_embeds", "image_tokens"], {"pixel_values": pixels.numpy()}
        )
        return torch.from_numpy(embeds), torch.from_numpy(tokens)

    def compose(self, image_embeds: Tensor, texts: Sequence[str]) -> Tensor:
        """See `Backend`."""
        return self._query("fusion_encoder", texts, image_embeds=image_embeds.numpy())

    def embed_text(self, texts: Sequence[str]) -> Tensor:
        """See `Backend`."""
        return self._query("text_encoder", texts)

    def frozen_tokens(self, features: Tensor) -> Tensor:
        """See `Matcher`: what the image encoder gives is what the reranker reads."""
        return features

    def rerank(
        self, references: Tensor, targets: Tensor, input_ids: Tensor, attention_mask: Tensor
    ) -> Tensor:
        """See `Matcher`."""
        feed = {
            "reference_embeds": references.numpy(),
            "candidate_embeds": targets.numpy(),
            "input_ids": input_ids.numpy(),
            "attention_mask": attention_mask.numpy(),
        }
        return torch.from_numpy(self._sessions[RERANKER].run(["match_probability"], feed)[0])

    def _query(self, graph: str, texts: Sequence[str], **inputs: Any) -> Tensor:
        ids, mask = self.tokenizer.encode_batch(texts)
        feed = {"input_ids": ids, "attention_mask": mask, **inputs}
        return torch.from_numpy(self._sessions[graph].run(["query_embedding"], feed)[0])


class ServedPictures:
    """The image embeds of a bundle as `Encoding`, in its precision."""

    def __init__(self, backend: BundleBackend) -> None:
        self.transform = backend.transform
        self.mixed = Mixed(torch.device("cpu"), "float32")
        self._backend = backend

    def pictures(self, names: Sequence[str], files: PictureFiles) -> Dataset[Tensor]:
        """Pixels [3, S, S] float32."""
        return PictureDataset(names, files, self.transform)

    def encode(self, rows: Tensor) -> Tensor:
        """Pixels [N, 3, S, S] to embeds [N, P, W]."""
        return self._backend.embed(rows)[0]


def _providers(device: str | None) -> list[str]:
    available = onnxruntime.get_available_providers()
    if device == "cpu" or (device is None and "CUDAExecutionProvider" not in available):
        return ["CPUExecutionProvider"]
    if "CUDAExecutionProvider" not in available:
        raise BackendError(f"this onnxruntime cannot run on {device}: install onnxruntime-gpu")
    return ["CUDAExecutionProvider", "CPUExecutionProvider"]
