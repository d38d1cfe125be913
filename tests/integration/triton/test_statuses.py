"""Every gRPC status on a real wire: a server that speaks Triton's protocol and only refuses."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import grpc
import pytest
from tritonclient.grpc import service_pb2, service_pb2_grpc

from retrieval.bundle import Bundle
from retrieval.domain import Deadline
from retrieval.errors import (
    DependencyBroken,
    DependencyError,
    DependencyExhausted,
    DependencyTimeout,
    DependencyUnavailable,
)
from retrieval.triton.answers import STATUS_ERRORS
from tests.integration.triton.conftest import MakeEncoder
from tests.integration.triton.inputs import texts


class Refusing(service_pb2_grpc.GRPCInferenceServiceServicer):  # type: ignore[misc]
    """Answers each inference, after a delay, with the given status or answer."""

    code = grpc.StatusCode.OK
    details = ""
    answer = service_pb2.ModelInferResponse()
    version = "2.57.0"
    delay_s = 0.0
    cancelled = 0

    async def ServerMetadata(self, request: Any, context: Any) -> Any:  # noqa: N802
        return service_pb2.ServerMetadataResponse(name="triton", version=self.version)

    async def ModelInfer(self, request: Any, context: Any) -> Any:  # noqa: N802
        try:
            await asyncio.sleep(self.delay_s)
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        if self.code is not grpc.StatusCode.OK:
            await context.abort(self.code, self.details)
        return self.answer


@pytest.fixture
async def refusing() -> AsyncIterator[tuple[Refusing, str]]:
    servicer = Refusing()
    server = grpc.aio.server()
    service_pb2_grpc.add_GRPCInferenceServiceServicer_to_server(servicer, server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    yield servicer, f"127.0.0.1:{port}"
    await server.stop(None)


@pytest.mark.parametrize("code", [code for code in grpc.StatusCode if code.value[0] != 0])
async def test_every_status_has_its_error(
    make_encoder: MakeEncoder,
    bundle: Bundle,
    refusing: tuple[Refusing, str],
    code: grpc.StatusCode,
) -> None:
    servicer, address = refusing
    servicer.code, servicer.details = code, "words of the server"
    encoder = make_encoder(bundle, address=address)
    with pytest.raises(DependencyError) as caught:
        await encoder.encode_texts(*texts(1), Deadline.after(5))
    assert type(caught.value) is STATUS_ERRORS[code.name]
    assert caught.value.dependency == "triton"
    assert "words" not in str(caught.value)


@pytest.mark.parametrize(
    ("code", "details", "error"),
    [
        # The words of Triton 2.51 and of the two backends.
        ("UNAVAILABLE", "in ensemble 'x', Exceeds maximum queue size", DependencyExhausted),
        ("UNAVAILABLE", "Request timeout expired", DependencyTimeout),
        ("UNAVAILABLE", "Server is stopping, scheduler for model has stopped accepting new "
         "inference requests", DependencyUnavailable),
        ("INTERNAL", "onnx runtime error 6: CUDA error: out of memory", DependencyExhausted),
        ("INTERNAL", "Failed to allocate memory for requested buffer", DependencyExhausted),
        ("INTERNAL", "Failed to increase the shared memory pool size", DependencyExhausted),
        ("INTERNAL", "onnx runtime error 2: not a model", DependencyBroken),
        ("NOT_FOUND", "Request for unknown model: 'x' is not found", DependencyUnavailable),
    ],
)  # fmt: skip
async def test_words_say_more_than_some_statuses(
    make_encoder: MakeEncoder,
    bundle: Bundle,
    refusing: tuple[Refusing, str],
    code: str,
    details: str,
    error: type[DependencyError],
) -> None:
    servicer, address = refusing
    servicer.code, servicer.details = grpc.StatusCode[code], details
    encoder = make_encoder(bundle, address=address)
    with pytest.raises(error):
        await encoder.encode_texts(*texts(1), Deadline.after(5))


@pytest.mark.parametrize(
    "content",
    [b"", b"\0" * 60, b"\0" * 68],
    ids=["nothing", "short", "long"],
)
async def test_bytes_that_do_not_fit_the_shape_are_broken(
    make_encoder: MakeEncoder, bundle: Bundle, refusing: tuple[Refusing, str], content: bytes
) -> None:
    servicer, address = refusing
    servicer.code = grpc.StatusCode.OK
    answer = service_pb2.ModelInferResponse()
    answer.outputs.add(name="query_embedding", datatype="FP32", shape=[1, 16])
    answer.raw_output_contents.append(content)
    servicer.answer = answer
    encoder = make_encoder(bundle, address=address)
    with pytest.raises(DependencyBroken):
        await encoder.encode_texts(*texts(1), Deadline.after(5))


@pytest.mark.parametrize(
    ("version", "reaches_the_server"),
    [("2.57.0", True), ("3.0.0", True), ("2.51.0", False), ("2.56.1", False), ("custom", False)],
)
async def test_a_cancel_reaches_the_servers_that_bear_it(
    make_encoder: MakeEncoder,
    bundle: Bundle,
    refusing: tuple[Refusing, str],
    version: str,
    reaches_the_server: bool,
) -> None:
    servicer, address = refusing
    servicer.version, servicer.delay_s = version, 0.3
    encoder = make_encoder(bundle, address=address)
    call = asyncio.create_task(encoder.encode_texts(*texts(1), Deadline.after(5)))
    await asyncio.sleep(0.1)
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    await asyncio.sleep(0.3)
    assert servicer.cancelled == reaches_the_server


def test_the_table_has_every_status() -> None:
    assert set(STATUS_ERRORS) == {code.name for code in grpc.StatusCode} - {"OK"}
