"""The switcher network: reads the weights of the task network, puts out scores p_i for every neuron i.

For a group l, incoming weights W_li, outgoing weights O_li (both flattened) and norm scale g_li of neuron i, with

    x_li = (W_li - mean W_l) / std W_l             over the whole layer

there are three readers. `mlp` is nearest to what the paper's abstract says, an MLP of its own for every layer:

    p_li = v_l . ReLU(A_l x_li + b_l) / sqrt(64)

`embedding` and `equivariant` make features u_li; then, shared by all layers,

    h_li = MLP(u_li)                               -> 64 -> 64, ReLU
    p_li = v . (z-score over i of h_li) / sqrt(64)

`embedding`:

    e_li = A_l x_li + b_l            in R^32       one linear map per layer
    n_li = z-score over i of [log rms W_li, log rms O_li, log rms g_li]
    u_li = [e_li, n_li, mean_i e_li, mean_i n_li]  own features and the layer's context

`equivariant` has no parameters of a layer: of each of W and O it takes the size, moments and extremes of a neuron's
weights, and how alike they are to those of its layer (cosines), none of which depends on how the neurons on the other
side are numbered. So one switcher serves every layer of every network.

Only the abstract of the paper is public to us; all three are our own (see methods/switcher.py).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from methods.core.api import Group
from methods.core.switching.readings import Scores, standardise
from methods.core.switching.views import (
    SIZES,
    STATISTICS,
    Input,
    Noise,
    Shuffle,
    View,
    log_rms,
    normalised,
    sizes,
    statistics,
    weights,
)

EMBEDDING = 32

Reader = Literal["mlp", "embedding", "equivariant"]


class PerLayer(nn.Module):
    """An MLP of its own for every layer, of the weights of its neurons."""

    def __init__(self, views: Sequence[View], chosen: Input, hidden: int, heads: int, bias: bool) -> None:
        super().__init__()
        self.chosen, self.scale = chosen, hidden**-0.5
        self.maps = nn.ModuleList(nn.Linear(normalised(view, chosen).shape[1], hidden) for view in views)
        self.heads = nn.ModuleList(nn.Linear(hidden, heads, bias=bias) for _ in views)

    def forward(self, views: Sequence[View]) -> list[Tensor]:
        """[size, heads] of every group."""
        parts = zip(views, self.maps, self.heads, strict=True)
        return [head(embed(normalised(view, self.chosen)).relu() * self.scale) for view, embed, head in parts]


class Embedding(nn.Module):
    """A linear map for every layer, of the weights of its neurons."""

    width = 2 * (EMBEDDING + SIZES)

    def __init__(self, views: Sequence[View], chosen: Input) -> None:
        super().__init__()
        self.chosen = chosen
        self.maps = nn.ModuleList(nn.Linear(normalised(view, chosen).shape[1], EMBEDDING) for view in views)

    def forward(self, views: Sequence[View]) -> list[Tensor]:
        """[size, width] of every group."""
        features = []
        for view, embed in zip(views, self.maps, strict=True):
            own = torch.cat([embed(normalised(view, self.chosen)), sizes(view)], 1)
            features.append(torch.cat([own, own.mean(0, keepdim=True).expand_as(own)], 1))
        return features


class Equivariant(nn.Module):
    """Statistics that every layer of every network has."""

    width = 2 * (2 * STATISTICS + 1) + 2
    log_shapes: Tensor

    def __init__(self, views: Sequence[View], chosen: Input) -> None:
        super().__init__()
        self.chosen = chosen
        shapes = torch.stack([torch.tensor(view.incoming.shape, dtype=torch.float32).log() for view in views])
        self.register_buffer("log_shapes", shapes, persistent=False)  # transferred to networks of other shapes

    def forward(self, views: Sequence[View]) -> list[Tensor]:
        """[size, width] of every group: statistics as z-scores over the layer, the layer's means, size and fan in."""
        features = []
        for view, shape in zip(views, self.log_shapes, strict=True):
            incoming, outgoing = statistics(view.incoming), statistics(view.outgoing)
            if self.chosen == "incoming":
                outgoing = torch.zeros_like(outgoing)
            elif self.chosen == "outgoing":
                incoming = torch.zeros_like(incoming)
            scale = torch.zeros_like(incoming[:, :1]) if view.scale is None else log_rms(view.scale)[:, None]
            own = torch.cat([incoming, outgoing, scale], 1)
            context = [own.mean(0, keepdim=True).expand_as(own), shape.expand(len(own), 2)]
            features.append(torch.cat([standardise(own), *context], 1))
        return features


class Shared(nn.Module):
    """A reader's features, and one MLP for all layers."""

    def __init__(self, reader: Embedding | Equivariant, hidden: int, heads: int, bias: bool) -> None:
        super().__init__()
        self.reader, self.scale = reader, hidden**-0.5
        self.mlp = nn.Sequential(nn.Linear(reader.width, hidden), nn.ReLU(), nn.Linear(hidden, hidden), nn.ReLU())
        self.heads = nn.ModuleList([nn.Linear(hidden, heads, bias=bias)])

    def forward(self, views: Sequence[View]) -> list[Tensor]:
        """[size, heads] of every group."""
        return [self.heads[0](standardise(self.mlp(own)) * self.scale) for own in self.reader(views)]


class Switcher(nn.Module):
    """Reads `net`'s groups. Its own parameters are drawn from `generator`.

    head: scale of the random weights v that scores begin with; 0: v is 0, and so are all scores. bias: what a learned
    bias of the scores begins with; None: there is none. input: which
    weights are read; "shuffled" are those of another neuron, "noise" is no weights at all. live: whether the loss's
    gradient goes on through the switcher into the weights that it reads.
    """

    def __init__(
        self,
        net: nn.Module,
        groups: Sequence[Group],
        generator: torch.Generator,
        reader: Reader = "mlp",
        input: Input = "incoming",
        hidden: int = 64,
        live: bool = False,
        heads: int = 1,
        head: float = 1.0,
        bias: float | None = None,
    ) -> None:
        super().__init__()
        self.groups, self.live = groups, live
        views = weights(net, groups)
        self.scores: PerLayer | Shared
        if reader == "mlp":
            self.scores = PerLayer(views, input, hidden, heads, bias is not None)
        else:
            features = (Embedding if reader == "embedding" else Equivariant)(views, input)
            self.scores = Shared(features, hidden, heads, bias is not None)
        self._draw(generator, head, bias)
        controls = {"noise": Noise, "shuffled": Shuffle}
        self.control = controls[input](views, generator) if input in controls else nn.Identity()
        self.to(views[0].incoming.device)
        with FlopCounterMode(display=False) as counter, torch.no_grad():
            self(net)
        self.macs = counter.get_total_flops() / 2

    def _draw(self, generator: torch.Generator, head: float, bias: float | None) -> None:
        for parameter in self.parameters():
            fan_in = parameter.shape[-1] if parameter.dim() > 1 else 1
            draw = torch.empty(parameter.shape).uniform_(-1, 1, generator=generator)
            parameter.data = draw / fan_in**0.5 if parameter.dim() > 1 else torch.zeros_like(parameter)
        for name, parameter in self.scores.heads.named_parameters():
            parameter.data = (
                parameter.data * head if name.endswith("weight") else torch.full_like(parameter, bias or 0.0)
            )

    def forward(self, net: nn.Module) -> Scores:
        """Group name -> scores [size, heads]."""
        scores = self.scores(self.control(weights(net, self.groups, live=self.live)))
        return {group.name: own for group, own in zip(self.groups, scores, strict=True)}
