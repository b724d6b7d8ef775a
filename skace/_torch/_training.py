"""The training loop: batches, steps, epochs."""
# SPDX-License-Identifier: BSD-3-Clause

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from skace._torch._auxiliary import Auxiliary
from skace._torch._batches import Batch, DeviceLog
from skace._torch._competitors import Competitors
from skace._torch._losses import Loss
from skace._torch._network import Network
from skace._torch._parallel import Ranks
from skace._torch._runtime import autocast
from skace._typing import IntArray
from skace._windows import batch_order

__all__ = ["Trainer", "build_optimizers"]


# (summed loss, summed weight, what is minimised), each of shape ()
Costs = tuple[torch.Tensor, torch.Tensor, torch.Tensor]


class _Step(nn.Module):
    """The costs of a batch as a forward pass, which is what ranks can share."""

    def __init__(self, network: Network, costs: Callable[[Batch], Costs]) -> None:
        super().__init__()
        self.network = network
        self.costs = costs

    def forward(self, batch: Batch) -> Costs:
        """Costs of a batch."""
        return self.costs(batch)


@dataclass(slots=True, eq=False)
class Trainer:
    """One pass after another over the windows of a log."""

    network: Network
    log: DeviceLog
    loss: Loss
    competitors: Competitors
    optimizers: list[torch.optim.Optimizer]
    batch_size: int
    dtype: torch.dtype
    rng: np.random.RandomState
    auxiliary: Auxiliary | None = None
    ranks: Ranks = field(default_factory=Ranks)
    model: nn.Module = field(init=False)

    def __post_init__(self) -> None:
        self.model = self.ranks.wrap(_Step(self.network, self._costs))

    def run_epoch(self) -> float:
        """Learn from every window once; return the mean loss in nats."""
        self.network.train()
        device = self.log.items.device
        # Sums stay on the device: reading them would make the GPU wait for us at each step.
        total = torch.zeros(2, device=device, dtype=torch.float64)
        batches = batch_order(self.log.lengths, self.batch_size, self.rng)
        if self.auxiliary is not None:
            self.auxiliary.begin_epoch(len(batches))
        for numbers in batches:
            total += self.step(self._own_batch(numbers))
        self.network.items.pin_cold()
        self.network.eval()
        loss, weight = self.ranks.total(total).tolist()
        return float(loss / weight)

    def _own_batch(self, numbers: IntArray) -> Batch:
        """What this rank learns of a batch of windows."""
        own = self.ranks.share(numbers)
        if own.size:
            return self.log.batch(own)
        # The others wait for our gradients: a window that teaches nothing gives zeros.
        batch = self.log.batch(numbers[:1])
        return replace(batch, weights=torch.zeros_like(batch.weights))

    def step(self, batch: Batch) -> torch.Tensor:
        """Update the network with one batch; return (summed loss, summed weight) of this rank.

        The item table and an auxiliary may add to the mean loss, which is not part of what is
        returned.
        """
        for optimizer in self.optimizers:
            optimizer.zero_grad(set_to_none=True)
        loss, weight, cost = self.model(batch)
        cost.backward()
        for optimizer in self.optimizers:
            optimizer.step()
        return torch.stack([loss.detach(), weight]).double()

    def _costs(self, batch: Batch) -> Costs:
        """Summed loss and weight of a batch, and this rank's part of what is minimised."""
        table = self.network.items()  # (n_items, D), once a step
        loss, weight = self.batch_loss(batch, table)
        extras = [self.network.items.penalty(batch.targets[batch.weights > 0])]
        if self.auxiliary is not None:
            extras.append(self.auxiliary.cost(batch, table))
        # The mean of the parts over the ranks is the mean loss of the whole batch.
        part = loss * self.ranks.size / self.ranks.total(weight)
        cost = sum((extra for extra in extras if extra is not None), start=part)
        return loss, weight, cost

    def batch_loss(
        self, batch: Batch, table: torch.Tensor | None = None
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Summed loss and weight of the real positions of a batch, by the network's table."""
        table = self.network.items() if table is None else table
        is_target = batch.weights > 0  # (B, T)
        weights = batch.weights[is_target]  # (N,)
        read = F.embedding(batch.items, table, sparse=self.network.items.is_sparse)
        with autocast(table.device, self.dtype):
            states = self.network.read(read, batch.context)
        hidden = states[is_target]  # (N, D)
        vectors, targets = self.competitors.of(table, batch.targets[is_target])
        # The last LayerNorm gives float32 back; the losses multiply in the type of hidden.
        return self.loss(hidden.to(self.dtype), vectors, targets, weights), weights.sum()


def build_optimizers(
    network: Network, learning_rate: float, weight_decay: float
) -> list[torch.optim.Optimizer]:
    """Adam with decoupled weight decay (plain Adam for 0), and a lazy one for sparse tables."""
    is_sparse = network.items.is_sparse
    eager = [p for p in (network.encoder if is_sparse else network).parameters() if p.requires_grad]
    adam = torch.optim.AdamW(eager, lr=learning_rate, weight_decay=weight_decay, fused=True)
    if not is_sparse:
        return [adam]
    return [adam, torch.optim.SparseAdam(network.items.parameters(), lr=learning_rate)]
