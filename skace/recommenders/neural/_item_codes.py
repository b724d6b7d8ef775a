"""Codes of items by a transformer: fitted with a seed, checked, and found for new items."""
# SPDX-License-Identifier: BSD-3-Clause

import numpy as np
from sklearn.base import clone
from sklearn.frozen import FrozenEstimator

from skace._random import seeded_clone, unseeded
from skace.embeddings import SemanticIdEncoder
from skace.recommenders._features import check_features
from skace.recommenders.neural._fitted_table import check_same_parameters

__all__ = ["check_code_features", "check_same_ids", "fit_ids", "item_codes"]

_MOST_CLUSTERS = 128  # of the default, as published for Amazon Beauty
_FEWEST_ITEMS = 4  # of a cluster of the default, on average


def check_code_features(catalog):
    """Raise unless a catalog has features that codes can be made of."""
    if catalog.features is None:
        raise ValueError(
            "the catalog has no item features, but GRAMEstimator makes the codes of items of them; "
            "build X with catalog=Catalog(item_ids, features). Of plain lists and frames of events "
            "it cannot learn."
        )
    check_features(catalog.features)


def fit_ids(ids, features, rng):
    """Transformer to codes, fitted on features.

    Parameters
    ----------
    ids : transformer or None
        What is cloned. None is recursive k-means of one level.

    features : ndarray of shape (n_items, n_features)
        Of the items.

    rng : numpy.random.RandomState
        Source of the seeds of what has a ``random_state`` of None.

    Returns
    -------
    ids : transformer
        Fitted.
    """
    if ids is None:
        n_clusters = min(_MOST_CLUSTERS, max(1, len(features) // _FEWEST_ITEMS))
        ids = SemanticIdEncoder(n_clusters, n_levels=1)
    if isinstance(ids, FrozenEstimator):
        return clone(ids)
    return seeded_clone(ids, rng).fit(features)


def item_codes(ids, features, n_levels=None):
    """Codes of items by a fitted transformer.

    Parameters
    ----------
    ids : transformer
        Fitted.

    features : ndarray of shape (n_items, n_features)
        Of the items.

    n_levels : int or None, default=None
        Number of codes that other items have.

    Returns
    -------
    codes : ndarray of shape (n_items, n_levels), int64
        From 0.

    Raises
    ------
    ValueError
        If the transformer returns something else.
    """
    found = ids.transform(features)
    name = type(ids).__name__
    codes = np.asarray(found)
    if codes.ndim != 2 or codes.shape[0] != len(features) or codes.shape[1] == 0:
        raise ValueError(
            f"semantic_ids={name} returned {type(found).__name__} of shape {codes.shape} for "
            f"{len(features)} items; it has to return a row of codes for each."
        )
    if codes.dtype.kind not in "iuf":
        raise ValueError(f"semantic_ids={name} returned {codes.dtype}; codes are whole numbers.")
    is_code = (codes >= 0) & (codes < 2**53) & (codes == np.floor(codes))
    if not is_code.all():
        row, column = np.argwhere(~is_code)[0]
        raise ValueError(
            f"semantic_ids={name} returned {codes[row, column]} for item {row}, column {column}; "
            "codes are whole numbers from 0, as SemanticIdEncoder() or "
            "KBinsDiscretizer(encode='ordinal') returns them."
        )
    if n_levels is not None and codes.shape[1] != n_levels:
        raise ValueError(
            f"semantic_ids={name} returned {codes.shape[1]} columns for new items, but the codes "
            f"of the fit have {n_levels}; it has to return as many for any rows."
        )
    return codes.astype(np.int64)


def check_same_ids(ids, fitted):
    """Raise if a transformer asks for other codes than the fitted one gives.

    Parameters
    ----------
    ids : transformer or None
        What the parameter says now.

    fitted : transformer
        What `fit_ids` returned; its seeds may have been drawn.

    Raises
    ------
    ValueError
        If they differ in their class, or in a parameter, which is then named.
    """
    if ids is None:
        ids = SemanticIdEncoder(getattr(fitted, "n_clusters", _MOST_CLUSTERS), n_levels=1)
    ids = clone(ids)
    if type(ids) is type(fitted) and not isinstance(ids, FrozenEstimator):
        drawn = fitted.get_params()
        ids.set_params(**{name: drawn[name] for name in unseeded(ids) if name in drawn})
    check_same_parameters("semantic_ids", ids, fitted)
