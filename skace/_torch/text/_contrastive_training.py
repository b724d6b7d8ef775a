"""Contrastive training of a sentence model on views of items."""
# SPDX-License-Identifier: BSD-3-Clause

from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from skace._torch.text._contrastive_loss import Contrast
from skace._torch.text._sentence import SentenceModel
from skace._torch.text._tower_training import TowerTrainer
from skace._typing import IntArray

__all__ = ["ContrastiveTrainer", "Views", "contrastive_optimizer", "has_dropout"]


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


@dataclass(slots=True, eq=False, kw_only=True)
class ContrastiveTrainer(TowerTrainer):
    """One pass after another over the items, two new views of each in every pass."""

    views: Views
    contrast: Contrast

    @property
    def n_samples(self) -> int:
        """Number of items."""
        return len(self.views)

    def loss_of(self, rows: IntArray) -> torch.Tensor:
        """Contrast of two views of some items, shape ()."""
        pair = self.views.draw_pair(rows, self.rng)
        first, second = self.vectors(pair.first + pair.second).chunk(2)  # (B, D) each
        belongs = None if pair.belongs is None else torch.from_numpy(pair.belongs)
        loss: torch.Tensor = self.contrast(first, second, belongs)
        return loss

    def findings(self) -> dict[str, float]:
        """The temperature at the end."""
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
