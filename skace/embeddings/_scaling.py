"""GlobalScaler: one factor for all entries."""
# SPDX-License-Identifier: BSD-3-Clause

import math
from numbers import Real
from typing import ClassVar

import numpy as np
from sklearn.base import OneToOneFeatureMixin
from sklearn.utils import check_array
from sklearn.utils.validation import check_is_fitted, validate_data

from skace._sklearn_compat import Interval, fit_context
from skace.embeddings._columns import column_moments
from skace.embeddings._dense_core import DTYPES, DenseCore, output_dtype
from skace.embeddings._mixin import ItemTransformerMixin

__all__ = ["GlobalScaler"]


class _ScalerOfArrays(OneToOneFeatureMixin, DenseCore):
    """What `GlobalScaler` does behind the mixin."""

    @fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y=None):
        """Find the factor."""
        X = self._check_array(X, reset=True)
        context = self._begin_fit(X)
        spread = _spread(column_moments(X))
        self.scale_ = self.std / spread if spread > 0 else 1.0
        self._end_fit(context, X)
        return self

    def transform(self, X):
        """Multiply by the factor."""
        check_is_fitted(self)
        X = validate_data(self, X, reset=False, dtype=DTYPES)
        return np.multiply(X, self.scale_, dtype=output_dtype(X))

    def inverse_transform(self, X):
        """Divide by the factor."""
        check_is_fitted(self)
        X = check_array(X, dtype=DTYPES, input_name="X", estimator=self)
        return np.divide(X, self.scale_, dtype=output_dtype(X))


def _spread(moments):
    """Standard deviation of all entries; where they are equal, their size."""
    size, std = abs(moments.grand_mean), math.sqrt(moments.grand_variance)
    # Below this share of the size it is rounding, of sums of up to a few million rows.
    return std if std > 1e-9 * size else size


class GlobalScaler(ItemTransformerMixin, _ScalerOfArrays):
    """Scale all entries by one factor to a given standard deviation.

    Unlike ``StandardScaler`` it subtracts nothing and keeps directions and the ratios of columns
    and rows. A model that trains vectors further depends on their initial size, so a comparison of
    initial vectors should give all of them the same size. `ACETransformer` does that itself; put
    this step behind other transformers.

    Given `~skace.Interactions`, the transformer acts on the features of its catalog and
    returns `~skace.Interactions` over the same log.

    Parameters
    ----------
    std : float, default=0.1
        Standard deviation of all entries of the training output (ddof 0), like
        ``ACETransformer(scale=0.1)``.

    Attributes
    ----------
    scale_ : float
        The factor. If all entries are equal, they have no spread, and the factor gives them the
        size ``std``. If all are zero, it is 1.

    n_features_in_ : int
        Number of columns seen in fit.

    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the columns, if fit saw a frame with string names.

    See Also
    --------
    ACETransformer : Has the same parameter under the name ``scale``.

    Notes
    -----
    One pass over X, in blocks.

    Stability: provisional.

    Examples
    --------
    LLM2X starts a model from principal components:

    >>> import numpy as np
    >>> from sklearn.decomposition import PCA
    >>> from sklearn.pipeline import make_pipeline
    >>> from skace import Catalog, Interactions, OnItems
    >>> from skace.embeddings import GlobalScaler
    >>> F = np.random.default_rng(0).normal(size=(60, 8)) + 3.0
    >>> X = Interactions(["al", "al"], [3, 7], catalog=Catalog(np.arange(60), F))
    >>> llm2x = make_pipeline(OnItems(PCA(4)), GlobalScaler(0.1))
    >>> round(float(np.std(llm2x.fit_transform(X).catalog.features)), 6)
    0.1
    """

    _parameter_constraints: ClassVar = {"std": [Interval(Real, 0, None, closed="neither")]}

    def __init__(self, std: float = 0.1) -> None:
        self.std = std
