"""The image encoder of a running Triton, asked without anything around it."""

import asyncio
import time
from typing import Final

import numpy as np
from tritonclient.grpc import InferenceServerClient, InferInput, InferRequestedOutput
from tritonclient.grpc.aio import InferenceServerClient as AsyncClient

from retrieval.bundle import model_name

_IN_FLIGHT: Final = 4


class RawEncoder:
    """``size``: side of the pictures in pixels; ``digest``: the model's."""

    def __init__(self, address: str, digest: str, size: int) -> None:
        self._address, self._size = address, size
        self._name = model_name("image_encoder", digest)
        self._probed = model_name("text_encoder", digest)

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
        """Pictures that the server has embedded since it started, without those of readiness
        probes, which try each graph once; nobody asks by words alone meanwhile."""
        found = self._counted()
        while found != (found := self._counted()):
            time.sleep(0.2)  # a probe was between its graphs
        return found

    def _counted(self) -> int:
        with InferenceServerClient(self._address) as client:
            images, texts = (
                sum(
                    int(model.inference_count)
                    for model in client.get_inference_statistics(name).model_stats
                )
                for name in (self._name, self._probed)
            )
        return images - texts
