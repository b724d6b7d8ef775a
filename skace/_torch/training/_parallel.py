"""Ranks: processes that train one model together, each on its share of every batch."""
# SPDX-License-Identifier: BSD-3-Clause

from dataclasses import dataclass
from inspect import signature
from typing import Any, TypeVar

import numpy as np
import torch
from torch import distributed, nn
from torch.nn.parallel import DistributedDataParallel

from skace._typing import FloatArray, IntArray

__all__ = ["Ranks"]

T = TypeVar("T")

# Training changes no buffers, so none are sent at a step. Versions of torch differ in the name.
_ARGUMENTS = signature(DistributedDataParallel).parameters
_SENDS_BUFFERS = (
    "forward_sync_buffers" if "forward_sync_buffers" in _ARGUMENTS else "broadcast_buffers"
)


@dataclass(frozen=True, slots=True)
class Ranks:
    """Place of this process among those that train together; alone where there are no others.

    All ranks hold the whole log and draw the same batches, so that each knows its share
    without asking. What they exchange is gradients, sums and validation ranks.
    """

    number: int = 0
    size: int = 1

    @classmethod
    def current(cls) -> "Ranks":
        """Ranks of the process group that the caller has started, if any."""
        if distributed.is_available() and distributed.is_initialized():
            return cls(distributed.get_rank(), distributed.get_world_size())
        return cls()

    def share(self, numbers: IntArray) -> IntArray:
        """Every ``size``-th of the numbers: each belongs to one rank."""
        return numbers[self.number :: self.size]

    def wrap(self, module: nn.Module) -> nn.Module:
        """Module whose gradients are the means over all ranks."""
        if self.size == 1:
            return module
        # A share may leave a parameter out that those of other ranks ask for.
        options: dict[str, Any] = {"find_unused_parameters": True, _SENDS_BUFFERS: False}
        return DistributedDataParallel(module, **options)

    def total(self, value: torch.Tensor) -> torch.Tensor:
        """Sum over the ranks, the same on all of them."""
        if self.size > 1:
            value = value.clone()
            distributed.all_reduce(value)
        return value

    def agreed(self, value: T) -> T:
        """What the first rank has."""
        told: list[T] = [value]
        if self.size > 1:
            distributed.broadcast_object_list(told, src=0)
        return told[0]

    def joined(self, own: FloatArray) -> FloatArray:
        """Values of all ranks, in the order that `share` took them from."""
        if self.size == 1:
            return own
        parts: list[FloatArray] = [own] * self.size
        distributed.all_gather_object(parts, own)
        whole = np.empty(sum(part.size for part in parts), dtype=own.dtype)
        for number, part in enumerate(parts):
            whole[number :: self.size] = part
        return whole
