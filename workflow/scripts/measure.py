"""The shrunk networks of a dataset and network are counted, timed and scored on the test set."""

from benchmarks.device import choose
from benchmarks.files import write_json
from benchmarks.measure import measure
from benchmarks.spec import Spec
from workflow.scripts._job import arguments

if __name__ == "__main__":
    told = arguments("data", "out", doc=__doc__)
    specs = [Spec.model_validate_json(spec) for spec in told.spec]
    cells = [(spec, runs.parent) for spec, runs in zip(specs, told.runs, strict=True)]
    write_json(told.out, measure(cells, told.data, choose(told.threads)))
