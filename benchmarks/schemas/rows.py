"""The row: one run (a cell and a seed), and what its columns mean."""

from __future__ import annotations

COLUMNS: dict[str, str] = {
    "study": "name of the study",
    "dataset": "key of the dataset",
    "network": "key of the network",
    "method": "key of the method, with the knobs that the config set",
    "target": "what the method was to reach: macs=<fraction kept>, free, match:<method> or from:<network>",
    "seed": "all methods share initialisation, data order and augmentation of a seed",
    "status": "ok; diverged (non-finite loss); collapsed (one class for every image); unsupported; out_of_memory",
    "reason": "why the status is not ok, in one sentence",
    "test_accuracy": "fraction of test images, read once",
    "test_loss": "mean cross-entropy on the test set, nats",
    "validation_accuracy": "fraction of validation images; all choices rest on it",
    "params": "parameters of the pruned network",
    "params_dense": "parameters of the dense network",
    "macs": "multiply-accumulates per image of conv, linear and matmul, pruned network (FlopCounterMode / 2)",
    "macs_dense": "the same, dense network",
    "macs_all_ops": "MACs with normalisation, activation and pooling added, as some papers count (torch_pruning)",
    "bytes": "size of the pruned network's float32 weights as a safetensors file",
    "latency_cpu_b1_ms": "median milliseconds per batch of 1 on the CPU",
    "latency_cpu_b128_ms": "median milliseconds per batch of 128 on the CPU",
    "latency_gpu_b1_ms": "median milliseconds per batch of 1 on the GPU; empty without one",
    "latency_gpu_b128_ms": "median milliseconds per batch of 128 on the GPU; empty without one",
    "peak_memory_mb": "peak GPU memory of a batch of 128, MiB; empty without a GPU",
    "logit_difference": "max |gated - pruned| / max |gated| logits, float32; the run fails above 1e-4",
    "epochs_pretrain": "epochs of the shared start that the run is charged for",
    "epochs_learn": "epochs spent on learning the structure",
    "epochs_finetune": "epochs spent on the pruned network",
    "train_macs": "training MACs in all (forward and backward = 3 forward), pretraining and search included",
    "seconds_pretrain": "wall-clock seconds of the shared start",
    "seconds_learn": "wall-clock seconds of learning the structure",
    "seconds_finetune": "wall-clock seconds of fine-tuning",
    "groups_at_minimum": "channel groups left with one channel, the least that is allowed",
    "widths": "JSON: channels kept, per group",
    "knobs": "JSON: the method's settings, defaults included",
    "code_hash": "sha256 of the modules that can change this row, first 12 digits",
    "config_hash": "sha256 of the settings that can change this row, first 12 digits",
    "version": "version of Espalier; rows of the same major.minor are comparable",
    "torch": "version of torch that trained the run",
    "device": "what trained it",
    "precision": "of the forward passes in training; everything is counted, timed and scored in float32",
    "threads": "CPU threads it trained with; results are bit-identical at a fixed number",
    "finished_at": "UTC time at which training ended",
}

TIME_COLUMNS = (
    "latency_cpu_b1_ms",
    "latency_cpu_b128_ms",
    "latency_gpu_b1_ms",
    "latency_gpu_b128_ms",
    "peak_memory_mb",
    "seconds_pretrain",
    "seconds_learn",
    "seconds_finetune",
    "finished_at",
)
"""Columns that hold times, dates or memory; all others are bit-identical between two runs on one machine."""

STATUSES = ("ok", "diverged", "collapsed", "unsupported", "out_of_memory")
