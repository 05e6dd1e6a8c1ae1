"""From a dataset's published bytes to batches on the device.

A dataset is prepared once into one safetensors file of uint8 tensors (prepared.py), if it is what its file says
(check.py), with its sha256 beside it (checksum.py). Images stay uint8 on the device; a batch is gathered, augmented
and normalised there in a few tensor operations (dataset.py). A file larger than `IN_MEMORY` is streamed from disk
(stream.py). With `split: seed`, every seed draws its own training and validation images (split.py).
"""

IN_MEMORY = 8 * 2**30
"""Bytes up to which a prepared dataset is held in memory."""
