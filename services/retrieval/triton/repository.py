"""Triton's model repository: which models are loaded.

Source of the protocol: https://github.com/triton-inference-server/server, docs/protocol.
"""

from tritonclient.utils import InferenceServerException

from retrieval.domain import Deadline
from retrieval.errors import DependencyTimeout, DependencyUnavailable
from retrieval.triton.connection import connect, translated


class ModelLoadError(Exception):
    """Triton could not load a model; the text is Triton's own, for an operator."""


class ModelRepository:
    """Triton's repository API, for the publisher alone.

    Args:
        address: ``host:port`` of Triton's gRPC API.
        key: the value of the header ``triton-grpc-protocol-admin``, for a server that was started
            with ``--grpc-restricted-protocol=model-repository:admin=KEY``.
    """

    def __init__(self, address: str, *, key: str = "") -> None:
        self._client = connect(address)
        self._headers = {"triton-grpc-protocol-admin": key} if key else None

    async def is_live(self, deadline: Deadline) -> bool:
        """Whether the server answers at all."""
        try:
            call = self._client.is_server_live(client_timeout=deadline.remaining_s())
            return bool(await translated(call))
        except (DependencyUnavailable, DependencyTimeout):
            return False

    async def is_ready(self, name: str, deadline: Deadline) -> bool:
        """Whether a model answers inferences. Raises `DependencyError`."""
        call = self._client.is_model_ready(name, client_timeout=deadline.remaining_s())
        return bool(await translated(call))

    async def load(self, name: str, deadline: Deadline) -> None:
        """Load a model, or load it anew where its files changed; returns when it is loaded.

        Raises `ModelLoadError` when Triton refuses.
        """
        try:
            await self._client.load_model(
                name, headers=self._headers, client_timeout=deadline.remaining_s()
            )
        except InferenceServerException as error:
            raise ModelLoadError(f"{error.status()}: {error.message()}") from error

    async def unload(self, name: str, deadline: Deadline) -> None:
        """Unload a model and free its memory. Raises `DependencyError`."""
        await translated(
            self._client.unload_model(
                name, headers=self._headers, client_timeout=deadline.remaining_s()
            )
        )

    async def close(self) -> None:
        await self._client.close()
