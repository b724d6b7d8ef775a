"""ServedItems: what is asked by ids, and what may be answered."""
# SPDX-License-Identifier: BSD-3-Clause

import json
import os
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
import numpy.typing as npt

__all__ = ["ServedItems", "check_exclude_seen", "check_histories", "check_k"]

_FORMAT = 2  # of the file; one with a higher number needs a newer version of this folder


class ServedItems:
    """Items of an exported model by id.

    Parameters
    ----------
    path : str or path-like
        File with the ids, their popularity and the settings of the model.
    """

    meta: dict[str, Any]

    def __init__(self, path: str | os.PathLike[str]) -> None:
        arrays = _arrays_of(path)
        self.meta = json.loads(str(arrays.pop("meta")))
        if self.meta["format"] > _FORMAT:
            raise ValueError(
                f"{path} has format {self.meta['format']}, but this reader knows up to {_FORMAT}; "
                "take the reader of the skace that wrote the file."
            )
        self.item_ids = arrays.pop("item_ids")
        self._popularity = arrays.pop("popularity")
        self._unscored = arrays.pop("unscored")
        self._arrays = arrays
        self._known = {item: row for row, item in enumerate(self.item_ids.tolist())}

    def recommend(
        self,
        histories: Sequence[Sequence[Any]],
        k: int | None = None,
        *,
        exclude_seen: bool | None = None,
    ) -> tuple[npt.NDArray[Any], npt.NDArray[np.float32]]:
        """Best items for each history.

        Parameters
        ----------
        histories : list of lists of item ids
            One per visitor, oldest event first; an empty one gets the most popular items.

        k : int or None, default=None
            Length of the lists; None takes the model's ``k``.

        exclude_seen : bool or None, default=None
            Whether to leave items of a history out; None takes the model's setting.

        Returns
        -------
        item_ids : ndarray of shape (n_histories, k)
            Best first, ties in the order of ``item_ids``.

        scores : ndarray of shape (n_histories, k), float32
            Their scores; ``-inf`` for items that only fill up a list.

        Raises
        ------
        ValueError
            If k is out of its range, or a history holds an unknown id and the model does not ignore
            them.
        """
        check_histories(histories)
        k = self.meta["k"] if k is None else k
        check_k(k, self.item_ids.size)
        check_exclude_seen(exclude_seen)
        exclude_seen = self.meta["exclude_seen"] if exclude_seen is None else exclude_seen
        best = np.empty((len(histories), k), dtype=np.int64)
        values = np.empty((len(histories), k), dtype=np.float32)
        for row, history in enumerate(histories):
            seen = self._rows_of(history)
            scores = self._scores(seen)
            if exclude_seen:
                scores[seen] = -np.inf
            best[row] = _best(scores, k)
            values[row] = scores[best[row]]
        return self.item_ids[best], values

    def scores(self, history: Sequence[Any]) -> npt.NDArray[np.float32]:
        """Scores of all items after a history.

        Parameters
        ----------
        history : list of item ids
            Oldest event first.

        Returns
        -------
        scores : ndarray of shape (n_items,), float32
            In the order of ``item_ids``; higher is better. Items of the history have scores too,
            whatever ``exclude_seen`` of the model is.
        """
        return self._scores(self._rows_of(history))

    def _rows_of(self, history):
        """Row of each event's item, without those of unknown items if they are to be skipped."""
        history = history.tolist() if isinstance(history, np.ndarray) else history
        if not isinstance(history, (list, tuple)):
            raise TypeError(
                f"a history must be a list of item ids, got {history!r:.40} of type "
                f"{type(history).__name__}."
            )
        odd = [item for item in history if not self._is_id(item)]
        if odd:
            raise TypeError(
                f"the ids of the model are {self._kind}, but a history holds {odd[0]!r} of type "
                f"{type(odd[0]).__name__}; convert it first."
            )
        rows = [self._known.get(item, -1) for item in history]
        if -1 in rows:
            if self.meta["handle_unknown"] == "error":
                unknown = [item for item, row in zip(history, rows, strict=True) if row < 0]
                raise ValueError(f"the model does not know the item ids {unknown[:5]}.")
            rows = [row for row in rows if row >= 0]
        return np.array(rows, dtype=np.int64)

    @property
    def _kind(self):
        """What ids are, in words."""
        return "strings" if self.item_ids.dtype.kind == "U" else "integers"

    def _is_id(self, item):
        """Whether something is of the type of the ids; True is none, although it equals 1."""
        if self.item_ids.dtype.kind == "U":
            return isinstance(item, str)
        return isinstance(item, (int, np.integer)) and not isinstance(item, bool)

    def _scores_of(self, rows):
        """Scores after a history of rows that is not empty, by the model."""
        raise NotImplementedError

    def _scores(self, rows):
        """Scores after a history of rows, by the model or by popularity."""
        if rows.size == 0:
            return self._popularity.astype(np.float32)
        scores = self._scores_of(rows)
        scores[self._unscored] = -np.inf
        return scores


def _arrays_of(path):
    """Arrays of an exported model by name."""
    damaged = f"{path} is no file of an exported model, or is damaged"
    try:
        # Opened here: numpy leaves a file open if it is damaged.
        with Path(path).open("rb") as stream, np.load(stream, allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
    except (EOFError, TypeError, ValueError, BadZipFile, zlib.error) as error:
        raise ValueError(f"{damaged}; export the model again.") from error
    if "meta" not in arrays:
        raise ValueError(f"{damaged}: it has no entry 'meta'.")
    return arrays


def check_histories(histories):
    """Raise unless these are histories, one after the other."""
    if isinstance(histories, dict):
        raise TypeError(
            "histories must be a list with one list of item ids for each visitor, got a dict; pass "
            "list(histories.values())."
        )
    if not isinstance(histories, (list, tuple)):
        raise TypeError(
            "histories must be a list with one list of item ids for each visitor, got "
            f"{type(histories).__name__}."
        )


def check_exclude_seen(exclude_seen):
    """Raise for what merely looks like an answer, such as "no"."""
    if not isinstance(exclude_seen, (bool, np.bool_, type(None))):
        raise TypeError(f"exclude_seen must be True, False or None, got {exclude_seen!r}.")


def check_k(k, most):
    """Raise unless lists can have this length."""
    is_int = isinstance(k, (int, np.integer)) and not isinstance(k, bool)
    if not is_int or not 1 <= k <= most:
        raise ValueError(f"k must be an int in the range [1, {most}], got {k!r}.")


def _best(scores, k):
    """Places of the k best scores, best first, ties in order."""
    if np.isnan(scores.max()):
        scores = np.where(np.isnan(scores), np.float32(-np.inf), scores)
    floor = np.partition(scores, scores.size - k)[scores.size - k]
    above = np.flatnonzero(scores > floor)
    tied = np.flatnonzero(scores == floor)[: k - above.size]
    places = np.sort(np.concatenate([above, tied]))
    return places[np.argsort(-scores[places], kind="stable")]
