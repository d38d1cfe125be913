# NVIDIA's Triton with its ONNX Runtime backend, for GPUs: its release, our arguments and user.
ARG TRITON_IMAGE=nvcr.io/nvidia/tritonserver:25.08-py3

FROM ${TRITON_IMAGE}
ARG VERSION=0.1.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="Recompose Triton" \
      org.opencontainers.image.description="NVIDIA Triton Inference Server with the arguments that Recompose runs it with" \
      org.opencontainers.image.licenses="Apache-2.0 AND BSD-3-Clause" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
COPY --chmod=555 deploy/triton/serve.sh /app/triton/serve.sh
RUN install -d -o 10001 -g 10001 /models
ENV HOME=/tmp
WORKDIR /app
USER 10001:10001
EXPOSE 8000 8001 8002
HEALTHCHECK --interval=5s --timeout=3s --start-period=600s --retries=3 \
    CMD ["python3", "-c", "import urllib.request as r; r.urlopen('http://127.0.0.1:8000/v2/health/ready', timeout=2)"]
ENTRYPOINT ["/app/triton/serve.sh"]
