"""NumpyModel: answers from a file by numpy alone."""
# SPDX-License-Identifier: BSD-3-Clause

import os
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from ._items import ServedItems, check_histories
from ._networks import by_network, by_tree, state_of
from ._sums import by_popularity, by_weights
from ._weights import Weights

__all__ = ["NumpyModel"]

_KINDS = {
    "popularity": by_popularity,
    "weights": by_weights,
    "network": by_network,
    "tree": by_tree,
}


class NumpyModel(ServedItems):
    """A model written by `skace.export.export_numpy` that predicts with numpy.

    It serves closed forms, neighbours, popularity and the networks of skace. It needs
    neither torch, scikit-learn nor skace, because this class is in a folder of its own.

    Parameters
    ----------
    path : str or path-like
        The file.

    Attributes
    ----------
    item_ids : ndarray of shape (n_items,)
        Items in the order of `scores`.

    meta : dict
        Kind of the model, and its parameters for predictions.

    Raises
    ------
    ValueError
        If the file is not an exported model, or is newer than this class.

    Notes
    -----
    A network reads one history at a time, without padding, which suits single sessions. For many
    histories at once an ONNX file is faster.

    Stability: provisional.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        super().__init__(path)
        if "kind" not in self.meta:
            raise ValueError(
                f"{path} holds the ids of an ONNX file; open that one with skace.export.OnnxModel."
            )
        self._answer = _KINDS[self.meta["kind"]]

    def encode(self, histories: Sequence[Sequence[Any]]) -> npt.NDArray[np.float32]:
        """State of each history in a network, for an index of its item vectors.

        Parameters
        ----------
        histories : list of lists of item ids
            One per visitor, oldest event first.

        Returns
        -------
        states : ndarray of shape (n_histories, width), float32
            Their inner products with the item vectors are the scores, except for `GRAMEstimator`.
            Zero for an empty history.

        Raises
        ------
        ValueError
            If the model is not a network, or a history holds an unknown id.
        """
        if self.meta["kind"] not in ("network", "tree"):
            raise ValueError(f"{self.meta['model']} is no network, which alone have states.")
        check_histories(histories)
        weights = Weights(self._arrays)
        states = np.zeros((len(histories), weights["item_vectors"].shape[1]), dtype=np.float32)
        for row, history in enumerate(histories):
            seen = self._rows_of(history)
            if seen.size:
                states[row] = state_of(seen, self.meta, weights)
        return states

    def _scores_of(self, rows):
        return self._answer(rows, self.meta, Weights(self._arrays))
