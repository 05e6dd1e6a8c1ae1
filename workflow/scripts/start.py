"""The dense network of a dataset and network is trained to where methods take it up."""

from benchmarks.machine.gpus import choose
from benchmarks.schemas.spec import Spec
from benchmarks.train import train_start
from workflow.scripts._job import arguments

if __name__ == "__main__":
    told = arguments("data", "out", "scratch", doc=__doc__)
    train_start(Spec.model_validate_json(told.spec), told.data, told.out.parent, told.scratch, choose(told.threads))
