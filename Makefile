# Everything starts here; `make help` lists it. Works from any folder, as root and as anyone else.
.DEFAULT_GOAL := help
.PHONY: help setup setup-dev run test check bench screenshots clean

BIN := .venv/bin

# The newest suitable Python on the PATH; `make PYTHON=/path/to/python3 setup` chooses another.
PYTHON ?= $(shell for name in python3 python3.14 python3.13 python3.12 python3.11; do \
	if "$$name" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; \
	then echo "$$name"; break; fi; done)
SETUP = $(if $(strip $(PYTHON)),,echo "DataSync needs Python 3.11 or newer as python3. Install it, \
	then try again." >&2; exit 1;) "$(PYTHON)" webapp/cli/setup_environment.py

help: ## Show this list
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1\t\2/p' Makefile | expand -t 20

setup: ## Install everything the program needs (quick when it is there already)
	@$(SETUP)

setup-dev: ## The same with the test tools and a Chromium
	@$(SETUP) --dev

run: setup ## Start everything and print where to open it (options: make run ARGS="--port 8080")
	@$(BIN)/datasync serve $(ARGS)

check: setup-dev ## Lint, types and import contracts
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

# Each has a PostgreSQL and a Valkey of its own.
TESTERS ?= 2

test: setup-dev ## Run every check and every test (options: make test ARGS="-k upload" TESTERS=4)
	@status=0; \
	$(MAKE) --no-print-directory check || status=1; \
	$(BIN)/python -m pytest -n $(TESTERS) --dist worksteal $(ARGS) || status=1; \
	exit $$status

bench: setup-dev ## Measure speed and memory; writes docs/performance.md
	$(BIN)/python -m bench $(ARGS)

screenshots: setup-dev ## Take the README's pictures anew
	$(BIN)/python docs/screenshots.py

clean: ## Remove what setup made (not the data in var/)
	rm -rf .venv .setup node_modules webapp/static/vendor
