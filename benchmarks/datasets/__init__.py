"""What a dataset is measured on. One file each, found by file; it holds

CLASSES = 10
SHAPE = (1, 28, 28)                        channels, height and width of an image
IMAGES = (55000, 5000, 10000)              for training, validation and the test; with SHAPE, what planning knows
AUGMENT = Augment(shift=2, flip=True)      what training may do to its images
def read(raw: Path) -> Splits: ...         the bytes as published, checked by sha256, as uint8 tensors

Its docstring says source, licence, how the fixed split was made, normalisation and augmentation. Where `read` gives
images that come in chunks (benchmarks/data/stream.py) in place of tensors, no memory needs to hold them.
"""
