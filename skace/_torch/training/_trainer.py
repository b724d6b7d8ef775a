"""The training loop: batches, steps, epochs."""
# SPDX-License-Identifier: BSD-3-Clause

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from skace._torch._batches import Batch, DeviceLog
from skace._torch._network import Network
from skace._torch._runtime import autocast
from skace._torch.training._auxiliary import Auxiliary
from skace._torch.training._competitors import Competitors
from skace._torch.training._losses import Loss
from skace._torch.training._parallel import Ranks
from skace._torch.training._schedule import rates_along
from skace._typing import IntArray
from skace._windows import batch_order, n_batches

__all__ = ["Trainer", "build_optimizers"]


_WARMUP = 0.1  # of all steps

# (summed loss, what is minimised), each of shape ()
Costs = tuple[torch.Tensor, torch.Tensor]


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
    """One pass after another over the windows of a log.

    Every row that is asked for weighs the same, up to its ``sample_weight``, whatever stands
    beside it in its batch. So a step does not minimise the mean over its batch, which holds
    windows of similar length and hence few or many rows, but its sum over the weight of a mean
    step. The mean over the steps of an epoch is then the mean over its rows, also where the last
    batch is cut short or several ranks share the batches.
    """

    network: Network
    log: DeviceLog
    loss: Loss
    competitors: Competitors
    optimizers: list[torch.optim.Optimizer]
    batch_size: int
    dtype: torch.dtype
    rng: np.random.RandomState
    auxiliary: Auxiliary | None = None
    loss_takes_dtype: bool = True  # else its states are float32
    ranks: Ranks = field(default_factory=Ranks)
    model: nn.Module = field(init=False)
    _rates: list[torch.optim.lr_scheduler.LambdaLR] = field(init=False, default_factory=list)

    def __post_init__(self) -> None:
        self.model = self.ranks.wrap(_Step(self.network, self._costs))

    @property
    def has_rows(self) -> bool:
        """Whether there is something to learn from."""
        return len(self.log.lengths) > 0

    def warm_up_and_decay(self, n_epochs: int) -> None:
        """From now on let the learning rate rise and fall to 0, over so many epochs."""
        self._rates = rates_along(self.optimizers, n_epochs * self.n_steps, _WARMUP)

    def run_epoch(self) -> float:
        """Learn from every window once; return the mean loss of a row in nats."""
        self.network.train()
        device = self.log.items.device
        # Sums stay on the device: reading them would make the GPU wait for us at each step.
        total = torch.zeros((), device=device, dtype=torch.float64)
        batches = batch_order(self.log.lengths, self.batch_size, self.rng)
        if self.auxiliary is not None:
            self.auxiliary.begin_epoch(len(batches))
        for numbers in batches:
            total += self.step(self._own_batch(numbers))
        self.network.items.pin_cold()
        self.network.eval()
        return float(self.ranks.total(total)) / self.log.weight_asked

    def is_finite(self) -> bool:
        """Whether all weights are numbers."""
        return all(bool(p.isfinite().all()) for p in self.network.parameters())

    def _own_batch(self, numbers: IntArray) -> Batch:
        """What this rank learns of a batch of windows."""
        own = self.ranks.share(numbers)
        if own.size:
            return self.log.batch(own)
        # The others wait for our gradients: a window that teaches nothing gives zeros.
        batch = self.log.batch(numbers[:1])
        return replace(batch, weights=torch.zeros_like(batch.weights), numbers=own)

    def step(self, batch: Batch) -> torch.Tensor:
        """Update the network with one batch; return this rank's summed loss.

        What the item table and an auxiliary add to the loss is not part of what is returned.
        """
        for optimizer in self.optimizers:
            optimizer.zero_grad(set_to_none=True)
        loss, cost = self.model(batch)
        cost.backward()
        for optimizer in self.optimizers:
            optimizer.step()
        for rate in self._rates:
            rate.step()
        summed: torch.Tensor = loss.detach().double()
        return summed

    @property
    def mean_step_weight(self) -> float:
        """Weight that a step asks for in the mean of an epoch, over all ranks."""
        return self.log.weight_asked / self.n_steps

    @property
    def n_steps(self) -> int:
        """Steps of an epoch."""
        return n_batches(self.log.lengths.size, self.batch_size)

    def _costs(self, batch: Batch) -> Costs:
        """Summed loss of a batch, and this rank's part of what is minimised."""
        table = self.network.items()  # (n_items, D), once a step
        loss, weight = self.batch_loss(batch, table)
        part = loss
        if batch.numbers is None or batch.numbers.size:  # not an empty share
            penalty = self.network.items.penalty(batch.targets[batch.weights > 0])
            if penalty is not None:  # each row carries that of the step in which it stands
                part = part + weight * penalty
        cost = part / self.mean_step_weight
        extra = None if self.auxiliary is None else self.auxiliary.cost(batch, table)
        if extra is not None:
            cost = cost + extra
        # Ranks exchange the mean of their gradients; what we want is the gradient of the sum.
        return loss, cost * self.ranks.size

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
        if len(hidden) == 0:  # an empty share; losses that draw from the batch find nothing there
            return hidden.sum(), weights.sum()
        vectors, targets = self.competitors.of(table, batch.targets[is_target])
        # The last LayerNorm gives float32 back; our losses multiply in the type of hidden.
        hidden = hidden.to(self.dtype if self.loss_takes_dtype else torch.float32)
        loss = self.loss(hidden, vectors, targets, weights)
        if not isinstance(loss, torch.Tensor) or loss.ndim != 0:
            shape = f" of shape {tuple(loss.shape)}" if isinstance(loss, torch.Tensor) else ""
            raise TypeError(
                f"the loss returned {type(loss).__name__}{shape}; it has to return the sum of what "
                "the places cost, each times its weight, as a tensor of shape ()."
            )
        return loss, weights.sum()


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
