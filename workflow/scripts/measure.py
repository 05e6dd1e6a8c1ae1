"""The shrunk networks of a dataset and network are counted, timed and scored on the test set."""

from benchmarks.device import choose
from benchmarks.files import write_json
from benchmarks.measure import measure
from benchmarks.spec import Spec
from workflow.scripts._job import arguments

if __name__ == "__main__":
    told = arguments("data", "runs", "out", doc=__doc__)
    specs = [Spec.model_validate_json(spec) for spec in told.spec]
    cells = [(spec, told.runs / f"{spec.label}@{spec.target}") for spec in specs]
    write_json(told.out, measure(cells, told.data, choose(told.threads)))
