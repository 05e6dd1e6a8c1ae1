"""The pruned networks of a task are counted, timed and scored on the test set.

Next to the rows lies which test images each network classifies correctly.
"""

import json

from benchmarks.machine.files import write_json
from benchmarks.machine.gpus import choose
from benchmarks.measure import measure
from benchmarks.schemas.correct import CORRECT
from benchmarks.study.config import parse
from benchmarks.study.specs import cell_spec
from workflow.scripts import arguments

if __name__ == "__main__":
    args = arguments("data", "out", doc=__doc__, texts=("config", "dataset", "network"))
    study = parse(json.loads(args.config), "--config")
    here = [cell for cell in study.cells() if (cell.dataset, cell.network) == (args.dataset, args.network)]
    cells = [(cell_spec(study, cell), args.out.parent / cell.folder) for cell in here]
    rows = measure(cells, args.data, choose(args.threads), args.out.with_name(CORRECT))
    write_json(args.out, rows)
