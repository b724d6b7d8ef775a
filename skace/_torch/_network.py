"""Network: an encoder and an item table on a device."""
# SPDX-License-Identifier: BSD-3-Clause

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from skace._torch._layouts import Layout, NextItemLayout, Question, with_times
from skace._torch._products import stable_linear
from skace._torch._state import load_state, state_as_numpy, table_as_numpy
from skace._torch.tables._base import ItemModule
from skace._typing import Float64Array, FloatArray, IntArray

__all__ = ["Network"]

_POSITIONS = 8 * 1024  # history positions, padding included, that are encoded at once


class Network(nn.Module):
    """What is trained and asked.

    Histories are read to the last ``max_length`` events. Inference is float32, and its
    result depends on how rows are grouped in its rounding only. The layout says what the encoder
    is told and where it answers; without one the last state does. An encoder with ``reads_places``
    can be asked for these states alone, one with ``reads_times`` is told when events were.
    """

    def __init__(
        self,
        encoder: nn.Module,
        items: ItemModule,
        max_length: int,
        layout: Layout | None = None,
    ) -> None:
        super().__init__()
        self.encoder = encoder
        self.items = items
        self.max_length = max_length
        self.layout = NextItemLayout() if layout is None else layout
        self._table: torch.Tensor | None = None

    def train(self, mode: bool = True) -> "Network":
        """Switch dropout, and forget the table, which training changes."""
        self._table = None
        super().train(mode)
        return self

    def state(self) -> dict[str, Any]:
        """Weights as numpy arrays, by the attributes of an estimator that keep them."""
        table = state_as_numpy(self.items)
        return {
            "encoder_state_": state_as_numpy(self.encoder),
            "item_table_state_": table,
            "item_vectors_": table_as_numpy(self.items, table),
        }

    def load(
        self,
        encoder: Mapping[str, FloatArray],
        items: Mapping[str, FloatArray],
        *,
        may_grow: bool = False,
    ) -> None:
        """Take over weights; with ``may_grow`` those of fewer items, as `load_state` does."""
        load_state(self.encoder, encoder, may_grow=may_grow)
        load_state(self.items, items, may_grow=may_grow)

    @property
    def table(self) -> torch.Tensor:
        """Item vectors of shape (n_items, D), computed once between trainings."""
        if self._table is None:
            with torch.no_grad():
                self._table = self.items().detach().float()
        return self._table

    def read(self, x: torch.Tensor, context: Mapping[str, torch.Tensor]) -> torch.Tensor:
        """States of shape (B, T, D) of windows of item vectors of shape (B, T, D)."""
        encoder: Any = partial(self.encoder, **context)
        return self.items.encode(encoder, x)

    def answers(self, question: Question, table: torch.Tensor) -> torch.Tensor:
        """States of shape (n, D) at the places of a question, by a table."""
        return self.states_at(question, F.embedding(question.items, table))

    def states_at(self, question: Question, x: torch.Tensor) -> torch.Tensor:
        """States of shape (n, D) at the places of a question about item vectors (n, T, D)."""
        places = question.places
        if not getattr(self.encoder, "reads_places", False):
            states = self.read(x, question.context)  # (n, T, D)
            return states[torch.arange(len(x), device=x.device), places]
        # The last layer is then spared most of its work.
        states = self.read(x, {**question.context, "places": places})
        if states.shape[1] != 1:
            raise ValueError(
                f"{type(self.items).__name__}.encode returned {states.shape[1]} positions of each "
                "window, but its encoder was asked for one and returned that; return as many."
            )
        return states[:, 0]

    def encode(
        self,
        items: IntArray,
        starts: IntArray,
        ends: IntArray,
        extra: FloatArray | None = None,
        times: Float64Array | None = None,
    ) -> FloatArray:
        """States that answer what comes after each history.

        Parameters
        ----------
        items : ndarray of shape (n_events,)
            Table rows; those from n_items on stand for the rows of ``extra``.
        starts, ends : ndarray of shape (n_rows,)
            The histories are ``items[start:end]``, none of them empty.
        extra : ndarray of shape (n_extra, n_features) or None, default=None
            Features of items that the table does not hold.
        times : ndarray of shape (n_events,) or None, default=None
            In median gaps, for an encoder with ``reads_times``.

        Returns
        -------
        states : ndarray of shape (n_rows, D), float32
            Their inner products with the table are the scores.
        """
        if self.training:
            self.eval()
        starts = np.maximum(starts, ends - self.max_length)
        table = self._extended_table(extra)
        states = np.empty((ends.size, table.shape[1]), dtype=np.float32)
        for rows in groups_of_similar_length(ends - starts):
            states[rows] = in_halves(
                lambda part: self._encode_rows(items, starts[part], ends[part], table, times), rows
            )
        return states

    def _extended_table(self, extra: FloatArray | None) -> torch.Tensor:
        """The table, followed by the vectors of unknown items."""
        if extra is None:
            return self.table
        features = torch.as_tensor(extra, dtype=torch.float32).to(self.table.device)
        with torch.no_grad():
            return torch.cat([self.table, self.items.embed(features).float()])

    @torch.no_grad()
    def _encode_rows(
        self,
        items: IntArray,
        starts: IntArray,
        ends: IntArray,
        table: torch.Tensor,
        times: Float64Array | None,
    ) -> FloatArray:
        """States of rows that are encoded together."""
        lengths = ends - starts
        steps = np.arange(lengths.max())
        # Padding repeats the first event; no encoder lets it reach the answer.
        places = starts[:, None] + np.where(steps < lengths[:, None], steps, 0)
        rows = torch.from_numpy(items[places]).to(table.device)  # (n, T)
        question = self.layout.question(rows, torch.from_numpy(lengths).to(table.device))
        if times is not None:
            question = with_times(question, torch.from_numpy(times[places]).to(table.device))
        states: FloatArray = self.answers(question, table).cpu().numpy()
        return states

    @torch.no_grad()
    def inner_products(self, states: FloatArray, columns: IntArray | None = None) -> FloatArray:
        """Scores of shape (n_rows, n_items or n_columns), float32, of encoded histories."""
        table = self.table
        if columns is not None:
            table = table[torch.from_numpy(columns).to(table.device)]
        hidden = torch.from_numpy(states).to(table.device)
        return in_halves(
            lambda part: stable_linear(hidden[part], table).cpu().numpy(), np.arange(len(states))
        )


def groups_of_similar_length(lengths: IntArray) -> Iterator[IntArray]:
    """Row numbers, longest first, in groups of bounded size with their padding."""
    order = np.argsort(-lengths, kind="stable")
    begin = 0
    while begin < order.size:
        n_rows = max(1, _POSITIONS // int(lengths[order[begin]]))
        yield order[begin : begin + n_rows]
        begin += n_rows


def in_halves(compute: Callable[[IntArray], FloatArray], rows: IntArray) -> FloatArray:
    """Result of ``compute(rows)``; when memory runs out, that of the two halves of the rows."""
    try:
        return compute(rows)
    except torch.OutOfMemoryError:
        if rows.size == 1:
            raise
    # Outside the except clause, so that the failed attempt's tensors are free.
    torch.cuda.empty_cache()
    middle = rows.size // 2
    return np.concatenate([in_halves(compute, rows[:middle]), in_halves(compute, rows[middle:])])
