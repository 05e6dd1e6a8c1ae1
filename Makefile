# Every target sets up .venv first. `make help` lists them; a newcomer needs `make results` alone.

CORES ?= 8
STUDY ?= config/quick.yaml
PYTHON ?= python3
BUNDLE ?= results/bundle
KILLS ?= 200
SEED ?= 0
uv = $(shell sed -n 's/^uv==\([0-9.]*\).*/\1/p' requirements.lock)
quiet = --quiet rules progress host reason
run = PATH="$(CURDIR)/.venv/bin:$$PATH" PYTHONPATH="$(CURDIR)"
snakemake = $(run) python -m tools.check '$(STUDY)' && $(run) snakemake --cores $(CORES) --configfile '$(STUDY)'
republish = $(run) python -m tools.publish 'results/published/$(PUBLISHED)' && $(run) python -m tools.published

.DEFAULT_GOAL := help
.PHONY: help results plan dry compare figures page export paper test lint speed gpu bundle lock faults audit publish docs clean

help:  ## print this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "make %-9s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

results: .venv/ready  ## train, measure and report a study (STUDY=config/quick.yaml, CORES=8)
	$(snakemake) --logger rich
	$(run) python -m tools.show '$(STUDY)'

plan: .venv/ready  ## say what a study will cost: cells, runs, training MACs, hours on this machine
	$(snakemake) $(quiet) -- plan

dry: .venv/ready  ## list the jobs that `make results` would run
	$(snakemake) --dry-run --quiet rules

compare: .venv/ready  ## compare the rows of a study with the published rows of the same name
	$(snakemake) $(quiet) -- compare

figures: .venv/ready  ## draw every figure and table of a study from its rows; of a published one: PUBLISHED=quick
	$(if $(PUBLISHED),$(republish),$(snakemake) -- figures tables)

page: .venv/ready  ## write the page of a study from its rows; of a published one, with all figures: PUBLISHED=quick
	$(if $(PUBLISHED),$(republish),$(snakemake) -- page)

export: .venv/ready  ## write networks of a study as ONNX; one alone: DATASET= NETWORK= METHOD= TARGET= SEED=0
	$(run) python -m tools.export '$(STUDY)' $(if $(DATASET),--dataset '$(DATASET)') \
		$(if $(NETWORK),--network '$(NETWORK)') $(if $(METHOD),--method '$(METHOD)') \
		$(if $(TARGET),--target '$(TARGET)') --seed $(SEED)

paper: .venv/ready  ## typeset paper/main.tex with the numbers of the published studies (needs latexmk)
	$(run) snakemake paper --cores $(CORES)

test: .venv/ready  ## run the whole test suite
	$(run) pytest

lint: .venv/ready  ## check format, style and types, and run Snakemake's own linter
	$(run) ruff format --check .
	$(run) ruff check .
	$(run) mypy
	$(run) snakefmt --check Snakefile workflow
	$(run) snakemake --lint

speed: .venv/ready  ## measure the suite's speed; write results/published/speed/ and docs/speed.md
	mkdir -p results
	$(run) pytest -n 0 speed --benchmark-json=results/speed.json
	$(run) python -m speed.publish results/speed.json results/published/speed --page docs/speed.md

gpu: .venv/ready  ## run what a GPU must show: the tests marked gpu, the speed table, a study (STUDY=, CORES=)
	$(run) sh tools/gpu.sh '$(STUDY)' $(CORES)

bundle: .venv/ready  ## pack a study and all it needs for a GPU without a network (STUDY=, BUNDLE=results/bundle)
	$(snakemake) --until prepare $(quiet)
	$(run) python -m tools.bundle '$(STUDY)' $(BUNDLE)

faults: .venv/ready  ## kill a study KILLS times at random moments and compare its rows (KILLS=200, SEED=0)
	$(run) python -m tests.faults.campaign --kills $(KILLS) --seed $(SEED)

audit: .venv/ready  ## look up known vulnerabilities of the locked versions (needs a network)
	.venv/bin/uv tool run pip-audit==2.10.1 --requirement requirements.lock --disable-pip --strict

publish: .venv/ready  ## copy a study's rows and histories to results/published/, and write what is shown of them
	$(run) python -m tools.publish '$(STUDY)'
	$(run) python -m tools.published

lock: .venv/ready  ## write requirements.lock from pyproject.toml, and environment.yml from it
	.venv/bin/uv pip compile --quiet --universal --generate-hashes --no-emit-index-url --group dev pyproject.toml \
		--output-file requirements.lock
	$(run) python -m tools.environment

docs: .venv/ready  ## write the generated parts of README.md, docs/methods.md and docs/networks.md
	$(run) python -m tools.pages
	$(run) python -m tools.zoo.page

.venv/ready: requirements.lock
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Espalier needs Python 3.11 or newer: make PYTHON=python3.12")'
	$(PYTHON) -m venv .venv
	.venv/bin/pip install --quiet --disable-pip-version-check uv==$(uv)
	.venv/bin/uv pip sync --quiet --compile-bytecode --require-hashes requirements.lock
	touch .venv/ready

clean:  ## remove results/, except results/published/
	find results -mindepth 1 -maxdepth 1 ! -name published -exec rm -rf {} +
