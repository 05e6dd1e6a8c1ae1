"""Vision transformers: patches of the image as tokens, blocks of attention and MLP, a class token.

Source: Dosovitskiy et al., "An image is worth 16x16 words", ICLR 2021, sections 3.1 and D.
We deviate: query, key and value layers are apart, so that heads can go; patches have 4 pixels below 64, and 2 below 16,
where the paper has 16; weights come from the layers' own initialisation; there is no dropout.
Heads and MLP neurons are prunable. The stream is not: a layer norm over fewer channels has other statistics.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

PATCHES = {64: 16, 16: 4, 0: 2}  # from this size on: pixels of a patch


class Tokens(nn.Module):
    """Cuts the image into patches, puts the class token before them and adds positions."""

    def __init__(self, channels: int, width: int, patch: int, patches: int) -> None:
        super().__init__()
        self.project = nn.Conv2d(channels, width, patch, stride=patch)
        self.class_token = nn.Parameter(torch.empty(1, 1, width))
        self.positions = nn.Parameter(torch.empty(1, patches + 1, width))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Of the token and the positions; the projection has its own."""
        nn.init.trunc_normal_(self.class_token, std=0.02)
        nn.init.trunc_normal_(self.positions, std=0.02)

    def forward(self, images: Tensor) -> Tensor:
        """[n, c, h, w] -> [n, patches + 1, width]."""
        patches = self.project(images).flatten(2).transpose(1, 2)
        return torch.cat([self.class_token.expand(len(images), -1, -1), patches], 1) + self.positions


class Attention(nn.Module):
    """Self-attention with as many heads as its query, key and value layers write.

    The products are written out: the fused kernel is counted as nothing on the CPU.
    """

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.head_dim = width // heads
        self.query = nn.Linear(width, width)
        self.key = nn.Linear(width, width)
        self.value = nn.Linear(width, width)
        self.out = nn.Linear(width, width)

    def forward(self, x: Tensor) -> Tensor:
        """[n, tokens, width] -> the same shape."""
        query, key, value = (
            layer(x).unflatten(2, (-1, self.head_dim)).transpose(1, 2) for layer in (self.query, self.key, self.value)
        )
        weights = (query @ key.transpose(2, 3) * self.head_dim**-0.5).softmax(3)
        return self.out((weights @ value).transpose(1, 2).flatten(2))


class Block(nn.Module):
    """Attention, then the MLP; each reads the stream behind a layer norm and adds to it."""

    def __init__(self, width: int, heads: int, neurons: int) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(width, eps=1e-6)
        self.attention = Attention(width, heads)
        self.norm2 = nn.LayerNorm(width, eps=1e-6)
        self.mlp = nn.Sequential(nn.Linear(width, neurons), nn.GELU(), nn.Linear(neurons, width))

    def forward(self, x: Tensor) -> Tensor:
        """[n, tokens, width] -> the same shape."""
        x = x + self.attention(self.norm1(x))
        return x + self.mlp(self.norm2(x))


class ViT(nn.Module):
    """Patches, blocks, and a linear layer on the class token."""

    def __init__(self, width: int, heads: int, depth: int, channels: int, size: int, classes: int) -> None:
        super().__init__()
        patch = next(pixels for least, pixels in PATCHES.items() if size >= least)
        self.tokens = Tokens(channels, width, patch, (size // patch) ** 2)
        self.blocks = nn.Sequential(*[Block(width, heads, 4 * width) for _ in range(depth)])
        self.norm = nn.LayerNorm(width, eps=1e-6)
        self.head = nn.Linear(width, classes)

    def forward(self, images: Tensor) -> Tensor:
        """[n, c, h, w] -> [n, classes]."""
        return self.head(self.norm(self.blocks(self.tokens(images)))[:, 0])
