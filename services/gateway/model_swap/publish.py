"""Publishing a bundle, its graphs to Triton and the rest to where gateways look; and back."""

import os
from dataclasses import dataclass
from pathlib import Path

from publisher.bundles import forget_bundle, keep_bundle, require_newest
from publisher.repository import copy_bundle, models_of, remove_models
from publisher.serving import load_models, unload_models


@dataclass(frozen=True, slots=True)
class Published:
    """Where a model is published.

    Attributes:
        triton: ``host:port`` of Triton's gRPC API.
        repository: the model repository that this Triton reads; None where others look after it
            (a job of `python -m publisher` beside Triton).
        bundles: the folder that gateways look at.
    """

    triton: str
    repository: Path | None
    bundles: Path

    async def publish(
        self, bundle_dir: Path, timeout_s: float, *, allow_older: bool = False
    ) -> str:
        """Publish a bundle; returns its short digest. May be killed and run again.

        The files for gateways come last, when Triton answers: a gateway that finds them may use
        the model. Raises `publisher.repository.PublishError`, of which
        `publisher.bundles.OlderModel` unless ``allow_older``, `retrieval.bundle.BundleError`,
        OSError.
        """
        if not allow_older:
            require_newest(bundle_dir, self.bundles)
        if self.repository is not None:
            copied = copy_bundle(bundle_dir, self.repository)
            await load_models(copied, self.triton, timeout_s=timeout_s, key=_key())
        return keep_bundle(bundle_dir, self.bundles, allow_older=allow_older).short_digest

    async def unpublish(self, model: str) -> None:
        """Remove a model, by short digest; none of it need be there. Raises as `publish`."""
        forget_bundle(model, self.bundles)
        if self.repository is not None:
            names = models_of(model, self.repository)
            await unload_models(names, self.triton, key=_key())
            remove_models(model, self.repository)


def _key() -> str:
    """Of a Triton whose repository API is restricted: known to what publishes, to no gateway."""
    return os.environ.get("TRITON_ADMIN_KEY", "")
