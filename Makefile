# Recompose. `make help` lists the targets.
SHELL := /bin/bash
.DEFAULT_GOAL := help
export PATH := $(CURDIR)/.venv/bin:$(PATH)
PROTOS := $(wildcard proto/recompose/v1/*.proto)

.PHONY: proto
proto: ## Generate the stubs in services/recompose/v1 from proto/
	cd proto && python -m grpc_tools.protoc -I. --python_out=../services --grpc_python_out=../services \
	  --mypy_out=quiet:../services --mypy_grpc_out=quiet:../services $(PROTOS:proto/%=%)
