"""Batches by index arithmetic over the flat log on the device."""
# SPDX-License-Identifier: BSD-3-Clause

from dataclasses import dataclass

import numpy as np
import torch

from skace._typing import FloatArray, IntArray
from skace._windows import Windows

__all__ = ["Batch", "DeviceLog"]


@dataclass(frozen=True, slots=True, eq=False)
class Batch:
    """Right-padded windows; where ``weights`` is 0 there is nothing to learn."""

    items: torch.Tensor  # (B, T) item rows that are read; padding holds any item
    targets: torch.Tensor  # (B, T) item row that follows each position
    weights: torch.Tensor  # (B, T) float32


class DeviceLog:
    """Items and weights of all events, and the windows over them."""

    def __init__(
        self, items: IntArray, weights: FloatArray, windows: Windows, device: torch.device
    ) -> None:
        self.items = torch.as_tensor(items).to(device)
        self.weights = torch.as_tensor(weights, dtype=torch.float32).to(device)
        self.lengths = windows.lengths
        bounds = np.stack([windows.starts, windows.lengths, windows.first_targets])
        self.bounds = torch.as_tensor(bounds).to(device)  # (3, n_windows)

    def batch(self, numbers: IntArray) -> Batch:
        """Batch of the windows of these numbers."""
        length = int(self.lengths[numbers].max())
        device = self.items.device
        chosen = torch.as_tensor(numbers).to(device, non_blocking=True)
        start, lengths, first_target = self.bounds[:, chosen, None]  # each (B, 1)
        steps = torch.arange(length, device=device)
        is_read = steps < lengths  # (B, T)
        # Padding reads the window's first event again, which keeps indices inside the log.
        places = start + torch.where(is_read, steps, 0)
        is_target = is_read & (places + 1 >= first_target)
        following = torch.where(is_target, places + 1, places)
        return Batch(
            items=self.items[places],
            targets=self.items[following],
            weights=torch.where(is_target, self.weights[following], 0.0),
        )
