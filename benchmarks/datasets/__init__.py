"""What a dataset is measured on. One file each, found by file; it holds

CLASSES = 10
AUGMENT = Augment(shift=2, flip=True)      what training may do to its images
def read(raw: Path) -> Splits: ...         the bytes as published, checked by sha256, as uint8 tensors

Its docstring says source, licence and how the fixed split was made.
"""
