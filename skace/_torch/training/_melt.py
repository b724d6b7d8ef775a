"""MELT: maps that help users of few events and items of few events, and how they are learned."""
# SPDX-License-Identifier: BSD-3-Clause

import math
from typing import Any, cast

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from skace._torch._batches import Batch, DeviceLog
from skace._torch._network import groups_of_similar_length
from skace._torch.tables._trainable import TrainableItems
from skace._torch.training._auxiliary import Auxiliary, Reader
from skace._torch.training._parallel import Ranks
from skace._typing import BoolArray, FloatArray, IntArray

__all__ = ["ItemBranch", "MELTBranches", "MELTEncoder", "UserBranch", "curriculum", "fit_map"]

_MOST_CONTEXTS = 64  # of one item that a step reads


class MELTEncoder(nn.Module):
    """A causal encoder and the two maps; at inference it adds to the states of tail users.

    Position t has read t + 1 events, so that it is known from the place whose state is one
    of a tail user. In training states are those of the backbone.

    Parameters
    ----------
    backbone : nn.Module
        Maps (B, T, D) to (B, T, D), causally.
    width : int
        D.
    n_tail : int
        Most events that a tail user has; 0 for no such users.
    """

    def __init__(self, backbone: nn.Module, width: int, n_tail: int) -> None:
        super().__init__()
        self.backbone = backbone
        self.user_map, self.item_map = _xavier_linear(width), _xavier_linear(width)
        self.n_tail = n_tail
        self.reads_times = getattr(backbone, "reads_times", False)

    def forward(self, x: torch.Tensor, **context: torch.Tensor) -> torch.Tensor:
        """Map (B, T, D) to (B, T, D); ``context`` is what the backbone is told beside ``x``."""
        states: torch.Tensor = self.backbone(x, **context)
        if self.training or self.n_tail == 0:
            return states
        few = states[:, : self.n_tail]
        return torch.cat([few + self.user_map(few), states[:, self.n_tail :]], dim=1)


def _xavier_linear(width: int) -> nn.Linear:
    """Square linear layer with Xavier-normal weights and biases of 0."""
    layer = nn.Linear(width, width)
    nn.init.xavier_normal_(layer.weight)
    nn.init.zeros_(layer.bias)
    return layer


def curriculum(progress: float, surplus: IntArray, span: int) -> FloatArray:
    """Weights in [0, 1]: first of those far above the threshold, in the end of those near it.

    Parameters
    ----------
    progress : float
        Share of the epochs that are over, in [0, 1).
    surplus : ndarray of shape (n,)
        Events above the fewest that a head user or item has.
    span : int
        Surplus that weighs most at the beginning.
    """
    weights: FloatArray = np.abs(np.sin(math.pi / 2 * (progress + surplus / span)))
    return weights.astype(np.float32)


class UserBranch:
    """Head users are to be known from their last events alone.

    Parameters
    ----------
    starts, lengths : ndarray of shape (n_users,)
        What the network reads of each head user: the last events up to a training row.
    threshold : int
        Fewest events of a head user.
    max_length : int
        Most events that the network reads.
    """

    def __init__(
        self, starts: IntArray, lengths: IntArray, threshold: int, max_length: int
    ) -> None:
        self.starts = starts
        self.lengths = lengths
        self.threshold = threshold
        self.span = max(1, max_length - threshold)

    def __len__(self) -> int:
        return self.lengths.size

    def draw(self, chosen: IntArray, rng: np.random.RandomState) -> Any:
        """How many of the last events of each chosen user are read, (n,)."""
        return rng.randint(1, max(2, self.threshold - 1), size=chosen.size)

    def cost(
        self,
        chosen: IntArray,
        n_recent: Any,
        reader: Reader,
        table: torch.Tensor,
        progress: float | None,
    ) -> torch.Tensor:
        """Weighted mean square of ``W_U f(few) - f(full)`` over entries, summed over users."""
        starts, lengths = self.starts[chosen], self.lengths[chosen]
        full = reader.states(table, starts, lengths)
        few = reader.states(table, starts + lengths - n_recent, n_recent)
        errors = (_encoder(reader).user_map(few) - full) ** 2  # (n, D)
        weights = _weights(progress, lengths - self.threshold, self.span, table)
        cost: torch.Tensor = (weights * errors).mean(dim=1).sum()
        return cost


class ItemBranch:
    """Vectors of head items are to be known from the histories that lead to them.

    Parameters
    ----------
    rows : ndarray of shape (n_items,)
        Head items, as rows of the table.
    counts : ndarray of shape (n_items,)
        Training events of each.
    bounds : ndarray of shape (n_items + 1,)
        The histories that lead to item i are ``starts[bounds[i]:bounds[i + 1]]``.
    starts, lengths : ndarray of shape (n_histories,)
        Events of the log; at least one.
    threshold : int
        Fewest training events of a head item.
    adds_user_map : bool, default=True
        Whether the map of users is added to the states; one that is not learned is not.
    """

    span = 50  # as published

    def __init__(
        self,
        rows: IntArray,
        counts: IntArray,
        bounds: IntArray,
        starts: IntArray,
        lengths: IntArray,
        threshold: int,
        *,
        adds_user_map: bool = True,
    ) -> None:
        self.rows = rows
        self.counts = counts
        self.bounds = bounds
        self.starts = starts
        self.lengths = lengths
        self.threshold = threshold
        self.adds_user_map = adds_user_map

    def __len__(self) -> int:
        return self.rows.size

    def cost(
        self,
        chosen: IntArray,
        drawn: Any,
        reader: Reader,
        table: torch.Tensor,
        progress: float | None,
    ) -> torch.Tensor:
        """Weighted mean square of ``W_I mean(r + W_U r) - e`` over entries, summed over items."""
        owners = np.repeat(np.arange(chosen.size), [part.size for part in drawn])
        histories = np.concatenate(drawn)
        encoder = _encoder(reader)
        states = reader.states(table, self.starts[histories], self.lengths[histories])
        if self.adds_user_map:
            states = states + encoder.user_map(states)
        places = torch.from_numpy(owners).to(table.device)
        total = states.new_zeros(chosen.size, states.shape[1]).index_add(0, places, states)
        means = total / torch.bincount(places, minlength=chosen.size)[:, None]
        own = table[torch.from_numpy(self.rows[chosen]).to(table.device)]
        errors = (encoder.item_map(means) - own) ** 2  # (n, D)
        surplus = np.minimum(self.counts[chosen] - self.threshold, self.span - 1)
        weights = _weights(progress, surplus, self.span, table)
        cost: torch.Tensor = (weights * errors).mean(dim=1).sum()
        return cost

    def draw(self, chosen: IntArray, rng: np.random.RandomState) -> Any:
        """Numbers of a few histories of each chosen item, (n,), each an array."""
        most = min(_MOST_CONTEXTS, max(1, self.threshold - 1))
        drawn = np.empty(chosen.size, dtype=object)
        for place, item in enumerate(chosen):
            begin, end = self.bounds[item : item + 2]
            n_drawn = rng.randint(1, min(most, end - begin) + 1)
            drawn[place] = begin + rng.choice(end - begin, size=n_drawn, replace=False)
        return drawn


class MELTBranches(Auxiliary):
    """Both branches: a part of the head users and of the head items in each step.

    Each branch is a mean over its heads, of which every rank learns from its share.

    Parameters
    ----------
    reader : Reader
        Of a network whose encoder is a `MELTEncoder` and whose table has free parameters.
    log : DeviceLog
        Its windows hold the histories that lead to the tail items.
    users : UserBranch
        May be empty.
    items : ItemBranch
        May be empty; the vectors of tail items then stay as they are.
    is_tail : ndarray of shape (n_items,)
        Items whose vectors are replaced.
    weights : tuple of two float
        Of the user and of the item branch; 0 leaves one out.
    rng : numpy.random.RandomState
        Source of what is drawn, the same on all ranks.
    ranks : Ranks
        Which divide the heads of a step among them.
    through : bool, default=False
        Whether the histories that lead to an item end with it; else before it.
    """

    def __init__(  # noqa: PLR0913 (of one place that builds it)
        self,
        reader: Reader,
        log: DeviceLog,
        users: UserBranch,
        items: ItemBranch,
        is_tail: BoolArray,
        weights: tuple[float, float],
        rng: np.random.RandomState,
        ranks: Ranks,
        *,
        through: bool = False,
    ) -> None:
        self.reader = reader
        self.through = through
        self.log = log
        self.users, self.items = users, items
        self.is_tail = torch.as_tensor(is_tail).to(log.items.device)
        self.weights = weights
        self.rng = rng
        self.ranks = ranks
        self.n_epochs = 1
        self.epoch = 0
        self.knows_items = False  # whether the map of items was learned before
        self._parts: list[list[IntArray]] = []

    @property
    def trains_users(self) -> bool:
        """Whether there is a user branch."""
        return len(self.users) > 0 and self.weights[0] > 0

    @property
    def trains_items(self) -> bool:
        """Whether there is an item branch."""
        return len(self.items) > 0 and self.weights[1] > 0

    def begin_epoch(self, n_steps: int) -> None:
        """Replace the vectors of tail items and divide the heads; see `Auxiliary`."""
        super().begin_epoch(n_steps)
        if self.trains_items:
            self.replace_tail(learns_map=not self.knows_items)
        self.knows_items = True
        self.epoch += 1
        self._parts = [
            np.array_split(self.rng.permutation(len(branch)), n_steps)
            for branch in (self.users, self.items)
        ]

    def cost(self, batch: Batch, table: torch.Tensor) -> torch.Tensor | None:  # noqa: ARG002
        """Cost of the next part of the heads; see `Auxiliary.cost`."""
        # A single pass has no beginning and no end, hence no curriculum.
        progress = (self.epoch - 1) / self.n_epochs if self.n_epochs > 1 else None
        costs = []
        branches: tuple[UserBranch | ItemBranch, ...] = (self.users, self.items)
        for branch, parts, weight in zip(branches, self._parts, self.weights, strict=True):
            chosen = parts.pop()
            own = self.ranks.share(np.arange(chosen.size))
            drawn = branch.draw(chosen, self.rng)  # for all of them: ranks draw alike
            if own.size and weight > 0:
                cost = branch.cost(chosen[own], drawn[own], self.reader, table, progress)
                costs.append(weight * cost * self.n_steps / len(branch))
        return torch.stack(costs).sum() if costs else None

    @torch.no_grad()
    def replace_tail(self, *, learns_map: bool = False) -> None:
        """Give each tail item the map of the mean state of the histories that lead to it.

        Parameters
        ----------
        learns_map : bool, default=False
            Whether the map is learned before, from the head items.
        """
        network = self.reader.network.eval()
        encoder, table = _encoder(self.reader), network.items()
        means, is_met = self._mean_states(table)
        if learns_map:
            heads = torch.from_numpy(self.items.rows).to(table.device)
            heads = heads[is_met[heads]]
            fit_map(encoder.item_map, means[heads], table[heads])
        rows = self.is_tail & is_met
        items = cast(TrainableItems, network.items)
        items.weight[rows] = encoder.item_map(means[rows])
        network.train()

    def _mean_states(self, table: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Mean state of the histories that lead to each item, (n_items, D), and who has one."""
        sums, n_read = torch.zeros_like(table), table.new_zeros(len(table))
        for numbers in groups_of_similar_length(self.log.lengths):
            batch = self.log.batch(numbers)
            is_target = batch.weights > 0  # (B, T)
            states = self._states_of(batch, table, numbers)[is_target]
            targets = batch.targets[is_target]
            sums.index_add_(0, targets, states)
            n_read.index_add_(0, targets, torch.ones_like(targets, dtype=n_read.dtype))
        return sums / n_read.clamp_min(1)[:, None], n_read > 0

    def _states_of(self, batch: Batch, table: torch.Tensor, numbers: IntArray) -> torch.Tensor:
        """State of the history that leads to each target of a batch of windows, (B, T, D)."""
        backbone = _encoder(self.reader).backbone
        if not self.through:
            states: torch.Tensor = backbone(F.embedding(batch.items, table), **batch.context)
            return states
        # One event more is read, the last target; a full window drops its first one for it.
        log, longest = self.log, batch.items.shape[1]
        chosen = torch.from_numpy(numbers).to(table.device)
        start, ends, _ = log.bounds[:, chosen, None]  # each (B, 1)
        n_places = min(longest + 1, self.reader.network.max_length)
        dropped = (ends + 1 - n_places).clamp_min(0)
        places = torch.arange(n_places, device=table.device)
        events = start + torch.minimum(places + dropped, ends)
        context = {} if log.times is None else {"times": log.times[events]}
        states = backbone(F.embedding(log.items[events], table), **context)
        after = (torch.arange(longest, device=table.device) + 1 - dropped).clamp(0, n_places - 1)
        return states.gather(1, after[:, :, None].expand(-1, -1, states.shape[2]))


def fit_map(linear: nn.Linear, inputs: torch.Tensor, outputs: torch.Tensor) -> None:
    """Set a linear layer to the ridge least squares from inputs (n, D) to outputs (n, D).

    The penalty is a hundredth of the mean variance of the inputs; with no more inputs than
    numbers in each, the map stays near the mean of the outputs.
    """
    x, y = inputs.double(), outputs.double()
    centre, mean = x.mean(dim=0), y.mean(dim=0)
    x, y = x - centre, y - mean
    gram = x.T @ x
    penalty = 0.01 * gram.diagonal().mean().clamp_min(torch.finfo(torch.float32).tiny)
    weight = torch.linalg.solve(gram + penalty * torch.eye(len(gram)).to(gram), x.T @ y).T
    linear.weight.copy_(weight)
    linear.bias.copy_(mean - weight @ centre)


def _encoder(reader: Reader) -> MELTEncoder:
    """The encoder with its maps."""
    return cast(MELTEncoder, reader.network.encoder)


def _weights(
    progress: float | None, surplus: IntArray, span: int, table: torch.Tensor
) -> torch.Tensor:
    """Weights of the curriculum, (n, 1), on the device of the table; 1 without one."""
    if progress is None:
        return table.new_ones(1)
    return torch.from_numpy(curriculum(progress, surplus, span)).to(table.device)[:, None]
