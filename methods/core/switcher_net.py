"""The switcher network: reads the weights of the task network, puts out a score per neuron.

For a group l and its neuron i, with incoming weights W_li and outgoing weights O_li (flattened) and norm scale g_li:

    Wn   = (W_l - mean W_l) / std W_l                         per layer; the weights are constants here
    e_li = A_l Wn_li + b_l                        in R^32     one linear map per layer
    n_li = z-score over i of [log rms W_li, log rms O_li, log rms g_li]
    u_li = [e_li, n_li, mean_i e_li, mean_i n_li]             own features and the layer's context
    h_li = MLP(u_li)                              70 -> 64 -> 64, ReLU, shared by all layers
    score_li = v . z-score over i of h_li

Only the abstract of the paper is public to us; this form is our own (see methods/switcher.py).
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from methods.core.alternation import Scores, standardise
from methods.core.api import Group, Site

EMBEDDING = 32
HIDDEN = 64
NORMS = 3


class Switcher(nn.Module):
    """Reads `net`'s groups. Its own parameters are drawn from `generator`."""

    def __init__(self, net: nn.Module, groups: Sequence[Group], generator: torch.Generator) -> None:
        super().__init__()
        self.groups = groups
        fans = [len(incoming(net, group)[0]) for group in groups]
        self.embeddings = nn.ModuleList(nn.Linear(fan, EMBEDDING) for fan in fans)
        self.mlp = nn.Sequential(
            nn.Linear(2 * (EMBEDDING + NORMS), HIDDEN), nn.ReLU(), nn.Linear(HIDDEN, HIDDEN), nn.ReLU()
        )
        self.head = nn.Linear(HIDDEN, 1, bias=False)
        for parameter in self.parameters():
            fan_in = parameter.shape[-1] if parameter.dim() > 1 else 1
            draw = torch.empty(parameter.shape).uniform_(-1, 1, generator=generator)
            parameter.data = draw / fan_in**0.5 if parameter.dim() > 1 else torch.zeros_like(parameter)
        self.macs = sum(
            g.size * (fan * EMBEDDING + 2 * (EMBEDDING + NORMS) * HIDDEN + HIDDEN * (HIDDEN + 1))
            for g, fan in zip(groups, fans, strict=True)
        )

    def forward(self, net: nn.Module) -> Scores:
        """Group name -> scores [size]; no gradient reaches the weights of `net`."""
        return {
            group.name: self.head(standardise(self.mlp(self._features(net, group, embed)))).squeeze(1)
            for group, embed in zip(self.groups, self.embeddings, strict=True)
        }

    def _features(self, net: nn.Module, group: Group, embed: nn.Module) -> Tensor:
        """[size, 2 * (EMBEDDING + NORMS)]."""
        weights = incoming(net, group)
        own = torch.cat([embed((weights - weights.mean()) / (weights.std() + 1e-6)), norms(net, group, weights)], 1)
        return torch.cat([own, own.mean(0, keepdim=True).expand_as(own)], 1)


def incoming(net: nn.Module, group: Group) -> Tensor:
    """[size, fan in]: the weights of every layer that writes the group, without gradient."""
    modules = dict(net.named_modules())
    return torch.cat([_rows(modules[site.module].weight, site) for site in group.writers], dim=1)


def outgoing(net: nn.Module, group: Group) -> Tensor:
    """[size, fan out]: the weights of every layer that reads the group, without gradient."""
    modules = dict(net.named_modules())
    return torch.cat([_rows(_by_input(modules[site.module]), site) for site in group.readers], dim=1)


def norms(net: nn.Module, group: Group, weights: Tensor) -> Tensor:
    """[size, 3]: z-scores of the log size of incoming weights, outgoing weights and norm scale (0 where none is)."""
    modules = dict(net.named_modules())
    columns = [weights, outgoing(net, group)] + [_rows(modules[site.module].weight, site) for site in group.norms[-1:]]
    sizes = [column.square().mean(1).add(1e-12).log() / 2 for column in columns]
    return standardise(torch.stack(sizes + [torch.zeros_like(sizes[0])] * (NORMS - len(sizes)), dim=1))


def _by_input(reader: nn.Module) -> Tensor:
    """[inputs, outputs / groups, ...]: an input of a grouped convolution is read by its own group alone."""
    weight, parts = reader.weight, getattr(reader, "groups", 1)
    assert isinstance(weight, Tensor)
    return weight.unflatten(0, (parts, -1)).transpose(1, 2).flatten(0, 1)


def _rows(weight: Tensor, site: Site) -> Tensor:
    return weight.detach()[site.index.to(weight.device)].flatten(1)
