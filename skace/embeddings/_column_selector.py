"""ColumnSelector: some columns of the item vectors as they are."""
# SPDX-License-Identifier: BSD-3-Clause

import math
import warnings
from numbers import Integral, Real
from typing import Any, ClassVar, Literal, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator
from sklearn.feature_selection import SelectorMixin
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted, validate_data

from skace._sklearn_compat import CallbackSupportMixin, Interval, StrOptions, fit_context
from skace._typing import RandomState
from skace.data import Interactions
from skace.embeddings._columns import column_moments
from skace.embeddings._dense_core import DTYPES
from skace.embeddings._mixin import ItemTransformerMixin

__all__ = ["ColumnSelector"]


class _SelectorOfArrays(CallbackSupportMixin, SelectorMixin, BaseEstimator):
    """What `ColumnSelector` does behind the mixin."""

    @fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y=None):
        """Choose the columns."""
        X = validate_data(self, X, dtype=DTYPES)
        context = self._init_callback_context()
        context.call_on_fit_task_begin(estimator=self, X=X)
        self._is_chosen = np.zeros(X.shape[1], dtype=bool)
        self._is_chosen[self._choose(X)] = True
        context.call_on_fit_task_end(estimator=self, X=X, reconstruction_attributes={})
        return self

    def _choose(self, X):
        """Numbers of the columns."""
        n_columns = X.shape[1]
        n_chosen = self._clip_components(n_columns)
        if self.method == "strided":
            return np.arange(n_chosen) * n_columns // n_chosen
        if self.method == "random":
            rng = check_random_state(self.random_state)
            return rng.permutation(n_columns)[:n_chosen]
        squares = column_moments(self._popular_rows(X)).squares
        return np.argsort(-squares, kind="stable")[:n_chosen]

    def _clip_components(self, n_columns):
        """Number of columns to choose, at most all."""
        if self.n_components <= n_columns:
            return int(self.n_components)
        warnings.warn(
            f"n_components={self.n_components} is more than the {n_columns} columns of X: "
            f"{type(self).__name__} keeps {n_columns}. Set n_components to at most {n_columns}.",
            stacklevel=2,
        )
        return n_columns

    def _popular_rows(self, X):
        """Rows of the most popular items; all rows if nothing is known of popularity."""
        counts = getattr(self, "_item_counts", None)
        if counts is None:
            return X
        # Two at least: one row has no variance. The small term undoes the rounding of a product
        # such as 0.29 * 100 = 28.999...
        n_popular = max(2, math.floor(self.popular_share * counts.size + 1e-9))
        return X[np.sort(np.argsort(-counts, kind="stable")[:n_popular])]

    def _get_support_mask(self):
        """Boolean mask of the chosen columns, for `SelectorMixin`."""
        check_is_fitted(self)
        return self._is_chosen

    def __sklearn_is_fitted__(self):
        return hasattr(self, "_is_chosen")

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags


class ColumnSelector(ItemTransformerMixin, _SelectorOfArrays):
    """Some columns of the item vectors, unchanged, as LLMInit proposes for initial vectors.

    There is no rotation and no scaling. Whatever a model gains from these columns comes
    from the text encoder alone, so this is a control for `ACETransformer` at the same
    width.

    Given `~skace.Interactions`, the transformer acts on the features of its catalog and
    returns `~skace.Interactions` over the same log.

    Parameters
    ----------
    n_components : int, default=128
        Number of columns to keep. A larger number than X has is clipped with a warning.

    method : {"variance", "strided", "random"}, default="variance"
        "variance": the columns of largest variance over popular items. "strided": every
        ``n_features / n_components``-th column, from the first on. "random": drawn
        without replacement.

    popular_share : float in (0, 1], default=0.2
        For "variance" on Interactions: share of the catalog's items, those with most rows first,
        that the variance is computed on (rounded down, at least two items). Ties are broken by
        catalog order. With arrays all rows count.

    random_state : int, RandomState instance or None, default=None
        For "random" only.

    Attributes
    ----------
    n_features_in_ : int
        Number of columns seen in fit.

    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the columns, if fit saw a frame with string names.

    See Also
    --------
    GlobalScaler : Scales the columns to the size of other initial vectors.
    sklearn.feature_selection.SelectKBest : Selection by a score of your own, in `OnItems`.

    Notes
    -----
    The columns stay in their order; ``get_support()`` returns which they are.

    If ``n_components`` does not divide the number of columns, the published "strided" rounds the
    step down, and so leaves out the last columns; here the steps span all columns. The published
    "random" draws with replacement, so it may take a column twice.

    Popularity counts the rows of X, each event once, so inside cross-validation it uses
    training rows only. Fits on two slices of one log may therefore differ, unlike those
    of other item transformers.

    Stability: provisional.

    References
    ----------
    .. [1] Zhang et al. (2025), LLMInit: a free lunch from large language models for
       selective initialization of recommendation, EMNLP industry track.

    Examples
    --------
    >>> import numpy as np
    >>> from skace import Catalog, Interactions
    >>> from skace.embeddings import ColumnSelector
    >>> F = np.array([[0.1, 5.0, 1.0], [0.2, 5.0, 9.0], [9.0, 5.1, 5.0], [0.1, 5.1, 5.0]])
    >>> X = Interactions(["al", "al", "bo"], [0, 1, 0], catalog=Catalog([0, 1, 2, 3], F))
    >>> selector = ColumnSelector(1, popular_share=0.5).fit(X)
    >>> selector.get_support()
    array([False, False,  True])
    >>> ColumnSelector(1).fit(F).get_support()
    array([ True, False, False])
    """

    _parameter_constraints: ClassVar = {
        "n_components": [Interval(Integral, 1, None, closed="left")],
        "method": [StrOptions({"variance", "strided", "random"})],
        "popular_share": [Interval(Real, 0, 1, closed="right")],
        "random_state": ["random_state"],
    }

    def __init__(
        self,
        n_components: int = 128,
        *,
        method: Literal["variance", "strided", "random"] = "variance",
        popular_share: float = 0.2,
        random_state: RandomState = None,
    ) -> None:
        self.n_components = n_components
        self.method = method
        self.popular_share = popular_share
        self.random_state = random_state

    def fit(  # type: ignore[override]  # the mixin's fit takes any metadata
        self, X: ArrayLike | Interactions, y: Any = None
    ) -> Self:
        """Choose the columns.

        Sets the attributes of the class.

        Parameters
        ----------
        X : array-like of shape (n_items, n_features) or Interactions
            Item vectors, or rows whose catalog has features. Rows are also counted, for popularity.

        y : Ignored
            Exists for scikit-learn.

        Returns
        -------
        self : ColumnSelector
            The fitted transformer.

        Raises
        ------
        ValueError
            If X is not finite, the catalog has no vectors, or the rows are queries.
        """
        self._item_counts = _counts_of(X) if isinstance(X, Interactions) else None
        try:
            return super().fit(X, y)
        finally:
            del self._item_counts


def _counts_of(X):
    """Number of events of each catalog item among the rows, each once, shape (n_items,)."""
    _, firsts = np.unique(X._ends, return_index=True)
    return np.bincount(X._item_codes[firsts], minlength=X.n_items)
