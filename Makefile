# One page of commands. Everything is installed into .venv from hash-locked
# requirements; a second run of any command installs nothing.

PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
PIP    := $(BIN)/python -m pip --disable-pip-version-check
INSTALL := $(PIP) install --require-hashes --no-deps
NODE_TESTS := tests/javascript

export PATH := $(CURDIR)/$(BIN):$(PATH)
export GOTOOLCHAIN := local

.DEFAULT_GOAL := help
.PHONY: help install up demo asyncapi check check-js test test-needs pictures test-compose test-kills test-simulation test-steps test-upstream bench figures lock release-image clean

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

# Ctrl-C ends what runs in order; that is no error of make's.
RUN := trap : INT; $(BIN)/honcho start -f

up: install ## Run a node and a gateway; the page is http://127.0.0.1:8080
	@$(RUN) Procfile || [ $$? = 130 ]

demo: install ## Run two of each that find one another; pages on 8080 and 8081
	@$(RUN) Procfile.demo || [ $$? = 130 ]

check: $(VENV)/.check ## Check style, types, imports and the contract
	ruff format --check .
	ruff check .
	mypy
	lint-imports
	buf format --diff --exit-code proto
	buf lint
	buf breaking proto --against proto/released.binpb

check-js: $(NODE_TESTS)/node_modules/.installed ## Check the style of the JavaScript
	$(NODE_TESTS)/node_modules/.bin/eslint --config $(NODE_TESTS)/eslint.config.js --max-warnings 0 web tests

test: test-needs ## Run the tests; ARGS are pytest's
	$(BIN)/python -m pytest -n 2 --dist loadfile -m "not stock" --ignore=tests/compose $(ARGS)

pictures: test-needs ## Write the page's main views to build/pictures, and the README's picture
	$(BIN)/python -m pytest -q tests/e2e/test_pictures.py
	cp build/pictures/conversation-desktop-light.png docs/page.png

test-compose: test-needs ## Run the tests of docker-compose.yml, which need Docker
	$(BIN)/python -m pytest tests/compose $(ARGS)

test-kills: test-needs ## Kill nodes 1,000 times while they publish, 100 times while they write to one another; KILLS=N
	NODE_KILLS=$(or $(KILLS),1000) DIRECT_KILLS=$(or $(KILLS),100) \
	  $(BIN)/python -m pytest tests/faults/test_kills.py tests/faults/test_direct_kills.py $(ARGS)

test-simulation: $(VENV)/.test ## Run nodes in virtual time; SEED=N of the first run, RUNS=N of each scenario, ARGS are scenarios
	$(BIN)/python -m tests.simulation $(if $(SEED),--seed $(SEED)) --runs $(or $(RUNS),1) $(ARGS)

STEPS ?= 100000
test-steps: test-needs ## Take STEPS random steps through the log and its readers
	LOG_MACHINE_STEPS=$(STEPS) $(BIN)/python -m pytest tests/p2pd/log/test_log_machine.py $(ARGS)

test-upstream: test-needs ## Show that the stock py-libp2p needs each patch; CI does where its pin changed
	$(BIN)/python -m pytest -n 2 tests/upstream $(ARGS)
	@[ -n "$(ARGS)" ] || grep '^libp2p==' requirements/run.in > tests/upstream/shown_on.txt

bench: test-needs ## Measure, beside peers in the same run; ARGS choose what
	$(BIN)/python -m bench $(ARGS)

figures: $(VENV)/.bench ## Put what make bench has measured on docs/figures.md, with plots
	$(BIN)/python -m bench.report $(ARGS)

asyncapi: $(VENV)/.test ## Write the generated parts of docs/asyncapi.yaml anew
	$(BIN)/python -m codegen.asyncapi

lock: $(VENV)/.created ## Resolve requirements/*.in anew
	@command -v uv >/dev/null || $(PIP) install uv
	for set in run build check test bench; do \
	  uv pip compile --quiet --generate-hashes --universal --python-version 3.11 --no-header \
	    --override requirements/override.txt requirements/$$set.in -o requirements/$$set.txt || exit 1; \
	done

release-image: install ## Make the present contract the one that buf breaking guards
	buf build proto --exclude-source-info -o proto/released.binpb

clean: ## Remove what the commands above made
	rm -rf $(VENV) build dist $(NODE_TESTS)/node_modules tests/interop/go/chatv1 .run \
	  .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache

# --- what the commands need; each stamp is newer than what it was made from

install: $(VENV)/.installed

# fastecdsa, which libp2p needs, has wheels for these Python versions only.
$(VENV)/.created:
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' || { \
	  echo "wsp needs Python 3.11, 3.12 or 3.13, but $(PYTHON) is $$($(PYTHON) -V 2>&1)." \
	    "Name another one: make PYTHON=python3.12 $(MAKECMDGOALS)" >&2; exit 1; }
	@$(PYTHON) -m venv $(VENV) || { \
	  echo "$(PYTHON) cannot make a virtual environment; on Debian: apt install python3-venv" >&2; exit 1; }
	@touch $@

$(VENV)/.run: $(VENV)/.created requirements/build.txt requirements/run.txt
	@echo "Installing what the services need into $(VENV); the first time this takes a minute or two."
	@$(INSTALL) -r requirements/build.txt
	@$(INSTALL) --no-build-isolation -r requirements/run.txt
	@touch $@

$(VENV)/.installed: $(VENV)/.run pyproject.toml hatch_build.py proto/chat.proto proto/direct.proto proto/profile.proto proto/sync.proto proto/autonat.proto $(wildcard codegen/*.py)
	@$(PIP) install -q --no-deps --no-build-isolation -e .
	@touch $@

$(VENV)/.check: $(VENV)/.installed requirements/check.txt
	@echo "Installing what the checks need."
	@$(INSTALL) -r requirements/check.txt
	@touch $@

$(VENV)/.test: $(VENV)/.installed requirements/test.txt
	@echo "Installing what the tests need."
	@$(INSTALL) -r requirements/test.txt
	@touch $@ $(VENV)/.check

$(VENV)/.bench: $(VENV)/.installed requirements/bench.txt
	@echo "Installing what draws plots."
	@$(INSTALL) -r requirements/bench.txt
	@touch $@

$(NODE_TESTS)/node_modules/.installed: $(VENV)/.test $(NODE_TESTS)/package.json $(NODE_TESTS)/package-lock.json
	cd $(NODE_TESTS) && npm ci --no-audit --no-fund --loglevel=error
	@touch $@

build/interop/.built: $(VENV)/.test proto/chat.proto tests/setup/go-programs $(wildcard tests/interop/go*/*.go tests/interop/go*/go.mod)
	tests/setup/go-programs
	@touch $@

build/interop/.rust: tests/setup/rust-programs $(wildcard tests/interop/rust-peer/Cargo.toml tests/interop/rust-peer/src/*.rs)
	tests/setup/rust-programs
	@mkdir -p $(@D) && touch $@

test-needs: $(NODE_TESTS)/node_modules/.installed build/interop/.built build/interop/.rust
	@tests/setup/system-programs
