"""The learning rate along a training."""
# SPDX-License-Identifier: BSD-3-Clause

from dataclasses import dataclass

import torch
from torch.optim.lr_scheduler import LambdaLR

__all__ = ["Schedule", "rates_along"]


@dataclass(frozen=True, slots=True)
class Schedule:
    """Share of the learning rate at each update: a straight line up, and one down to 0.

    Parameters
    ----------
    n_updates : int
        In all epochs together.
    warmup : float
        Share of them on the way up.
    """

    n_updates: int
    warmup: float

    def __call__(self, update: int) -> float:
        """Share at an update, from 0."""
        n_up = self.warmup * self.n_updates
        if update < n_up:
            return (update + 1) / (n_up + 1)
        return max(0.0, (self.n_updates - update) / max(1.0, self.n_updates - n_up))


def rates_along(
    optimizers: list[torch.optim.Optimizer], n_updates: int, warmup: float
) -> list[LambdaLR]:
    """Schedules to step after each update of optimizers, which from now on go along them."""
    return [LambdaLR(optimizer, Schedule(n_updates, warmup)) for optimizer in optimizers]
