"""What each failure of S3-compatible storage, or of the way to it, means to us: one table.

obstore raises one type for most failures; what S3 said is only in its text, as S3's own code.
That text is read here for the code, and goes nowhere else.
"""

import re
from collections.abc import Mapping
from typing import Final

from obstore import exceptions

from retrieval.errors import (
    DependencyBroken,
    DependencyError,
    DependencyExhausted,
    DependencyUnavailable,
)
from retrieval.image_store.pictures import DEPENDENCY

ERRORS: Final[Mapping[type[Exception], type[DependencyError]]] = {
    # No answer, a 5xx, a connection that broke; `CODES` tells some of them apart.
    exceptions.GenericError: DependencyUnavailable,
    exceptions.JoinError: DependencyUnavailable,
    # What is not there, where a missing picture is no failure: the bucket.
    FileNotFoundError: DependencyUnavailable,
    # Refused: the bucket, our key to it, or the storage is another than we were told.
    exceptions.PermissionDeniedError: DependencyBroken,
    exceptions.UnauthenticatedError: DependencyBroken,
    exceptions.NotSupportedError: DependencyBroken,
    exceptions.InvalidPathError: DependencyBroken,
    exceptions.UnknownConfigurationKeyError: DependencyBroken,
    # Conditions are never set.
    exceptions.AlreadyExistsError: DependencyBroken,
    exceptions.PreconditionError: DependencyBroken,
    exceptions.NotModifiedError: DependencyBroken,
    # An answer that obstore cannot turn into what it promises.
    ValueError: DependencyBroken,
}
"""What each type that obstore raises means to us."""

CODES: Final[Mapping[str, type[DependencyError]]] = {
    "SlowDown": DependencyExhausted,
    "TooManyRequests": DependencyExhausted,
    "RequestLimitExceeded": DependencyExhausted,
    "QuotaExceeded": DependencyExhausted,
    "InsufficientStorage": DependencyExhausted,
    "XMinioStorageFull": DependencyExhausted,
}
"""S3's codes that mean another thing than the type that carries them."""

NO_BUCKET: Final = "NoSuchBucket"
CLIENT_FAILURES: Final[tuple[type[Exception], ...]] = (exceptions.BaseError, *ERRORS)

_CODE = re.compile(r"<Code>(\w{1,64})</Code>")
# The storage has read the request and will not have it; 404, 408 and 429 may pass.
_REFUSED = re.compile(r"status code: 4(?!04|08|29)\d\d ")
_UNREADABLE = ("Got invalid list response", "Unable to extract metadata")


def code_of(error: Exception) -> str:
    """S3's code for a failure, or nothing."""
    found = _CODE.search(str(error))
    return found[1] if found else ""


def failure_of(error: Exception) -> DependencyError:
    """The error that stands for a failed call."""
    kind = CODES.get(code_of(error)) or ERRORS.get(type(error), DependencyBroken)
    if isinstance(error, exceptions.GenericError) and _is_broken(str(error)):
        kind = DependencyBroken
    return kind(dependency=DEPENDENCY)


def _is_broken(text: str) -> bool:
    return bool(_REFUSED.search(text)) or any(sign in text for sign in _UNREADABLE)
