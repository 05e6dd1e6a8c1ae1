# Set up .venv, then do it. `make results` is all that a newcomer needs.

CORES ?= 8
STUDY ?= config/quick.yaml
PYTHON ?= python3
KILLS ?= 200
SEED ?= 0
name = $(shell sed -n 's/^study: *//p' $(STUDY))
uv = $(shell sed -n 's/^uv==\([0-9.]*\).*/\1/p' requirements.lock)
run = PATH="$(CURDIR)/.venv/bin:$$PATH" PYTHONPATH="$(CURDIR)"

.PHONY: results plan dry compare figures paper test lint speed lock faults audit publish clean

results: .venv/ready  ## train, measure and report a study (STUDY=config/quick.yaml, CORES=8)
	$(run) snakemake --cores $(CORES) --configfile $(STUDY) --logger rich
	$(run) python -m workflow.scripts.show results/$(name)

plan: .venv/ready  ## what a study will cost: cells, runs, MACs, hours on this machine
	$(run) snakemake plan --cores $(CORES) --configfile $(STUDY) --quiet all

dry: .venv/ready  ## the jobs that `make results` would run
	$(run) snakemake --cores $(CORES) --configfile $(STUDY) --dry-run --quiet rules

compare: .venv/ready  ## a study of one's own beside the published one of the same name
	$(run) snakemake compare --cores $(CORES) --configfile $(STUDY) --quiet all

figures: .venv/ready  ## every figure and table of a study from its rows
	$(run) snakemake figures tables --cores $(CORES) --configfile $(STUDY)

paper: .venv/ready  ## figures, tables and numbers of the published study, typeset (needs latexmk)
	$(run) snakemake paper --cores $(CORES)

test: .venv/ready  ## the whole test suite
	$(run) pytest

lint: .venv/ready  ## format, style, types, and Snakemake's own linter
	$(run) ruff format --check .
	$(run) ruff check .
	$(run) mypy
	$(run) snakefmt --check Snakefile workflow
	$(run) snakemake --lint

speed: .venv/ready  ## speed beside other ways: measure, and write results/published/speed/ and the README's table
	mkdir -p results
	$(run) pytest -n 0 speed --benchmark-json=results/speed.json
	$(run) python -m speed.publish results/speed.json results/published/speed --readme README.md

faults: .venv/ready  ## kill a study KILLS times at random moments and compare its rows (KILLS=200, SEED=0)
	$(run) python -m tests.faults.campaign --kills $(KILLS) --seed $(SEED)

audit: .venv/ready  ## known vulnerabilities of the locked versions, asked of a public advisory service (needs a network)
	.venv/bin/uv tool run pip-audit==2.10.1 --requirement requirements.lock --disable-pip --strict

publish: .venv/ready  ## copy a study's rows, tables and figures to results/published/
	mkdir -p results/published/$(name)
	cd results/$(name) && cp -r rows.csv runs.parquet claims.md index.html tables figures ../published/$(name)/

lock: .venv/ready  ## write requirements.lock anew from pyproject.toml
	.venv/bin/uv pip compile --quiet --universal --generate-hashes --no-emit-index-url --group dev pyproject.toml \
		--output-file requirements.lock

.venv/ready: requirements.lock
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Espalier needs Python 3.11 or newer: make PYTHON=python3.12")'
	$(PYTHON) -m venv .venv
	.venv/bin/pip install --quiet --disable-pip-version-check uv==$(uv)
	.venv/bin/uv pip sync --quiet --compile-bytecode --require-hashes requirements.lock
	touch .venv/ready

clean:  ## remove what runs wrote; data/ and results/published/ stay
	find results -mindepth 1 -maxdepth 1 ! -name published -exec rm -rf {} +
