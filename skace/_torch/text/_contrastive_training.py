"""Contrastive training of a sentence model on views of items."""
# SPDX-License-Identifier: BSD-3-Clause

from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from skace._torch._runtime import autocast
from skace._torch.text._contrastive_loss import Contrast
from skace._torch.text._sentence import SentenceModel
from skace._typing import IntArray

__all__ = ["ContrastiveTrainer", "Views", "contrastive_optimizer", "has_dropout"]

_MAX_GRADIENT = 1.0  # norm to which the gradient of a step is cut, usual in fine-tuning


class Pair(Protocol):
    """Two texts of each item of a batch, which are to find each other."""

    @property
    def first(self) -> list[str]:
        """A text of each item."""

    @property
    def second(self) -> list[str]:
        """Another one."""

    @property
    def belongs(self) -> npt.NDArray[np.bool_] | None:
        """Second texts that are no strangers to a first one, (B, B); None: all others are."""


class Views(Protocol):
    """Items of which random views can be drawn."""

    def __len__(self) -> int:
        """Number of items."""

    def draw_pair(self, rows: IntArray, rng: np.random.RandomState) -> Pair:
        """Two new views of each of these items."""


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
        pair = self.views.draw_pair(rows, self.rng)
        device = self.contrast.log_temperature.device
        with autocast(device, self.dtype):
            vectors = self.tower.forward(pair.first + pair.second, prompt=self.prompt)
        first, second = vectors.float().chunk(2)  # (B, D) each
        belongs = None if pair.belongs is None else torch.from_numpy(pair.belongs)
        loss: torch.Tensor = self.contrast(first, second, belongs)
        loss.backward()  # type: ignore[no-untyped-call]
        for group in self.optimizer.param_groups:
            nn.utils.clip_grad_norm_(group["params"], _MAX_GRADIENT)
        self.optimizer.step()
        return float(loss.detach())

    def findings(self) -> dict[str, float]:
        """What was learned besides the model."""
        return {"temperature": float(self.contrast.temperature.detach())}


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
