# Trains, evaluates and exports SPRC: `python -m sprc.train --help`. torch's wheels bring CUDA's
# libraries; the base tells the container runtime what it needs of the driver.
ARG PYTHON_IMAGE=python:3.11-slim-bookworm
ARG CUDA_IMAGE=nvidia/cuda:13.0.1-base-ubuntu24.04

FROM ${PYTHON_IMAGE} AS build
COPY training/requirements.txt /tmp/training.txt
# Some requirements come as sources.
RUN apt-get update \
    && apt-get install --yes --no-install-recommends build-essential \
    && rm -rf /var/lib/apt/lists/*
RUN python3 -m venv /opt/venv \
    && /opt/venv/bin/python -m pip install --no-cache-dir --no-compile -r /tmp/training.txt \
    && /opt/venv/bin/python -m pip uninstall --yes pip
COPY training/sprc /app/training/sprc
COPY training/demo_data /app/training/demo_data
COPY training/catalog /app/training/catalog
COPY services/demo_catalog /app/services/demo_catalog
COPY services/recompose /app/services/recompose
COPY services/retrieval /app/services/retrieval
RUN /opt/venv/bin/python -m compileall -q /app
# The interpreter goes along, without an installer: NVIDIA's base has another one.
RUN mkdir -p /python/bin /python/lib \
    && cp -P /usr/local/bin/python3 /usr/local/bin/python3.11 /python/bin/ \
    && cp -P /usr/local/lib/libpython3* /python/lib/ \
    && cp -a /usr/local/lib/python3.11 /python/lib/ \
    && rm -rf /python/lib/python3.11/ensurepip /python/lib/python3.11/site-packages/*

FROM ${CUDA_IMAGE}
ARG VERSION=0.1.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="Recompose training" \
      org.opencontainers.image.description="Trains, evaluates and exports the SPRC model" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
# Libraries that Python's standard library loads; a compiler for torch.compile is left out.
RUN apt-get update \
    && apt-get install --yes --no-install-recommends ca-certificates libbz2-1.0 libexpat1 libffi8 liblzma5 libncursesw6 libreadline8 libsqlite3-0 libssl3 libuuid1 zlib1g \
    && rm -rf /var/lib/apt/lists/*
COPY --from=build /python /usr/local
RUN ldconfig && install -d -o 10001 -g 10001 /training
COPY --from=build /opt/venv /opt/venv
COPY --from=build /app /app
ENV PATH=/opt/venv/bin:/usr/local/bin:/usr/bin:/bin \
    PYTHONPATH=/app/training:/app/services \
    PYTHONUNBUFFERED=1 \
    HOME=/tmp
WORKDIR /app/training
USER 10001:10001
# It runs once and serves nothing: its exit status tells how it went.
HEALTHCHECK NONE
CMD ["python", "-m", "sprc.train", "--help"]
