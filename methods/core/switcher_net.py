"""The switcher network: reads the weights of the task network, puts out a score per neuron.

For a group l and its neuron i, a reader makes features u_li of the weights; then, shared by all layers,

    h_li = MLP(u_li)                               -> 64 -> 64, ReLU
    score_li = v . z-score over i of h_li

`Embedding` (nearest to what the paper's abstract says), with incoming weights W_li, outgoing weights O_li (both
flattened) and norm scale g_li:

    Wn   = (W_l - mean W_l) / std W_l              per layer
    e_li = A_l Wn_li + b_l           in R^32       one linear map per layer
    n_li = z-score over i of [log rms W_li, log rms O_li, log rms g_li]
    u_li = [e_li, n_li, mean_i e_li, mean_i n_li]  own features and the layer's context

`Equivariant` has no parameters of a layer: of each of W and O it takes the size, moments and extremes of a neuron's
weights, and how alike they are to those of its layer (cosines), none of which depends on how the neurons on the other
side are numbered. So one switcher serves every layer of every network.

Only the abstract of the paper is public to us; both forms are our own (see methods/switcher.py).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from methods.core.alternation import Scores, standardise
from methods.core.api import Group
from methods.core.views import Noise, Shuffle, View, weights

EMBEDDING = 32
SIZES = 3
STATISTICS = 8  # of one set of weights of a neuron
TINY = 1e-6

Input = Literal["incoming", "outgoing", "both", "shuffled", "noise"]
Reader = Literal["embedding", "equivariant"]


class Embedding(nn.Module):
    """A linear map for every layer, of the weights of its neurons."""

    width = 2 * (EMBEDDING + SIZES)

    def __init__(self, views: Sequence[View], chosen: Input) -> None:
        super().__init__()
        self.chosen = chosen
        self.maps = nn.ModuleList(nn.Linear(self._read(view).shape[1], EMBEDDING) for view in views)

    def forward(self, views: Sequence[View]) -> list[Tensor]:
        """[size, width] of every group."""
        features = []
        for view, embed in zip(views, self.maps, strict=True):
            own = torch.cat([embed(self._read(view)), sizes(view)], 1)
            features.append(torch.cat([own, own.mean(0, keepdim=True).expand_as(own)], 1))
        return features

    def _read(self, view: View) -> Tensor:
        sides = {"outgoing": [view.outgoing], "both": [view.incoming, view.outgoing]}.get(self.chosen, [view.incoming])
        return torch.cat([(side - side.mean()) / (side.std() + TINY) for side in sides], 1)


class Equivariant(nn.Module):
    """Statistics that every layer of every network has."""

    width = 2 * (2 * STATISTICS + 1) + 2

    def __init__(self, views: Sequence[View], chosen: Input) -> None:
        super().__init__()
        self.chosen = chosen

    def forward(self, views: Sequence[View]) -> list[Tensor]:
        """[size, width] of every group: statistics as z-scores over the layer, the layer's means, size and fan in."""
        features = []
        for view in views:
            incoming, outgoing = statistics(view.incoming), statistics(view.outgoing)
            if self.chosen == "incoming":
                outgoing = torch.zeros_like(outgoing)
            elif self.chosen == "outgoing":
                incoming = torch.zeros_like(incoming)
            scale = torch.zeros_like(incoming[:, :1]) if view.scale is None else log_rms(view.scale)[:, None]
            own = torch.cat([incoming, outgoing, scale], 1)
            shape = own.new_tensor(view.incoming.shape).log().expand(len(own), 2)
            features.append(torch.cat([standardise(own), own.mean(0, keepdim=True).expand_as(own), shape], 1))
        return features


class Switcher(nn.Module):
    """Reads `net`'s groups. Its own parameters are drawn from `generator`.

    input: which weights are read; "shuffled" are those of another neuron, "noise" is no weights at all. live: whether
    the loss's gradient goes on through the switcher into the weights that it reads.
    """

    def __init__(
        self,
        net: nn.Module,
        groups: Sequence[Group],
        generator: torch.Generator,
        reader: Reader = "embedding",
        input: Input = "incoming",
        hidden: int = 64,
        live: bool = False,
    ) -> None:
        super().__init__()
        self.groups, self.live = groups, live
        views = weights(net, groups)
        made = Embedding if reader == "embedding" else Equivariant
        self.reader = made(views, input)
        self.mlp = nn.Sequential(nn.Linear(made.width, hidden), nn.ReLU(), nn.Linear(hidden, hidden), nn.ReLU())
        self.head = nn.Linear(hidden, 1, bias=False)
        for parameter in self.parameters():
            fan_in = parameter.shape[-1] if parameter.dim() > 1 else 1
            draw = torch.empty(parameter.shape).uniform_(-1, 1, generator=generator)
            parameter.data = draw / fan_in**0.5 if parameter.dim() > 1 else torch.zeros_like(parameter)
        controls = {"noise": Noise, "shuffled": Shuffle}
        self.control = controls[input](views, generator) if input in controls else nn.Identity()
        self.to(views[0].incoming.device)
        with FlopCounterMode(display=False) as counter, torch.no_grad():
            self(net)
        self.macs = counter.get_total_flops() / 2

    def forward(self, net: nn.Module) -> Scores:
        """Group name -> scores [size]."""
        features = self.reader(self.control(weights(net, self.groups, live=self.live)))
        return {
            group.name: self.head(standardise(self.mlp(own))).squeeze(1)
            for group, own in zip(self.groups, features, strict=True)
        }


def sizes(view: View) -> Tensor:
    """[size, 3]: z-scores of the log size of incoming weights, outgoing weights and norm scale (0 where none is)."""
    found = [log_rms(rows) for rows in view.rows()]
    return standardise(torch.stack(found + [torch.zeros_like(found[0])] * (SIZES - len(found)), 1))


def log_rms(rows: Tensor) -> Tensor:
    """[size]."""
    return rows.square().mean(1).add(1e-12).log() / 2


def statistics(rows: Tensor) -> Tensor:
    """[size, 8] of the weights [size, n] of a layer's neurons, whatever the order of the n."""
    size = log_rms(rows)
    unit = rows / size.exp().add(TINY)[:, None]
    alike = nn.functional.normalize(rows, dim=1, eps=TINY)
    cosines = alike @ alike.T
    others = cosines - torch.diag_embed(cosines.diagonal())
    moments = [unit.mean(1), unit.abs().mean(1), unit.abs().amax(1).add(1).log(), unit.pow(3).mean(1).tanh()]
    return torch.stack([size, *moments, others.mean(1), others.square().mean(1), others.amax(1)], 1)
