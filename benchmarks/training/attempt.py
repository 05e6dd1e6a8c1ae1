"""Runs a network that may fail, on a copy: an error becomes Unsupported, and names the module."""

from __future__ import annotations

import copy
from collections.abc import Callable
from functools import partial
from typing import TypeVar

import torch
from torch import Tensor, nn

from benchmarks.machine.device import out_of_memory
from methods.core.api import Unsupported

IMAGES = 4
Result = TypeVar("Result")


def redrawn(net: nn.Module, example: Tensor) -> nn.Module:
    """A copy with random parameters, and running statistics that fit them: no channel is alike, no branch is off."""
    net, generator = copied(net), torch.Generator().manual_seed(0)
    for name, parameter in net.named_parameters():
        drawn = torch.randn(parameter.shape, generator=generator)
        if parameter.dim() > 1:
            drawn *= (2 / parameter[0].numel()) ** 0.5
        else:
            drawn = 0.3 * drawn + name.endswith("weight")
        parameter.data.copy_(drawn)
    for module in net.modules():
        if isinstance(module, nn.modules.batchnorm._NormBase):
            module.momentum = 1.0
    with torch.no_grad():
        attempt(net, in_mode, net, True, images_like(example))
    return net


def in_mode(net: nn.Module, training: bool, images: Tensor) -> Tensor:
    """Logits in training or in eval mode."""
    return net.train(training)(images)


def images_like(example: Tensor) -> Tensor:
    """A batch of noise in the shape of `example` [1, c, h, w], and in the layout of the datasets."""
    images = torch.randn(IMAGES, *example.shape[1:], generator=torch.Generator().manual_seed(0))
    return images.contiguous(memory_format=torch.channels_last)


def copied(net: nn.Module) -> nn.Module:
    """A copy, on the CPU, so that the outcome is the same on every machine."""
    return attempt(net, copy.deepcopy, net).cpu()


def attempt(net: nn.Module, call: Callable[..., Result], *args: object) -> Result:
    """call(*args), which runs `net`. Raises Unsupported, naming the module that was running, in place of an error."""
    try:
        return call(*args)
    except Unsupported:
        raise
    except Exception as error:
        if out_of_memory(error):
            raise
        raise Unsupported(f"{_failing(net, call, *args)}: {first_line(error)}") from error


def _failing(net: nn.Module, call: Callable[..., object], *args: object) -> str:
    """The innermost module that runs when `call` fails. Hooks come only now: with them, torch takes other kernels."""
    inside: list[str] = []
    hooks = []
    for name, module in net.named_modules():
        shown = f"{name} ({type(module).__name__})" if name else type(module).__name__
        hooks.append(module.register_forward_pre_hook(partial(_enter, inside, shown)))
        hooks.append(module.register_forward_hook(partial(_leave, inside)))
    try:
        call(*args)
    except Exception:  # the one that is reported
        return inside[-1] if inside else type(net).__name__
    finally:
        for hook in hooks:
            hook.remove()
    return type(net).__name__


def _enter(inside: list[str], module: str, *_: object) -> None:
    inside.append(module)


def _leave(inside: list[str], *_: object) -> None:
    inside.pop()


def first_line(error: Exception) -> str:
    return next(iter(str(error).splitlines()), type(error).__name__)
