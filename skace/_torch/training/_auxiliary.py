"""What training pursues beside the next item, and the states of windows that it looks at."""
# SPDX-License-Identifier: BSD-3-Clause

from abc import ABC, abstractmethod
from dataclasses import dataclass

import numpy as np
import torch

from skace._torch._batches import Batch
from skace._torch._layouts import with_times
from skace._torch._network import Network, groups_of_similar_length
from skace._torch._runtime import autocast
from skace._typing import IntArray

__all__ = ["Auxiliary", "Reader"]


class Auxiliary(ABC):
    """A mean over an epoch that is added to the mean loss.

    It is a mean over things of which each has its turn once an epoch: a step's cost is the sum
    over those of the step, times the steps of the epoch, over the number of all of them. The mean
    over the steps is then exact, however unequal the steps are.
    """

    n_steps: int

    def begin_epoch(self, n_steps: int) -> None:
        """Get ready for an epoch of so many steps."""
        self.n_steps = n_steps

    @abstractmethod
    def cost(self, batch: Batch, table: torch.Tensor) -> torch.Tensor | None:
        """Cost of a step, or None.

        Parameters
        ----------
        batch : Batch
            What this rank learns the next item from; of an empty share ``numbers`` is empty.
        table : torch.Tensor of shape (n_items, D)
            The item table of the step.

        Returns
        -------
        cost : torch.Tensor of shape () or None
            This rank's part; parts are summed over the ranks.
        """


@dataclass(frozen=True, slots=True, eq=False)
class Reader:
    """Reads pieces of the log as histories are read at inference, in training."""

    network: Network
    items: torch.Tensor  # (n_events,) item row of each event of the log
    dtype: torch.dtype  # of the products
    times: torch.Tensor | None = None  # (n_events,) of each event, if the encoder reads them

    def states(self, table: torch.Tensor, starts: IntArray, lengths: IntArray) -> torch.Tensor:
        """States that answer what comes after each piece.

        Parameters
        ----------
        table : torch.Tensor of shape (n_items, D)
            The item table of the step.
        starts, lengths : ndarray of shape (n,)
            The pieces are the events ``start .. start + length - 1``; none is empty.

        Returns
        -------
        states : torch.Tensor of shape (n, D), float32
            In the order of the pieces. Memory holds all of them at once, with their padding.
        """
        device = self.items.device
        steps = np.arange(lengths.max())
        # Padding reads the first event again; no encoder lets it reach the answer.
        places = starts[:, None] + np.where(steps < lengths[:, None], steps, 0)
        events = torch.from_numpy(places).to(device)  # (n, T)
        lengths_there = torch.from_numpy(lengths).to(device)
        question = self.network.layout.question(self.items[events], lengths_there)
        if self.times is not None:
            question = with_times(question, self.times[events])
        with autocast(device, self.dtype):
            return self.network.answers(question, table).float()

    @torch.no_grad()
    def fixed_states(
        self, table: torch.Tensor, starts: IntArray, lengths: IntArray
    ) -> torch.Tensor:
        """The same without gradients, in groups of bounded size and little padding."""
        states = table.new_empty(lengths.size, table.shape[1])
        for rows in groups_of_similar_length(lengths):
            states[torch.from_numpy(rows).to(table.device)] = self.states(
                table, starts[rows], lengths[rows]
            )
        return states
