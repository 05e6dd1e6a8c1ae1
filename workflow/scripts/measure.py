"""The shrunk networks of a dataset and network are counted, timed and scored on the test set."""

import json

from benchmarks.machine.files import write_json
from benchmarks.machine.gpus import choose
from benchmarks.measure import measure
from benchmarks.study.config import parse
from benchmarks.study.specs import cell_spec
from workflow.scripts._job import arguments

if __name__ == "__main__":
    told = arguments("data", "out", doc=__doc__, told=("config", "dataset", "network"))
    study = parse(json.loads(told.config), "--config")
    here = [cell for cell in study.cells() if (cell.dataset, cell.network) == (told.dataset, told.network)]
    cells = [(cell_spec(study, cell), told.out.parent / cell.folder) for cell in here]
    write_json(told.out, measure(cells, told.data, choose(told.threads)))
