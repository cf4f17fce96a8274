# Two commands matter: `make demo` and `make test`. Each sets up what it needs, from a fresh clone.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
READY  := $(VENV)/.ready

# A module is compiled once and kept, whatever the shell says: the tests start hundreds of processes.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: demo serve test test-fast test-security test-deep years test-tools coverage screenshots docs check bench bundle lock clean

demo: $(READY)
	$(BIN)/python demo/walk.py

# Both sites of the demo, with its data, until Ctrl-C; the addresses and who can sign in are printed.
serve: $(READY)
	$(BIN)/python demo/serve.py

# Which tests run when, and why: docs/tests.md. `make test T=tests/calm` runs a part, and so do the other two.
T      ?= tests
PYTEST := $(BIN)/pytest -n 3 --dist worksteal --durations=20 --durations-min=1

# After each change: no process, no browser, no PostgreSQL. A minute.
test-fast: $(READY)
	$(PYTEST) --tier fast $(T)

test: $(READY) test-tools
	$(PYTEST) $(T)

# Each attack that was possible once: it must fail. Minutes; `make test` runs it too, with fewer random tries and without
# the floods of 20 seconds.
test-security: $(READY) test-tools
	$(PYTEST) --tier deep -m security $(T)

# The same with thousands of random histories and tries, 200 kills, each write and fsync made to fail in turn, ten
# minutes of load, and all of CALM on PostgreSQL too: hours. From a new seed each time; CARNET_SEED=... plays one again.
test-deep: $(READY) test-tools
	$(PYTEST) --tier deep $(T)
	$(PYTEST) --tier deep --database postgresql tests/calm
	$(BIN)/python -m tests.support.coverage_floor

# Thirty years of twenty sites, and 200 lives of every fate: each door of both sides against an independent account of
# what is true. Part of `make test-deep`; `make test` runs a short form of it.
years: $(READY)
	$(BIN)/pytest -n 2 --dist worksteal --tier deep tests/years

# Lines and branches that the fast tests reach; 95 % at least of what decides.
coverage: $(READY)
	$(BIN)/python -m tests.support.coverage_floor

test-tools: $(READY)
	$(BIN)/python -m tests.support.browser
	$(BIN)/python -m tests.support.directory
	$(BIN)/python -m tests.support.nginx
	$(BIN)/python -m bundle.wheels

# Every page, light and dark, in three widths, into the ignored folder `screenshots`; and those of the README.
screenshots: $(READY)
	$(BIN)/python -m tests.support.browser
	$(BIN)/python -m tests.browser.screenshots

# The SDK's interface as pages, into the ignored folder `api-docs`. A test runs the same line; warnings are errors.
docs: $(READY)
	$(BIN)/python -W error -m pdoc --docformat google --no-show-source --no-search --output-directory api-docs carnet.sdk

check: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/djangofmt --check --quiet src tests
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m tests.support.house

bench: $(READY)
	$(BIN)/python -m bench

$(READY): requirements/dev.txt pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes --only-binary :all: -r requirements/dev.txt
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	touch $@

# Needs uv; writes hashed requirements with no address in them. What is delivered is what is tested: dev.txt, first.
LOCK := uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
  --no-emit-find-links --no-header --no-annotate
lock:
	$(LOCK) requirements/dev.in -o requirements/dev.txt
	for set in installer sdk site runtime ldap; do \
	  $(LOCK) --constraint requirements/dev.txt requirements/$$set.in -o requirements/$$set.txt; \
	done

# What a closed site installs, into dist/, signed with KEY=FILE (python -m bundle --make-key FILE); without it a key
# to try out is made.
bundle: $(READY)
	$(BIN)/python -m bundle $(if $(KEY),--key $(KEY)) $(BUNDLE)

clean:
	rm -rf $(VENV) demo/calm demo/site demo/gap demo/secrets demo/portal screenshots api-docs
