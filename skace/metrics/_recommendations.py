"""Beyond accuracy: what the recommended lists look like as a whole."""
# SPDX-License-Identifier: BSD-3-Clause

from typing import Any

import numpy as np
from scipy.stats import rankdata

from skace._typing import IntArray
from skace._validation import first_few
from skace.data import Catalog
from skace.metrics._groups import check_counts

__all__ = ["catalog_coverage", "exposure_gini", "popularity_bias", "popularity_lift"]


def catalog_coverage(recommended_ids: Any, item_ids: Any) -> float:
    """Share of the catalog that is recommended to anybody.

    Parameters
    ----------
    recommended_ids : array-like of shape (n_rows, k)
        Item ids, as `predict` returns them.

    item_ids : array-like of shape (n_items,)
        All items that could be recommended (``item_ids_``), each once.

    Returns
    -------
    coverage : float
        Fraction in (0, 1]. A model that gives everybody the same list reaches
        ``k / n_items``.

    Raises
    ------
    ValueError
        If the lists are empty or not two-dimensional, or an id is not one of ``item_ids``.

    Notes
    -----
    Stability: provisional.

    Examples
    --------
    >>> from skace.metrics import catalog_coverage
    >>> catalog_coverage([["pen", "ink"], ["pen", "cap"]], ["cap", "ink", "nib", "pen"])
    0.75
    """
    return float(np.mean(_exposure(recommended_ids, item_ids) > 0))


def exposure_gini(recommended_ids: Any, item_ids: Any) -> float:
    r"""Gini coefficient of how often each item is recommended.

    0 when all items of the catalog are shown equally often; near 1 when a few items fill
    all lists.

    Parameters
    ----------
    recommended_ids : array-like of shape (n_rows, k)
        Item ids, as `predict` returns them.

    item_ids : array-like of shape (n_items,)
        All items that could be recommended (``item_ids_``), each once.

    Returns
    -------
    gini : float
        Dimensionless, in [0, 1 - 1 / n_items].

    Raises
    ------
    ValueError
        If the lists are empty or not two-dimensional, or an id is not one of ``item_ids``.

    Notes
    -----
    With the exposures sorted, :math:`x_1 \le \dots \le x_n`, it is
    :math:`\sum_i (2 i - n - 1) x_i / (n \sum_i x_i)`.

    Stability: provisional.

    Examples
    --------
    >>> from skace.metrics import exposure_gini
    >>> exposure_gini([["pen"], ["pen"]], ["cap", "ink", "nib", "pen"])
    0.75
    """
    exposure = np.sort(_exposure(recommended_ids, item_ids))
    n_items = exposure.size
    weights = 2.0 * np.arange(1, n_items + 1) - n_items - 1.0
    return float(weights @ exposure / (n_items * exposure.sum()))


def popularity_bias(recommended_ids: Any, item_ids: Any, item_counts: Any) -> float:
    """Mean popularity percentile of the recommended items.

    .5 is the mean over the catalog, and what lists drawn at random reach; near 1 means
    that only the best sellers are shown, below .5 that rare items are preferred.

    Parameters
    ----------
    recommended_ids : array-like of shape (n_rows, k)
        Item ids, as `predict` returns them.

    item_ids : array-like of shape (n_items,)
        All items that could be recommended (``item_ids_``), each once.

    item_counts : array-like of shape (n_items,)
        Training targets per item (``item_counts_``), in the order of ``item_ids``.

    Returns
    -------
    bias : float
        Mean over all places of all lists, in [0, 1].

    Raises
    ------
    ValueError
        If the lists are empty or not two-dimensional, an id is not one of ``item_ids``, or
        there is not one count per item.

    Notes
    -----
    The percentile of an item is (items of smaller count + half of the others of equal
    count) / (n_items - 1): 0 for the rarest, 1 for the best seller, .5 on average.

    Stability: provisional.

    Examples
    --------
    >>> from skace.metrics import popularity_bias
    >>> popularity_bias([["pen"], ["ink"]], ["cap", "ink", "pen"], [1, 4, 9])
    0.75
    """
    exposure = _exposure(recommended_ids, item_ids)
    counts = _counts_of(item_counts, exposure.size)
    if counts.size == 1:
        return 0.5
    percentiles = (rankdata(counts) - 1.0) / (counts.size - 1.0)
    return float(exposure @ percentiles / exposure.sum())


def popularity_lift(recommended_ids: Any, item_ids: Any, item_counts: Any) -> float:
    """Mean popularity of the recommended items over that of the catalog.

    1 when the lists hold items as popular as the catalog's on average. Unlike
    `popularity_bias` it has a unit that is easy to tell ("ten times as popular"), but a
    single best seller can rule it.

    Parameters
    ----------
    recommended_ids : array-like of shape (n_rows, k)
        Item ids, as `predict` returns them.

    item_ids : array-like of shape (n_items,)
        All items that could be recommended (``item_ids_``), each once.

    item_counts : array-like of shape (n_items,)
        Training targets per item (``item_counts_``), in the order of ``item_ids``.

    Returns
    -------
    lift : float
        Ratio, at least 0: mean count over all places of all lists, divided by the mean
        count of the catalog's items.

    Raises
    ------
    ValueError
        If the lists are empty or not two-dimensional, an id is not one of ``item_ids``,
        there is not one count per item, or all counts are 0.

    Notes
    -----
    Stability: provisional.

    Examples
    --------
    >>> from skace.metrics import popularity_lift
    >>> popularity_lift([["pen"], ["pen"]], ["cap", "ink", "pen"], [1, 4, 10])
    2.0
    """
    exposure = _exposure(recommended_ids, item_ids)
    counts = _counts_of(item_counts, exposure.size)
    if not counts.any():
        raise ValueError("item_counts is 0 for every item; there is no popularity to compare.")
    return float(exposure @ counts / exposure.sum() / counts.mean())


def _exposure(recommended_ids: Any, item_ids: Any) -> IntArray:
    """How often each item is recommended, shape (n_items,)."""
    lists = np.asarray(recommended_ids)
    if lists.ndim != 2 or lists.size == 0:
        raise ValueError(
            "recommended_ids must be two-dimensional and not empty, got shape "
            f"{lists.shape}; pass what predict returns, one list of ids per row."
        )
    catalog = Catalog(item_ids)
    rows = catalog.row_of(lists.ravel())
    if (rows < 0).any():
        unknown = np.unique(lists.ravel()[rows < 0])
        raise ValueError(
            f"recommended_ids holds {unknown.size} id(s) that are not in item_ids: "
            f"{first_few(unknown)}; pass the item_ids_ of the model that recommended."
        )
    return np.bincount(rows, minlength=catalog.n_items)


def _counts_of(item_counts: Any, n_items: int) -> IntArray:
    """Checked counts, one per item."""
    counts = check_counts(item_counts)
    if counts.size != n_items:
        raise ValueError(
            f"item_counts has {counts.size} values, but item_ids has {n_items}; pass both from "
            "the same model."
        )
    return counts
