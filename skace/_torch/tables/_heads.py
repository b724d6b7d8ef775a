"""Heads: small networks that map item features to the width of the model."""
# SPDX-License-Identifier: BSD-3-Clause

from collections.abc import Sequence
from itertools import pairwise
from typing import cast

import torch
import torch.nn.functional as F
from torch import nn

from skace._torch._products import Linear, linear, matmul

__all__ = ["LinearHead", "build_head", "random_linear"]

_ACTIVATIONS = {"relu": nn.ReLU, "leaky_relu": nn.LeakyReLU, "gelu": nn.GELU}


def random_linear(n_in: int, n_out: int, std: float, generator: torch.Generator) -> Linear:
    """Linear layer with weights from N(0, std) and biases of 0."""
    # A layer made the usual way would first draw from torch's global generator.
    layer: Linear = nn.utils.skip_init(Linear, n_in, n_out)  # type: ignore[no-untyped-call]
    nn.init.normal_(layer.weight, std=std, generator=generator)
    nn.init.zeros_(layer.bias)
    return layer


class LinearHead(nn.Sequential):
    """Linear layers without anything between them, multiplied out before rows pass them.

    They are trained one by one, but many rows then pass one narrow product, not several wide ones.
    """

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map (..., K) to (..., N)."""
        first, *others = cast(list[Linear], list(self))
        weight: torch.Tensor = first.weight
        bias: torch.Tensor = first.bias
        for layer in others:
            weight = matmul(layer.weight, weight)
            bias = F.linear(bias, layer.weight, layer.bias)
        return linear(x, weight, bias)


def build_head(
    widths: Sequence[int], activation: str | None, std: float, generator: torch.Generator
) -> nn.Sequential:
    """Linear layers from width to width, with the activation between them."""
    layers: list[nn.Module] = []
    for n_in, n_out in pairwise(widths):
        if layers and activation is not None:
            layers.append(_ACTIVATIONS[activation]())
        layers.append(random_linear(n_in, n_out, std, generator))
    return nn.Sequential(*layers) if activation else LinearHead(*layers)
