"""Refusals: what the server answers when it will not do what was asked.

Refusal                 a status code and one sentence for the caller
├── InvalidRequest      INVALID_ARGUMENT: a bad vector, id, filter or name
├── NotFound            NOT_FOUND: no such collection, alias or point
├── AlreadyExists       ALREADY_EXISTS: the collection is there
├── NotOffered          UNIMPLEMENTED: real Qdrant can, this server does not
├── OutOfSpace          RESOURCE_EXHAUSTED: too little free disk for a write
└── EngineFailure       INTERNAL: the engine failed; the cause is in the log alone

Sentences name collections, vectors and sizes, never payload values or vector numbers.
"""

from __future__ import annotations

from typing import ClassVar

from grpc import StatusCode


class Refusal(Exception):
    """A request that is answered with a status code and `message`, a sentence."""

    code: ClassVar[StatusCode] = StatusCode.INTERNAL

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class InvalidRequest(Refusal):
    code = StatusCode.INVALID_ARGUMENT


class NotFound(Refusal):
    code = StatusCode.NOT_FOUND


class AlreadyExists(Refusal):
    code = StatusCode.ALREADY_EXISTS


class NotOffered(Refusal):
    code = StatusCode.UNIMPLEMENTED


class OutOfSpace(Refusal):
    code = StatusCode.RESOURCE_EXHAUSTED


class EngineFailure(Refusal):
    code = StatusCode.INTERNAL
