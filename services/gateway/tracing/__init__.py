"""Traces of requests, over OpenTelemetry: off unless an OTEL_ variable names where they go.

`requests.py` is all that the edges know of it, `settings.py` reads the variables, `spans.py` makes
spans and `export.py` sends them. Only the last two import OpenTelemetry, and only once traces are
wanted. The instrumentations that OpenTelemetry and FastAPI have are not used: they put addresses
and texts of errors into spans, in which a caller's words may be.
"""
