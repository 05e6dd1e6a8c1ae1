# The config becomes cells; every other rule file asks here for the cells of its wildcards.

import functools
import gc
import hashlib
import itertools
import os
import shlex
import sys
from pathlib import Path

from snakemake.exceptions import WorkflowError
from snakemake.settings.types import DeploymentMethod

ROOT = Path(workflow.basedir)
sys.path.insert(0, str(ROOT))
# For the jobs, wherever --directory lies; what the user has set comes behind it. Snakemake formats it once more.
shell.prefix(f"export PYTHONPATH={shlex.quote(str(ROOT))}${{{{PYTHONPATH:+:$PYTHONPATH}}}}; ")
if DeploymentMethod.CONDA in workflow.deployment_settings.deployment_method:
    # Else packages in ~/.local come before those of the environment, and pip, which fills it, removes them there.
    os.environ.update(PYTHONNOUSERSITE="1")
gc.set_threshold(100_000)  # a plan is many objects and few cycles; at Python's 700, looking for them took a tenth of it

from benchmarks.study import resources
from benchmarks import registry
from benchmarks.source_hash import source_hash
from benchmarks.machine.files import try_lock
from benchmarks.study.specs import cell_spec, start_spec
from benchmarks.study.collection import Collection, parse as parse_study
from benchmarks.study.files import read as read_config
from benchmarks.study.recipes import origin as recipe_origin
from workflow.remote import keep_commas

keep_commas(workflow)

try:
    for path in filter(Path.exists, map(Path, workflow.configfiles)):
        read_config(path)  # refuses what Snakemake, which has read the file, reads as something else
    STUDY = parse_study(config, source=", ".join(map(str, workflow.configfiles)) or "--config")
except ValueError as error:
    raise WorkflowError(f"the study cannot be planned.\n{error}") from None

RESULTS = f"results/{STUDY.study}"
RUNS = f"{RESULTS}/runs/{{dataset}}/{{network}}"
IS_COLLECTION = isinstance(STUDY, Collection)
CELLS = {} if IS_COLLECTION else {(c.dataset, c.network, c.folder): c for c in STUDY.cells()}
OF_TASK = {task: list(cells) for task, cells in itertools.groupby(CELLS.values(), lambda c: (c.dataset, c.network))}
CORES = workflow.resource_settings.cores or 1  # a cluster has none: there, the profile says what `measure` gets
# `--resources gpu=N`: a job takes one of N.
GPU = int(bool(dict(workflow.global_resources.unwrapped_items()).get("gpu")))
MEMORY_MB = functools.cache(functools.partial(resources.memory_mb, STUDY))
TRAIN_MINUTES = functools.cache(functools.partial(resources.train_minutes, STUDY, gpu=bool(GPU)))


# They take seconds.
localrules:
    gather,
    tables,
    figures,
    page,
    compare,


wildcard_constraints:
    dataset="|".join(dict.fromkeys(dataset for dataset, _ in OF_TASK)),
    network="|".join(dict.fromkeys(network for _, network in OF_TASK)),
    cell=r"[^/]+@[^/]+",


onstart:
    # The system releases this lock when the process ends, however it ends; Snakemake's own lock survives a kill.
    try:
        free = try_lock(Path(RESULTS))
    except OSError as error:
        raise WorkflowError(f"{RESULTS} cannot be written to: {error}") from None
    if not free:
        raise WorkflowError(f"{RESULTS} is being written by another run of this study; wait for it, or stop it")


def file_hash(path):
    """Of a file that is no module, for `params`."""
    return hashlib.sha256((ROOT / path).read_bytes()).hexdigest()[:12]


def cell_of(wildcards):
    return CELLS[wildcards.dataset, wildcards.network, wildcards.cell]


def cells_of_task(wildcards):
    """The cells of the same task (dataset and network)."""
    return OF_TASK[wildcards.dataset, wildcards.network]


def runs_of(wildcards):
    """What the jobs of the same task leave."""
    return [f"{RUNS}/{cell.folder}/runs.json" for cell in cells_of_task(wildcards)]


def start_of(wildcards):
    """The shared start, for a method that starts from it."""
    takes = (
        registry.card(cell_of(wildcards).entry.key).start == "pretrained"
        and STUDY.on(wildcards.dataset).pretrain_epochs
    )
    return f"{RUNS}/start/runs.json" if takes else []


def reference_of(wildcards):
    """The cell whose MACs are matched, or that is the source of a transfer."""
    if (reference := cell_of(wildcards).reference) is None:
        return []
    network, folder = reference
    return f"{RESULTS}/runs/{wildcards.dataset}/{network}/{folder}/runs.json"


def sent_with(*runs):
    """Files that are read along with the inputs, where jobs share no file system and get their inputs alone."""
    if workflow.storage_settings.default_storage_provider is None:
        return []

    def sent(wildcards):
        paths_of_each = [paths if isinstance(paths := of(wildcards), list) else [paths] for of in runs]
        models = [path.replace("runs.json", "models.safetensors") for path in itertools.chain(*paths_of_each)]
        return ["data/{dataset}.sha256", *models]

    return sent


def mem_mb(wildcards, attempt):
    return attempt * MEMORY_MB(wildcards.dataset, wildcards.network)


def train_minutes(wildcards, attempt):
    return attempt * TRAIN_MINUTES(wildcards.dataset, wildcards.network)


def measure_minutes(wildcards, attempt):
    runs = len(STUDY.seeds) * len(cells_of_task(wildcards))
    return attempt * resources.measure_minutes(STUDY, wildcards.dataset, wildcards.network, runs, bool(GPU))


SHOWN = {
    "html": "page",
    "csv": "numbers",
    "tex": "LaTeX",
    "svg": "picture",
    "pdf": "for print",
}  # in Snakemake's report


def listed(names, folder, suffixes):
    """The files of these names, those for reading marked for Snakemake's own report."""
    for name, suffix in itertools.product(names, suffixes):
        path = f"{RESULTS}/{folder}/{name}.{suffix}"
        labels = {"what": name.replace("_", " "), "as": SHOWN.get(suffix, suffix)}
        caption = f"../report/{folder}.rst"
        yield report(path, category=folder.capitalize(), labels=labels, caption=caption) if suffix in SHOWN else path


def published_rows(wildcards):
    """The published rows of this study; where there are none, the names that there are."""
    rows = ROOT / "results/published" / STUDY.study / "rows.csv"
    if not rows.is_file():
        names = sorted(path.parent.name for path in ROOT.glob("results/published/*/rows.csv"))
        raise WorkflowError(f"nothing is published of study {STUDY.study!r}; there is: {', '.join(names) or 'nothing'}")
    return str(rows)
