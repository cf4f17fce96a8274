# Two commands matter: `make demo` and `make test`. Each sets up what it needs, from a fresh clone.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
READY  := $(VENV)/.ready

.PHONY: demo serve test screenshots histories test-crash soak check bench bundle lock clean

demo: $(READY)
	$(BIN)/python demo/walk.py

# Both sites of the demo, with its data, until Ctrl-C; the addresses and who can sign in are printed.
serve: $(READY)
	$(BIN)/python demo/serve.py

test: $(READY)
	$(BIN)/python -m tests.support.browser
	$(BIN)/python -m tests.support.directory
	$(BIN)/python -m tests.support.nginx
	$(BIN)/python -m bundle.wheels
	$(BIN)/pytest -n 2 tests

# Every page, light and dark, wide and narrow, into the ignored folder `screenshots`; and those of the README.
screenshots: $(READY)
	$(BIN)/python -m tests.support.browser
	$(BIN)/python -m tests.browser.screenshots

# The random histories of both sides, and of concurrent callers, by the thousand: a quarter of an hour.
histories: $(READY)
	CARNET_HISTORIES=1250 $(BIN)/pytest -n 2 tests/journeys/test_both_sides.py tests/journeys/test_linearizable.py

# A server killed 200 times under load, and each single write and fsync made to fail in turn: some minutes.
test-crash: $(READY)
	CARNET_KILLS=200 $(BIN)/pytest -n 2 tests/crash tests/unit/control_room/test_faults.py

# A site under mixed load for ten minutes: killed, rebooted, its clock moved, licensed anew; then all books must agree.
soak: $(READY)
	CARNET_SOAK_SECONDS=600 $(BIN)/pytest tests/soak

check: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
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

# What a closed site installs, into dist/, signed with KEY=FILE (Ed25519, PEM); without it a key to try out is made.
bundle: $(READY)
	$(BIN)/python -m bundle $(if $(KEY),--key $(KEY)) $(BUNDLE)

clean:
	rm -rf $(VENV) demo/calm demo/site demo/gap demo/secrets demo/portal screenshots
