"""Answers of ONNX files by ids."""
# SPDX-License-Identifier: BSD-3-Clause

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from skace.export._numpy_model._items import ServedItems, check_histories, check_k

__all__ = ["OnnxModel"]

_BLOCK_ROWS = 256  # histories that are asked for at once


class OnnxModel(ServedItems):
    """An ONNX file written by `export_onnx`, called with ids through onnxruntime.

    Parameters
    ----------
    path : str or path-like
        The ``.onnx`` file. The file of the ids must be in the same folder.

    n_threads : int, default=1
        Threads for one call. One thread is best for serving many visitors at once.

    Attributes
    ----------
    item_ids : ndarray of shape (n_items,)
        Items in the order of the rows of the graph.

    meta : dict
        Settings of the file.

    session : onnxruntime.InferenceSession
        Session that runs the graph.

    Raises
    ------
    ImportError
        If onnxruntime is not installed (the extra ``export``).

    ValueError
        If the file of ids is not valid.

    Notes
    -----
    Stability: provisional.
    """

    def __init__(self, path: str | os.PathLike[str], *, n_threads: int = 1) -> None:
        try:
            import onnxruntime
        except ImportError as error:
            raise ImportError("OnnxModel needs onnxruntime: pip install onnxruntime.") from error
        path = Path(path)
        super().__init__(path.with_name(f"{path.name}.npz"))
        if "answer" not in self.meta:
            raise ValueError(
                f"the file of ids beside {path} is a model of its own; open it with NumpyModel."
            )
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads, options.inter_op_num_threads = n_threads, 1
        options.log_severity_level = 3
        self.session = onnxruntime.InferenceSession(
            str(path), options, providers=["CPUExecutionProvider"]
        )
        if self.session.get_modelmeta().custom_metadata_map.get("token") != self.meta["token"]:
            raise ValueError(
                f"{path} and the file of ids beside it are of two models; write or copy both anew."
            )

    def encode(self, histories: Sequence[Sequence[Any]]) -> npt.NDArray[np.float32]:
        """State of each history, for an index of ``item_vectors_``.

        Parameters
        ----------
        histories : list of lists of item ids
            Histories, none of them empty.

        Returns
        -------
        states : ndarray of shape (n_histories, width), float32
            Their inner products with the item vectors are the scores.

        Raises
        ------
        ValueError
            If the file was not written with ``answer="states"``, or a history is empty.
        """
        self._check_answer("states")
        check_histories(histories)
        rows = [self._rows_of(history) for history in histories]
        empty = [number for number, own in enumerate(rows) if own.size == 0]
        if empty:
            raise ValueError(f"histories[{empty[0]}] is empty and has no state.")
        states: npt.NDArray[np.float32] = self._run(rows)[0]
        return states

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
            Length of the lists; None takes that of the file. If the graph makes the lists, this is
            also the maximum.

        exclude_seen : bool or None, default=None
            Whether to leave items of a history out; None takes the setting of the file, which
            cannot be changed if the graph makes the lists.

        Returns
        -------
        item_ids : ndarray of shape (n_histories, k)
            Best first, ties in the order of ``item_ids``.

        scores : ndarray of shape (n_histories, k), float32
            Their scores; ``-inf`` for items that only fill up a list.

        Raises
        ------
        ValueError
            If the file does not support such a call, or a history holds an unknown id and the model
            does not ignore them.
        """
        check_histories(histories)
        if self.meta["answer"] == "scores":
            return super().recommend(histories, k, exclude_seen=exclude_seen)
        self._check_answer("top_k")
        self._check_lists(k, exclude_seen)
        k = self.meta["k"] if k is None else k
        rows = [self._rows_of(history) for history in histories]
        filled = [number for number, own in enumerate(rows) if own.size]
        best = np.empty((len(rows), k), dtype=self.item_ids.dtype)
        scores = np.empty((len(rows), k), dtype=np.float32)
        empty = [number for number, own in enumerate(rows) if not own.size]
        if empty:
            best[empty], scores[empty] = super().recommend([[]], k)
        if filled:
            values, places = self._run([rows[number] for number in filled])
            best[filled], scores[filled] = self.item_ids[places[:, :k]], values[:, :k]
        return best, scores

    def _scores_of(self, rows):
        self._check_answer("scores")
        return self._run([rows])[0][0].copy()

    def _run(self, rows):
        """Outputs of the graph for non-empty histories of rows."""
        parts = [
            self._run_block(rows[first : first + _BLOCK_ROWS])
            for first in range(0, len(rows), _BLOCK_ROWS)
        ]
        return [np.concatenate(outputs) for outputs in zip(*parts, strict=True)]

    def _run_block(self, rows):
        recent = [own[-self.meta["max_length"] :] for own in rows]
        inputs = {"items": _padded(recent), "lengths": np.array([own.size for own in recent])}
        if self.meta["answer"] == "top_k" and self.meta["exclude_seen"]:
            inputs["seen"] = _padded(rows)
        return self.session.run(None, inputs)

    def _check_answer(self, answer):
        """Raise if the file was written for something else."""
        if self.meta["answer"] != answer:
            raise ValueError(
                f"the file answers with {self.meta['answer']}; write it with answer={answer!r}."
            )

    def _check_lists(self, k, exclude_seen):
        """Raise for lists that are not what the graph makes."""
        if k is not None:
            check_k(k, self.meta["k"])
        if exclude_seen not in (None, self.meta["exclude_seen"]):
            raise ValueError(
                f"exclude_seen={exclude_seen!r}, but the file was written with "
                f"exclude_seen={self.meta['exclude_seen']}; write it anew."
            )


def _padded(rows):
    """Rows of items side by side, each filled up with its first one, (n, T)."""
    longest = max(own.size for own in rows)
    return np.stack([np.append(own, np.full(longest - own.size, own[0])) for own in rows])
