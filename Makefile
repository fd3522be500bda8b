# Fanfold's commands; `make` lists them. Each target builds what it needs, once.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

PYTHON ?= python3
BIN := .venv/bin
SAM := .venv-sam/bin/sam
CHECKOV := .venv-checkov/bin/checkov
export SAM_CLI_TELEMETRY := 0
# Hundreds of processes import the same modules: the first one compiles them for all.
unexport PYTHONDONTWRITEBYTECODE

# Installs into all environments: to give each a pip of its own takes as long as to fill a small one.
PIP := $(BIN)/pip

CALLS := $(CURDIR)/build/calls
OFFLINE := --skip-download --quiet --compact

# $(call quietly,COMMAND): run it silently; show what it said only if it fails.
quietly = said=$$($(1) 2>&1) || { printf '%s\n' "$$said" >&2; exit 1; }

.PHONY: help
help: ## print this list
	@sed -nE 's/^([a-z-]+):[^#]*## (.*)/\1\t\2/p' $(firstword $(MAKEFILE_LIST)) | expand -t 14

.PHONY: setup
setup: .venv/.installed ## create .venv with the locked tools and fanfold itself, editable
	@:

.venv/.installed: .venv/.locked pyproject.toml hatch_build.py
	@echo "setup: fanfold, editable"
	@$(call pip,.venv) --no-build-isolation --editable .
	@touch $@

$(PIP):
	@$(PYTHON) -m venv --clear .venv

.venv/.locked: requirements/dev.txt | $(PIP)
	@$(call venv,.venv,$<)
	@touch $@

.venv-bench/.locked: requirements/bench.txt | $(PIP)
	@$(call venv,.venv-bench,$<)
	@touch $@

.venv-sdk2/.locked: requirements/sdk2.txt | $(PIP)
	@$(call venv,.venv-sdk2,$<)
	@touch $@

.venv-sdk3/.locked: requirements/sdk3.txt | $(PIP)
	@$(call venv,.venv-sdk3,$<)
	@touch $@

TORCH := 2.13.0
NO_TORCH := torch $(TORCH) doesn't run here: lead pip to its build for the CPU (PIP_FIND_LINKS, PIP_EXTRA_INDEX_URL)

.venv-recipes/.locked: requirements/recipes.txt pyproject.toml | $(PIP)
	@$(call venv,.venv-recipes,$<)
	@# Apart from what is locked: the build without CUDA isn't on every index, and the other one comes with gigabytes.
	@$(call pip,.venv-recipes) torch==$(TORCH)
	@.venv-recipes/bin/python -c "import torch" || { echo "recipes: $(NO_TORCH)" >&2; exit 1; }
	@$(call pip,.venv-recipes) --no-build-isolation --editable .
	@touch $@

.venv-container/.locked: requirements/container.txt .venv-recipes/.locked | $(PIP)
	@$(call venv,.venv-container,$<)
	@# PyTorch is that of the recipes: the container's own is a gigabyte of its own.
	@cd .venv-recipes/lib/python3*/site-packages && pwd > "$$(echo $(CURDIR)/.venv-container/lib/python3*/site-packages)/torch.pth"
	@.venv-container/bin/python -c "import torch"
	@touch $@

.venv-sam/.locked: requirements/sam.txt | $(PIP)
	@$(call venv,.venv-sam,$<)
	@touch $@

.venv-checkov/.locked: requirements/checkov.txt | $(PIP)
	@$(call venv,.venv-checkov,$<)
	@touch $@

.venv-docs/.locked: requirements/docs.txt | $(PIP)
	@$(call venv,.venv-docs,$<)
	@touch $@

.venv-supply/.locked: requirements/supply.txt | $(PIP)
	@$(call venv,.venv-supply,$<)
	@touch $@

# Ministack runs the functions with its own Python: with Lambda's, where there is one.
.venv-witness/.locked: PYTHON := $(shell PYENV_VERSION=3.13 python3.13 -c 'import sys; print(sys.executable)' 2>/dev/null || echo $(PYTHON))
.venv-witness/.locked: requirements/witness.txt | $(PIP)
	@$(call venv,.venv-witness,$<)
	@touch $@

.venv-cdk/.locked: requirements/cdk.txt | $(PIP)
	@$(call venv,.venv-cdk,$<)
	@touch $@

build/witness/.locked: tests/witness/package.json tests/witness/package-lock.json
	@echo "setup: build/witness from tests/witness/package-lock.json"
	@command -v npm >/dev/null || { echo "dynalite needs npm, which comes with Node.js" >&2; exit 1; }
	@mkdir -p $(@D) && cp $^ $(@D)
	@cd $(@D) && $(call quietly,npm ci --no-audit --no-fund --ignore-scripts)
	@touch $@

# $(call venv,FOLDER,REQUIREMENTS): an environment with exactly these versions; one that exists is kept.
define venv
echo "setup: $(1) from $(2) (a minute the first time)"
$(PYTHON) -c 'import sys; sys.exit("Python 3.11 or later is needed: make PYTHON=…" if sys.version_info < (3, 11) else 0)'
test -x $(1)/bin/python || $(PYTHON) -m venv --without-pip --clear $(1)
$(call pip,$(1)) --no-compile --require-hashes --requirement $(2)
endef

# $(call pip,FOLDER): install into an environment.
pip = $(PIP) --python $(1)/bin/python install --quiet --disable-pip-version-check --no-deps

.PHONY: environments
environments: setup $(patsubst %,.venv-%/.locked,recipes container sam checkov sdk2 sdk3 docs supply witness) ## create all environments for checks and tests; -j2 creates two at a time
	@:

.PHONY: demo
demo: setup ## label the sample texts in the local cloud and show the results
	@$(BIN)/fanfold run samples/texts.csv --out out/demo
	@echo "out/demo/results.csv:"
	@head -n 6 out/demo/results.csv

.PHONY: test
test: setup ## run the tests; ARGS goes to pytest
	@rm -rf $(CALLS) && mkdir -p $(CALLS)
	@FANFOLD_CALLS=$(CALLS) $(BIN)/pytest -q -n $$(($$(getconf _NPROCESSORS_ONLN) + 2)) --dist worksteal $(ARGS)
	@# Only the whole suite makes use of every permission.
	@$(if $(ARGS),,$(BIN)/python scripts/unused_permissions.py $(CALLS))

.PHONY: test-calendar
test-calendar: setup ## run the tests 400 days ahead and on a 29 February, elsewhere (needs cc); ARGS goes to pytest
	@scripts/calendar $(or $(ARGS),-n auto --dist worksteal)

.PHONY: browser
browser: setup ## run the browser tests in Chromium; ARGS goes to pytest
	@command -v chromium >/dev/null || { echo "browser: needs Chromium, e.g. apt-get install chromium" >&2; exit 1; }
	@$(BIN)/pytest -q -m browser tests/browser $(ARGS)

.PHONY: ecosystem
ecosystem: setup .venv-sdk2/.locked .venv-sdk3/.locked ## test boto3, the AWS CLI and both SageMaker SDKs with a local cloud
	@$(BIN)/pytest -q -m ecosystem tests/ecosystem $(ARGS)

.PHONY: recipes
recipes: setup .venv-recipes/.locked ## run the commands of docs/recipes.md with tiny models, and llama.cpp's server; ARGS goes to pytest
	@$(BIN)/pytest -q -m recipes tests/recipes $(ARGS)

.PHONY: container
container: setup .venv-container/.locked ## test with the packages of Hugging Face's inference container and tiny models (needs Java); ARGS goes to pytest
	@command -v java >/dev/null || { echo "container: needs Java, e.g. apt-get install openjdk-17-jre-headless" >&2; exit 1; }
	@$(BIN)/pytest -q -m container tests/container $(ARGS)

.PHONY: test-wheel
test-wheel: setup ## test the wheel, without and with the local cloud; ARGS goes to pytest
	@$(BIN)/pytest -q -m wheel tests/infrastructure/test_wheel.py $(ARGS)

.PHONY: test-supply
test-supply: setup .venv-supply/.locked ## build the layers twice, and test bills and audit (needs Python 3.13); ARGS goes to pytest
	@$(BIN)/pytest -q -m supply tests/infrastructure $(ARGS)

.PHONY: test-docs
test-docs: setup .venv-sdk2/.locked .venv-sam/.locked .venv-docs/.locked ## run all commands in README and docs; ARGS goes to pytest
	@$(BIN)/pytest -q -n auto --dist worksteal -m docs tests/docs $(ARGS)

.PHONY: soak-events
soak-events: setup ## send more than 10,000 malformed events through the real handlers
	@$(BIN)/pytest -q -n auto --hypothesis-profile=soak --hypothesis-show-statistics tests/functions/test_hostile_events.py $(ARGS)

.PHONY: soak-machine
soak-machine: setup ## run JOBS=50000 of arbitrary files, options and models through the real handlers (20 minutes)
	@JOBS=$(or $(JOBS),50000) $(BIN)/pytest -q -n auto --hypothesis-profile=soak-machine tests/pipeline/test_machine.py $(ARGS)

.PHONY: hostile
hostile: setup ## attack a local cloud and its console: few files, killed processes, full disks, proxies, clocks, … (ten minutes)
	@status=0; for script in $$(cd tests/hostile && grep -l __main__ *.py); do \
	  $(BIN)/python -m tests.hostile.$${script%.py} || status=1; \
	done; exit $$status

.PHONY: crash-sweep
crash-sweep: setup ## crash a function before and after each of its calls; AWS=moto: each of its AWS calls (minutes)
	@$(BIN)/python -m tests.simulation crashes --aws $(or $(AWS),memory)

.PHONY: soak
soak: setup ## run random fault schedules: SEEDS=10000; FROM=5000 for a part; AWS=moto with the AWS adapters
	@$(BIN)/python -m tests.simulation soak $(or $(SEEDS),1000) --first $(or $(FROM),0) --aws $(or $(AWS),memory)

# Other people's work, where it can be installed; what is missing is skipped in a word of its own, and exit code 3.
.PHONY: witness
witness: setup ## compare with other people's AWS, policies, SAM, CDK, binaries and models (Python 3.13, Node.js); SEEDS=100, ARGS for some
	@for needed in .venv-witness/.locked build/witness/.locked .venv-sam/.locked $(if $(or $(filter cdk,$(ARGS)),$(if $(ARGS),,all)),.venv-cdk/.locked) build; do \
	  $(MAKE) --silent $$needed || echo "witness: $$needed could not be made; who needs it is skipped" >&2; \
	done
	@SEEDS=$(or $(SEEDS),10) EVERY=$(or $(EVERY),100) $(BIN)/python -m tests.witness $(ARGS)

.PHONY: check
check: lint types arrows validate docs sbom ## run all static checks

.PHONY: lint
lint: setup ## check style and common mistakes (ruff)
	@echo "check: ruff"
	@$(BIN)/ruff check --quiet
	@$(BIN)/ruff format --quiet --check || { echo "not formatted: $(BIN)/ruff format" >&2; exit 1; }

.PHONY: types
types: setup ## check types (mypy, strict)
	@echo "check: mypy"
	@$(call quietly,$(BIN)/mypy)

.PHONY: arrows
arrows: setup ## check imports (import-linter)
	@echo "check: imports"
	@$(call quietly,$(BIN)/lint-imports)

.PHONY: validate
validate: setup .venv-sam/.locked .venv-checkov/.locked ## check the template (cfn-lint, sam, checkov), and all files for secrets (checkov)
	@echo "check: template"
	@$(BIN)/cfn-lint template.yaml
	@$(BIN)/python scripts/known_resources.py
	@$(call quietly,$(SAM) validate --lint)
	@$(call quietly,$(CHECKOV) --framework cloudformation $(OFFLINE) --file template.yaml)
	@echo "check: secrets"
	@$(call quietly,$(CHECKOV) --framework secrets $(OFFLINE) --file $$(git ls-files --cached --others --exclude-standard))

.PHONY: docs
docs: .venv-docs/.locked ## build the documentation in build/docs/index.html; a warning is an error
	@echo "check: documentation"
	@.venv-docs/bin/sphinx-build --quiet --nitpicky --fail-on-warning --doctree-dir build/doctrees docs build/docs

.PHONY: sbom
sbom: setup .venv-supply/.locked ## write bills of materials (CycloneDX) and licences into build/sbom; a licence that isn't allowed is an error
	@echo "check: licences"
	@$(BIN)/python scripts/sbom.py

.PHONY: audit
audit: setup .venv-supply/.locked ## look for known vulnerabilities of what ships (pip-audit); skipped without a network
	@$(BIN)/python scripts/audit.py

.PHONY: build
build: setup .venv-sam/.locked ## build functions and layers for Lambda (sam build)
	@echo "build: .aws-sam/build"
	@# SAM builds again what changed, and an interpreter's caches beside the sources would count as a change.
	@find functions layers -name __pycache__ -type d -prune -exec rm -r {} +
	@$(call quietly,PYTHON=$(CURDIR)/$(BIN)/python $(SAM) build)

.PHONY: sam-local
sam-local: setup build ## invoke the built functions in Lambda's containers, against a local cloud
	@$(BIN)/python scripts/sam_local.py

.PHONY: bench
bench: setup .venv-bench/.locked ## run all benchmarks and write docs/performance.md (ten minutes on an idle machine; needs cc and wrk)
	@$(BIN)/python benchmarks/page.py

.PHONY: bench-models
bench-models: setup .venv-container/.locked ## run the benchmarks of models in the container and write their part of docs/performance.md (ten minutes on an idle machine; needs Java)
	@cd benchmarks && ../$(BIN)/python -m models.section

.PHONY: lock
lock: setup ## update all requirements files; ARGS=--upgrade raises the versions
	@scripts/lock $(ARGS)

.PHONY: clean
clean: ## remove build output and caches, but not environments
	@rm -rf .aws-sam build dist out .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache
	@find . -path './.venv*' -prune -o -name __pycache__ -type d -prune -exec rm -r {} +
