"""Training of a network that reads passages and spells out ids."""
# SPDX-License-Identifier: BSD-3-Clause

from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import nn

from skace._torch._runtime import autocast
from skace._torch.generation._fusion import FusionNetwork, gathered
from skace._torch.generation._passages import Passages, trimmed
from skace._torch.training._parallel import Ranks
from skace._torch.training._schedule import rates_along
from skace._typing import FloatArray, IntArray

__all__ = ["Examples", "GenerationTrainer", "build_optimizer"]

_EPSILON = 1e-6  # of AdamW, as published


class Examples(NamedTuple):
    """Rows to learn from, in columns of the model."""

    items: IntArray  # (n_events,) of the log
    begins: IntArray  # (n_rows,) where the past that is read begins
    ends: IntArray  # (n_rows,) the event that is asked for, right behind it
    weights: FloatArray  # (n_rows,)


class _Step(nn.Module):
    """Summed loss of some rows as a forward pass, which is what ranks can share."""

    def __init__(self, network: FusionNetwork) -> None:
        super().__init__()
        self.network = network

    def forward(
        self,
        tokens: torch.Tensor,
        rows: torch.Tensor,
        places: torch.Tensor,
        answers: torch.Tensor,
        weights: torch.Tensor,
    ) -> torch.Tensor:
        """Weighted sum, in nats."""
        is_real = tokens >= 0
        states = self.network.read(tokens)[is_real]  # (N, D)
        counts = is_real.sum(dim=1)
        rows, places = (torch.repeat_interleave(x, counts) for x in (rows, places))
        memory, is_read = gathered(self.network.placed(states, places), rows, len(answers))
        return -(weights * self.network.log_p(memory, is_read, answers)).sum()


@dataclass(slots=True, eq=False)
class GenerationTrainer:
    """One pass after another over the rows of a log.

    As elsewhere, each row weighs the same, up to its ``sample_weight``, whatever stands beside it
    in its batch. What is minimised is the cost of a token; what is told is that of an item.
    """

    network: FusionNetwork
    examples: Examples
    passages: Passages
    optimizers: list[torch.optim.Optimizer]
    warmup: float  # share of all updates
    batch_size: int
    accumulation: int
    max_gradient: float | None
    dtype: torch.dtype
    rng: np.random.RandomState
    ranks: Ranks = field(default_factory=Ranks)
    model: nn.Module = field(init=False)
    _rates: list[torch.optim.lr_scheduler.LambdaLR] = field(init=False, default_factory=list)
    _tokens_of_an_update: float = field(init=False)

    def __post_init__(self) -> None:
        self._tokens_of_an_update = self._mean_tokens()
        self.model = self.ranks.wrap(_Step(self.network))

    def warm_up_and_decay(self, n_epochs: int) -> None:
        """From now on let the learning rate rise and fall to 0, over so many epochs."""
        self._rates = rates_along(self.optimizers, n_epochs * self.n_updates, self.warmup)

    @property
    def has_rows(self) -> bool:
        """Whether there is something to learn from."""
        return len(self.examples.ends) > 0

    @property
    def n_updates(self) -> int:
        """Updates of an epoch."""
        return -(-len(self.examples.ends) // (self.batch_size * self.accumulation))

    def run_epoch(self) -> float:
        """Learn from every row once; return the mean loss of a row in nats."""
        self.network.train()
        total = torch.zeros((), device=self.network.device, dtype=torch.float64)
        order = self.rng.permutation(len(self.examples.ends))
        step = self.batch_size * self.accumulation
        for begin in range(0, len(order), step):
            total += self._update(order[begin : begin + step])
        self.network.eval()
        return float(self.ranks.total(total)) / float(self.examples.weights.sum())

    def is_finite(self) -> bool:
        """Whether all weights are numbers."""
        return all(bool(p.isfinite().all()) for p in self.network.parameters())

    def _update(self, numbers: IntArray) -> torch.Tensor:
        """Learn from some rows, a batch at a time; return this rank's summed loss."""
        for optimizer in self.optimizers:
            optimizer.zero_grad(set_to_none=True)
        total = torch.zeros((), device=self.network.device, dtype=torch.float64)
        for begin in range(0, len(numbers), self.batch_size):
            loss = self._loss(numbers[begin : begin + self.batch_size])
            # Ranks exchange the mean of their gradients; what we want is that of the sum.
            cost: Any = loss * (self.ranks.size / self._tokens_of_an_update)
            cost.backward()
            total += loss.detach().double()
        if self.max_gradient is not None:
            nn.utils.clip_grad_norm_(self.network.parameters(), self.max_gradient)
        for optimizer in self.optimizers:
            optimizer.step()
        for rate in self._rates:
            rate.step()
        return total

    def _mean_tokens(self) -> float:
        """Weight of a mean update of an epoch, counted in tokens of ids."""
        weights, items = self.examples.weights, self.examples.items[self.examples.ends]
        n_tokens = (self.passages.ids >= 0).sum(axis=1) + 1
        return float((weights * n_tokens[items]).sum()) / max(1, self.n_updates)

    def _loss(self, numbers: IntArray) -> torch.Tensor:
        """Summed loss of this rank's part of a batch."""
        own = self.ranks.share(numbers)
        is_empty = own.size == 0  # the others wait for our gradients: one row of weight 0
        rows = numbers[:1] if is_empty else own
        items, begins, ends, weights = self.examples
        pasts = [items[begins[row] : ends[row]] for row in rows]
        users = self.passages.of_users(pasts)
        of_items = self.passages.items[np.concatenate([past[::-1] for past in pasts])]
        tokens = trimmed(_stacked(users, of_items))
        counts = [len(past) for past in pasts]
        of_rows = np.concatenate([np.arange(len(pasts)), np.repeat(np.arange(len(pasts)), counts)])
        places = np.concatenate([np.zeros(len(pasts)), *(1 + np.arange(n) for n in counts)])
        order = np.argsort(of_rows, kind="stable")  # the passage on the user stands first
        arrays = (
            tokens[order],
            of_rows[order],
            places.astype(np.int64)[order],
            self.passages.answers(items[ends[rows]]),
            np.float32(0.0 if is_empty else 1.0) * weights[rows].astype(np.float32),
        )
        device = self.network.device
        with autocast(device, self.dtype):
            loss: torch.Tensor = self.model(*(torch.from_numpy(x).to(device) for x in arrays))
        return loss


def _stacked(first: IntArray, second: IntArray) -> IntArray:
    """Rows of two tables of tokens, one below the other."""
    width = max(first.shape[1], second.shape[1])
    return np.concatenate(
        [
            np.pad(part, ((0, 0), (0, width - part.shape[1])), constant_values=-1)
            for part in (first, second)
        ]
    )


def build_optimizer(
    network: FusionNetwork, learning_rate: float, weight_decay: float
) -> torch.optim.Optimizer:
    """Adam with decoupled weight decay of all weights, norms included, as published."""
    return torch.optim.AdamW(
        network.parameters(), lr=learning_rate, weight_decay=weight_decay, eps=_EPSILON
    )
