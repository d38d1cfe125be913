"""Sending spans: at the end, to a collector that is away, hangs or comes back, and not at all."""

import asyncio
import os
import socket
import subprocess
import sys
from collections import Counter
from pathlib import Path

import grpc
import pytest
import structlog

from gateway.tracing.export import Export
from gateway.tracing.settings import TracingSettings
from gateway.tracing.spans import Spans
from tests.support import plain_http
from tests.support.collector import collecting
from tests.support.traced_gateway import GatewayProcess, gateway_process
from tests.support.triton import free_ports
from tests.support.two_bundles import write_servable_bundle

ROOT = Path(__file__).resolve().parents[3]
ENDED_WITHIN_S = 20
"""Less than the SDK's own patience at its end (30 s), more than a slow machine needs."""


def alone(folder: Path) -> dict[str, str]:
    """Settings of a gateway with nothing around it: each search ends with 503."""
    triton, qdrant = free_ports(2)
    return {
        "BUNDLE_DIR": str(write_servable_bundle(folder / "bundle", seed=1)),
        "DATA_DIR": str(folder / "data"),
        "TRITON_URL": f"127.0.0.1:{triton}",
        "QDRANT_URL": f"http://127.0.0.1:{qdrant}",
    }


def search(gateway: GatewayProcess) -> int:
    body = {"modification": "red"}
    answer = plain_http.post(f"{gateway.http}/v1/products:search", json=body, timeout=30)
    return answer.status_code


def test_the_last_spans_are_sent_before_the_process_ends(tmp_path: Path) -> None:
    with collecting() as collector:
        settings = {
            **alone(tmp_path),
            "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": collector.endpoint,
            "OTEL_EXPORTER_OTLP_HEADERS": "x-tenant=shop",
            "OTEL_EXPORTER_OTLP_COMPRESSION": "gzip",
            "OTEL_SERVICE_NAME": "search",
            "OTEL_BSP_SCHEDULE_DELAY": "600000",
        }
        with gateway_process(tmp_path, "/healthz", **settings) as gateway:
            assert search(gateway) == 503
            assert collector.spans == []
            assert gateway.stop() < ENDED_WITHIN_S
        (request,) = (one for one in collector.spans if one.kind == "SERVER")
        assert request.resource["service.name"] == "search"
        assert request.error_type == "DEPENDENCY_UNAVAILABLE"
        assert collector.headers["x-tenant"] == "shop"


def test_a_collector_that_hangs_holds_up_no_request_and_no_end(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:  # takes connections and says nothing
        settings = {
            **alone(tmp_path),
            "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{silent.getsockname()[1]}",
            "OTEL_EXPORTER_OTLP_TIMEOUT": "60000",
            "OTEL_BSP_SCHEDULE_DELAY": "20",
        }
        with gateway_process(tmp_path, "/healthz", **settings) as gateway:
            for _ in range(5):
                assert search(gateway) == 503
            assert gateway.stop() < ENDED_WITHIN_S
        assert gateway.logged("stopped")
        assert len(gateway.logged("spans_lost")) == 1
        assert "Traceback" not in gateway.log
        assert "opentelemetry" not in gateway.log


@pytest.mark.parametrize("hangs", [False, True], ids=["away", "hangs"])
async def test_what_is_not_taken_is_counted_and_told_once(hangs: bool) -> None:
    counted: Counter[str] = Counter()
    with socket.socket() as silent, structlog.testing.capture_logs() as lines:
        silent.bind(("127.0.0.1", 0))
        if hangs:
            silent.listen()
        export = Export(
            TracingSettings(
                endpoint=f"http://127.0.0.1:{silent.getsockname()[1]}",
                timeout=100,
                bsp_schedule_delay=10,
            ),
            lambda outcome, spans: counted.update({outcome: spans}),
        )
        spans, made = Spans(export.provider), 0
        async with asyncio.timeout(30):
            while counted["failed"] < 3:
                with spans.request("lost", ()):
                    await asyncio.sleep(0.01)
                made += 1
        await export.close()
    assert counted == {"failed": made}
    (line,) = (one for one in lines if one["event"] == "spans_lost")
    assert line["outcome"] == "failed"


async def test_a_collector_that_comes_back_gets_what_follows() -> None:
    counted: Counter[str] = Counter()
    with collecting() as collector:
        collector.refusal = grpc.StatusCode.UNAVAILABLE
        export = Export(
            TracingSettings(
                endpoint=collector.endpoint,
                timeout=200,
                bsp_schedule_delay=10,
            ),
            lambda outcome, spans: counted.update({outcome: spans}),
        )
        spans = Spans(export.provider)
        async with asyncio.timeout(30):
            while counted["failed"] < 3:
                with spans.request("lost", ()):
                    await asyncio.sleep(0.01)
            collector.refusal = None
            with spans.request("found", ()):
                pass
            await asyncio.to_thread(
                collector.until, lambda found: [one for one in found if one.name == "found"]
            )
        await export.close()
    assert counted["exported"] == len(collector.spans)
    assert "dropped" not in counted


async def test_spans_beyond_the_queue_are_dropped_and_counted() -> None:
    counted: Counter[str] = Counter()
    with collecting() as collector:
        export = Export(
            TracingSettings(
                endpoint=collector.endpoint,
                bsp_max_queue_size=5,
                bsp_max_export_batch_size=5,
                bsp_schedule_delay=600_000,
            ),
            lambda outcome, spans: counted.update({outcome: spans}),
        )
        collector.refusal = grpc.StatusCode.UNAVAILABLE  # and is asked again, so nothing is freed
        spans = Spans(export.provider)
        for number in range(9):
            with spans.request(f"request {number}", ()):
                pass
        collector.refusal = None
        await export.close()
    assert counted == {"dropped": 4, "exported": 5}
    assert [one.name for one in collector.spans] == [f"request {number}" for number in range(5)]


def test_without_traces_nothing_that_makes_them_is_even_imported(tmp_path: Path) -> None:
    script = """
import asyncio, sys, threading
from gateway.settings import read_settings
from gateway.tracing.settings import read_tracing_settings
from gateway.wiring import build

async def main():
    await build(read_settings(), read_tracing_settings()).close()

asyncio.run(main())
print(*sys.modules, *(thread.name for thread in threading.enumerate()), sep="\\n")
"""
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "services"), **alone(tmp_path)}
    environment["GRPC_PORT"] = str(free_ports(1)[0])
    done = subprocess.run(
        [sys.executable, "-c", script],
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    found = done.stdout.splitlines()
    # FastAPI brings OpenTelemetry's API, and redis-py the SDK's metrics, whatever is used of them.
    of_traces = ("gateway.tracing.spans", "gateway.tracing.export", "opentelemetry.sdk.trace")
    others = ("opentelemetry.exporter", "opentelemetry.proto", "Otel")
    assert "gateway.tracing.wiring" in found
    assert not [name for name in found if name.startswith((*of_traces, *others))]
