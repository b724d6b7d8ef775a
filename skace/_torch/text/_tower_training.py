"""Training of a sentence model, pass after pass, whatever is learned."""
# SPDX-License-Identifier: BSD-3-Clause

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import nn

from skace._torch._runtime import autocast
from skace._torch.text._sentence import SentenceModel
from skace._typing import IntArray

__all__ = ["TowerTrainer"]

_MAX_GRADIENT = 1.0  # norm to which the gradient of a step is cut, usual in fine-tuning


@dataclass(slots=True, eq=False, kw_only=True)
class TowerTrainer(ABC):
    """One pass after another over what a model learns from."""

    tower: SentenceModel
    optimizer: torch.optim.Optimizer
    batch_size: int
    prompt: str | None
    device: torch.device
    dtype: torch.dtype
    rng: np.random.RandomState
    piece_size: int | None = None  # texts of about one length that are read together; None: all

    @property
    @abstractmethod
    def n_samples(self) -> int:
        """How much there is to learn from in a pass."""

    @abstractmethod
    def loss_of(self, rows: IntArray) -> torch.Tensor:
        """Mean loss of some samples, shape ()."""

    def findings(self) -> dict[str, Any]:
        """What was learned besides the model."""
        return {}

    def vectors(self, texts: list[str]) -> torch.Tensor:
        """Vectors of shape (n_texts, D), float32, with a gradient."""
        if self.piece_size is None:
            return self._read(texts)
        # A batch is as long as its longest text, and most texts of a shop are far shorter.
        order = np.argsort([len(text) for text in texts], kind="stable")
        pieces = np.array_split(order, -(-order.size // self.piece_size))
        found = torch.cat([self._read([texts[place] for place in piece]) for piece in pieces])
        return found[torch.from_numpy(np.argsort(order)).to(found.device)]

    def _read(self, texts: list[str]) -> torch.Tensor:
        """Vectors of texts that fit together, (n_texts, D)."""
        with autocast(self.device, self.dtype):
            return self.tower.forward(texts, prompt=self.prompt).float()

    def run_epoch(self) -> float:
        """Learn from every sample once; return the mean loss in nats."""
        self.tower.network.train()
        n_batches = -(-self.n_samples // self.batch_size)
        total = 0.0
        # Batches of about equal size: one of a single item would teach nothing.
        for rows in np.array_split(self.rng.permutation(self.n_samples), n_batches):
            total += rows.size * self.step(rows)
        self.tower.network.eval()
        return total / self.n_samples

    def step(self, rows: IntArray) -> float:
        """Update the model with some samples; return the loss."""
        self.optimizer.zero_grad(set_to_none=True)
        loss = self.loss_of(rows)
        loss.backward()  # type: ignore[no-untyped-call]
        for group in self.optimizer.param_groups:
            nn.utils.clip_grad_norm_(group["params"], _MAX_GRADIENT)
        self.optimizer.step()
        return float(loss.detach())
