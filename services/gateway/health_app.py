"""Probes and metrics on a port of their own, in plain text: for those who show no certificate.

With mutual TLS a handshake without one fails before anything is asked, and neither a kubelet nor
Prometheus has one by itself. Nothing else is here, and nothing that was sent is read.
"""

from fastapi import FastAPI

from gateway.edge_parts import EdgeParts
from gateway.rest_middleware import edge_app
from gateway.rest_operations import OPERATIONS
from gateway.rest_operations_api import ProbesApi


def build_health_app(parts: EdgeParts) -> FastAPI:
    """``/healthz``, ``/readyz`` and ``/metrics``, as the REST edge answers them."""
    app = edge_app(parts, openapi_url=None)
    probes = ProbesApi(parts)
    endpoints = {"Health": probes.healthz, "Readiness": probes.readyz, "Metrics": probes.metrics}
    for name, endpoint in endpoints.items():
        OPERATIONS[name].route(app, name, endpoint)
    return app
