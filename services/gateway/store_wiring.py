"""Wiring of the image store: settings in, the folder or the bucket that keeps pictures out."""

from concurrent.futures import Executor
from pathlib import Path
from typing import Final, TypedDict

import structlog

from gateway.settings import Settings, SettingsError
from retrieval.domain import Observe, ignore_observation
from retrieval.image_store import FolderImageStore
from retrieval.image_store.s3 import S3ImageStore
from retrieval.image_store.verified import ReportDamage, VerifiedImageStore

STORE_THREADS: Final = 4
_PATIENT_S: Final = 60.0


class _StoreOptions(TypedDict):
    read_budget_s: float
    observe: Observe
    report_damage: ReportDamage


def image_store_of(settings: Settings, threads: Executor, observe: Observe) -> VerifiedImageStore:
    """Where pictures are kept. Raises SettingsError."""
    options: _StoreOptions = {
        "read_budget_s": settings.image_store_budget_s,
        "observe": observe,
        "report_damage": _report_damage,
    }
    where = settings.image_store or str(settings.data_dir / "images")
    try:
        if "://" not in where:
            return FolderImageStore(Path(where).expanduser(), threads, **options)
        return S3ImageStore(
            where,
            threads,
            endpoint=settings.image_store_endpoint,
            region=settings.image_store_region,
            **options,
        )
    except ValueError as error:
        raise SettingsError(f"{error}.") from None
    except OSError as error:
        name = "IMAGE_STORE" if settings.image_store else "DATA_DIR"
        raise SettingsError(f"{name} cannot be written: {error.strerror}.") from None


def patient_image_store(settings: Settings, threads: Executor) -> VerifiedImageStore:
    """The image store for those whom no shopper waits for."""
    patient = settings.model_copy(update={"image_store_budget_s": _PATIENT_S})
    return image_store_of(patient, threads, ignore_observation)


def _report_damage(sha256: str) -> None:
    """Picture names are no personal data: they stand for what the shop itself imported."""
    structlog.get_logger().error("picture_damaged", sha256=sha256)
