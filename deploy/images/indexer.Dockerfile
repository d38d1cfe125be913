# Imports a feed into a gateway: `import /feed/products.jsonl --server HOST:PORT --state-dir /state`.
ARG PYTHON_IMAGE=python:3.11-slim-bookworm

FROM ${PYTHON_IMAGE} AS build
COPY requirements/indexer.txt /tmp/
RUN python3 -m venv /opt/venv \
    && /opt/venv/bin/python -m pip install --no-cache-dir --no-compile -r /tmp/indexer.txt \
    && /opt/venv/bin/python -m pip uninstall --yes pip setuptools
COPY services/indexer /app/services/indexer
COPY services/recompose /app/services/recompose
RUN /opt/venv/bin/python -m compileall -q /opt/venv/lib /app/services

FROM ${PYTHON_IMAGE}
ARG VERSION=0.1.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="Recompose indexer" \
      org.opencontainers.image.description="Imports a product feed through the gateway, and resumes where it was ended" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
RUN rm -rf /usr/local/bin/pip* /usr/local/lib/python3.11/ensurepip /usr/local/lib/python3.11/site-packages/* \
    && install -d -o 10001 -g 10001 /feed /state
COPY --from=build /opt/venv /opt/venv
COPY --from=build /app /app
ENV PATH=/opt/venv/bin:/usr/local/bin:/usr/bin:/bin \
    PYTHONPATH=/app/services \
    PYTHONUNBUFFERED=1
WORKDIR /app
USER 10001:10001
# It runs once and serves nothing: its exit status tells how it went.
HEALTHCHECK NONE
ENTRYPOINT ["python", "-m", "indexer"]
CMD ["--help"]
