"""The table of failures: complete, and telling nothing that it should not."""

import grpc
import pytest
from structlog.testing import capture_logs

from gateway.error_table import DEFAULT_RETRY_AFTER_S, OPAQUE, TABLE, describe, log_failure
from retrieval import errors
from retrieval.errors import Kind, Reason, RecomposeError

SECRET = "red dress of Ada"

ROWS = [
    (Kind.MALFORMED, "INVALID_ARGUMENT", 400),
    (Kind.UNAUTHENTICATED, "UNAUTHENTICATED", 401),
    (Kind.FORBIDDEN, "PERMISSION_DENIED", 403),
    (Kind.INVALID, "INVALID_ARGUMENT", 422),
    (Kind.TOO_LARGE, "INVALID_ARGUMENT", 413),
    (Kind.UNSUPPORTED, "INVALID_ARGUMENT", 415),
    (Kind.NOT_FOUND, "NOT_FOUND", 404),
    (Kind.PRECONDITION, "FAILED_PRECONDITION", 424),
    (Kind.EXHAUSTED, "RESOURCE_EXHAUSTED", 429),
    (Kind.UNAVAILABLE, "UNAVAILABLE", 503),
    (Kind.TIMEOUT, "DEADLINE_EXCEEDED", 504),
    (Kind.BROKEN, "INTERNAL", 502),
]


def test_every_kind_has_its_row() -> None:
    assert [(kind, row.grpc.name, row.http) for kind, row in TABLE.items()] == ROWS
    assert set(TABLE) == set(Kind)


def test_every_error_class_has_a_row() -> None:
    pending, seen = [RecomposeError], set()
    while pending:
        found = pending.pop()
        seen.add(found)
        pending.extend(found.__subclasses__())
        if "kind" in vars(found):
            assert found.kind in TABLE
    named = {cls for cls in vars(errors).values() if isinstance(cls, type)}
    assert {cls for cls in named if issubclass(cls, RecomposeError)} <= seen


@pytest.mark.parametrize("reason", Reason)
def test_a_reason_is_told_with_its_sentence_and_field(reason: Reason) -> None:
    failure = describe(errors.InvalidArgument(reason, field="page_size"))
    assert (failure.reason, failure.message) == (reason.value, errors.SENTENCES[reason])
    assert failure.metadata("an-id") == {"request_id": "an-id", "field": "page_size"}


def test_exhaustion_always_says_when_to_try_again() -> None:
    assert describe(errors.Overloaded(retry_after_s=3.0)).retry_after_s == 3.0
    exhausted = errors.DependencyExhausted(dependency="triton")
    assert describe(exhausted).retry_after_s == DEFAULT_RETRY_AFTER_S
    assert describe(errors.NotFound(Reason.PRODUCT_NOT_FOUND)).retry_after_s is None


@pytest.mark.parametrize("bug", [ValueError(SECRET), KeyError(SECRET), grpc.RpcError(SECRET)])
def test_anything_else_is_opaque(bug: Exception) -> None:
    failure = describe(bug)
    assert failure.row is OPAQUE
    assert SECRET not in repr(failure)


def test_a_bug_is_logged_by_type_and_place_without_its_text() -> None:
    def fail() -> None:
        raise ValueError(SECRET)

    with capture_logs() as lines:
        try:
            fail()
        except ValueError as bug:
            log_failure(bug, edge="rest", method="Search", request_id="an-id")
    (line,) = lines
    assert line["error_type"] == "builtins.ValueError"
    assert line["request_id"] == "an-id"
    assert line["frames"][-1].endswith(" fail")
    assert SECRET not in repr(line)


def test_a_dependency_is_named_in_the_log_and_a_callers_fault_is_not_logged() -> None:
    with capture_logs() as lines:
        for error in (
            errors.DependencyTimeout(dependency="qdrant"),
            errors.InvalidText(Reason.TEXT_INVALID),
        ):
            log_failure(error, edge="grpc", method="Search", request_id="an-id")
    assert [line.get("dependency") for line in lines] == ["qdrant"]
