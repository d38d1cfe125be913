# For tests: Redis from Debian and the stand-in for Qdrant, where their official images cannot be
# pulled.
ARG PYTHON_IMAGE=python:3.11-slim-bookworm

FROM ${PYTHON_IMAGE}
RUN apt-get update \
    && apt-get install --yes --no-install-recommends redis-server \
    && rm -rf /var/lib/apt/lists/*
COPY requirements/serving.txt requirements/local.txt /tmp/
RUN grep '^qdrant-edge-py==' /tmp/local.txt > /tmp/engine.txt \
    && python3 -m venv /opt/venv \
    && /opt/venv/bin/python -m pip install --no-cache-dir -r /tmp/serving.txt -r /tmp/engine.txt
COPY services/qdrant_edge_server /app/services/qdrant_edge_server
ENV PATH=/opt/venv/bin:/usr/bin:/bin PYTHONPATH=/app/services
USER 10001:10001
