"""Fitted arrays of one estimator belong together: their kinds and the lengths of their axes."""
# SPDX-License-Identifier: BSD-3-Clause

from collections.abc import Mapping
from typing import Any

import numpy as np

from skace._file_hash import hash_of_files

__all__ = ["check_fitted_arrays"]

# Kinds of dtype and axes of each array. In one estimator an axis of one name has one length; "s"
# is any length. Of lists and dicts of arrays the axes are not known everywhere.
_OF_RECOMMENDERS = {
    "item_ids_": ("iuU", "n"),
    "item_counts_": ("iu", "n"),
    "popularity_": ("f", "n"),
    "item_vectors_": ("f", "nw"),
    "is_cold_": ("b", "n"),
    "gram_": ("f", "nn"),
    "cross_gram_": ("f", "nn"),
    "coef_": ("f", "nn"),
    "item_features_": ("f", "nf"),
    "feature_sample_": ("f", "sf"),
    "feature_mean_": ("f", "f"),
    "text_neighbors_": ("f", "nn"),
    "pair_counts_": ("f", "nn"),
    "weights_": ("f", "m"),
    "item_codes_": ("iu", "nl"),
    "node_codes_": ("i", "pl"),
    "node_parents_": ("i", "p"),
    "node_vectors_": ("f", "pw"),
    "node_tokens_": ("i", "p"),
    "token_rarity_": ("f", "s"),
    "id_tokens_": ("i", "ns"),
    "passage_tokens_": ("i", "ns"),
    "diversity_vectors_": ("f", "nv"),
    "diversity_directions_": ("f", "sv"),
}
_OF_TRANSFORMERS = {
    "components_": ("f", "kd"),
    "singular_values_": ("f", "k"),
    "shrinkage_": ("f", "g"),
    "mean_": ("f", "d"),
    "_is_chosen": ("b", "d"),
    "node_centroids_": ("f", "cd"),
    "node_parents_": ("iu", "c"),
    "node_codes_": ("iu", "c"),
    "node_counts_": ("iu", "c"),
    "inertia_": ("f", "l"),
}
_OF_TEXT_ENCODERS = {"mean_": ("f", "v"), "categories_": ("i", "n")}
_OF_MOMENTS = {
    "shift": ("f", "d"),
    "first": ("f", "d"),
    "cubic": ("f", "d"),
    "unit_sum": ("f", "d"),
    "gram": ("f", "dd"),
    "rows": ("f", "sd"),
    "roots": ("f", "s"),
}
# Numbers that tell an axis.
_NUMBERS = {
    "n_features_in_": "d",
    "n_item_features_": "f",
    "n_levels_": "l",
    "_n_features_out": "v",
    "_n_items_told": "n",
}

_COUNTED = {"estimators_": "m", "singular_values_": "g", "whitening_": "g", "codebooks_": "l"}
_OF_MANY = {
    "whitening_": ("f", None),
    "codebooks_": ("f", "sd"),
    "encoder_state_": ("fiub", None),
    "item_table_state_": ("fiub", None),
    "network_state_": ("f", None),
}


def check_fitted_arrays(estimator: Any) -> None:
    """Raise unless the arrays that an estimator of skace has learned fit each other.

    Only what stands in the layouts above is looked at; the weights of a network are compared with
    the network when that is built.

    Parameters
    ----------
    estimator : estimator
        Fitted or not.

    Raises
    ------
    ValueError
        If an array is of another kind, or has another number of axes or another length.
    """
    known = vars(estimator)
    layout = _layout_of(known)
    if layout is None:
        return
    lengths = {
        axis: int(known[name]) for name, axis in _NUMBERS.items() if known.get(name) is not None
    }
    for name, axis in _COUNTED.items():
        if name in known:
            lengths[axis] = len(known[name])
    name = type(estimator).__name__
    _check_arrays(name, known, layout, lengths)
    if isinstance(known.get("_moments"), dict):
        _check_arrays(f"the moments of {name}", known["_moments"], _OF_MOMENTS, lengths)
    for many, (kinds, axes) in _OF_MANY.items():
        _check_many(f"{many} of {name}", known.get(many, ()), kinds, axes, lengths)
    if sum(len(matrix) for matrix in known.get("whitening_", ())) not in (0, lengths.get("d")):
        raise ValueError(f"the matrices of {name} have another number of rows than the input has.")
    if "_weights_hash" in known and hash_of_files(known["weights_"]) != known["_weights_hash"]:
        raise ValueError(
            f"weights_ of {name} holds other files of a model than were written. Fetch the file "
            "again from where it was made."
        )


def _layout_of(known: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """Arrays of an estimator with these attributes; None if it has learned nothing."""
    if "item_ids_" in known:
        return _OF_RECOMMENDERS
    if "n_features_in_" in known:
        return _OF_TRANSFORMERS
    return _OF_TEXT_ENCODERS if "_n_features_out" in known else None


def _check_arrays(
    owner: str, known: Mapping[str, Any], layout: Mapping[str, Any], lengths: dict[str, int]
) -> None:
    """Raise unless the arrays of one owner fit each other and the lengths of ``lengths``."""
    for name, (kinds, axes) in layout.items():
        if known.get(name) is not None:
            _check_array(f"{name} of {owner}", known[name], kinds, axes, lengths)


def _check_array(name: str, array: Any, kinds: str, axes: str, lengths: dict[str, int]) -> None:
    """Raise unless one array is of these kinds, and its axes as long as those before."""
    shape = np.shape(array) if not hasattr(array, "shape") else array.shape
    kind = getattr(getattr(array, "dtype", None), "kind", type(array).__name__)
    expected = tuple(
        length if axis == "s" else lengths.setdefault(axis, length)
        for axis, length in zip(axes, shape, strict=False)
    )
    if kind not in kinds or len(shape) != len(axes) or shape != expected:
        raise ValueError(
            f"{name} is an array of shape {shape} and kind {kind!r}; the others belong to shape "
            f"{expected} and kind {kinds!r}."
        )


def _check_many(
    name: str, many: Any, kinds: str, axes: str | None, lengths: dict[str, int]
) -> None:
    """Raise unless a list or dict holds arrays of these kinds and axes."""
    for array in many.values() if isinstance(many, dict) else many:
        if axes is not None:
            _check_array(f"an array in {name}", array, kinds, axes, lengths)
        elif array.dtype.kind not in kinds:
            raise ValueError(
                f"{name} holds an array of shape {array.shape} and kind {array.dtype.kind!r}; "
                f"expected kind {kinds!r}."
            )
