"""TunedTower: a sentence model after its training."""
# SPDX-License-Identifier: BSD-3-Clause

from dataclasses import dataclass
from typing import Any

from skace._torch.text._sentence import SentenceModel

__all__ = ["TunedTower"]


@dataclass(frozen=True, slots=True, eq=False)
class TunedTower:
    """A sentence model after its training, and what else the training found."""

    model: SentenceModel
    revision: str  # hash of the weights
    loss_curve: list[float]
    findings: dict[str, Any]

    @property
    def n_bytes(self) -> int:
        """Memory of the weights."""
        return sum(p.numel() * p.element_size() for p in self.model.network.parameters())
