"""Vectors from which a frozen language model regenerates texts: a projector, or one by one."""
# SPDX-License-Identifier: BSD-3-Clause

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from skace._torch.text._causal_model import CausalModel
from skace._typing import IntArray

__all__ = ["Projector", "ProjectorTrainer", "descend", "mean_losses", "projector_trainer"]

_MAX_GRADIENT = 1.0  # norm to which the gradient of a step is cut
_NEAR = 16  # batches whose texts are put in order of length


class Projector(nn.Module):
    """From readings to what the model reads: LN, Linear, GELU, Linear, one length for all.

    Parameters
    ----------
    mean, scale : torch.Tensor of shape (d,)
        Of the readings: they lie in a narrow cone, and are first spread by these.
    n_hidden : int
        Width between the two layers.
    length : float
        Length of the outputs.
    """

    def __init__(
        self, mean: torch.Tensor, scale: torch.Tensor, n_hidden: int, length: float
    ) -> None:
        super().__init__()
        n_dims = mean.numel()
        self.mean: torch.Tensor
        self.scale: torch.Tensor
        self.length: torch.Tensor
        self.register_buffer("mean", mean)
        self.register_buffer("scale", scale)
        self.register_buffer("length", torch.tensor(length))
        self.norm = nn.LayerNorm(n_dims)
        self.inner = nn.Linear(n_dims, n_hidden)
        self.outer = nn.Linear(n_hidden, n_dims)

    def forward(self, readings: torch.Tensor) -> torch.Tensor:
        """Vectors of shape (B, d)."""
        spread = self.norm((readings - self.mean) / self.scale)
        free = self.outer(nn.functional.gelu(self.inner(spread)))
        vectors: torch.Tensor = nn.functional.normalize(free, dim=1) * self.length
        return vectors


@dataclass(slots=True, eq=False)
class ProjectorTrainer:
    """One pass after another over the texts."""

    model: CausalModel
    projector: Projector
    readings: torch.Tensor  # (n, d)
    tokens: Sequence[IntArray]  # n
    optimizer: torch.optim.Optimizer
    batch_size: int
    token_dropout: float
    rng: np.random.RandomState

    def run_epoch(self) -> float:
        """Learn from every text once; return the mean loss in nats per token."""
        batches, total = self.batches(), 0.0
        for rows in batches:
            total += self.step(rows, len(self.tokens) / len(batches))
        return total / len(self.tokens)

    def batches(self) -> list[IntArray]:
        """Batches in a random order, each of texts of about one length: little is padded."""
        lengths = np.array([row.size for row in self.tokens])
        order = self.rng.permutation(lengths.size)
        batches = []
        for start in range(0, order.size, _NEAR * self.batch_size):
            near = order[start : start + _NEAR * self.batch_size]
            near = near[np.argsort(lengths[near], kind="stable")]
            batches += np.array_split(near, -(-near.size // self.batch_size))
        return [batches[place] for place in self.rng.permutation(len(batches))]

    def step(self, rows: IntArray, mean_size: float) -> float:
        """Update the projector with some texts; return their summed loss.

        Divided by the mean size of a batch, so that a text weighs the same in a small one.
        """
        self.optimizer.zero_grad(set_to_none=True)
        tokens = [self.tokens[row] for row in rows]
        is_dropped = None
        if self.token_dropout:
            shape = (rows.size, max(row.size for row in tokens))
            is_dropped = self.rng.random_sample(shape) < self.token_dropout
        vectors = self.projector(self.readings[torch.from_numpy(rows)])
        loss = self.model.losses(vectors, tokens, is_dropped).sum()
        (loss / mean_size).backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(self.projector.parameters(), _MAX_GRADIENT)
        self.optimizer.step()
        return float(loss.detach())


def projector_trainer(
    model: CausalModel,
    readings: npt.NDArray[np.float32],
    tokens: Sequence[IntArray],
    *,
    n_hidden: int,
    learning_rate: float,
    batch_size: int,
    token_dropout: float,
    rng: np.random.RandomState,
) -> ProjectorTrainer:
    """A new projector, its weights drawn from torch's generator, and what trains it by Adam.

    Parameters
    ----------
    model : CausalModel
        What is to regenerate the texts.
    readings : ndarray of shape (n, d)
        What it made of them.
    tokens : sequence of n arrays
        The texts.
    n_hidden : int
        Width of the hidden layer.
    learning_rate : float
        Step size.
    batch_size : int
        Texts of a step.
    token_dropout : float
        Part of the tokens that are read as zeros.
    rng : RandomState
        Draws the order of the texts, and these tokens.
    """
    known = torch.from_numpy(readings).to(model.device)
    scale = known.std(dim=0, correction=0)
    scale[scale == 0] = 1
    projector = Projector(known.mean(dim=0), scale, n_hidden, model.mean_length).to(model.device)
    optimizer = torch.optim.Adam(projector.parameters(), lr=learning_rate)
    return ProjectorTrainer(
        model, projector, known, tokens, optimizer, batch_size, token_dropout, rng
    )


@torch.enable_grad()
def descend(
    model: CausalModel,
    tokens: Sequence[IntArray],
    *,
    learning_rate: float,
    is_dropped: npt.NDArray[np.bool_] | None,
    n_steps: int,
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float64]]:
    """Vectors of texts, each by a descent of its own that starts at the mean of all words.

    The loss is a sum over the texts and Adam looks at each number alone, so a vector depends on
    its own text only.

    Parameters
    ----------
    model : CausalModel
        What is to regenerate the texts.
    tokens : sequence of B arrays
        The texts.
    learning_rate : float
        Step size of Adam.
    is_dropped : sequence of n_steps arrays of shape (B, T), or None
        Tokens that are read as zeros in each step.
    n_steps : int
        Steps of each descent.

    Returns
    -------
    vectors : ndarray of shape (B, d), float32
        The vectors.
    losses : ndarray of shape (n_steps,)
        Sum over the texts of the loss before each step, in nats per token.
    """
    vectors = nn.Parameter(model.mean_word.repeat(len(tokens), 1))
    optimizer = torch.optim.Adam([vectors], lr=learning_rate)
    losses = np.zeros(n_steps)
    for step in range(n_steps):
        optimizer.zero_grad(set_to_none=True)
        loss = model.losses(vectors, tokens, None if is_dropped is None else is_dropped[step]).sum()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        losses[step] = float(loss.detach())
    found: npt.NDArray[np.float32] = vectors.detach().cpu().numpy()
    return found, losses


def mean_losses(
    model: CausalModel,
    vectors: npt.NDArray[np.float32],
    tokens: Sequence[IntArray],
    batch_size: int,
) -> float:
    """Mean loss of regenerating texts from vectors of shape (n, d), in nats per token."""
    total = 0.0
    order = np.argsort([row.size for row in tokens], kind="stable")
    with torch.no_grad():
        for rows in np.array_split(order, -(-order.size // batch_size)):
            wanted = torch.from_numpy(vectors[rows]).to(model.device)
            total += float(model.losses(wanted, [tokens[row] for row in rows]).sum())
    return total / order.size
