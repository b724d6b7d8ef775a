"""Self-distillation: the state of a user is drawn to those of users with similar histories."""
# SPDX-License-Identifier: BSD-3-Clause

import numpy as np
import scipy.sparse as sp
import torch
import torch.nn.functional as F

from skace._torch._batches import Batch, DeviceLog
from skace._torch.training._auxiliary import Auxiliary, Reader
from skace._typing import BoolArray, FloatArray, IntArray
from skace._windows import past_events

__all__ = ["SelfDistillation", "mean_features", "similar_windows"]

_BLOCK_BYTES = 64 * 2**20  # of similarities held at once


def mean_features(
    items: IntArray, starts: IntArray, lengths: IntArray, features: FloatArray
) -> FloatArray:
    """Mean of the item features over the events of each window, (n_windows, d)."""
    windows, events = past_events(starts, starts + lengths)
    shares = sp.csr_array(
        (1.0 / lengths[windows], (windows, items[events])), shape=(lengths.size, len(features))
    )
    means: FloatArray = (shares @ features).astype(np.float32)
    return means


def similar_windows(
    vectors: torch.Tensor, owners: IntArray, n_similar: int, *, block_bytes: int = _BLOCK_BYTES
) -> IntArray:
    """Windows of other users whose vectors have the largest cosine with each window's own.

    Parameters
    ----------
    vectors : torch.Tensor of shape (n_windows, d)
        Of zero length is like none other, with a cosine of 0.
    owners : ndarray of shape (n_windows,)
        User of each window.
    n_similar : int
        How many to find.
    block_bytes : int, default=64 MiB
        Of similarities held at once.

    Returns
    -------
    similar : ndarray of shape (n_windows, min(n_similar, n_windows))
        Window numbers, the most similar first; -1 where there are fewer windows of others.
    """
    units = F.normalize(vectors, dim=1)
    users = torch.from_numpy(owners).to(vectors.device)
    n_similar = min(n_similar, len(units))
    step = max(1, block_bytes // (4 * len(units)))
    found = []
    for begin in range(0, len(units), step):
        rows = slice(begin, begin + step)
        cosines = units[rows] @ units.T
        cosines.masked_fill_(users[rows, None] == users, -torch.inf)
        best = cosines.topk(n_similar, dim=1)
        found.append(torch.where(best.values > -torch.inf, best.indices, -1).cpu())
    similar: IntArray = torch.cat(found).numpy()
    return similar


class SelfDistillation(Auxiliary):
    """Mean squared distance of states to the mean state of similar users, which stands still.

    The mean is over the windows of an epoch that have similar ones, each alike, whatever its
    rows weigh, and over the entries of a state.

    Parameters
    ----------
    reader : Reader
        Of the network that is trained.
    log : DeviceLog
        Its windows are the histories, as far as training reads them.
    similar : ndarray of shape (n_windows, n_similar)
        Windows of similar users, -1 for none.
    weight : float
        Multiplies the cost.
    """

    def __init__(self, reader: Reader, log: DeviceLog, similar: IntArray, weight: float) -> None:
        self.reader = reader
        self.starts = log.bounds[0].cpu().numpy()
        self.lengths = log.lengths
        self.similar = similar
        self.has_likes: BoolArray = np.any(similar >= 0, axis=1)  # (n_windows,)
        self.weight = weight

    def cost(self, batch: Batch, table: torch.Tensor) -> torch.Tensor | None:
        """Distance of the batch's windows to their likes; see `Auxiliary.cost`."""
        assert batch.numbers is not None
        numbers = batch.numbers[self.has_likes[batch.numbers]]
        if numbers.size == 0:
            return None
        goals = self.mean_states(self.similar[numbers], table)
        own = self.reader.states(table, self.starts[numbers], self.lengths[numbers])
        distances = ((own - goals) ** 2).mean(dim=1)  # (n,)
        part: torch.Tensor = distances.sum() * (self.n_steps / int(self.has_likes.sum()))
        return self.weight * part

    def mean_states(self, similar: IntArray, table: torch.Tensor) -> torch.Tensor:
        """Mean states of shape (n, D) of rows of windows (n, n_similar); each is read once."""
        is_one = similar >= 0
        windows, places = np.unique(similar[is_one], return_inverse=True)
        states = self.reader.fixed_states(table, self.starts[windows], self.lengths[windows])
        owners = torch.from_numpy(np.nonzero(is_one)[0]).to(table.device)
        total = states.new_zeros(len(similar), states.shape[1])
        total.index_add_(0, owners, states[torch.from_numpy(places).to(table.device)])
        return total / torch.from_numpy(is_one.sum(axis=1)).to(table.device)[:, None]
