#!/bin/sh
# What a GPU must show: the tests marked gpu, the speed table, and a study. Usage: tools/gpu.sh STUDY CORES [BENCHMARKS]
set -eu
python -m pytest -n 0 -m gpu tests/gpu
mkdir -p results/speed_gpu
python -m pytest -n 0 "${3:-speed}" --benchmark-json=results/speed_gpu/raw.json
python -m speed.publish results/speed_gpu/raw.json results/speed_gpu
python -m snakemake --cores "$2" --configfile "$1"
