"""What is written of any model that is served: its items, and how it answers."""
# SPDX-License-Identifier: BSD-3-Clause

import io
import json
from pathlib import Path

import numpy as np
from sklearn.utils.validation import check_is_fitted

from skace._whole_files import replace_file
from skace.metrics._target_ranks import final_estimator
from skace.recommenders import DiversifiedRecommender, SequentialRecommender

__all__ = ["as_int8", "model_to_serve", "refuse_times", "write_items"]

_FORMAT = 1
_MOST = 127  # of int8, so that its range is the same on both sides of 0


def model_to_serve(estimator):
    """Fitted recommender within pipelines and searches, whose steps histories of ids pass by."""
    model, _ = final_estimator(estimator, [])
    if not isinstance(model, SequentialRecommender):
        raise TypeError(
            f"{type(model).__name__} is no recommender of skace; pass one, a Pipeline that ends "
            "in one, or a search over one with refit on."
        )
    check_is_fitted(model)
    if isinstance(model, DiversifiedRecommender) or hasattr(model, "estimators_"):
        raise TypeError(
            f"{type(model).__name__} answers through other models and has no weights of its own; "
            "export these, one by one."
        )
    return model


def refuse_times(model):
    """Raise if a network reads timestamps, which rows of items do not have."""
    if hasattr(model, "median_gap_"):
        raise ValueError(
            f'{type(model).__name__} was fitted with positions="time", which reads timestamps, and '
            'a served history has none; fit with positions="relative".'
        )


def write_items(path, model, meta, arrays=None):
    """Write ids, popularity and how the model answers, with arrays by name, to one .npz file.

    An existing file is replaced in one step, when the new one is complete.
    """
    unscored = model._unscored()
    meta = {
        "format": _FORMAT,
        "model": type(model).__name__,
        "k": int(model.k),
        "exclude_seen": bool(model.exclude_seen),
        "handle_unknown": model.handle_unknown,
        **meta,
    }
    content = io.BytesIO()
    np.savez(
        content,
        allow_pickle=False,
        meta=np.array(json.dumps(meta, default=np.generic.item)),
        item_ids=model.item_ids_,
        popularity=model.popularity_,
        unscored=np.zeros(0, np.int64) if unscored is None else np.flatnonzero(unscored),
        **(arrays or {}),
    )
    replace_file(Path(path), content.getvalue())


def as_int8(vectors):
    """Vectors as whole numbers of one byte, and the size of a step for each.

    Parameters
    ----------
    vectors : ndarray of shape (n, D), float32
        What is rounded, each vector by its own largest entry.

    Returns
    -------
    whole : ndarray of shape (n, D), int8
        In [-127, 127].
    scales : ndarray of shape (n,), float32
        ``whole * scales[:, None]`` is what is left of the vectors.
    """
    largest = np.abs(vectors).max(axis=1, initial=0)
    scales = np.where(largest > 0, largest / _MOST, 1).astype(np.float32)
    return np.rint(vectors / scales[:, None]).astype(np.int8), scales
