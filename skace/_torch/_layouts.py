"""Layouts: what an encoder reads of a window, where it is asked, and what the answer is."""
# SPDX-License-Identifier: BSD-3-Clause

from abc import ABC, abstractmethod
from dataclasses import dataclass, field, replace
from typing import TypeVar

import numpy as np
import torch

from skace._typing import FloatArray, IntArray

__all__ = [
    "Batch",
    "ClozeLayout",
    "LastItemLayout",
    "Layout",
    "NamedItemsLayout",
    "NextItemLayout",
    "Question",
    "places_read",
    "with_times",
]


@dataclass(frozen=True, slots=True, eq=False)
class Batch:
    """Right-padded windows; where ``weights`` is 0 there is nothing to learn."""

    items: torch.Tensor  # (B, T) item rows that are read; padding holds any item
    targets: torch.Tensor  # (B, T) item row that is the right answer at each position
    weights: torch.Tensor  # (B, T) float32
    # Keyword arguments of the encoder beside the item vectors.
    context: dict[str, torch.Tensor] = field(default_factory=dict)
    numbers: IntArray | None = None  # (B,) of the windows, where they are known


@dataclass(frozen=True, slots=True, eq=False)
class Question:
    """Right-padded histories, each with the position whose state answers what comes next."""

    items: torch.Tensor  # (n, T) item rows that are read
    places: torch.Tensor  # (n,) position of the answer
    context: dict[str, torch.Tensor] = field(default_factory=dict)


Read = TypeVar("Read", Batch, Question)


def with_times(read: Read, times: torch.Tensor) -> Read:
    """What is read, with the times (B, T) of its events for encoders with ``reads_times``."""
    return replace(read, context={**read.context, "times": times})


def places_read(bounds: torch.Tensor, longest: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Log positions (B, T) that windows read, and whether they do; see `Layout.batch`.

    Padding reads the window's first event again, which keeps indices inside the log.
    """
    start, lengths, _ = bounds[:, :, None]  # each (B, 1)
    steps = torch.arange(longest, device=bounds.device)
    is_read = steps < lengths  # (B, T)
    return start + torch.where(is_read, steps, 0), is_read


class Layout(ABC):
    """How windows become batches in training, and histories questions at inference.

    An estimator names the layout that its encoder needs; the training loop and the network
    follow it and know of no other difference between models.
    """

    @abstractmethod
    def batch(
        self, items: torch.Tensor, weights: torch.Tensor, bounds: torch.Tensor, longest: int
    ) -> Batch:
        """Batch of windows.

        Parameters
        ----------
        items, weights : torch.Tensor of shape (n_events,)
            Of all events of the log.
        bounds : torch.Tensor of shape (3, B)
            Start, length and first target of each window, as in `skace._windows.Windows`.
        longest : int
            The greatest length, known without asking the device.
        """

    def chances(self, numbers: IntArray) -> FloatArray:
        """Chance of each training row of the windows to be asked for in an epoch.

        Parameters
        ----------
        numbers : ndarray of shape (n_rows,)
            Number of the window in which each row stands, from `skace._windows.rows_asked`.
        """
        return np.ones(numbers.size)

    @abstractmethod
    def question(self, items: torch.Tensor, lengths: torch.Tensor) -> Question:
        """Question about what follows the histories ``items`` (n, T) of ``lengths`` (n,)."""


class NextItemLayout(Layout):
    """At every position the next event is asked for; encoders must be causal."""

    def batch(
        self, items: torch.Tensor, weights: torch.Tensor, bounds: torch.Tensor, longest: int
    ) -> Batch:
        """Batch of windows, each position with the event after it; see `Layout.batch`."""
        places, is_read = places_read(bounds, longest)
        is_target = is_read & (places + 1 >= bounds[2, :, None])
        following = torch.where(is_target, places + 1, places)
        return Batch(
            items=items[places],
            targets=items[following],
            weights=torch.where(is_target, weights[following], 0.0),
        )

    def question(self, items: torch.Tensor, lengths: torch.Tensor) -> Question:
        """The state of the last event answers; see `Layout.question`."""
        return Question(items, places=lengths - 1)


class ClozeLayout(Layout):
    """Some events of a window are masked and asked for, with the others on both sides.

    A window holds the events that it reads and the one after them, so that what comes next
    is asked as at inference: by masking the last event. In place of a masked event stands the
    first one of the window, which is never asked for, so that not even an item table that
    mixes positions before the encoder sees the answer.

    Parameters
    ----------
    mask_ratio : float
        Probability with which a training row of a window is masked. At least one is.
    finetune_ratio : float
        Probability with which, instead, the last training row of a window is masked alone and
        nothing after it is read.
    """

    def __init__(self, mask_ratio: float, finetune_ratio: float) -> None:
        self.mask_ratio = mask_ratio
        self.finetune_ratio = finetune_ratio

    def batch(
        self, items: torch.Tensor, weights: torch.Tensor, bounds: torch.Tensor, longest: int
    ) -> Batch:
        """Batch of windows with freshly masked events; see `Layout.batch`."""
        start, lengths, first_target = bounds[:, :, None]  # each (B, 1)
        steps = torch.arange(longest + 1, device=items.device)
        is_read = steps <= lengths  # (B, T)
        places = start + torch.where(is_read, steps, 0)
        is_target = is_read & (places >= first_target) & (weights[places] > 0)
        last = torch.where(is_target, steps, 0).amax(dim=1, keepdim=True)  # (B, 1)
        asks_last = torch.rand(last.shape, device=items.device) < self.finetune_ratio
        is_masked = torch.where(asks_last, steps == last, self._draw(is_target))
        is_read = is_read & ~(asks_last & (steps > last))
        return Batch(
            items=items[torch.where(is_masked | ~is_read, start, places)],
            targets=items[places],
            weights=torch.where(is_masked, weights[places], 0.0),
            context={"is_masked": is_masked, "is_read": is_read},
        )

    def chances(self, numbers: IntArray) -> FloatArray:
        """Chance of each row to be masked; see `Layout.chances`."""
        n_rows = np.bincount(numbers)[numbers]  # in the row's window
        # Where no draw falls below the ratio, the lowest of them is masked.
        among = self.mask_ratio + (1 - self.mask_ratio) ** n_rows / n_rows
        is_last = np.append(np.diff(numbers) != 0, True)[: numbers.size]
        return self.finetune_ratio * is_last + (1 - self.finetune_ratio) * among

    def _draw(self, is_target: torch.Tensor) -> torch.Tensor:
        """Choose targets to mask, (B, T); at least one in each row."""
        draws = torch.rand(is_target.shape, device=is_target.device)
        draws = draws.masked_fill(~is_target, torch.inf)
        lowest = draws.amin(dim=1, keepdim=True)
        return (draws < self.mask_ratio) | (draws == lowest)

    def question(self, items: torch.Tensor, lengths: torch.Tensor) -> Question:
        """A masked event after the last one answers; see `Layout.question`."""
        items = torch.cat([items, items[:, :1]], dim=1)  # (n, T + 1)
        steps = torch.arange(items.shape[1], device=items.device)
        is_masked = steps == lengths[:, None]
        context = {"is_masked": is_masked, "is_read": steps <= lengths[:, None]}
        return Question(items, places=lengths, context=context)


class LastItemLayout(NextItemLayout):
    """The next item for encoders that align windows at their last event: they learn the lengths.

    Such an encoder is not causal, so each window must ask for the event after its end only.
    """

    def batch(
        self, items: torch.Tensor, weights: torch.Tensor, bounds: torch.Tensor, longest: int
    ) -> Batch:
        """Batch of windows with their lengths; see `Layout.batch`."""
        batch = super().batch(items, weights, bounds, longest)
        return replace(batch, context={"lengths": bounds[1]})

    def question(self, items: torch.Tensor, lengths: torch.Tensor) -> Question:
        """The state of the last event answers; see `Layout.question`."""
        return Question(items, places=lengths - 1, context={"lengths": lengths})


class NamedItemsLayout(NextItemLayout):
    """The next item for encoders that know more of items than their vectors: they learn the rows.

    Rows behind the end of the table are those of items that it does not hold.
    """

    def batch(
        self, items: torch.Tensor, weights: torch.Tensor, bounds: torch.Tensor, longest: int
    ) -> Batch:
        """Batch of windows with the rows that are read; see `Layout.batch`."""
        batch = super().batch(items, weights, bounds, longest)
        return replace(batch, context={"items": batch.items})

    def question(self, items: torch.Tensor, lengths: torch.Tensor) -> Question:
        """The state of the last event answers; see `Layout.question`."""
        return Question(items, places=lengths - 1, context={"items": items})
