"""Refuse a config that is no study, in a line or two; Snakemake says more than that of a file that it cannot read."""

import argparse
from pathlib import Path

from benchmarks.study.files import load

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("config", type=Path)
    load(parser.parse_args().config)
