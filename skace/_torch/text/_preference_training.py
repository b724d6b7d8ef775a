"""Training of a sentence model to tell the categories that users prefer."""
# SPDX-License-Identifier: BSD-3-Clause

from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from skace._torch.text._sentence import SentenceModel
from skace._torch.text._tower_training import TowerTrainer
from skace._typing import Float32Array, IntArray

__all__ = ["PreferenceTrainer", "Readings", "preference_head", "preference_optimizer"]

# The head starts from nothing while the model is only adapted: it has to be much faster.
_HEAD_LEARNING_RATE = 1e-2


class Reading(Protocol):
    """What some readers are shown, and what they should say."""

    @property
    def texts(self) -> list[str]:
        """Different texts, (n_texts,)."""

    @property
    def places(self) -> IntArray:
        """Text of each showing, (n_showings,)."""

    @property
    def readers(self) -> IntArray:
        """Whom it is shown to, numbers below B, (n_showings,)."""

    @property
    def weights(self) -> Float32Array:
        """How much each showing counts, (n_showings,)."""

    @property
    def targets(self) -> Float32Array:
        """Distribution over categories that each should tell, (B, n_categories)."""


class Readings(Protocol):
    """Readers, of each of whom a sample of texts can be drawn."""

    def __len__(self) -> int:
        """Number of readers."""

    def draw(self, rows: IntArray, rng: np.random.RandomState) -> Reading:
        """Texts for some of them."""


@dataclass(slots=True, eq=False, kw_only=True)
class PreferenceTrainer(TowerTrainer):
    """One pass after another over the readers.

    The weighted mean g of the vectors of a reader's texts has to tell the distribution pi of the
    reader's categories: the loss is KL(pi || softmax(A g + b)), with the head (A, b).
    """

    readings: Readings
    head: nn.Linear
    categories: IntArray  # (n_items,) what the readings are about

    @property
    def n_samples(self) -> int:
        """Number of readers."""
        return len(self.readings)

    def findings(self) -> dict[str, IntArray]:
        """The category of each item."""
        return {"categories": self.categories}

    def loss_of(self, rows: IntArray) -> torch.Tensor:
        """Mean divergence of some readers, shape ()."""
        reading = self.readings.draw(rows, self.rng)
        places = torch.from_numpy(reading.places).to(self.device)
        readers = torch.from_numpy(reading.readers).to(self.device)
        targets = torch.from_numpy(reading.targets).to(self.device)  # (B, K)
        weights = torch.from_numpy(reading.weights).to(self.device)[:, None]
        vectors = self.vectors(reading.texts)[places] * weights  # (n_showings, D)
        sums = vectors.new_zeros(len(targets), vectors.shape[1]).index_add(0, readers, vectors)
        totals = weights.new_zeros(len(targets), 1).index_add(0, readers, weights)
        means = sums / totals  # (B, D)
        found = torch.log_softmax(self.head(means), dim=1)
        return F.kl_div(found, targets, reduction="batchmean")


def preference_head(width: int, rates: Float32Array) -> nn.Linear:
    """Head that at first tells everybody the mean distribution, ``rates`` (n_categories,)."""
    head = nn.Linear(width, rates.size)
    nn.init.zeros_(head.weight)
    with torch.no_grad():
        # A category that nobody's texts tell of has rate 0, and its logarithm no use.
        head.bias.copy_(torch.from_numpy(np.log(np.maximum(rates, np.finfo(np.float32).tiny))))
    return head


def preference_optimizer(
    tower: SentenceModel, head: nn.Linear, learning_rate: float
) -> torch.optim.Optimizer:
    """Adam for all weights of the model that ask for a gradient, and for the head."""
    trained = [weight for weight in tower.network.parameters() if weight.requires_grad]
    return torch.optim.Adam(
        [
            {"params": trained, "lr": learning_rate},
            {"params": list(head.parameters()), "lr": _HEAD_LEARNING_RATE},
        ]
    )
