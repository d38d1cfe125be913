#!/bin/sh
# Starts NVIDIA's tritonserver on a model repository, as the chart does; more options may follow.
#   MODEL_REPOSITORY   /models/repository
#   TRITON_ADMIN_KEY   opens loading and unloading of models, which only the publisher may do
set -eu

: "${TRITON_ADMIN_KEY:?TRITON_ADMIN_KEY is needed: the key that the publisher sends to load models.}"
# Doors that nobody here uses open to a key that nobody is told.
closed=$(od -An -N24 -tx1 /dev/urandom | tr -d ' \n')
exec tritonserver \
    --model-repository="${MODEL_REPOSITORY:-/models/repository}" \
    --model-control-mode=explicit \
    --load-model='*' \
    --disable-auto-complete-config \
    --strict-readiness=true \
    --exit-timeout-secs=25 \
    --http-port=8000 \
    --grpc-port=8001 \
    --metrics-port=8002 \
    --http-restricted-api="model-repository:admin=$TRITON_ADMIN_KEY" \
    --http-restricted-api="shared-memory,trace,logging:closed=$closed" \
    --grpc-restricted-protocol="model-repository:admin=$TRITON_ADMIN_KEY" \
    --grpc-restricted-protocol="shared-memory,trace,logging:closed=$closed" \
    --log-format=ISO8601 \
    "$@"
