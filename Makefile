# One entry point for people and for CI. `make` lists the targets.
#
# Environments are made on first use and kept until their lock file changes:
#   .venv          gatekit with its tests and linters; holds no torch, which proves that the gate needs none
#   .venv-runners  the CPU runners: torch, transformer-lens, sae-bench
#   .venv-docs     what builds the documentation's site; only `make site` makes it
#
# PYTHON           the interpreter that makes them: 3.11 or newer, for the runners 3.11 or 3.12
# TORCH_CPU_INDEX  a package index with CPU builds of torch, for machines whose default index serves CUDA builds only
# TEST_PROCESSES   how many processes share a suite's tests: one a core, four at most; 0 runs them in one, one after the other

PYTHON ?= python3
TORCH_CPU_INDEX ?=
TEST_PROCESSES ?= auto

SHELL = /bin/sh
.DELETE_ON_ERROR:
.NOTPARALLEL:
.DEFAULT_GOAL = help

# Neither the caller's modules nor the network may decide a result.
unexport PYTHONPATH PYTHONHOME VIRTUAL_ENV
# Many tests start the command as a process, which would compile all its modules each time.
unexport PYTHONDONTWRITEBYTECODE
export PIP_DISABLE_PIP_VERSION_CHECK = 1
export PIP_NO_INPUT = 1
export PIP_ROOT_USER_ACTION = ignore
OFFLINE = HF_HUB_OFFLINE=1 TRANSFORMERS_OFFLINE=1 HF_DATASETS_OFFLINE=1 WANDB_MODE=disabled TOKENIZERS_PARALLELISM=false

GATE = .venv/.ready
RUNNERS = .venv-runners/.ready
GATEKIT = .venv/bin/gatekit
RUN = $(OFFLINE) .venv-runners/bin/python -m runners
# Tests of one file stay together until a process has none left, so that they share what is made once a file.
SHARED = -n $(TEST_PROCESSES) --maxprocesses 4 --dist worksteal

DEMO = runs/demo
SMOKE = runs/smoke
EVIDENCE = evidence

.PHONY: help
help:  ## list the targets
	@sed -n 's/^\([a-z-]*\):.*  ## \(.*\)/\1|\2/p' Makefile | awk -F'|' '{ printf "  make %-20s %s\n", $$1, $$2 }'

.PHONY: demo
demo: $(GATE) $(RUNNERS)  ## measure two SAE architectures on a small real model, choose one, gate it, write its dossier
	rm -rf $(DEMO)
	$(RUN) candidates --config runners/configs/candidates/demo.yaml --out $(DEMO)/evidence
	@$(call released,$(DEMO))
	@echo 'Next: edit policies/exploratory.yaml, then ask again; nothing is measured anew:'
	@echo '  $(GATEKIT) check --policy policies/exploratory.yaml --evidence $(DEMO)/evidence --candidate $(DEMO)/selection/candidate.json'

.PHONY: smoke
smoke: $(GATE) $(RUNNERS)  ## the same path at the smallest size, in two minutes; its verdict means nothing
	rm -rf $(SMOKE)
	$(RUN) candidates --smoke --out $(SMOKE)/evidence
	@$(call released,$(SMOKE))

# Trained in half a minute on two cores: the subject of the cycle that has a loss to recover.
models/causal-small: | $(RUNNERS)
	$(OFFLINE) .venv-runners/bin/python -m runners.subjects.causal_model_training --out $@ --d-model 64 --layers 2 \
	  --heads 2 --vocabulary 1024 --context 64 --batch 16 --steps 150 --texts 6000

.PHONY: cycle-demo
cycle-demo: $(GATE) $(RUNNERS) models/causal-small  ## a whole programme as one plan, at small size: pilot, stop rules, full seeds, selection
	$(OFFLINE) .venv-runners/bin/gatekit cycle run cycle-4-small --cache runs/cache; code=$$?; \
	.venv-runners/bin/gatekit cycle status cycle-4-small; .venv-runners/bin/gatekit cycle report cycle-4-small; \
	echo "exit code $$code: what SAEs of this size are judged as means nothing"; test $$code -le 3

# make itself reports 2 for every failed recipe, so the gate's own exit code is printed as well.
.PHONY: release-gate-strict
release-gate-strict: $(GATE)  ## the best of the committed candidates against the release policy; fails unless it passes
	@$(GATEKIT) select $(EVIDENCE)/minilm --policy policies/exploratory.yaml --out runs/release --replace; code=$$?; \
	if [ $$code -eq 0 ]; then \
	$(GATEKIT) check --policy policies/exploratory.yaml --policy policies/release.yaml --evidence $(EVIDENCE)/minilm \
	--candidate runs/release/candidate.json; \
	code=$$?; fi; echo "exit code $$code"; exit $$code

.PHONY: evidence
evidence: $(RUNNERS)  ## measure again what is committed below evidence/ and not fresh; resumable; FOLDERS='stability scaling' for some
	@$(OFFLINE) .venv-runners/bin/python benchmarks/measure_evidence.py $(FOLDERS)

.PHONY: schemas
schemas: $(GATE)  ## write schemas/*.schema.json from the tables of gatekit/kinds/ and of gatekit/policy/operators.py
	.venv/bin/python -m gatekit.kinds.publishing schemas
	.venv/bin/python -m gatekit.policy.publishing schemas

.PHONY: test
test: test-gate test-runners  ## every test but the slow ones and those that need a GPU

.PHONY: test-gate
test-gate: $(GATE)  ## the gate's tests, where no torch is installed
	.venv/bin/python -m pytest $(SHARED) -m "not slow and not gpu and not runners" --ignore=tests/runners

.PHONY: test-runners
test-runners: $(RUNNERS)  ## the runners' tests, on the CPU and offline
	$(OFFLINE) .venv-runners/bin/python -m pytest $(SHARED) -m "not slow and not gpu" tests/runners

.PHONY: format-peers
format-peers: $(RUNNERS)  ## install the libraries that tests of checkpoint formats compare with; without them those are skipped
	.venv-runners/bin/pip install -qq --no-deps -r requirements/formats-peers.txt

.PHONY: test-slow
test-slow: $(GATE) $(RUNNERS)  ## the slow tests of both
	.venv/bin/python -m pytest -m "slow and not gpu and not runners" --ignore=tests/runners --ignore=tests/act
	$(OFFLINE) .venv-runners/bin/python -m pytest -m "slow and not gpu" tests/runners

.venv/bin/act: requirements/act.txt | $(GATE)
	.venv/bin/pip install -qq --require-hashes --no-deps -r $<
	@touch $@

.PHONY: test-act
test-act: .venv/bin/act  ## the journeys of docs/github.md through nektos/act, with a table of their seconds
	.venv/bin/python -m pytest -m slow tests/act

.PHONY: test-act-in-ci
test-act-in-ci: .venv/bin/act  ## of these the few that .ci/run takes, in a minute
	.venv/bin/python -m pytest -m in_ci tests/act

.PHONY: lint lint-python lint-yaml lint-workflows lint-shell lint-claims
lint: lint-python lint-yaml lint-workflows lint-shell lint-claims  ## ruff, mypy, yamllint, zizmor, schemas, shellcheck, claims

# The gate is checked as it is installed, without torch; the runners against the packages that they call. Both at once,
# each beside its own memory of the last time.
lint-python: $(GATE) $(RUNNERS)
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/mypy & gate=$$!; \
	.venv/bin/mypy --cache-dir .mypy_cache/runners --python-executable .venv-runners/bin/python --package runners; code=$$?; \
	wait $$gate && exit $$code

lint-yaml: $(GATE)
	.venv/bin/yamllint --strict .

lint-workflows: $(GATE)
	.venv/bin/zizmor --offline --no-progress --quiet .github/workflows action.yml comment/action.yml
	.venv/bin/check-jsonschema --builtin-schema vendor.github-workflows .github/workflows/*.yml
	.venv/bin/check-jsonschema --builtin-schema custom.github-workflows-require-timeout .github/workflows/*.yml
	.venv/bin/check-jsonschema --builtin-schema vendor.github-actions action.yml comment/action.yml

lint-shell: $(GATE)
	.venv/bin/shellcheck .ci/run requirements/lock.sh requirements/install-gate.sh requirements/find-python.sh

# Our own README is held to its evidence like any other.
lint-claims: $(GATE)
	$(GATEKIT) lint
	$(GATEKIT) cycle lint --strict
	$(GATEKIT) claims check

.PHONY: site
site: .venv-docs/.installed  ## build the documentation into site/; a broken link fails it, and so does a request to another host
	NO_MKDOCS_2_WARNING=1 .venv-docs/bin/mkdocs --quiet build --strict --site-dir site
	@echo 'Read it: open site/index.html in a browser'

.PHONY: release-check
release-check: $(GATE)  ## build HEAD twice into dist/, byte for byte alike, with its bill of materials and digests
	rm -rf dist
	.venv/bin/python -m release.build dist

.PHONY: environments
environments: $(GATE) $(RUNNERS)  ## make .venv and .venv-runners now

.PHONY: lock
lock:  ## write the lock files from pyproject.toml (needs uv; LOCK_FLAGS=--upgrade takes the newest)
	requirements/lock.sh

.PHONY: clean
clean:  ## remove build outputs, caches and runs/
	rm -rf build dist site runs .pytest_cache .mypy_cache .ruff_cache .hypothesis *.egg-info
	find . -name __pycache__ -type d -not -path './.venv*' -prune -exec rm -rf {} +

.PHONY: distclean
distclean: clean  ## clean, and remove the environments
	rm -rf .venv .venv-runners .venv-docs

# released FOLDER: choose a candidate by what the release policy asks, judge it, and write its dossier beside its evidence.
# Nobody announced it, so it is exploratory. Where no candidate can be chosen, judge the first. A pass, a block or an open
# question is a result; only a run that decided nothing is an error.
define released
$(GATEKIT) select $(1)/evidence --policy policies/exploratory.yaml --out $(1)/selection; code=$$?; \
case $$code in \
0) $(GATEKIT) dossier --policy policies/exploratory.yaml --evidence $(1)/evidence \
--candidate $(1)/selection/candidate.json --out $(1)/dossier >/dev/null; \
$(GATEKIT) check --policy policies/exploratory.yaml --evidence $(1)/evidence \
--candidate $(1)/selection/candidate.json --verbose; code=$$?; echo "exit code $$code"; \
echo 'dossier: $(1)/dossier/index.html';; \
2|3) $(GATEKIT) check --policy policies/exploratory.yaml --evidence $(1)/evidence/topk --verbose; code=$$?; echo "exit code $$code";; \
*) echo "exit code $$code";; esac; \
case $$code in 0|2|3|5) ;; *) exit $$code ;; esac
endef

# fresh_venv DIR,LOWEST,HIGHEST: a new environment, or one line that says which minor versions of Python 3 it can have.
define fresh_venv
$(PYTHON) -c 'import sys; v = sys.version_info; sys.exit(v[0] != 3 or not $(2) <= v[1] <= $(3))' || \
{ echo "make: $(1) needs Python 3.$(2)$(if $(filter 99,$(3)), or newer, to 3.$(3)), but $(PYTHON) is $$($(PYTHON) -V 2>&1);" \
'name another with PYTHON=...' >&2; exit 1; }; \
rm -rf $(1) && $(PYTHON) -m venv $(1)
endef

# compiled DIR,FOLDERS: the bytecode of modules, made on all cores, where pip has one. What cannot be compiled (templates
# and tests of packages) is not imported either.
define compiled
$(1)/bin/python -m compileall -qq -j 0 $(2) || :
endef

.venv/.installed: requirements/dev.lock
	@echo 'make: .venv from $<'
	@$(call fresh_venv,.venv,11,99)
	@.venv/bin/pip install -qq --require-hashes --no-deps --no-compile -r $<
	@$(call compiled,.venv,.venv/lib)
	@touch $@

.venv-runners/.installed: requirements/runners-cpu.lock
	@echo 'make: .venv-runners from $< (torch alone is 200 MB; minutes on a slow line)'
	@$(call fresh_venv,.venv-runners,11,12)
	@$(if $(TORCH_CPU_INDEX),.venv-runners/bin/pip install -qq --no-deps --index-url '$(TORCH_CPU_INDEX)' "$$(grep -o '^torch==[0-9.]*' $<)")
	@.venv-runners/bin/pip install -qq --no-deps --no-compile -r $<
	@$(call compiled,.venv-runners,.venv-runners/lib)
	@.venv-runners/bin/python -c 'import torch' || \
	{ echo 'make: torch does not import; set TORCH_CPU_INDEX to an index that serves its CPU builds (CONTRIBUTING.md)' >&2; exit 1; }
	@touch $@

.venv-docs/.installed: requirements/docs.lock
	@echo 'make: .venv-docs from $<'
	@$(call fresh_venv,.venv-docs,11,99)
	@.venv-docs/bin/pip install -qq --require-hashes --no-deps -r $<
	@touch $@

# The editable install carries the entry points, so it follows pyproject.toml.
.venv/.ready .venv-runners/.ready: %/.ready: %/.installed pyproject.toml
	@$*/bin/pip install -qq --no-deps --no-build-isolation -e .
	@$(call compiled,$*,gatekit gatekit_husai runners)
	@touch $@
