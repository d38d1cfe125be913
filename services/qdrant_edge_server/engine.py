"""The engine's failures, told apart.

qdrant-edge-py raises a bare `Exception` for every error of the engine, and a `PanicException`,
which is no `Exception`, where the Rust side panics. This module is the one place that reads
either.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from qdrant_edge_server.errors import EngineFailure, InvalidRequest, NotFound

_log = logging.getLogger(__name__)

# How the engine's own sentences begin when the request, not the engine, is at fault.
_CALLERS_FAULT = (
    "Vector dimension error",
    "Not existing vector name",
    "Wrong usage of multi vectors",
    "No appropriate index for faceting",
    "No range index for `order_by`",
    "Validation error",
)


@contextmanager
def engine_errors(operation: str) -> Iterator[None]:
    """Turn what the engine raises inside the block into a `Refusal`.

    Raises:
        InvalidRequest, NotFound: the engine refused the request.
        EngineFailure: anything else; the log says which `operation`, without its data.
    """
    try:
        yield
    except (ValueError, TypeError) as error:
        # The binding could not read a value that every guard let through: a bug of ours. Its
        # sentence quotes the value, so it stays out of the log.
        _log.error("the engine's binding refused a value (%s): %s", type(error), operation)
        raise EngineFailure(f"{operation} failed.") from None
    except Exception as error:
        if type(error) is not Exception:
            raise
        sentence = str(error)
        if sentence.startswith("No point with id"):
            raise NotFound("Not found: a point of the request does not exist.") from None
        if sentence.startswith(_CALLERS_FAULT):
            raise InvalidRequest(f"Wrong input: {sentence}") from None
        _log.error("the engine failed: %s: %s", operation, sentence)
        raise EngineFailure(f"{operation} failed.") from None
    except BaseException as error:
        if type(error).__name__ != "PanicException":
            raise
        _log.critical("the engine panicked: %s", operation)
        raise EngineFailure(f"{operation} failed.") from None
