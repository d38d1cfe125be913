# Triton from a Python package, for hosts that cannot use NVIDIA's image (deploy/triton_cpu).
# --build-arg REQUIREMENTS=triton-gpu.txt makes the variant for NVIDIA GPUs: onnxruntime-gpu with
# CUDA 13 and cuDNN 9; ONNXRUNTIME_PROVIDERS then chooses among CUDA and TensorRT.
ARG PYTHON_IMAGE=python:3.11-slim-bookworm

FROM ${PYTHON_IMAGE} AS build
ARG REQUIREMENTS=triton.txt
COPY requirements/triton.txt requirements/triton-gpu.txt /tmp/
RUN python3 -m venv /opt/venv \
    && /opt/venv/bin/python -m pip install --no-cache-dir --no-compile --no-deps -r "/tmp/${REQUIREMENTS}" \
    && /opt/venv/bin/python -m pip uninstall --yes pip setuptools
COPY deploy/triton_cpu /app/triton_cpu
RUN /opt/venv/bin/python -m compileall -q /opt/venv/lib

FROM ${PYTHON_IMAGE}
ARG VERSION=0.1.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="Recompose Triton for the CPU" \
      org.opencontainers.image.description="Triton Inference Server with an onnxruntime backend, from Python packages" \
      org.opencontainers.image.licenses="Apache-2.0 AND BSD-3-Clause" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
RUN rm -rf /usr/local/bin/pip* /usr/local/lib/python3.11/ensurepip /usr/local/lib/python3.11/site-packages/* \
    && install -d -o 10001 -g 10001 /models
COPY --from=build /opt/venv /opt/venv
COPY --from=build /app /app
# The last two are for the container runtime of a host with GPUs; others ignore them.
ENV PATH=/opt/venv/bin:/usr/local/bin:/usr/bin:/bin \
    HOME=/tmp \
    NVIDIA_VISIBLE_DEVICES=all \
    NVIDIA_DRIVER_CAPABILITIES=compute,utility
WORKDIR /app
USER 10001:10001
EXPOSE 8000 8001 8002
HEALTHCHECK --interval=5s --timeout=3s --start-period=120s --retries=3 \
    CMD ["python", "-c", "import urllib.request as r; r.urlopen('http://127.0.0.1:8000/v2/health/ready', timeout=2)"]
ENTRYPOINT ["python", "/app/triton_cpu/serve.py", "--address=0.0.0.0", "--http-port=8000", "--grpc-port=8001", "--metrics-port=8002", "--runtime-dir=/tmp/triton"]
CMD ["--model-repository=/models/repository", "--load-model=*"]
