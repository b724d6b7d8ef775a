"""Beyond accuracy: what the recommended lists look like as a whole."""
# SPDX-License-Identifier: BSD-3-Clause

from typing import Any

import numpy as np
from scipy.stats import rankdata

from skace._typing import IdArray, IntArray
from skace._validation import first_few
from skace.data import Catalog
from skace.metrics._groups import check_counts

__all__ = [
    "catalog_coverage",
    "exposure_gini",
    "intra_list_diversity",
    "novelty",
    "popularity_bias",
    "popularity_lift",
    "serendipity",
]


def catalog_coverage(recommended_ids: Any, item_ids: Any) -> float:
    """Share of the catalog that is recommended to at least one row.

    Parameters
    ----------
    recommended_ids : array-like of shape (n_rows, k)
        Item ids, as returned by `predict`.

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

    0 if all items of the catalog are shown equally often; near 1 if a few items fill all lists.

    Parameters
    ----------
    recommended_ids : array-like of shape (n_rows, k)
        Item ids, as returned by `predict`.

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

    .5 is the mean over the catalog, and the value for random lists. Near 1 only the
    best sellers are shown; below .5 rare items are preferred.

    Parameters
    ----------
    recommended_ids : array-like of shape (n_rows, k)
        Item ids, as returned by `predict`.

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
        If the lists are empty or not two-dimensional, an id is not one of ``item_ids``, or the
        number of counts differs from that of items.

    Notes
    -----
    The percentile of an item is (items of smaller count + half of the others of equal
    count) / (n_items - 1): 0 for the rarest item, 1 for the best seller, .5 on average.

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
    """Mean popularity of the recommended items divided by that of the catalog.

    1 if the items of the lists are on average as popular as those of the catalog.
    Unlike `popularity_bias` it is easy to put into words ("ten times as popular"), but
    a single best seller can dominate it.

    Parameters
    ----------
    recommended_ids : array-like of shape (n_rows, k)
        Item ids, as returned by `predict`.

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
        the number of counts differs from that of items, or all counts are 0.

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


def novelty(recommended_ids: Any, item_ids: Any, item_counts: Any) -> float:
    r"""Mean self-information of the recommended items.

    Best sellers are not new to anybody, so they score low. An item with one of 1,024 events has 10
    bits; an item with all events has 0.

    Parameters
    ----------
    recommended_ids : array-like of shape (n_rows, k)
        Item ids, as returned by `predict`.

    item_ids : array-like of shape (n_items,)
        All items that could be recommended (``item_ids_``), each once.

    item_counts : array-like of shape (n_items,)
        Training targets per item (``item_counts_``), in the order of ``item_ids``.

    Returns
    -------
    novelty : float
        Mean over all places of all lists, in bits, at least 0.

    Raises
    ------
    ValueError
        If the lists are empty or not two-dimensional, an id is not one of ``item_ids``,
        the number of counts differs from that of items, or all counts are 0.

    Notes
    -----
    It is :math:`-\log_2 (c_i / \sum_j c_j)` for an item of count c. An item of count 0 counts as
    taken once, because its value would be infinite.

    Stability: provisional.

    References
    ----------
    .. [1] T. Zhou et al., "Solving the apparent diversity-accuracy dilemma of recommender
       systems", PNAS 107(10), 2010.

    Examples
    --------
    >>> from skace.metrics import novelty
    >>> novelty([["pen"], ["ink"]], ["cap", "ink", "pen"], [1, 1, 2])
    1.5
    """
    exposure = _exposure(recommended_ids, item_ids)
    counts = _counts_of(item_counts, exposure.size)
    if not counts.any():
        raise ValueError("item_counts is 0 for every item; nothing is known or new.")
    bits = np.log2(counts.sum()) - np.log2(np.maximum(counts, 1))
    return float(exposure @ bits / exposure.sum())


def intra_list_diversity(recommended_ids: Any, item_ids: Any, item_vectors: Any) -> float:
    r"""Mean distance between the items of a list.

    Parameters
    ----------
    recommended_ids : array-like of shape (n_rows, k)
        Item ids, as returned by `predict`; k is at least 2.

    item_ids : array-like of shape (n_items,)
        All items that could be recommended (``item_ids_``), each once.

    item_vectors : array-like of shape (n_items, n_features)
        Item vectors in the order of ``item_ids``: the features of the catalog, or
        ``item_vectors_``. Figures from different vectors are not comparable.

    Returns
    -------
    diversity : float
        Mean over the lists, in [0, 2]: 0 if all items of a list point the same way.

    Raises
    ------
    ValueError
        If the lists are empty, not two-dimensional or of one item, an id is not one of
        ``item_ids``, or not every item has one finite vector.

    Notes
    -----
    It is the mean of 1 - cosine over all pairs of items in a list. A vector of zeros has distance 1
    from all others.

    Stability: provisional.

    References
    ----------
    .. [1] C.-N. Ziegler et al., "Improving recommendation lists through topic
       diversification", WWW 2005.

    Examples
    --------
    >>> from skace.metrics import intra_list_diversity
    >>> vectors = [[1.0, 0.0], [2.0, 0.0], [0.0, 1.0]]
    >>> intra_list_diversity([["cap", "ink"], ["cap", "pen"]], ["cap", "ink", "pen"], vectors)
    0.5
    """
    rows = _rows_of(recommended_ids, item_ids)
    k = rows.shape[1]
    if k < 2:
        raise ValueError(
            "recommended_ids has lists of one item, which has no other to differ from."
        )
    vectors = np.asarray(item_vectors, dtype=np.float64)
    n_items = np.size(item_ids)
    if vectors.ndim != 2 or len(vectors) != n_items or not np.isfinite(vectors).all():
        raise ValueError(
            f"item_vectors must hold one finite vector for each of the {n_items} item_ids, got "
            f"shape {vectors.shape}; pass both from the same catalog or model."
        )
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    units = np.divide(vectors, lengths, out=np.zeros_like(vectors), where=lengths > 0)
    sums = np.array([units[each].sum(axis=0) for each in rows])
    own = np.array([(units[each] ** 2).sum() for each in rows])
    cosines = ((sums**2).sum(axis=1) - own) / (k * (k - 1))
    return float(np.mean(1.0 - cosines))


def serendipity(recommended_ids: Any, expected_ids: Any, target_ids: Any) -> float:
    """Share of the rows whose target is recommended but was not expected.

    Parameters
    ----------
    recommended_ids : array-like of shape (n_rows, k)
        Item ids, as returned by `predict`.

    expected_ids : array-like of shape (n_rows, n_expected)
        Obvious items, for example the lists of `PopularityEstimator` for the same rows.

    target_ids : array-like of shape (n_rows,)
        The target of each row: ``X.items``.

    Returns
    -------
    serendipity : float
        Fraction in [0, 1]; at most ``recall_at_k`` of the lists.

    Raises
    ------
    ValueError
        If lists are empty or not two-dimensional, or the numbers of rows differ.

    Notes
    -----
    Items of a list count if they are useful but not expected [1]_. With one target per row, that is
    1 or 0.

    Stability: provisional.

    References
    ----------
    .. [1] M. Ge, C. Delgado-Battenfeld and D. Jannach, "Beyond accuracy: evaluating
       recommender systems by coverage and serendipity", RecSys 2010.

    Examples
    --------
    >>> from skace.metrics import serendipity
    >>> serendipity([["pen", "ink"], ["cap", "pen"]], [["pen"], ["pen"]], ["ink", "pen"])
    0.5
    """
    recommended = _lists(recommended_ids, "recommended_ids")
    expected = _lists(expected_ids, "expected_ids")
    targets = np.asarray(target_ids)
    if targets.ndim != 1 or not len(recommended) == len(expected) == len(targets):
        raise ValueError(
            f"recommended_ids has {len(recommended)} rows, expected_ids {len(expected)} and "
            f"target_ids shape {targets.shape}; pass all three for the same rows."
        )
    is_hit = (recommended == targets[:, None]).any(axis=1)
    return float(np.mean(is_hit & ~(expected == targets[:, None]).any(axis=1)))


def _exposure(recommended_ids: Any, item_ids: Any) -> IntArray:
    """How often each item is recommended, shape (n_items,)."""
    rows = _rows_of(recommended_ids, item_ids)
    return np.bincount(rows.ravel(), minlength=np.size(item_ids))


def _lists(ids: Any, name: str) -> IdArray:
    """Lists of ids, one a row."""
    lists = np.asarray(ids)
    if lists.ndim != 2 or lists.size == 0:
        raise ValueError(
            f"{name} must be two-dimensional and not empty, got shape {lists.shape}; pass what "
            "predict returns, one list of ids per row."
        )
    return lists


def _rows_of(recommended_ids: Any, item_ids: Any) -> IntArray:
    """Place among ``item_ids`` of each id of the lists, shape (n_rows, k)."""
    lists = _lists(recommended_ids, "recommended_ids")
    catalog = Catalog(item_ids)
    rows = catalog.row_of(lists.ravel())
    if (rows < 0).any():
        unknown = np.unique(lists.ravel()[rows < 0])
        raise ValueError(
            f"recommended_ids holds {unknown.size} id(s) that are not in item_ids: "
            f"{first_few(unknown)}; pass the item_ids_ of the model that recommended."
        )
    return rows.reshape(lists.shape)


def _counts_of(item_counts: Any, n_items: int) -> IntArray:
    """Checked counts, one per item."""
    counts = check_counts(item_counts)
    if counts.size != n_items:
        raise ValueError(
            f"item_counts has {counts.size} values, but item_ids has {n_items}; pass both from "
            "the same model."
        )
    return counts
