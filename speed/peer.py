"""The loop that pruning suites commonly use: PIL images, transforms one image at a time, a DataLoader, `.item()`.

It follows the common form of public training scripts and uses no file of theirs. Loading stays in this process
(num_workers=0), since the comparison is on one thread. The batches go to the same device as the suite's, and the
network is in torch's default layout. The loop also gains from the memory allocator that
`benchmarks.machine.device.choose` sets.
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
    """Like torchvision's CIFAR10 and MNIST: an array of pixels, from which each access makes a PIL image."""

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
    """Accuracy and mean loss over `images` images."""
    net = workload.net(torch.contiguous_format).eval()
    pictures = Pictures(workload.part(images), transforms.Compose(_to_tensor(workload)))
    loader = DataLoader(pictures, RECIPE.batch_size)

    images_in_all = len(pictures)

    @torch.no_grad()
    def run() -> tuple[float, float]:
        correct, total = 0, 0.0
        for images, labels in _moved(loader):
            logits = net(images)
            total += F.cross_entropy(logits, labels, reduction="sum").item()
            correct += (logits.argmax(1) == labels).sum().item()
        return correct / images_in_all, total / images_in_all

    return run


def _moved(loader: DataLoader) -> Iterator[list[torch.Tensor]]:
    return ([tensor.to(DEVICE) for tensor in batch] for batch in loader)


def _to_tensor(workload: Workload) -> list[object]:
    return [transforms.ToTensor(), transforms.Normalize([0.5] * workload.channels, [0.29] * workload.channels)]
