"""A cell: structure learned, network shrunk and fine-tuned, for every seed."""

from benchmarks.machine.gpus import choose
from benchmarks.schemas.spec import Spec
from benchmarks.train import train_cell
from workflow.scripts._job import arguments

if __name__ == "__main__":
    told = arguments("data", "start", "reference", "out", "scratch", doc=__doc__)
    spec = Spec.model_validate_json(told.spec)
    train_cell(
        spec,
        told.data,
        told.start and told.start.parent,
        told.reference and told.reference.parent,
        told.out.parent,
        told.scratch,
        choose(told.threads),
    )
