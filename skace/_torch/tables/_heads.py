"""Heads: small networks that map item features to the width of the model."""
# SPDX-License-Identifier: BSD-3-Clause

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import nn

from skace._torch._products import Linear

__all__ = ["build_head", "random_linear"]

_ACTIVATIONS = {"relu": nn.ReLU, "leaky_relu": nn.LeakyReLU, "gelu": nn.GELU}


def random_linear(n_in: int, n_out: int, std: float, generator: torch.Generator) -> Linear:
    """Linear layer with weights from N(0, std) and biases of 0."""
    # A layer made the usual way would first draw from torch's global generator.
    layer: Linear = nn.utils.skip_init(Linear, n_in, n_out)  # type: ignore[no-untyped-call]
    nn.init.normal_(layer.weight, std=std, generator=generator)
    nn.init.zeros_(layer.bias)
    return layer


def build_head(
    widths: Sequence[int], activation: str | None, std: float, generator: torch.Generator
) -> nn.Sequential:
    """Linear layers from width to width, with the activation between them."""
    layers: list[nn.Module] = []
    for n_in, n_out in pairwise(widths):
        if layers and activation is not None:
            layers.append(_ACTIVATIONS[activation]())
        layers.append(random_linear(n_in, n_out, std, generator))
    return nn.Sequential(*layers)
