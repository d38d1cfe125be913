"""Expecting a refusal."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from grpc import RpcError, StatusCode


@contextmanager
def refused(code: StatusCode, saying: str = "") -> Iterator[None]:
    """The block must end in an RPC error of this code, with `saying` in its sentence."""
    with pytest.raises(RpcError) as caught:
        yield
    assert caught.value.code() == code
    assert saying in (caught.value.details() or "")
