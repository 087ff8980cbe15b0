# The two commands: `make demo` and `make test`. Everything they need is set up inside this folder.
PYTHON ?= python3
VENV   := .venv
RUN    := $(VENV)/bin/python
STAMP  := $(VENV)/.ready
ARGS   ?=
# What was compiled is kept: each process that a test starts would compile it again.
export PYTHONDONTWRITEBYTECODE :=
PIP_QUIETLY := -q --disable-pip-version-check --no-warn-script-location --root-user-action=ignore
COMPILE := uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header

.PHONY: demo test quick check conformance benchmarks lock clean help

help:            ## say what there is
	@grep -hE '^[a-z]+: .*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | sort

demo: $(STAMP)   ## play a clinic's day; options by ARGS="--appointments 300 --once"
	@$(RUN) -m suture demo $(ARGS)

test: check      ## set up, check and run the whole suite; options by ARGS="-k engine"
	@sh scripts/browser.sh; sh scripts/validators.sh
	@$(RUN) -m pytest -n auto --dist worksteal --durations 20 $(ARGS)

quick: check     ## what needs no server: format, lint, types, layers, unit, spec and property tests without the lives
	@$(RUN) -m pytest -n auto --dist worksteal tests/unit tests/spec tests/property --ignore tests/property/test_appointment_life.py $(ARGS)

check: $(STAMP)  ## format, lint, types and layers
	@$(RUN) -m ruff format --check -q .
	@$(RUN) -m ruff check -q .
	@$(RUN) -m mypy
	@$(VENV)/bin/python -c "import sys; from importlinter.cli import lint_imports_command; sys.exit(lint_imports_command())" | tail -n 2

conformance: $(STAMP)  ## run the ledger suite on a real Odoo: ODOO_URL= ODOO_DB= ODOO_API_KEY= [ODOO_LOGIN= ODOO_TRANSPORT=json2|jsonrpc]
	@test -n "$(ODOO_URL)" -a -n "$(ODOO_DB)" -a -n "$(ODOO_API_KEY)" || { echo "set ODOO_URL, ODOO_DB and ODOO_API_KEY (and ODOO_LOGIN for Odoo 17 and 18)"; exit 2; }
	@SUTURE_TEST_ODOO_URL="$(ODOO_URL)" SUTURE_TEST_ODOO_DB="$(ODOO_DB)" SUTURE_TEST_ODOO_API_KEY="$(ODOO_API_KEY)" \
	 SUTURE_TEST_ODOO_LOGIN="$(ODOO_LOGIN)" SUTURE_TEST_ODOO_TRANSPORT="$(ODOO_TRANSPORT)" \
	 $(RUN) -m pytest tests/conformance/test_odoo.py $(ARGS)

benchmarks: $(STAMP)  ## measure; the figures go to docs/performance.md by hand
	@$(RUN) -m benchmarks $(ARGS)

lock: $(STAMP)   ## compile requirements/*.txt again (needs uv); no file names a registry
	@$(COMPILE) --no-emit-package suture pyproject.toml lab/pyproject.toml --group pyproject.toml:dev -o requirements/dev.txt
	@$(COMPILE) --no-annotate -c requirements/dev.txt pyproject.toml -o requirements/run.txt

clean:           ## forget the set-up and the demo's data
	@test ! -d .suture || PYTHONPATH=src $(PYTHON) -m suture.store.places .suture
	rm -rf $(VENV) .suture

$(STAMP): requirements/dev.txt pyproject.toml lab/pyproject.toml
	@echo "Setting up (once; a minute or so) …"
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Suture needs Python 3.11 or later; name one by PYTHON=…"; exit 2; }
	@echo "  1/3 a virtual environment in $(VENV)"
	@test -x $(RUN) || $(PYTHON) -m venv $(VENV) || { echo "Python's venv module is missing (Debian: apt install python3-venv)"; exit 2; }
	@echo "  2/3 dependencies, each checked by its hash"
	@$(RUN) -m pip install $(PIP_QUIETLY) --require-hashes -r requirements/dev.txt >$(VENV)/setup.log 2>&1 || { cat $(VENV)/setup.log; echo "The set-up did not succeed; the reason stands above."; exit 2; }
	@echo "  3/3 Suture itself, and the lab"
	@$(RUN) -m pip install $(PIP_QUIETLY) --no-deps --no-build-isolation -e . -e lab >$(VENV)/setup.log 2>&1 || { cat $(VENV)/setup.log; echo "The set-up did not succeed; the reason stands above."; exit 2; }
	@touch $(STAMP)
