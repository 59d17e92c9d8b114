# Everything a person needs: demo, test, check, bench. The first use fetches uv into .venv when it is missing.
PYTHON ?= python3
UV := $(shell command -v uv 2>/dev/null || echo .venv/bin/uv)
RUN := .venv/bin/

.PHONY: demo test check docs bench bench-scorer bench-monitor faults slow setup format clean

setup: .venv/.synced

.venv/.synced: pyproject.toml uv.lock hatch_build.py $(shell find src -name '_*.c')
	@command -v uv >/dev/null 2>&1 || [ -x .venv/bin/uv ] || { $(PYTHON) -m venv .venv && .venv/bin/python -m pip install --quiet uv; }
	@UV=$$(command -v uv || echo .venv/bin/uv); $$UV sync --all-extras --frozen --inexact --compile-bytecode --python $(PYTHON)
	@$(RUN)python -m compileall -q src
	@touch $@

demo: setup
	$(RUN)podium demo

test: setup
	$(RUN)pytest -q -n 2 tests/unit tests/property tests/store tests/api tests/test_architecture.py src
	$(RUN)pytest -q -n 2 --dist loadfile --no-loadscope-reorder -m "not slow and not alone" tests/e2e tests/faults
	$(RUN)pytest -q -m "alone and not slow" tests/e2e tests/faults

check: setup
	$(RUN)ruff format --check .
	$(RUN)ruff check .
	$(RUN)mypy
	$(RUN)lint-imports
	$(RUN)python -m tools.reference --check

docs: setup
	$(RUN)python -m tools.reference

bench: setup
	$(RUN)python -m benches

bench-scorer: setup
	$(RUN)python -m benches scorer --peers all

bench-monitor: setup
	$(RUN)python -m benches monitor

faults: setup
	$(RUN)pytest -q -m "slow or not slow" tests/faults

slow: setup
	$(RUN)pytest -q -m slow tests --ignore tests/faults

format: setup
	$(RUN)ruff check --fix .
	$(RUN)ruff format .

clean:
	rm -rf .venv .podium .mypy_cache .ruff_cache .pytest_cache dist
