# hexgate: `make help` lists the targets. CI runs `make check`.

PYTHON ?= python3
BIN := .venv/bin
STUBS := src/v1
PROTOS := $(wildcard protos/hexgate/v1/*.proto)
# Two workers: the tests start real servers, and more of them only wait for each other.
WORKERS ?= 2

.DEFAULT_GOAL := help
.PHONY: help setup setup-llama demo test check gen gen-check fmt lint types imports protos bench bench-ledger long clean lock gen-clients

help: ## List the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/' | expand -t 14

setup: .venv/.ready ## Make .venv from the lock; does nothing when it is up to date

.venv/.ready: requirements.lock pyproject.toml hatch_build.py
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "hexgate needs Python 3.11 or newer; $(PYTHON) is $$($(PYTHON) -V 2>&1). Set PYTHON=..."; exit 1; }
	@$(PYTHON) -m venv .venv || \
	  { echo "python could not make a virtual environment; on Debian: apt-get install python3-venv"; exit 1; }
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r requirements.lock
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	$(BIN)/pip check
	@touch $@

setup-llama: .venv-llama/.ready ## Make .venv-llama, where the real engine of the tests lives

.venv-llama/.ready: requirements-llama.lock | .venv/.ready
	@$(PYTHON) -m venv .venv-llama
	.venv-llama/bin/pip install --quiet --disable-pip-version-check --only-binary :all: --no-deps \
	  --require-hashes -r requirements-llama.lock
	@touch $@

demo: setup ## Server and simulator up, a unary and a streamed completion through gRPC, with cost
	@$(BIN)/python scripts/demo.py

test: setup setup-llama ## All tests; clients of languages that are not installed are skipped, except in CI
	$(BIN)/python -m pytest -n $(WORKERS) --dist loadgroup

check: lint types imports protos gen-check test demo ## Everything that CI runs

fmt: setup ## Format
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .
	$(BIN)/buf format -w

lint: setup ## Formatting and lint
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .

types: setup ## Strict types
	$(BIN)/mypy
	$(BIN)/mypy scripts/*.py clients/python/example.py
	cd bench && MYPYPATH=.. ../$(BIN)/mypy --config-file ../pyproject.toml *.py

imports: setup ## The import contracts of the hexagon
	$(BIN)/lint-imports

protos: setup ## buf lint, format, and no breaking change against the committed image
	$(BIN)/buf lint
	$(BIN)/buf format --diff --exit-code
	$(BIN)/buf breaking --against protos/golden.binpb

gen: setup ## Regenerate the Python stubs; `clients/*/gen.sh` does the other languages
	@rm -f $(STUBS)/*_pb2*
	PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/python -m grpc_tools.protoc -Iprotos --python_out=.link \
	  --grpc_python_out=.link --mypy_out=quiet:.link --mypy_grpc_out=quiet:.link $(PROTOS)

gen-check: setup ## Fail when committed stubs are stale
	$(BIN)/python scripts/gen_check.py

bench: setup ## CPU per call and per chunk beside the floor, interleaved
	$(BIN)/python bench/run.py

bench-ledger: setup ## Pairs of reserving and settling beside plain INSERTs, and reports over a long history
	PYTHONPATH=. $(BIN)/python bench/ledger.py
	PYTHONPATH=. $(BIN)/python bench/reports.py

long: setup ## The long forms: a million random steps over ledgers, 200 gateways and 200 writers killed
	HEXGATE_WALK_STEPS=1000000 HEXGATE_KILL_ROUNDS=200 HEXGATE_CRASH_ROUNDS=200 $(BIN)/python -m pytest \
	  -o faulthandler_timeout=36000 -n $(WORKERS) tests/adapters/ledger/test_walk.py tests/adapters/ledger/test_crash.py tests/e2e/test_kill.py

lock: ## Make requirements.lock anew (needs uv)
	uv pip compile --quiet pyproject.toml --all-extras --group dev --universal --python-version 3.11 \
	  --generate-hashes --no-emit-index-url --no-header -o requirements.lock
	printf 'gguf==0.19.0\nnumpy==2.4.6\nxllamacpp==2026.10.11549\n' | uv pip compile --quiet \
	  --only-binary :all: --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
	  --no-header -o requirements-llama.lock -

gen-clients: setup ## Regenerate the Go and TypeScript stubs (needs Go and Node)
	clients/go/gen.sh
	cd clients/typescript && npm ci --no-audit --no-fund
	clients/typescript/gen.sh

clean: ## Remove what was built; .venv stays
	rm -rf .work dist build clients/typescript/dist
