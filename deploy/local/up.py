"""``make up``: start everything in order, import a catalog, stay until the end is asked for."""

import json
import time
from collections.abc import Mapping
from typing import Final

from deploy.local import probes
from deploy.local.claim import claim, members_lock
from deploy.local.parts import NAMES, Parts, choose
from deploy.local.ports import require_free
from deploy.local.settings import read_settings
from deploy.local.stack import Stack
from deploy.local.supervise import supervise

_START_S: Final = 120.0
_CATALOG_S: Final = 3600.0
_IMPORT_S: Final = 7 * 24 * 3600.0
# Together with a moment for the killing they keep the promise of about 15 seconds.
_FRONT_END_S: Final = 7.0
_REST_END_S: Final = 6.0


def up(environment: Mapping[str, str]) -> int:
    """Run a stack in the foreground; 0 after an end that was asked for, 1 after any other.

    Raises:
        SettingsError: a setting or a port cannot be used; nothing was started.
        ClaimError: another stack has this DATA_DIR; nothing was started.
    """
    settings = read_settings(environment)
    host = environment.get("HTTP_HOST") or "127.0.0.1"
    require_free("HTTP_PORT", host, settings.http_port)
    require_free("GRPC_PORT", environment.get("GRPC_HOST") or "127.0.0.1", settings.grpc_port)
    with claim(settings.data_dir):
        stack = Stack(members_lock(settings.data_dir), NAMES)
        parts = choose(settings)
        parts.ready_file.unlink(missing_ok=True)
        try:
            return supervise(
                stack,
                lambda: _start(stack, parts, environment),
                front_end_s=_FRONT_END_S,
                rest_end_s=_REST_END_S,
            )
        finally:
            parts.ready_file.unlink(missing_ok=True)


def _start(stack: Stack, parts: Parts, environment: Mapping[str, str]) -> None:
    started = time.monotonic()
    plain = parts.environment()
    secret = parts.environment(TRITON_ADMIN_KEY=parts.admin_key)
    stack.say(f"starting Redis, Qdrant's engine and Triton; data is in {parts.settings.data_dir}")
    stack.start("redis", parts.redis(), plain)
    stack.start("qdrant", parts.qdrant(), plain)
    stack.start("triton", parts.triton(), secret)
    if parts.settings.catalog is None:
        stack.say("drawing the demo catalog, if it is not there yet")
        stack.start("catalog", parts.demo_catalog(), plain, is_step=True)

    stack.wait(
        lambda: probes.answers(parts.triton_url("/v2/health/live")), "Triton's start", _START_S
    )
    stack.say("publishing the model to Triton")
    stack.start("publisher", parts.publisher(), secret, is_step=True)
    stack.finish("publisher", _START_S)
    for name, port in (("Redis", parts.redis_port), ("Qdrant", parts.qdrant_port)):
        stack.wait(lambda port=port: probes.listens(port), f"{name}'s start", _START_S)  # type: ignore[misc]

    stack.say("starting the gateway")
    stack.start("gateway", parts.gateway(), parts.gateway_environment(environment), front=True)
    base = _base(parts)
    stack.wait(lambda: probes.answers(f"{base}/healthz"), "The gateway's start", _START_S)

    if parts.settings.catalog is None:
        stack.finish("catalog", _CATALOG_S)
    stack.say(f"importing {parts.feed}")
    stack.start("indexer", parts.indexer(), plain, is_step=True)
    stack.finish("indexer", _IMPORT_S)
    parts.ready_file.touch()
    stack.wait(lambda: probes.answers(f"{base}/readyz"), "The gateway's readiness", _START_S)
    stack.say(f"ready after {time.monotonic() - started:.0f} s")
    print(_welcome(parts), flush=True)


def _welcome(parts: Parts) -> str:
    """Where everything is, and a search to begin with; without the log's prefix, to be copied."""
    base = _base(parts)
    lines = [
        "",
        f"  shop       {base}/",
        f"  REST docs  {base}/docs",
        f"  gRPC       127.0.0.1:{parts.settings.grpc_port}",
    ]
    listed = probes.read_json(f"{base}/v1/products?page_size=1")
    products = listed.get("products") if isinstance(listed, dict) else None
    if products:
        body = {
            "reference": {"product_id": products[0]["id"]},
            "modification": "the same in red",
            "page_size": 3,
        }
        curl = f"curl -s {base}/v1/products:search -H 'Content-Type: application/json' -d "
        lines += ["", "A first search: like this product, but red", "", f"  {curl}{_quoted(body)}"]
    lines += ["", "Ctrl-C, or `make down` from elsewhere, ends all of it.", ""]
    return "\n".join(lines)


def _quoted(body: object) -> str:
    return "'" + json.dumps(body).replace("'", "\\u0027") + "'"


def _base(parts: Parts) -> str:
    return f"http://127.0.0.1:{parts.settings.http_port}"
