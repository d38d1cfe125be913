"""The second stage of an evaluation or a submission: ``--rerank`` and what goes with it."""

import argparse
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import torch

from retrieval.preprocess.text import Tokenizer
from sprc.checkpoint import load_reranker
from sprc.datasets.pictures import PictureFiles
from sprc.evaluation.backends import Backend, ModelOptions, open_backend
from sprc.evaluation.bundle_backend import BundleBackend, ServedPictures
from sprc.evaluation.checkpoint_backend import CheckpointBackend, Loaded, load_checkpoint
from sprc.evaluation.features import Loading
from sprc.evaluation.judge import Judge, Matcher, keep_pictures
from sprc.evaluation.options import positive
from sprc.evaluation.reranking import PUBLISHED_DEPTH
from sprc.reranker import Blip2QformerCirRerank
from sprc.training.begin import weights_digest
from sprc.training.features import Encoding, Mixed, PictureFeatures, stream_dtype
from sprc.training.run_recipe import Precision

_PRECISIONS: Final[dict[str, Precision]] = {
    "float32": "float32",
    "float16": "fp16",
    "bfloat16": "bf16",
}


@dataclass(frozen=True)
class SecondStage:
    """A reranker that was loaded, and what encodes pictures for it."""

    model: Matcher
    tokenizer: Tokenizer
    encoding: Encoding
    dtype: torch.dtype
    """How the model takes kept features."""
    encoder: Callable[[], str]
    """Digest of what encodes pictures, which may take seconds at full size."""
    own_first_stage: Callable[[], Backend]
    """What ranks where no first stage is named."""
    name: str
    depth: int
    """How many of the first stage's candidates are reordered."""
    features: Path | None
    """Where features of pictures are kept for the next time; none for a temporary folder."""

    @classmethod
    def of_checkpoint(
        cls,
        loaded: Loaded[Blip2QformerCirRerank],
        precision: str,
        depth: int,
        features: Path | None,
    ) -> "SecondStage":
        """In eval mode on its device, with the ViT's arithmetic as `ModelOptions` names it.

        Its own first stage is what SPRC's rerank model takes its candidates from: words alone.
        """
        model = loaded.model.to(loaded.device).eval()
        mixed = Mixed(loaded.device, _PRECISIONS[precision])
        return cls(
            model,
            loaded.tokenizer,
            PictureFeatures(model, loaded.transform, mixed),
            stream_dtype(model, mixed),
            encoder=lambda: weights_digest(model.visual_encoder.state_dict()),
            own_first_stage=lambda: CheckpointBackend.of(loaded, precision),
            name=loaded.label,
            depth=depth,
            features=features,
        )

    @classmethod
    def of_bundle(cls, backend: BundleBackend, depth: int, features: Path | None) -> "SecondStage":
        """A bundle's reranker over the bundle's own image encoder and first stage."""
        bundle = backend.bundle
        return cls(
            backend,
            backend.tokenizer,
            ServedPictures(backend),
            torch.float16 if bundle.precision == "float16" else torch.float32,
            encoder=lambda: bundle.digest,
            own_first_stage=lambda: backend,
            name=backend.label,
            depth=depth,
            features=features,
        )

    @property
    def label(self) -> str:
        """What it is, for reports."""
        return f"{self.name} reranking the first {self.depth}"

    @cached_property
    def _encoder(self) -> str:
        return self.encoder()

    @contextmanager
    def judge(
        self,
        name: str,
        pictures: Sequence[str],
        files: PictureFiles,
        loading: Loading,
        beside: Path,
    ) -> Iterator[Judge]:
        """The second stage with the features of some pictures, computed once.

        Args:
            name: Of the set, for its folder.
            pictures: All that is asked with and judged.
            files: Where they lie.
            loading: How pictures are read, and how many candidates are judged at once.
            beside: A folder with room for a temporary one; a picture takes 0.7 MB at full size.

        Raises:
            TrainingError: The features kept are others, or there is no room for them.
            PictureError: A picture cannot be read.
            OSError: There is no place for the temporary folder.
        """
        beside.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(prefix=".features-", dir=beside) as temporary:
            kept = keep_pictures(
                (self.features or Path(temporary)) / name,
                self.encoding,
                [(picture, files) for picture in pictures],
                dtype=self.dtype,
                encoder=self._encoder,
                workers=loading.workers,
            )
            yield Judge(self.model, self.tokenizer, kept, loading.batch_size)


def add_rerank_flags(parser: argparse.ArgumentParser) -> None:
    """Whether there is a second stage."""
    group = parser.add_argument_group("second stage")
    group.add_argument(
        "--rerank",
        type=Path,
        metavar="MODEL",
        help="checkpoint of a second stage (sprc.rerank), or a bundle that has one, that judges "
        "and reorders the first candidates of each query; without --model-path they come from its "
        "own first stage, which of a checkpoint reads the words alone, as SPRC's rerank model does",
    )
    group.add_argument(
        "--depth",
        type=positive,
        default=PUBLISHED_DEPTH,
        metavar="N",
        help=f"candidates that are reordered (default {PUBLISHED_DEPTH}, as SPRC)",
    )
    group.add_argument(
        "--cache-features",
        type=Path,
        metavar="DIR",
        help="keep the features of pictures that the second stage reads, a folder for each set, "
        "and take them from there the next time (default: a temporary folder beside the output)",
    )


def open_stages(
    options: argparse.Namespace, model: ModelOptions
) -> tuple[Backend | None, SecondStage | None]:
    """The models that ``--model-path`` and ``--rerank`` name; the first stage may be the second's.

    Raises `BackendError`, `CheckpointError`, `WordsError` or `BundleError`.
    """
    path, rerank = options.model_path, options.rerank
    if rerank is None:
        return None if path is None else open_backend(path, model), None
    if rerank.is_dir():
        bundle = BundleBackend.open(rerank, model, rerank=True)
        second = SecondStage.of_bundle(bundle, options.depth, options.cache_features)
        path = None if path == rerank else path
    else:
        loaded = load_checkpoint(rerank, model, load_reranker)
        second = SecondStage.of_checkpoint(
            loaded, model.precision, options.depth, options.cache_features
        )
    return second.own_first_stage() if path is None else open_backend(path, model), second
