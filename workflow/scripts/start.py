"""The shared start of a task: the dense network, trained for the first epochs of the schedule."""

from benchmarks.machine.gpus import choose
from benchmarks.schemas.spec import Spec
from benchmarks.train import train_start
from workflow.scripts import arguments

if __name__ == "__main__":
    args = arguments("data", "out", "scratch", doc=__doc__)
    train_start(Spec.model_validate_json(args.spec), args.data, args.out.parent, args.scratch, choose(args.threads))
