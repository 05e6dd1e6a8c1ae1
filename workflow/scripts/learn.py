"""A cell: structure learned, network shrunk and fine-tuned, for every seed."""

from benchmarks.machine.gpus import choose
from benchmarks.schemas.spec import Spec
from benchmarks.train import train_cell
from workflow.scripts import arguments

if __name__ == "__main__":
    args = arguments("data", "start", "reference", "out", "scratch", doc=__doc__)
    spec = Spec.model_validate_json(args.spec)
    train_cell(
        spec,
        args.data,
        args.start and args.start.parent,
        args.reference and args.reference.parent,
        args.out.parent,
        args.scratch,
        choose(args.threads),
    )
