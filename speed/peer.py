"""The loop as pruning suites commonly write it: PIL images, transforms one image at a time, a DataLoader, `.item()`.

Written from the common form of the public training scripts; no file of theirs is used. Loading stays in this process
(num_workers=0), as one thread is what we have; more workers would need more cores. Each batch goes to the device that
we use too. The network is in torch's default
layout. It runs in our process, and so has what `benchmarks.machine.device.choose` gains with the memory allocator.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import torch
from PIL import Image
from torch.nn import functional as F
from torch.utils.data import DataLoader, Dataset
from torchvision import transforms

from benchmarks.data.dataset import Part
from speed.workloads import DEVICE, RECIPE, Workload


class Pictures(Dataset):
    """As torchvision's CIFAR10 and MNIST: an array of pixels, each image made a PIL image on access."""

    def __init__(self, part: Part, transform: transforms.Compose) -> None:
        self.pixels = part.images.permute(0, 2, 3, 1).squeeze(3).cpu().numpy()
        self.labels = part.labels.tolist()
        self.transform = transform

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: int) -> tuple[torch.Tensor, int]:
        return self.transform(Image.fromarray(self.pixels[index])), self.labels[index]


def training(workload: Workload) -> Callable[[], float]:
    """A round of training steps."""
    net = workload.net(torch.contiguous_format).train()
    moves = [transforms.RandomCrop(workload.size, padding=workload.shift), transforms.RandomHorizontalFlip()]
    pictures = Pictures(workload.part(), transforms.Compose([*moves, *_to_tensor(workload)]))
    loader = DataLoader(pictures, RECIPE.batch_size, shuffle=True, num_workers=0, drop_last=True)
    optimizer = torch.optim.SGD(
        net.parameters(), RECIPE.lr, momentum=RECIPE.momentum, weight_decay=RECIPE.weight_decay, nesterov=True
    )

    def run() -> float:
        total = 0.0
        for images, labels in _moved(loader):
            loss = F.cross_entropy(net(images), labels)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total += loss.item()
        return total / len(loader)

    return run


def evaluation(workload: Workload, images: int) -> Callable[[], tuple[float, float]]:
    """Accuracy and mean loss over so many images."""
    net = workload.net(torch.contiguous_format).eval()
    loader = DataLoader(Pictures(workload.part(images), transforms.Compose(_to_tensor(workload))), RECIPE.batch_size)

    @torch.no_grad()
    def run() -> tuple[float, float]:
        correct, total = 0, 0.0
        for images, labels in _moved(loader):
            logits = net(images)
            total += F.cross_entropy(logits, labels, reduction="sum").item()
            correct += (logits.argmax(1) == labels).sum().item()
        return correct / len(loader.dataset), total / len(loader.dataset)

    return run


def _moved(loader: DataLoader) -> Iterator[list[torch.Tensor]]:
    return ([tensor.to(DEVICE) for tensor in batch] for batch in loader)


def _to_tensor(workload: Workload) -> list[object]:
    return [transforms.ToTensor(), transforms.Normalize([0.5] * workload.channels, [0.29] * workload.channels)]
