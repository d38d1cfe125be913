"""A bundle's three graphs in onnxruntime, with the rules of its ``bundle.json``."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import onnxruntime
import torch
from torch import Tensor

from retrieval.bundle import GRAPHS, load_bundle
from retrieval.preprocess.text import Tokenizer
from sprc.datasets.pictures import Transform
from sprc.evaluation.backends import BackendError, ModelOptions
from sprc.words import read_words


class BundleBackend:
    """What the service runs: same graphs, same tokenizer, same transform."""

    def __init__(
        self,
        sessions: dict[str, Any],
        tokenizer: Tokenizer,
        transform: Transform,
        *,
        label: str,
    ) -> None:
        self.label = label
        self.transform = transform
        self._sessions = sessions
        self._tokenizer = tokenizer

    @classmethod
    def open(cls, folder: Path, options: ModelOptions) -> "BundleBackend":
        """Check a bundle against its digest and load it.

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
        providers = _providers(options.device)
        try:
            sessions = {
                name: onnxruntime.InferenceSession(
                    folder / name / "1" / "model.onnx", providers=providers
                )
                for name in GRAPHS
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
            label=f"bundle {bundle.name} {bundle.short_digest}",
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

    def _query(self, graph: str, texts: Sequence[str], **inputs: Any) -> Tensor:
        ids, mask = self._tokenizer.encode_batch(texts)
        feed = {"input_ids": ids, "attention_mask": mask, **inputs}
        return torch.from_numpy(self._sessions[graph].run(["query_embedding"], feed)[0])


def _providers(device: str | None) -> list[str]:
    available = onnxruntime.get_available_providers()
    if device == "cpu" or (device is None and "CUDAExecutionProvider" not in available):
        return ["CPUExecutionProvider"]
    if "CUDAExecutionProvider" not in available:
        raise BackendError(f"this onnxruntime cannot run on {device}: install onnxruntime-gpu")
    return ["CUDAExecutionProvider", "CPUExecutionProvider"]
