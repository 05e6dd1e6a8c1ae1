"""CUDA graphs: the kernels of a training step are launched at once, and not one by one from Python.

A small network on a GPU waits for its launches: a step of ResNet-20 is about 700 kernels.
"""

from __future__ import annotations

import gc
import logging
from collections.abc import Callable
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

log = logging.getLogger(__name__)
EAGER = 16  # calls before the capture, which takes about as long; libraries allocate and choose kernels in the first
HOOKS = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")

Step = Callable[[Tensor, Tensor], Tensor]
"""Images and labels -> loss, a scalar. It clears .grad of the network's parameters and puts the gradients there."""


def captured(step: Step, net: nn.Module) -> Step:
    """The same step, which is captured on CUDA and replayed from then on; elsewhere, `step` itself.

    What is captured is repeated without Python: a network with hooks is therefore not captured.
    """
    on_cuda = next(net.parameters()).device.type == "cuda"
    hooked = any(getattr(module, name) for module in net.modules() for name in HOOKS)
    return Captured(step, net, cuda_graph) if on_cuda and not hooked else step


def cuda_graph(function: Callable[[], Tensor]) -> tuple[Callable[[], None], Tensor]:
    """Record the kernels of `function`, without running them. Returns what runs them, and where the result will be."""
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        result = function()
    return graph.replay, result


@dataclass
class Captured:
    """Calls a step, and later its graph: the same kernels on the same numbers. All batches have one shape.

    A step that cannot be captured, such as one in which the network reads a value from the device, is called as it is.
    """

    step: Step
    net: nn.Module
    capture: Callable[[Callable[[], Tensor]], tuple[Callable[[], None], Tensor]]
    calls: int = 0
    replay: Callable[[], None] | None = None
    batch: tuple[Tensor, ...] = ()  # what the graph reads
    loss: Tensor | None = None  # what it writes, beside the gradients
    gradients: list[Tensor | None] = field(default_factory=list)

    def __call__(self, images: Tensor, labels: Tensor) -> Tensor:
        self.calls += 1
        if self.calls == EAGER + 1:
            self._try_to_capture(images, labels)
        if self.replay is None or self.loss is None:
            return self.step(images, labels)
        for ours, theirs in zip(self.batch, (images, labels), strict=True):
            ours.copy_(theirs)
        self.replay()
        for parameter, gradient in zip(self.net.parameters(), self.gradients, strict=True):
            parameter.grad = gradient
        return self.loss.clone()

    def _try_to_capture(self, images: Tensor, labels: Tensor) -> None:
        self.batch = images.clone(), labels.clone()
        gc.collect()  # graphs of an earlier trace hold nodes of another stream, which would end the capture
        try:
            self.replay, self.loss = self.capture(lambda: self.step(*self.batch))
        except RuntimeError as error:
            log.warning("the training step is not captured as a CUDA graph: %s", str(error).partition("\n")[0])
        self.gradients = [parameter.grad for parameter in self.net.parameters()]
