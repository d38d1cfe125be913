"""The second stage of an evaluation or a submission: ``--rerank`` and what goes with it."""

import argparse
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from sprc.checkpoint import load_reranker
from sprc.datasets.pictures import PictureFiles
from sprc.evaluation.backends import Backend, ModelOptions, open_backend
from sprc.evaluation.checkpoint_backend import CheckpointBackend, Loaded, load_checkpoint
from sprc.evaluation.features import Loading
from sprc.evaluation.judge import Judge, keep_pictures
from sprc.evaluation.options import positive
from sprc.evaluation.reranking import PUBLISHED_DEPTH
from sprc.reranker import Blip2QformerCirRerank
from sprc.training.begin import weights_digest
from sprc.training.features import Mixed, PictureFeatures
from sprc.training.run_recipe import Precision

_PRECISIONS: Final[dict[str, Precision]] = {
    "float32": "float32",
    "float16": "fp16",
    "bfloat16": "bf16",
}


@dataclass(frozen=True)
class SecondStage:
    """A reranker that was loaded, in eval mode on its device."""

    loaded: Loaded[Blip2QformerCirRerank]
    precision: str
    """Arithmetic of the ViT, as `ModelOptions` names it."""
    depth: int
    """How many of the first stage's candidates are reordered."""
    features: Path | None
    """Where features of pictures are kept for the next time; none for a temporary folder."""

    @property
    def label(self) -> str:
        """What it is, for reports."""
        return f"{self.loaded.label} reranking the first {self.depth}"

    @cached_property
    def _encoder(self) -> str:
        """Digest of the image encoder, which takes seconds at full size."""
        return weights_digest(self.loaded.model.visual_encoder.state_dict())

    def own_first_stage(self) -> Backend:
        """What SPRC's rerank model takes its candidates from: the words alone."""
        return CheckpointBackend.of(self.loaded, self.precision)

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
        loaded = self.loaded
        beside.mkdir(parents=True, exist_ok=True)
        mixed = Mixed(loaded.device, _PRECISIONS[self.precision])
        with TemporaryDirectory(prefix=".features-", dir=beside) as temporary:
            kept = keep_pictures(
                (self.features or Path(temporary)) / name,
                loaded.model,
                PictureFeatures(loaded.model, loaded.transform, mixed),
                [(picture, files) for picture in pictures],
                encoder=self._encoder,
                workers=loading.workers,
            )
            yield Judge(loaded.model, loaded.tokenizer, kept, loading.batch_size)


def add_rerank_flags(parser: argparse.ArgumentParser) -> None:
    """Whether there is a second stage."""
    group = parser.add_argument_group("second stage")
    group.add_argument(
        "--rerank",
        type=Path,
        metavar="CKPT",
        help="checkpoint of a second stage (sprc.rerank) that judges and reorders the first "
        "candidates of each query; without --model-path they come from its own first stage, "
        "which reads the words alone, as SPRC's rerank model does",
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
    first = None if options.model_path is None else open_backend(options.model_path, model)
    if options.rerank is None:
        return first, None
    loaded = load_checkpoint(options.rerank, model, load_reranker)
    loaded.model.to(loaded.device).eval()
    second = SecondStage(loaded, model.precision, options.depth, options.cache_features)
    return second.own_first_stage() if first is None else first, second
