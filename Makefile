# Every target sets itself up first: with uv where it works, otherwise with venv and pip. (Windows: README, "Without make".)
# Choices: make test PYTHON=python3.12   make setup EXTRAS=test,notebooks,cuda13   make soak MINUTES=5
VENV ?= .venv
EXTRAS ?= test,notebooks
PYTHON ?=
MINUTES ?= 30
FUZZ_MINUTES ?= 10
ARGS ?=
PEER ?=
PROOFS := tests/kernels/test_gpu_kernels.py tests/kernels/test_fused_cuda.py tests/kernels/test_cudnn_plans.py \
  tests/kernels/test_gpu_network.py tests/test_strict_device.py tests/test_gpu_names.py tests/programs/test_step_graph.py \
  tests/data/test_studio.py tests/data/test_changes.py tests/programs/test_easel.py
AXE := build/axe-core/axe.min.js

comma := ,
# The extra `bench` is PyTorch, for the processor alone where uv can choose.
ifeq ($(PEER),torch)
override EXTRAS := $(EXTRAS),bench
CPU_ONLY := --torch-backend cpu
endif
PY := $(VENV)/bin/python
STAMP := $(VENV)/.stamp-$(subst $(comma),-,$(EXTRAS))
RECENT := -c 'import sys; sys.exit(sys.version_info < (3, 11))'
# `uv --version` and not `command -v uv`: the shim of a version manager can be found and still not run. The branch is chosen
# before anything runs: with `uv ... || pip ...` a failing uv would fall through to a pip that its environment does not have.
UV := $(shell uv --version >/dev/null 2>&1 && echo uv)
# An environment whose Python has gone (moved, upgraded away) is made anew.
GONE := $(shell $(PY) $(RECENT) >/dev/null 2>&1 || rm -f $(VENV)/.stamp-*)

.DEFAULT_GOAL := help
.PHONY: help setup demo test lab bench notebooks book html book-check book-pages gpu-check gpu-proof gpu-proof-run soak endure matrix fuzz weights lint clean

help: ## Show this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-10s %s\n", $$1, $$2}'

$(STAMP): pyproject.toml
ifeq ($(UV),)
	@$(PY) $(RECENT) 2>/dev/null || { \
	  for python in $(PYTHON) python3 python3.13 python3.12 python3.11; do \
	    "$$python" $(RECENT) 2>/dev/null && found="$$python" && break; \
	  done; \
	  test -n "$$found" || { echo "mgcbook needs Python 3.11 or newer: install it, or say where it is: make PYTHON=/path/to/python3"; exit 1; }; \
	  echo "making $(VENV) with $$found (venv and pip; a minute or two)"; \
	  "$$found" -m venv $(VENV) || { echo "python3 -m venv failed; on Debian and Ubuntu: sudo apt-get install python3-venv"; exit 1; }; }
	@$(PY) -m pip --version >/dev/null 2>&1 || $(PY) -m ensurepip -q
	@$(PY) -m pip install -q --disable-pip-version-check -e '.[$(EXTRAS)]'
else
	@$(PY) $(RECENT) 2>/dev/null || { echo "making $(VENV) with uv"; $(UV) venv -q --allow-existing --python '$(or $(PYTHON),>=3.11)' $(VENV); }
	@$(UV) pip install -q -p $(PY) $(CPU_ONLY) -e '.[$(EXTRAS)]'
endif
	@touch $@

setup: $(STAMP) ## Make .venv and install everything
demo: $(STAMP) ## Train, evaluate and fit a photograph in minutes; pictures in runs/demo/index.html
	@$(PY) -m mgcbook demo $(ARGS)
test: $(STAMP) ## Run the tests (ARGS='-m "not slow"' leaves the long ones out)
	@$(PY) -m pytest -q $(ARGS)
lab: $(STAMP) ## Open the notebooks in JupyterLab
	@$(PY) -m jupyterlab notebooks $(ARGS)
bench: $(STAMP) ## Measure everything that has a goal; with PyTorch beside it: make bench PEER=torch
	@$(PY) -m mgcbook bench $(ARGS)
notebooks: $(STAMP) ## Build and execute the notebooks whose source in notebooks/src changed
	@$(PY) -m mgcbook.book.build $(ARGS)
book: ## Build changed notebooks, then the book as web pages in build/book/index.html (needs no network once set up)
	@$(MAKE) --no-print-directory EXTRAS=test,notebooks,book notebooks html
html: $(STAMP)
	@$(PY) docs/book/make.py
book-check: ## Open every page of the book in Chromium: links, search, sliders, accessibility (needs chromium, and npm once)
	@$(MAKE) --no-print-directory EXTRAS=test,notebooks,book,browser book-pages
book-pages: $(STAMP) $(AXE)
	@$(PY) docs/book/make.py
	@MGCBOOK_BOOK_CHECK=1 $(PY) -m pytest -q tests/book/test_html.py tests/book/test_viewer.py $(ARGS)
$(AXE):
	@npm --version >/dev/null 2>&1 || { echo "npm is needed once, to fetch axe-core, which checks accessibility"; exit 1; }
	@mkdir -p $(@D) && cd $(@D) && tar xzf "$$(npm pack axe-core@4 2>/dev/null | tail -1)" --strip-components=1 package/axe.min.js package/LICENSE
gpu-proof: ## Prove what can be proven of the GPU code without a GPU: compile, plan, simulate (2 GB in .venv-gpu; minutes)
	@$(MAKE) --no-print-directory VENV=.venv-gpu EXTRAS=gpu-proof gpu-proof-run
gpu-proof-run: $(STAMP)
	@$(PY) -m pytest -q -rs -m "not gpu" $(PROOFS) $(ARGS)
	@NUMBA_ENABLE_CUDASIM=1 $(PY) -m pytest -q tests/programs/test_step_graph.py -k "one_step" $(ARGS)
gpu-check: $(STAMP) ## Check and measure all about the GPU: benchmarks/gpu, 8 minutes (first: make setup EXTRAS=test,notebooks,cuda13)
	@$(PY) benchmarks/gpu_check.py $(ARGS)
soak: $(STAMP) ## Train for MINUTES (30) and check that memory and step time stay flat
	@$(PY) benchmarks/soak.py --minutes $(MINUTES) $(ARGS)
endure: $(STAMP) ## Kill the classroom training twenty times and compare all bits with an undisturbed run (minutes)
	@$(PY) -m pytest -q -s tests/endurance $(ARGS)
matrix: $(STAMP) ## Run the tests under every Python found, with the newest and the lowest allowed versions (runs/matrix; long)
	@$(PY) tests/matrix.py $(ARGS)
fuzz: $(STAMP) ## Give damaged files to every reader for FUZZ_MINUTES (10); findings in runs/fuzz
	@$(PY) -m tests.fuzz --minutes $(FUZZ_MINUTES) $(ARGS)
weights: $(STAMP) ## Train a small network that finds faces without landmarks, for this copy of the package (four hours)
	@$(PY) -m mgcbook train --preset portable-start --run runs/portable-start $(ARGS)
	@$(PY) -m mgcbook train --preset portable-middle --run runs/portable-middle $(ARGS)
	@$(PY) -m mgcbook train --preset portable --run runs/portable $(ARGS)
	@$(PY) -m mgcbook pack runs/portable mgcbook/weights/network.safetensors
	@$(PY) -m mgcbook study report --no-figures
lint: $(STAMP) ## Check the style with ruff
	@$(PY) -m ruff --version >/dev/null 2>&1 || { echo "ruff is in the extra 'dev': make setup EXTRAS=dev"; exit 1; }
	@$(PY) -m ruff check .
clean: ## Remove .venv (runs/ stays)
	rm -rf $(VENV)
