# The gateway, its commands, the publisher, and the demo bundle in /app/models.
ARG PYTHON_IMAGE=python:3.11-slim-bookworm

FROM ${PYTHON_IMAGE} AS build
COPY requirements/serving.txt /tmp/
RUN python3 -m venv /opt/venv \
    && /opt/venv/bin/python -m pip install --no-cache-dir --no-compile -r /tmp/serving.txt \
    && /opt/venv/bin/python -m pip uninstall --yes pip setuptools
COPY services/gateway /app/services/gateway
COPY services/publisher /app/services/publisher
COPY services/recompose /app/services/recompose
COPY services/retrieval /app/services/retrieval
COPY models /app/models
# Bytecode is made here: a read-only root takes none later.
RUN /opt/venv/bin/python -m compileall -q /opt/venv/lib /app/services

FROM ${PYTHON_IMAGE}
ARG VERSION=0.1.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="Recompose gateway" \
      org.opencontainers.image.description="Composed product search: REST and gRPC, and the commands that operate it" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
# The base's own pip would be the one installer left.
RUN rm -rf /usr/local/bin/pip* /usr/local/lib/python3.11/ensurepip /usr/local/lib/python3.11/site-packages/* \
    && install -d -o 10001 -g 10001 /data /models
COPY --from=build /opt/venv /opt/venv
COPY --from=build /app /app
ENV PATH=/opt/venv/bin:/usr/local/bin:/usr/bin:/bin \
    PYTHONPATH=/app/services \
    PYTHONUNBUFFERED=1 \
    HTTP_HOST=0.0.0.0 \
    HTTP_PORT=8080 \
    GRPC_HOST=0.0.0.0 \
    GRPC_PORT=50051 \
    DATA_DIR=/data
WORKDIR /app
USER 10001:10001
EXPOSE 8080 50051
# With TLS this needs HEALTH_PORT.
HEALTHCHECK --interval=5s --timeout=3s --start-period=60s --retries=3 \
    CMD ["python", "-c", "import os, urllib.request as r; r.urlopen('http://127.0.0.1:' + (os.environ.get('HEALTH_PORT') or os.environ['HTTP_PORT']) + '/readyz', timeout=2)"]
CMD ["python", "-m", "gateway"]
