"""WhiteningTransformer: item vectors whose columns are uncorrelated, of variance one."""
# SPDX-License-Identifier: BSD-3-Clause

from numbers import Integral, Real
from typing import ClassVar, Literal

from skace._sklearn_compat import Interval, StrOptions
from skace.embeddings._mixin import ItemTransformerMixin
from skace.embeddings._whitening_core import WhiteningOfArrays

__all__ = ["WhiteningTransformer"]


class WhiteningTransformer(ItemTransformerMixin, WhiteningOfArrays):
    r"""Whitening of item vectors, all columns together or group by group.

    The output is centred, its columns have variance one, and columns of the same group are
    uncorrelated. One group is full whitening. More groups whiten less, because columns of different
    groups stay correlated; this is the relaxed whitening of WhitenRec.

    Given `~skace.Interactions`, the transformer acts on the features of its catalog and
    returns `~skace.Interactions` over the same log.

    Parameters
    ----------
    n_components : int or None, default=None
        For "zca" and "pca": number of directions of largest variance to keep, at least
        ``n_groups``; the groups share them as evenly as possible. "pca" returns one column per
        direction; "zca" returns all columns of the input, without the other directions. A number
        above the rank is clipped with a warning; None keeps all.

    method : {"zca", "pca", "cholesky", "bn"}, default="zca"
        Whitening matrix. The first three differ only by a rotation of the output (see Notes).
        "zca": the output is as close to the centred input as possible. "pca": the columns are
        principal components, largest variance first. "cholesky": column j is the part of input
        column j that the columns before it do not explain. "bn" (batch normalisation): each column
        by itself, whatever ``n_groups`` and ``shrinkage``.

    n_groups : int, default=1
        Number of groups of neighbouring columns, each whitened by itself. If it does not divide the
        number of columns, the first groups have one column more.

    shrinkage : float in [0, 1] or "auto", default=0.0
        Share t of a multiple of the identity in the covariance of each group, ``C = (1 - t) S + t m
        I`` with the sample covariance S and its mean variance ``m = trace(S) / n_columns``. Above
        0, directions of little variance, which are mostly noise, are enlarged less, and the output
        is only nearly white. 1 divides each group by one number. "auto" takes the t of Ledoit and
        Wolf.

    Attributes
    ----------
    mean_ : ndarray of shape (n_features_in_,)
        Mean of the rows.

    whitening_ : list of ndarray
        Matrix W of each group, of shape (columns of the group, its output columns): the
        output is ``(X - mean_) W``. For "bn" a single array of shape ``(n_features_in_,)``, the
        diagonal.

    shrinkage_ : ndarray of shape (n_groups,)
        The share t of each group.

    n_components_ : int
        Number of kept directions with variance, over all groups.

    n_features_in_ : int
        Number of columns seen in fit.

    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the columns, if fit saw a frame with string names.

    See Also
    --------
    ACETransformer : One number between whitening and the plain scores.
    GlobalScaler : Sets the size of the entries, for an item table that starts from them.

    Notes
    -----
    With the eigenvalues :math:`C = V L V^T` and the Cholesky factorisation
    :math:`C = R^T R`, the matrix W is :math:`V L^{-1/2} V^T` for "zca",
    :math:`V L^{-1/2}` for "pca" and :math:`R^{-1}` for "cholesky". The covariance, like that
    of ``numpy.cov``, divides by n - 1.

    Directions without variance (a standard deviation below about 1e-6 of the largest) cannot be
    whitened. "pca" has no column for them. "zca" drops them, so its output has the rank of its
    input and its covariance is a projection. "cholesky" and "bn" return 0 for a constant column,
    and "cholesky" refuses columns that depend linearly on others. With shrinkage such directions
    have the variance t m, which "zca" and "cholesky" use for new rows. A zero row carries no
    information: it counts as the mean and maps to zero.

    Time is O(n d^2 / G + d^3 / G^2) with G groups, and a memmap is read once, in blocks. Fits on
    the same catalog share the decomposition within a process. `inverse_transform` computes a
    pseudo-inverse at each call, O(d^3).

    Stability: provisional.

    References
    ----------
    .. [1] Zhang et al. (2024), Are ID embeddings necessary? Whitening pre-trained text
       embeddings for effective sequential recommendation, ICDE, :arxiv:`2402.10602`.
    .. [2] Kessy, Lewin and Strimmer (2018), Optimal whitening and decorrelation, The
       American Statistician 72(4), :arxiv:`1512.00809`.
    .. [3] Ledoit and Wolf (2004), A well-conditioned estimator for large-dimensional
       covariance matrices, Journal of Multivariate Analysis 88(2), section 3.

    Examples
    --------
    >>> import numpy as np
    >>> from skace.embeddings import WhiteningTransformer
    >>> rng = np.random.default_rng(0)
    >>> F = rng.normal(size=(500, 8)) @ rng.normal(size=(8, 8)) + 1.0
    >>> Z = WhiteningTransformer().fit_transform(F)
    >>> bool(np.allclose(np.cov(Z, rowvar=False), np.eye(8)))
    True

    The two views of WhitenRec+, side by side, for a table that adds them up:

    >>> from sklearn.pipeline import FeatureUnion
    >>> from skace import Catalog, Interactions, OnItems
    >>> X = Interactions(["al", "al"], [3, 7], catalog=Catalog(np.arange(500), F))
    >>> views = OnItems(
    ...     FeatureUnion(
    ...         [
    ...             ("full", WhiteningTransformer()),
    ...             ("relaxed", WhiteningTransformer(n_groups=4)),
    ...         ]
    ...     )
    ... )
    >>> views.fit_transform(X).catalog
    Catalog(500 items, features: float64 of shape (500, 16))
    """

    _parameter_constraints: ClassVar = {
        "n_components": [Interval(Integral, 1, None, closed="left"), None],
        "method": [StrOptions({"zca", "pca", "cholesky", "bn"})],
        "n_groups": [Interval(Integral, 1, None, closed="left")],
        "shrinkage": [Interval(Real, 0, 1, closed="both"), StrOptions({"auto"})],
    }

    def __init__(
        self,
        n_components: int | None = None,
        *,
        method: Literal["zca", "pca", "cholesky", "bn"] = "zca",
        n_groups: int = 1,
        shrinkage: float | Literal["auto"] = 0.0,
    ) -> None:
        self.n_components = n_components
        self.method = method
        self.n_groups = n_groups
        self.shrinkage = shrinkage
