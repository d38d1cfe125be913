"""The manifest of a backup: what is in it, sealed by a sha256.

``manifest.json`` is ``{"format": 1, "sha256": SEAL, "backup": {...}}``. The seal is the sha256 of
what ``backup`` holds, as JSON with sorted keys and no spaces; it also names the backup where an
unfinished restore is noted. A format is read by the versions that know it, and a change of any
file's form is another format.
"""

import hashlib
import json
from typing import Any, Final

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from gateway.backup.failures import BackupDamaged, BackupRefused
from retrieval.domain import Pooled, Scan, Tuning

FORMAT: Final = 1
MANIFEST: Final = "manifest.json"


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Model(_Frozen):
    """The bundle whose vectors the tokens are."""

    name: str
    digest: str = Field(pattern=r"^[0-9a-f]{64}$")
    query_tokens: int = Field(gt=0, description="K")
    embed_dim: int = Field(gt=0, description="D")


class Part(_Frozen):
    """A file beside the manifest."""

    name: str = Field(pattern=r"^(products-\d{5,}\.jsonl|tokens-\d{5,}\.npy)$")
    bytes: int = Field(ge=0)
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")


class Parts(_Frozen):
    """Some products, and their tokens unless the backup was made without."""

    count: int = Field(ge=1)
    products: Part
    tokens: Part | None


class KeptTuning(_Frozen):
    """A recall audit's choice; depth 0 stands for the scan, and None for the same depth."""

    depth: int = Field(ge=0)
    recall: float
    products: int
    sample: int
    audited_at_s: float
    image_only_depth: int | None = Field(None, ge=0)

    @classmethod
    def of(cls, tuning: Tuning) -> "KeptTuning":
        return cls(
            depth=_depth(tuning.route),
            recall=tuning.recall,
            products=tuning.products,
            sample=tuning.sample,
            audited_at_s=tuning.audited_at_s,
            image_only_depth=tuning.image_only_route and _depth(tuning.image_only_route),
        )

    def tuning(self) -> Tuning:
        """The choice as the index keeps it."""
        image_only = None if self.image_only_depth is None else _route(self.image_only_depth)
        return Tuning(
            _route(self.depth),
            self.recall,
            self.products,
            self.sample,
            self.audited_at_s,
            image_only,
        )


def _depth(route: Pooled | Scan) -> int:
    return route.depth if isinstance(route, Pooled) else 0


def _route(depth: int) -> Pooled | Scan:
    return Pooled(depth) if depth else Scan()


class Manifest(_Frozen):
    """What a backup holds.

    Attributes:
        began_at, ended_at: UTC, ISO 8601.
        model: of the vectors.
        catalogs: products of each catalog.
        without_picture: products whose picture was not to be had.
        unreadable: points of the index that were left out, since they are no product.
        tuning: what the last recall audit chose; None where there was none.
        parts: the files beside the manifest, in point-id order.
    """

    began_at: str
    ended_at: str
    model: Model
    catalogs: dict[str, int]
    without_picture: int
    unreadable: int
    tuning: KeptTuning | None
    parts: tuple[Parts, ...]

    @property
    def products(self) -> int:
        """All of them."""
        return sum(part.count for part in self.parts)

    @property
    def has_tokens(self) -> bool:
        """Whether it holds the vectors of every product."""
        return all(part.tokens is not None for part in self.parts)


def written(manifest: Manifest) -> bytes:
    """The file of a manifest."""
    backup = manifest.model_dump(mode="json")
    record = {"format": FORMAT, "sha256": _seal(backup), "backup": backup}
    return json.dumps(record, indent=1, ensure_ascii=False).encode() + b"\n"


def read(content: bytes, backup: str) -> tuple[Manifest, str]:
    """The manifest that a file holds, and its seal; ``backup`` is the name for sentences.

    Raises:
        BackupRefused: it is of another format.
        BackupDamaged: it is not as it was written.
    """
    try:
        record: Any = json.loads(content)
        number, seal, body = record["format"], record["sha256"], record["backup"]
    except (ValueError, TypeError, KeyError, RecursionError):
        raise BackupDamaged(f"backup {backup} is damaged: {MANIFEST} cannot be read") from None
    if isinstance(number, int) and number > FORMAT:
        raise BackupRefused(
            f"backup {backup} is of format {number}, and this version of Recompose reads format "
            f"{FORMAT}: restore it with the version that made it, or a later one"
        )
    try:
        if number != FORMAT or seal != _seal(body):
            raise ValueError
        return Manifest.model_validate(body), seal
    except (ValueError, ValidationError):
        raise BackupDamaged(
            f"backup {backup} is damaged: {MANIFEST} is not as it was written"
        ) from None


def _seal(body: Any) -> str:
    text = json.dumps(body, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()
