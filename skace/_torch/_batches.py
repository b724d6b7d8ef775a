"""Batches by index arithmetic over the flat log on the device."""
# SPDX-License-Identifier: BSD-3-Clause

from dataclasses import replace

import numpy as np
import torch

from skace._torch._layouts import Batch, Layout, NextItemLayout, places_read, with_times
from skace._typing import BoolArray, Float64Array, FloatArray, IntArray
from skace._windows import Windows, rows_asked

__all__ = ["Batch", "DeviceLog"]


class DeviceLog:
    """Items and weights of all events, the windows over them, and how they are laid out.

    Encoders with ``reads_times`` need ``times`` of all events, and windows that are read as
    `NextItemLayout` does.

    Attributes
    ----------
    weight_asked : float
        Weight of all rows that an epoch asks for; its expectation where they are drawn.
    """

    def __init__(
        self,
        items: IntArray,
        weights: FloatArray | BoolArray,
        windows: Windows,
        device: torch.device,
        layout: Layout | None = None,
        times: Float64Array | None = None,
    ) -> None:
        self.items = torch.as_tensor(items).to(device)
        self.weights = torch.as_tensor(weights, dtype=torch.float32).to(device)
        self.times = None if times is None else torch.as_tensor(times).to(device)
        self.lengths = windows.lengths
        bounds = np.stack([windows.starts, windows.lengths, windows.first_targets])
        self.bounds = torch.as_tensor(bounds).to(device)  # (3, n_windows)
        self.layout = NextItemLayout() if layout is None else layout
        numbers, events = rows_asked(windows, weights > 0)
        self.weight_asked = float(self.layout.chances(numbers) @ weights[events])

    def batch(self, numbers: IntArray) -> Batch:
        """Batch of the windows of these numbers."""
        longest = int(self.lengths[numbers].max())
        chosen = torch.as_tensor(numbers).to(self.items.device, non_blocking=True)
        bounds = self.bounds[:, chosen]
        batch = self.layout.batch(self.items, self.weights, bounds, longest)
        if self.times is not None:
            batch = with_times(batch, self.times[places_read(bounds, longest)[0]])
        return replace(batch, numbers=numbers)
