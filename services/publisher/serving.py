"""Having Triton load published models, and waiting until they answer as they should."""

import asyncio
from collections.abc import Sequence

from publisher.repository import Published, PublishError
from retrieval.domain import Deadline
from retrieval.errors import DependencyBroken, DependencyError
from retrieval.triton import ModelLoadError, ModelRepository, TritonEncoder, TritonReranker

_POLL_S = 0.2


async def load_models(
    published: Published, address: str, *, timeout_s: float = 120.0, key: str = ""
) -> None:
    """Load the models of a published bundle and return when all of them answer.

    Models that are ready and whose files did not change are left alone. Each graph then makes
    one real inference: a model that answers NaN is ready for Triton, but not for a shop. Where
    anything fails, the models that were loaded by this call are unloaded again, so that Triton's
    memory holds whole bundles only.

    Args:
        published: the answer of `copy_bundle` on the repository that this Triton reads.
        address: ``host:port`` of Triton's gRPC API; waits for it to come up.
        timeout_s: for everything together.
        key: of a Triton whose repository API is restricted.

    Raises:
        PublishError: with Triton's reason.
    """
    deadline = Deadline.after(timeout_s)
    triton = ModelRepository(address, key=key)
    loaded: list[str] = []
    try:
        await _wait_until_live(triton, address, deadline)
        for name in published.models:
            ready = await triton.is_ready(name, deadline)
            if ready and name not in published.changed:
                continue
            if not ready:  # one that serves goes on serving, also when it cannot be loaded anew
                loaded.append(name)
            await triton.load(name, deadline)
        for name in published.models:
            await _wait_until_ready(triton, name, deadline)
        await _try_out(published, address, deadline)
    except ModelLoadError as error:
        await _unload(triton, loaded)
        raise PublishError(f"Triton at {address} did not load the models: {error}") from error
    except DependencyError as error:
        await _unload(triton, loaded)
        raise PublishError(f"Triton at {address} failed: {error}") from error
    except PublishError:
        await _unload(triton, loaded)
        raise
    finally:
        await triton.close()


async def unload_models(
    names: Sequence[str], address: str, *, timeout_s: float = 60.0, key: str = ""
) -> None:
    """Have Triton unload models and return when none of them answers any more.

    Raises:
        PublishError: Triton cannot be reached or refuses.
    """
    deadline = Deadline.after(timeout_s)
    triton = ModelRepository(address, key=key)
    try:
        for name in names:
            if await triton.is_ready(name, deadline):
                await triton.unload(name, deadline)
            while await triton.is_ready(name, deadline):
                if deadline.remaining_s() == 0:
                    raise PublishError(f"{name} does not unload")
                await asyncio.sleep(_POLL_S)
    except DependencyError as error:
        raise PublishError(f"Triton at {address} failed: {error}") from error
    finally:
        await triton.close()


async def _wait_until_live(triton: ModelRepository, address: str, deadline: Deadline) -> None:
    while not await triton.is_live(deadline.capped(1.0)):
        if deadline.remaining_s() == 0:
            raise PublishError(f"no Triton answers at {address}")
        await asyncio.sleep(_POLL_S)


async def _wait_until_ready(triton: ModelRepository, name: str, deadline: Deadline) -> None:
    while not await triton.is_ready(name, deadline):
        if deadline.remaining_s() == 0:
            raise PublishError(f"{name} is loaded but does not become ready")
        await asyncio.sleep(_POLL_S)


async def _try_out(published: Published, address: str, deadline: Deadline) -> None:
    encoder = TritonEncoder(address, published.bundle)
    try:
        await encoder.check(deadline)
    except DependencyBroken as error:
        raise PublishError(
            "the models are loaded, but answer with NaN, a wrong shape or no unit norm"
        ) from error
    finally:
        await encoder.close()
    if published.bundle.reranker is None:
        return
    reranker = TritonReranker(address, published.bundle)
    try:
        await reranker.check(deadline)
    except DependencyBroken as error:
        raise PublishError(
            "the reranker is loaded, but answers with no probability or a wrong shape"
        ) from error
    finally:
        await reranker.close()


async def _unload(triton: ModelRepository, names: list[str]) -> None:
    for name in names:
        try:
            await triton.unload(name, Deadline.after(10.0))
        except DependencyError:
            return  # the server is gone, and the models with it
