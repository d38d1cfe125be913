"""The image encoder of a running Triton, asked without anything around it."""

import asyncio
import time
from typing import Final

import numpy as np
from tritonclient.grpc import InferenceServerClient, InferInput, InferRequestedOutput
from tritonclient.grpc.aio import InferenceServerClient as AsyncClient

_IN_FLIGHT: Final = 4


class RawEncoder:
    """``size``: side of the pictures in pixels; ``name``: the model's, as Triton has it."""

    def __init__(self, address: str, name: str, size: int) -> None:
        self._address, self._name, self._size = address, name, size

    def rate(self, batch: int, seconds: float) -> float:
        """Pictures a second, batches of ``batch``, four calls in flight."""
        return asyncio.run(self._rate(batch, seconds))

    async def _rate(self, batch: int, seconds: float) -> float:
        pixels = np.random.default_rng(0).normal(size=(batch, 3, self._size, self._size))
        tensor = InferInput("pixel_values", list(pixels.shape), "FP32")
        tensor.set_data_from_numpy(pixels.astype(np.float32))
        outputs = [InferRequestedOutput("image_tokens")]
        async with AsyncClient(self._address) as client:
            await client.infer(self._name, [tensor], outputs=outputs)
            ended, started = 0, time.perf_counter()

            async def caller() -> None:
                nonlocal ended
                while time.perf_counter() < started + seconds:
                    answer = await client.infer(self._name, [tensor], outputs=outputs)
                    answer.as_numpy("image_tokens")
                    ended += batch

            await asyncio.gather(*(caller() for _ in range(_IN_FLIGHT)))
            return ended / (time.perf_counter() - started)

    def inferences(self) -> int:
        """Pictures that the server has embedded since it started."""
        with InferenceServerClient(self._address) as client:
            told = client.get_inference_statistics(self._name)
        return sum(int(model.inference_count) for model in told.model_stats)
