"""L3AEEstimator: EASE pulled towards what the item features say."""
# SPDX-License-Identifier: BSD-3-Clause

from numbers import Real
from typing import Literal, Unpack

import numpy as np

from skace._sklearn_compat import Interval, StrOptions
from skace.recommenders._features import check_features
from skace.recommenders.linear._base import LinearRecommender
from skace.recommenders.linear._closed_form import Bound
from skace.recommenders.linear._feature_prior import feature_prior
from skace.recommenders.linear._linear_parameters import LinearParameters

__all__ = ["L3AEEstimator"]


class L3AEEstimator(LinearRecommender):
    """Linear autoencoder that knows the item texts, in closed form.

    First, EASE on the item vectors gives weights C between similar items. Then ridge regression
    with a pull towards C learns the weights B from the interactions [1]_. Items with few events
    borrow from their text; cold items rely on it alone.

    Parameters
    ----------
    k : int, default=10
        Length of the lists that `predict` returns.

    regularization : float, default=20.0
        Ridge lambda_X of the interactions, in users. May be negative, as long as
        ``regularization + alignment`` is above 0.

    feature_regularization : float, default=10.0
        Ridge lambda_F of the features, above 0. It is compared with their squared
        singular values, whose sum is the number of items if rows have length 1.

    feature_regularization_mode : {"absolute", "relative"}, default="absolute"
        "relative": the unit of ``feature_regularization`` is the mean eigenvalue of the Gram matrix
        of the centered features, as for ``alpha`` of `~skace.ACETransformer`. Then one grid serves
        vectors of any encoder and catalogs of any size.

    alignment : float, default=100.0
        Strength lambda_E of the pull towards C, in users; 0 is `EASEEstimator`.

    normalize_features : bool, default=True
        Whether to divide each feature row by its length first.

    **shared
        Parameters of all closed forms, as `LinearRecommender` describes them.

    Attributes
    ----------
    item_counts_ : ndarray of shape (n_items,), int64
        Training rows per item. An item with 0 is scored through its features.

    item_features_ : ndarray of shape (n_items, n_features)
        Features that the model was fitted on, in ``dtype``, for `partial_fit`. They are the array
        of the catalog itself if that has this dtype.

    scores_cold_ : bool
        Whether items without a training row have a score, because ``alignment`` was above 0.

    Notes
    -----
    `partial_fit` can add new items with their features.

    ``B = P (G + lambda_E C) - P diag(mu)`` with ``P = (G + lambda_X + lambda_E)^-1`` and mu such
    that the diagonal is 0. C is never formed: by the Woodbury identity the features and a matrix of
    n_features x n_features are enough. Use raw vectors or those of `ACETransformer`. With stored
    counts a grid over ``feature_regularization`` inverts once.

    ``fit`` takes ``O(n_items^3 + n_items^2 n_features)`` time and the memory of at most 2.2
    matrices of n_items x n_items plus one float64 matrix of n_features x n_features. Counts and
    inverse are kept as in `EASEEstimator`. Features are copied only if their precision differs from
    ``dtype``.

    Stability: provisional.

    References
    ----------
    .. [1] "L3AE", CIKM 2025, arXiv 2508.13500.

    Examples
    --------
    >>> import numpy as np
    >>> from skace import Catalog, Interactions
    >>> from skace.recommenders import L3AEEstimator
    >>> vectors = np.array([[1, 0, 0], [1, 1, 0], [0, 0, 1], [0.1, 0.1, 1]])
    >>> catalog = Catalog(["pen", "ink", "hat", "new hat"], vectors)
    >>> X = Interactions.from_sequences([["pen", "ink"], ["ink", "hat"]], catalog=catalog)
    >>> model = L3AEEstimator(k=1, feature_regularization=0.1).fit(X)
    >>> model.predict([["hat"]])
    array([['new hat']], dtype='<U7')
    """

    _parameter_constraints: dict = {
        **LinearRecommender._parameter_constraints,
        "regularization": [Interval(Real, None, None, closed="neither")],
        "feature_regularization": [Interval(Real, 0, None, closed="neither")],
        "feature_regularization_mode": [StrOptions({"absolute", "relative"})],
        "alignment": [Interval(Real, 0, None, closed="left")],
        "normalize_features": ["boolean"],
    }

    def __init__(
        self,
        k: int = 10,
        *,
        regularization: float = 20.0,
        feature_regularization: float = 10.0,
        feature_regularization_mode: Literal["absolute", "relative"] = "absolute",
        alignment: float = 100.0,
        normalize_features: bool = True,
        **shared: Unpack[LinearParameters],
    ) -> None:
        super().__init__(k, **shared)
        self.regularization = regularization
        self.feature_regularization = feature_regularization
        self.feature_regularization_mode = feature_regularization_mode
        self.alignment = alignment
        self.normalize_features = normalize_features

    def _check_before_fit(self, X, X_val, weights, *, fresh, n_passes):
        super()._check_before_fit(X, X_val, weights, fresh=fresh, n_passes=n_passes)
        if self.regularization + self.alignment <= 0:
            raise ValueError(
                f"regularization={self.regularization:g} + alignment={self.alignment:g} must be "
                "above 0; raise one of them."
            )
        if X.catalog.features is None and (fresh or (self._columns_of(X) < 0).any()):
            raise ValueError(
                "L3AEEstimator needs item features, but the catalog has none; build it with "
                "Catalog(item_ids, features), or use EASEEstimator."
            )
        check_features(X.catalog.features)
        n_features = X.catalog.n_features
        if not fresh and n_features not in (None, self.item_features_.shape[1]):
            raise ValueError(
                f"the item features have {n_features} columns, but the model was fitted on "
                f"{self.item_features_.shape[1]}; transform X with the fitted transformers first."
            )

    def _fit_rows(self, rows, task):
        self._learn_features(rows.X.catalog, rows.columns)
        self.scores_cold_ = bool(self.alignment > 0)
        super()._fit_rows(rows, task)

    def _learn_features(self, catalog, columns):
        """Set ``item_features_``, or extend it by the new items."""
        known = getattr(self, "item_features_", None)
        if catalog.features is None:  # no new items, which was checked
            return
        if known is None:  # the columns are the rows of the catalog
            self.item_features_ = np.asarray(catalog.features, dtype=self.dtype)
            return
        features = np.zeros((self.item_ids_.size, catalog.n_features), dtype=self.dtype)
        features[columns] = catalog.features
        features[: len(known)] = known
        self.item_features_ = features

    def _ridge(self, gram):
        return np.full(gram.shape[0], float(self.regularization + self.alignment))

    def _bound(self):
        return Bound(0.0, is_equality=True)

    def _prior(self):
        if self.alignment == 0:
            return None
        return feature_prior(
            self.item_features_,
            self.feature_regularization,
            self.alignment,
            normalize=self.normalize_features,
            is_relative=self.feature_regularization_mode == "relative",
        )

    def _unscored(self):
        return None if self.scores_cold_ else super()._unscored()
