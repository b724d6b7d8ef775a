"""Contrastive training of a sentence model on views of items."""
# SPDX-License-Identifier: BSD-3-Clause

from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from torch import nn

from skace._torch._runtime import autocast
from skace._torch.text._contrastive_loss import Contrast
from skace._torch.text._sentence import SentenceModel
from skace._typing import IntArray

__all__ = ["ContrastiveTrainer", "TunedTower", "Views", "contrastive_optimizer", "has_dropout"]

_MAX_GRADIENT = 1.0  # norm to which the gradient of a step is cut, usual in fine-tuning


class Views(Protocol):
    """Items of which random views can be drawn."""

    def __len__(self) -> int:
        """Number of items."""

    def draw(self, rows: IntArray, rng: np.random.RandomState) -> list[str]:
        """Text of a new view of each of these items."""


@dataclass(frozen=True, slots=True, eq=False)
class TunedTower:
    """A sentence model after its training."""

    model: SentenceModel
    revision: str  # hash of the weights
    loss_curve: list[float]
    temperature: float

    @property
    def n_bytes(self) -> int:
        """Memory of the weights."""
        return sum(p.numel() * p.element_size() for p in self.model.network.parameters())


@dataclass(slots=True, eq=False)
class ContrastiveTrainer:
    """One pass after another over the items, two new views of each in every pass."""

    tower: SentenceModel
    views: Views
    contrast: Contrast
    optimizer: torch.optim.Optimizer
    batch_size: int
    prompt: str | None
    dtype: torch.dtype
    rng: np.random.RandomState

    def run_epoch(self) -> float:
        """Learn from every item once; return the mean loss in nats."""
        self.tower.network.train()
        n_items = len(self.views)
        n_batches = -(-n_items // self.batch_size)
        total = 0.0
        # Batches of about equal size: one of a single item would teach nothing.
        for rows in np.array_split(self.rng.permutation(n_items), n_batches):
            total += rows.size * self.step(rows)
        self.tower.network.eval()
        return total / n_items

    def step(self, rows: IntArray) -> float:
        """Update the model with two views of some items; return the loss."""
        self.optimizer.zero_grad(set_to_none=True)
        texts = self.views.draw(rows, self.rng) + self.views.draw(rows, self.rng)
        device = self.contrast.log_temperature.device
        with autocast(device, self.dtype):
            vectors = self.tower.forward(texts, prompt=self.prompt)
        first, second = vectors.float().chunk(2)  # (B, D) each
        loss: torch.Tensor = self.contrast(first, second)
        loss.backward()  # type: ignore[no-untyped-call]
        for group in self.optimizer.param_groups:
            nn.utils.clip_grad_norm_(group["params"], _MAX_GRADIENT)
        self.optimizer.step()
        return float(loss.detach())


def contrastive_optimizer(
    tower: SentenceModel, contrast: Contrast, learning_rate: float
) -> torch.optim.Optimizer:
    """Adam for all weights that ask for a gradient."""
    weights = [*tower.network.parameters(), *contrast.parameters()]
    trained = [weight for weight in weights if weight.requires_grad]
    return torch.optim.Adam(trained, lr=learning_rate)


def has_dropout(network: nn.Module) -> bool:
    """Whether two passes of one text through a network in training differ."""
    for module in network.modules():
        rates = [value for name, value in vars(module).items() if "dropout" in name]
        if isinstance(module, nn.Dropout):
            rates.append(module.p)
        if any(isinstance(rate, float) and rate > 0 for rate in rates):
            return True
    return False
