"""Weights: arrays of a network by name, and the layers that are made of them."""
# SPDX-License-Identifier: BSD-3-Clause

import numpy as np

__all__ = ["Weights"]


class Weights:
    """Arrays by name below a prefix, and the layers that are made of them."""

    def __init__(self, arrays, prefix=""):
        self._arrays, self._prefix = arrays, prefix

    def at(self, name):
        """Those below a name."""
        return Weights(self._arrays, f"{self._prefix}{name}.")

    def __getitem__(self, name):
        return self._arrays[self._prefix + name]

    def __contains__(self, name):
        return self._prefix + name in self._arrays

    def linear(self, name, x):
        """A linear layer, with its bias where it has one."""
        product = x @ self[f"{name}.weight"].T
        bias = f"{name}.bias"
        return product + self[bias] if bias in self else product

    def norm(self, name, x, eps=1e-5):
        """A layer norm over the last axis."""
        share = np.float32(1 / x.shape[-1])
        centred = x - np.add.reduce(x, axis=-1, keepdims=True) * share
        squares = np.add.reduce(centred * centred, axis=-1, keepdims=True) * share
        scale = self[f"{name}.weight"] / np.sqrt(squares + np.float32(eps))
        return centred * scale + self[f"{name}.bias"]
