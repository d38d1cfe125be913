"""What surrounds every REST request: host, path, request id, errors, metrics, trace, headers."""

import re
import time
from collections.abc import Iterator
from typing import Any, Final
from urllib.parse import unquote_to_bytes

from fastapi import FastAPI
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gateway.edge_parts import EdgeParts, ReadinessProbe
from gateway.error_table import describe, log_failure
from gateway.readiness import DRAINING
from gateway.rest_errors import error_response, install_handlers
from gateway.tracing.requests import W3C_HEADERS, Header, RequestSpan
from retrieval.domain import NO_SPAN
from retrieval.errors import MalformedRequest, Reason, RequestTooLarge

_HOST: Final = re.compile(
    rb"(?:[A-Za-z0-9](?:[A-Za-z0-9._-]{0,253})|\[[0-9A-Fa-f:.]{2,45}\])(?::[0-9]{1,5})?"
)
_MAX_HEADER_BYTES: Final = 16 << 10
_UNMATCHED: Final = "unmatched"
_SEARCH: Final = ("POST", "/v1/products:search")
"""Refused before its route is sought and its body read, which cost more than a refusal may."""
_PROBES: Final = frozenset({"/healthz", "/readyz", "/metrics"})
"""What is asked for every few seconds by nobody's wish, and makes no trace."""
_METHODS: Final = frozenset({"DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"})
_CLIENT_GONE: Final = "499"
"""The code in metrics of a request that nobody waits for any more."""


def edge_app(parts: EdgeParts, *, openapi_url: str | None) -> FastAPI:
    """An application without routes, inside of what surrounds every request."""
    app = FastAPI(
        openapi_url=openapi_url,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        # The framework's own would record addresses and texts of errors; see gateway.tracing.
        telemetry={"tracing": False, "metrics": False, "logs": False, "auto_configure": False},
    )
    install_handlers(app)
    app.add_middleware(RestEdge, parts=parts)
    return app


class ClientGone(Exception):
    """The caller went away; there is nobody to answer."""


class RestEdge:
    """ASGI middleware around the whole application."""

    def __init__(self, app: ASGIApp, parts: EdgeParts) -> None:
        self._app = app
        self._parts = parts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request_id = self._parts.request_id(_request_id_header(scope))
        scope.setdefault("state", {})["request_id"] = request_id
        if scope["path"] in _PROBES:
            await self._answer(scope, receive, self._told(send, request_id), NO_SPAN)
            return
        verb = scope["method"] if scope["method"] in _METHODS else "_OTHER"
        answer = self._told(send, request_id)
        told = {
            "http.request.method": verb,
            "url.scheme": scope["scheme"],
            "recompose.request_id": request_id,
        }
        with self._parts.trace(verb, _trace_headers(scope), told) as span:
            try:
                await self._answer(scope, receive, answer, span)
            finally:
                _conclude(span, verb, scope, answer)

    def _told(self, send: Send, request_id: str) -> "_Answer":
        """The answer to a request; at a draining gateway's, the connection ends with it."""
        return _Answer(send, request_id, self._parts.readiness)

    async def _answer(
        self, scope: Scope, receive: Receive, answer: "_Answer", span: RequestSpan
    ) -> None:
        started_s = time.perf_counter()
        try:
            _check_headers(scope)
            _split_path(scope)
            if _is_search(scope):
                self._parts.admission.check()
            await self._app(scope, receive, answer.send)
        except (ClientGone, ClientDisconnect):
            answer.code = _CLIENT_GONE
            span.fail("CLIENT_GONE", caller=True)
        except Exception as error:
            log_failure(error, edge="rest", method=_method(scope), request_id=answer.request_id)
            failure = describe(error)
            span.fail(failure.reason, caller=failure.row.http < 500)
            if answer.begun:
                raise
            await error_response(failure, answer.request_id)(scope, receive, answer.send)
        finally:
            self._parts.metrics.observe_request(
                "rest", _method(scope), answer.code, time.perf_counter() - started_s
            )


class _Answer:
    """Passes an answer on, adding headers and remembering its status."""

    def __init__(self, send: Send, request_id: str, readiness: ReadinessProbe) -> None:
        self._send, self._readiness = send, readiness
        self.request_id = request_id
        self.code = "500"
        self.begun = False

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.begun = True
            self.code = str(message["status"])
            message["headers"] = [
                *message.get("headers", ()),
                (b"x-request-id", self.request_id.encode()),
                (b"x-content-type-options", b"nosniff"),
                (b"referrer-policy", b"no-referrer"),
            ]
            if self._readiness.ready() == (False, DRAINING):
                # Its next request goes to a replica that stays (RFC 9112, 9.6). Otherwise it may
                # be on its way when the connection is closed, and be lost.
                message["headers"].append((b"connection", b"close"))
        await self._send(message)


def _method(scope: Scope) -> str:
    """The operation's name for metrics: few values, whatever paths are asked for."""
    found = getattr(scope.get("route"), "name", None)
    return found or ("Search" if _is_search(scope) else _UNMATCHED)


def _is_search(scope: Scope) -> bool:
    return (scope["method"], scope["path"]) == _SEARCH


def _conclude(span: RequestSpan, verb: str, scope: Scope, answer: _Answer) -> None:
    """What is known of a request at its end: its route, which names it, and its status, if any."""
    route = getattr(scope.get("route"), "path", None)
    if route:
        span.rename(f"{verb} {route}")
        span.note("http.route", route)
    if answer.begun and answer.code != _CLIENT_GONE:
        span.note("http.response.status_code", int(answer.code))


def _trace_headers(scope: Scope) -> Iterator[Header]:
    for name, value in scope["headers"]:
        if (text := name.decode("latin-1")) in W3C_HEADERS:
            yield text, value.decode("latin-1")


def _request_id_header(scope: Scope) -> str | None:
    for name, value in scope["headers"]:
        if name == b"x-request-id":
            return str(value.decode("latin-1"))
    return None


def _check_headers(scope: Scope) -> None:
    """Raises MalformedRequest for a Host that is none (RFC 9112, 3.2), RequestTooLarge."""
    headers = scope["headers"]
    if sum(len(name) + len(value) for name, value in headers) > _MAX_HEADER_BYTES:
        raise RequestTooLarge
    hosts = [value for name, value in headers if name == b"host"]
    if not hosts and scope.get("http_version") == "1.0":
        return
    if len(hosts) != 1 or not _HOST.fullmatch(hosts[0]):
        raise MalformedRequest(Reason.REQUEST_MALFORMED)


def _split_path(scope: Scope) -> None:
    """Decode the path segment by segment, so that an encoded slash stays inside of its segment.

    Routes see it still encoded and so as one segment; handlers take the true text from
    ``scope["segments"]``.
    """
    raw: Any = scope.get("raw_path") or scope["path"].encode()
    try:
        segments = [unquote_to_bytes(part).decode() for part in raw.partition(b"?")[0].split(b"/")]
    except UnicodeDecodeError:
        raise MalformedRequest(Reason.REQUEST_MALFORMED) from None
    scope["segments"] = segments
    scope["path"] = "/".join(segment.replace("/", "%2F") for segment in segments)
