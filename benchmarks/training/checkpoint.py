"""What a killed run has already done.

A run calls training loops one after another and computes between them. The journal numbers the loops and saves,
every epoch, all that the loop changes. A run that is started again makes the same calls. A loop that was complete
restores its end state and yields nothing; the one that was interrupted resumes from its last epoch. No number
changes.
"""

from __future__ import annotations

import io
import warnings
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from benchmarks.machine.files import read_sealed, write_sealed


class Journal:
    """Saves in `folder`, one file a loop."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.loops = 0

    def open(self) -> Path:
        """The file of the next loop."""
        self.loops += 1
        return self.folder / f"loop-{self.loops:04d}"

    @staticmethod
    def write(path: Path, state: Any) -> None:
        """Save `capture(state)`."""
        buffer = io.BytesIO()
        torch.save(capture(state), buffer)
        write_sealed(path, buffer.getvalue())

    @staticmethod
    def read(path: Path) -> Any:
        """What was saved, or None: a file that is cut short or altered counts as not there.

        Raises ValueError for one that is whole and holds anything but plain containers, numbers and tensors: nothing
        here writes such a file, and nothing of it is run.
        """
        if (content := read_sealed(path)) is None:
            if path.exists():
                warnings.warn(f"{path} is cut short or altered: this loop is done again", stacklevel=2)
            return None
        try:
            return torch.load(io.BytesIO(content), weights_only=True)
        except Exception as error:  # torch's own message tells how to run what the file holds
            raise ValueError(f"{path} is no save of a run ({type(error).__name__}); delete it") from None


def capture(state: Any) -> Any:
    """Plain containers, numbers and tensors that hold the present state of `state`."""
    if isinstance(state, Tensor):
        return state.detach().clone()
    if isinstance(state, torch.Generator):
        return state.get_state()
    if isinstance(state, nn.Module | torch.optim.Optimizer):
        return state.state_dict()
    if isinstance(state, dict):
        return {key: capture(value) for key, value in state.items()}
    if isinstance(state, list | tuple):
        return [capture(value) for value in state]
    return state


def restore(state: Any, saved: Any) -> None:
    """Put what `capture` took back into the same objects."""
    if isinstance(state, Tensor):
        with torch.no_grad():
            state.copy_(saved)
    elif isinstance(state, torch.Generator):
        state.set_state(saved)
    elif isinstance(state, nn.Module | torch.optim.Optimizer):
        state.load_state_dict(saved)
    elif isinstance(state, dict):
        for key, value in state.items():
            restore(value, saved[key])
    elif isinstance(state, list | tuple):
        for value, of in zip(state, saved, strict=True):
            restore(value, of)
    else:
        raise TypeError(f"the state of a loop holds a {type(state).__name__}, which cannot be restored in place")
