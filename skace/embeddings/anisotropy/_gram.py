"""Measures of anisotropy that follow from one pass over the rows."""
# SPDX-License-Identifier: BSD-3-Clause

import math

import numpy as np
from numpy.typing import ArrayLike

from skace._linalg import numerical_rank, singular_values
from skace._row_blocks import read_rows, row_blocks
from skace.embeddings.anisotropy._partition import partition_expansion
from skace.embeddings.anisotropy._spectrum import (
    above_rank,
    check_embeddings,
    decay_of,
    entropy_of,
    iso_score_of,
    mean_cosine_of_sum,
    moments_of,
    participation_of,
    refuse_zero_rows,
    share_of,
    spectral_entropy_of,
    spectral_measures,
    spectrum_of,
)

__all__ = [
    "anisotropy_report",
    "condition_number",
    "effective_rank",
    "explained_share",
    "iso_score",
    "mean_cosine",
    "participation_ratio",
    "spectral_decay",
    "spectral_entropy",
]


def mean_cosine(embeddings: ArrayLike) -> float:
    r"""Mean cosine of all pairs of rows: how narrow their cone is.

    It is 0 for rows that cancel each other out, and 1 for rows that all point the same way; for
    vectors of text encoders it is often between .3 and .9. The mean is not subtracted first,
    because this measures the direction that all rows share.

    Parameters
    ----------
    embeddings : array-like of shape (n_items, n_dims)
        One row per item, none of length 0.

    Returns
    -------
    score : float
        Cosine, between -1 / (n_items - 1) and 1, averaged over pairs of different rows.

    Raises
    ------
    ValueError
        If there are fewer than two rows, or if a row has zero length.

    Notes
    -----
    The cosines of all pairs add up to :math:`\lVert s \rVert^2 - n`, where s is the sum of
    the unit rows: one pass, ``O(n_items * n_dims)``, and no matrix of pairs.

    Stability: provisional.

    References
    ----------
    .. [1] Ethayarajh (2019), How contextual are contextualized word
       representations?, EMNLP, section 3.3.

    Examples
    --------
    >>> from skace.embeddings import mean_cosine
    >>> mean_cosine([[1.0, 0.0], [0.0, 1.0]])
    0.0
    """
    embeddings = check_embeddings(embeddings, min_rows=2)
    total = np.zeros(embeddings.shape[1])
    for part in row_blocks(*embeddings.shape):
        units, lengths = read_rows(embeddings, part, normalize=True, name="embeddings")
        refuse_zero_rows(lengths, range(part.start, part.stop))
        total += units.sum(axis=0)
    return mean_cosine_of_sum(total, embeddings.shape[0])


def participation_ratio(embeddings: ArrayLike, *, center: bool = False) -> float:
    r"""Effective number of directions among which the variance is spread.

    Parameters
    ----------
    embeddings : array-like of shape (n_items, n_dims)
        One row per item.

    center : bool, default=False
        Subtract the mean row first. Without it, a common direction of all rows counts as
        the largest one.

    Returns
    -------
    ratio : float
        In [1, min(n_items, n_dims)], in directions.

    Raises
    ------
    ValueError
        If all rows are zero (with ``center=True``: equal).

    Notes
    -----
    :math:`(\sum_j l_j)^2 / \sum_j l_j^2` with the eigenvalues :math:`l_j` of the second
    moment matrix (of the covariance if centred): O(n d^2) time, d^2 memory.

    Stability: provisional.

    Examples
    --------
    >>> from skace.embeddings import participation_ratio
    >>> round(participation_ratio([[1.0, 0.0], [0.0, 1.0], [-1.0, 0.0], [0.0, -1.0]]), 6)
    2.0
    """
    return participation_of(spectrum_of(embeddings, center)[0])


def iso_score(embeddings: ArrayLike) -> float:
    r"""IsoScore: how evenly the covariance fills the space.

    It is always centred, as its authors define it. So it does not show a common
    direction of all rows, which is typical of language models.

    Parameters
    ----------
    embeddings : array-like of shape (n_items, n_dims)
        One row per item, with at least two columns.

    Returns
    -------
    score : float
        In [0, 1]; 0 if all variance lies in one direction, 1 if the covariance is a
        multiple of the identity.

    Raises
    ------
    ValueError
        If there are fewer than two columns, or all rows are equal.

    Notes
    -----
    The published chain of formulas equals :math:`(r - 1) / (d - 1)`, where r is the centred
    `participation_ratio`: O(n d^2) time, d^2 memory.

    Stability: provisional.

    References
    ----------
    .. [1] Rudman, Gillman, Rayne and Eickhoff (2022), IsoScore: measuring the uniformity of
       embedding space utilization, Findings of ACL, section 4.

    Examples
    --------
    >>> from skace.embeddings import iso_score
    >>> round(iso_score([[1.0, 0.0], [0.0, 1.0], [-1.0, 0.0], [0.0, -1.0]]), 6)
    1.0
    """
    values, d = spectrum_of(embeddings, center=True)
    return iso_score_of(values, d)


def effective_rank(embeddings: ArrayLike, *, center: bool = False) -> float:
    r"""Exponential of the entropy of the singular values.

    Parameters
    ----------
    embeddings : array-like of shape (n_items, n_dims)
        One row per item.

    center : bool, default=False
        Subtract the mean row first.

    Returns
    -------
    rank : float
        In [1, min(n_items, n_dims)], in directions.

    Raises
    ------
    ValueError
        If all rows are zero (with ``center=True``: equal).

    Notes
    -----
    :math:`\exp(-\sum_j p_j \ln p_j)` with :math:`p_j = s_j / \sum_i s_i`: singular values,
    not their squares, unlike `spectral_entropy`. O(n d^2) time, d^2 memory.

    Stability: provisional.

    References
    ----------
    .. [1] Roy and Vetterli (2007), The effective rank: a measure of effective dimensionality,
       EUSIPCO, definition 1.

    Examples
    --------
    >>> from skace.embeddings import effective_rank
    >>> round(effective_rank([[3.0, 0.0], [0.0, 3.0]]), 6)
    2.0
    """
    values, _ = spectrum_of(embeddings, center)
    return math.exp(entropy_of(values))


def spectral_entropy(embeddings: ArrayLike, *, center: bool = False) -> float:
    r"""Normalised entropy of the shares of variance.

    Parameters
    ----------
    embeddings : array-like of shape (n_items, n_dims)
        One row per item, with at least two columns.

    center : bool, default=False
        Subtract the mean row first.

    Returns
    -------
    entropy : float
        In [0, 1]; 1 if all directions have the same share.

    Raises
    ------
    ValueError
        If there are fewer than two columns, or all rows are zero (with ``center=True``:
        equal).

    Notes
    -----
    :math:`-\sum_j p_j \ln p_j / \ln d` with :math:`p_j = s_j^2 / \sum_i s_i^2`. O(n d^2)
    time, d^2 memory.

    Stability: provisional.

    Examples
    --------
    >>> from skace.embeddings import spectral_entropy
    >>> round(spectral_entropy([[3.0, 0.0], [0.0, 3.0]]), 6)
    1.0
    """
    values, d = spectrum_of(embeddings, center)
    return spectral_entropy_of(values, d)


def condition_number(
    embeddings: ArrayLike, n_components: int | None = None, *, center: bool = False
) -> float:
    """Largest over smallest singular value.

    Parameters
    ----------
    embeddings : array-like of shape (n_items, n_dims)
        One row per item.

    n_components : int or None, default=None
        Number of the singular value to divide by, counted from 1. None: the last one above the
        numerical rank.

    center : bool, default=False
        Subtract the mean row first.

    Returns
    -------
    ratio : float
        In [1, inf). Ratios above about 1e6 are lost in the rounding of the Gram matrix and
        count as beyond the rank.

    Raises
    ------
    ValueError
        If all rows are zero (with ``center=True``: equal), or the rank is below
        ``n_components``.

    Notes
    -----
    O(n d^2) time, d^2 memory.

    Stability: provisional.

    Examples
    --------
    >>> from skace.embeddings import condition_number
    >>> round(condition_number([[4.0, 0.0], [0.0, 2.0]]), 6)
    2.0
    """
    values, _ = spectrum_of(embeddings, center)
    n_components = values.size if n_components is None else n_components
    if not 1 <= n_components <= values.size:
        raise ValueError(
            f"n_components must be between 1 and the rank of embeddings, {values.size}, got "
            f"{n_components}."
        )
    return float(values[0] / values[n_components - 1])


def explained_share(embeddings: ArrayLike, n_components: int = 1, *, center: bool = False) -> float:
    """Share of the first directions in the sum of squares.

    Parameters
    ----------
    embeddings : array-like of shape (n_items, n_dims)
        One row per item.

    n_components : int, default=1
        Number of directions, at least 1. A larger number than there are means all.

    center : bool, default=False
        Subtract the mean row first. This makes a large difference for raw text vectors, whose first
        direction is their mean.

    Returns
    -------
    share : float
        Fraction in [n_components / n_dims, 1].

    Raises
    ------
    ValueError
        If ``n_components`` is below 1, or all rows are zero (with ``center=True``: equal).

    Notes
    -----
    O(n d^2) time, d^2 memory.

    Stability: provisional.

    Examples
    --------
    >>> from skace.embeddings import explained_share
    >>> round(explained_share([[3.0, 0.0], [0.0, 1.0]]), 6)
    0.9
    """
    if n_components < 1:
        raise ValueError(f"n_components must be at least 1, got {n_components}.")
    values, _ = spectrum_of(embeddings, center)
    return share_of(values, n_components)


def spectral_decay(embeddings: ArrayLike, *, center: bool = False) -> float:
    """Exponent of the power law by which the singular values fall.

    Parameters
    ----------
    embeddings : array-like of shape (n_items, n_dims)
        One row per item, of rank 4 or more.

    center : bool, default=False
        Subtract the mean row first.

    Returns
    -------
    exponent : float
        Slope of log s_i on log i by least squares, at most 0; 0 for a flat spectrum.

    Raises
    ------
    ValueError
        If the rank is below 4.

    Notes
    -----
    Over the middle 80 % of the numbers i from 1 to the rank. O(n d^2) time, d^2 memory.

    Stability: provisional.

    Examples
    --------
    >>> import numpy as np
    >>> from skace.embeddings import spectral_decay
    >>> round(spectral_decay(np.diag(1.0 / np.arange(1, 41))), 6)
    -1.0
    """
    values, _ = spectrum_of(embeddings, center)
    if values.size < 4:
        raise ValueError(
            f"embeddings has rank {values.size}; a slope of the spectrum needs rank 4 or more."
        )
    return decay_of(values)


def anisotropy_report(embeddings: ArrayLike) -> dict[str, float]:
    """All measures that follow from the Gram matrix, in one pass.

    Parameters
    ----------
    embeddings : array-like of shape (n_items, n_dims)
        One row per item, at least two, none of zero length, with at least two columns. A
        memmap is read once, in blocks.

    Returns
    -------
    report : dict of str to float
        "n_items", "n_dims", "rank"; "mean_cosine" and "mean_direction" (length of the mean of the
        unit rows, in [0, 1]); "iso_score" (centred). Then, for the rows as they are and, with
        "_centered" appended to the name, for the centred rows: "participation_ratio",
        "effective_rank", "spectral_entropy", "condition_number", "explained_share_1",
        "explained_share_10", "spectral_decay" (nan below rank 4), "partition_isotropy_1" and
        "partition_isotropy_2" (expansions). The function of the same name describes each.

    Raises
    ------
    ValueError
        If a row has zero length, all rows are equal, or there are fewer than two rows or columns.

    See Also
    --------
    hubness : Needs all pairs of rows.
    uniformity : Needs all pairs of rows.

    Notes
    -----
    O(n d^2 + d^3) time, about three d x d matrices of memory.

    Stability: provisional.

    Examples
    --------
    >>> import numpy as np
    >>> from skace.embeddings import anisotropy_report
    >>> rng = np.random.default_rng(0)
    >>> report = anisotropy_report(rng.normal(size=(1000, 8)) + 2.0)
    >>> round(report["mean_cosine"], 2), round(report["participation_ratio"], 2)
    (0.81, 1.46)
    >>> round(report["participation_ratio_centered"], 2)
    7.91
    """
    embeddings = check_embeddings(embeddings, min_rows=2, min_columns=2)
    moments = moments_of(embeddings)
    if moments.n_zero:
        for part in row_blocks(*embeddings.shape):
            peaks = np.abs(embeddings[part]).max(axis=1)
            refuse_zero_rows(peaks, range(part.start, part.stop))
    n, d = embeddings.shape
    spectra = {center: singular_values(moments, center) for center in (False, True)}
    report = {"n_items": float(n), "n_dims": float(d)}
    report["rank"] = float(numerical_rank(spectra[False], d))
    report["mean_cosine"] = mean_cosine_of_sum(moments.unit_sum, n)
    report["mean_direction"] = float(np.linalg.norm(moments.unit_sum)) / n
    report["iso_score"] = iso_score_of(above_rank(spectra[True], d, center=True), d)
    for center, ending in ((False, ""), (True, "_centered")):
        values = above_rank(spectra[center], d, center)
        measures = spectral_measures(values, d)
        for order in (1, 2):
            value = partition_expansion(moments, spectra[center], order, center)
            measures[f"partition_isotropy_{order}"] = value
        report |= {name + ending: value for name, value in measures.items()}
    return report
