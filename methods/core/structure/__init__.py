"""Which channels of a network can be removed, what a choice of them costs, and how they are removed."""

import sys

if "timm" not in sys.modules:  # torch_pruning imports it where it is installed, for a counter that is not used here
    sys.modules["timm"] = None  # type: ignore[assignment]  # it would take every job 4 to 6 seconds
    import torch_pruning  # noqa: F401

    del sys.modules["timm"]
