"""The array core of ACETransformer."""
# SPDX-License-Identifier: BSD-3-Clause

import warnings
from numbers import Integral

import numpy as np
from sklearn.base import ClassNamePrefixFeaturesOutMixin
from sklearn.utils import check_array, check_random_state
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_consistent_length, check_is_fitted

from skace._row_blocks import project_rows
from skace._row_moments import RowMoments, accumulate_moments
from skace._sklearn_compat import fit_context
from skace.embeddings._decomposition import (
    choose_solver,
    decompose,
    decompose_moments,
    vectors_to_find,
)
from skace.embeddings._dense_core import DTYPES, DenseCore, output_dtype
from skace.embeddings._ridge import (
    column_factors,
    exponent_for_isotropy,
    output_spread,
    power_factors,
    ridge_for_isotropy,
    ridge_of,
    spectrum_summary,
)

__all__ = ["ACEOfArrays", "has_sums"]


def has_sums(ace):
    """Check for `available_if`: whether the solver has sums to go on from."""
    if ace.solver == "randomized":
        raise AttributeError(
            "partial_fit adds to the Gram matrix, which solver='randomized' does not compute; "
            "set solver='gram'."
        )
    return True


class ACEOfArrays(ClassNamePrefixFeaturesOutMixin, DenseCore):
    """ACE of a two-dimensional array: what `ACETransformer` does behind the mixin."""

    @fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y=None, sample_weight=None):
        """Decompose the rows of X, then set the ridge and the size."""
        X, weights = self._check_rows(X, sample_weight, reset=True)
        context = self._begin_fit(X, {"sample_weight": sample_weight})
        decomposition = self._decompose(X, weights)
        self._set_fitted(decomposition)
        self._end_fit(context, X, {"sample_weight": sample_weight})
        return self

    @available_if(has_sums)
    @fit_context(prefer_skip_nested_validation=True)
    def partial_fit(self, X, y=None, sample_weight=None):
        """Add the rows of X to the sums, then do what fit does."""
        start = self._stored_moments()
        X, weights = self._check_rows(X, sample_weight, reset=start is None)
        context = self._begin_fit(X, {"sample_weight": sample_weight})
        moments = accumulate_moments(
            X, normalize=self.normalize, sample_weight=weights, start=start
        )
        n_vectors = vectors_to_find(self.n_components, X.shape[1])
        self._set_fitted(decompose_moments(moments, self.center, n_vectors))
        self._end_fit(context, X, {"sample_weight": sample_weight})
        return self

    def transform(self, X):
        """Project rows on the components and scale the columns."""
        check_is_fitted(self)
        X = self._check_array(X, reset=False)
        return project_rows(
            X,
            self.components_.T * self._weights(),
            mean=self.mean_ if self.center else None,
            normalize=self.normalize,
            dtype=output_dtype(X),
        )

    def inverse_transform(self, X):
        """Undo the scaling and return to the original space."""
        check_is_fitted(self)
        X = check_array(X, dtype=DTYPES, input_name="X", estimator=self)
        if X.shape[1] != self.n_components_:
            raise ValueError(
                f"X has {X.shape[1]} columns, but this {type(self).__name__} has "
                f"{self.n_components_} components; pass what transform returned."
            )
        back = project_rows(X, self.components_ / self._weights()[:, None])
        return (back + self.mean_).astype(output_dtype(X), copy=False)

    def _check_rows(self, X, sample_weight, *, reset):
        """Rows to learn from, and their weights if there are any."""
        X = self._check_array(X, reset=reset, min_rows=2 if reset and self.center else 1)
        if sample_weight is None:
            return X, None
        weights = check_array(
            sample_weight, ensure_2d=False, dtype=np.float64, input_name="sample_weight"
        )
        if weights.ndim != 1:
            raise ValueError(
                f"sample_weight must be one-dimensional, got shape {weights.shape}; pass one "
                "weight per row of X."
            )
        check_consistent_length(X, weights)
        # A later batch may well be without weight.
        if (weights < 0).any() or (reset and not weights.any()):
            raise ValueError(
                "sample_weight must be non-negative and not all zero; row "
                f"{int(np.argmin(weights))} has {weights.min()}."
            )
        return X, weights

    def _stored_moments(self):
        """Sums of earlier fits to go on from, or None if there was no fit."""
        if not hasattr(self, "components_"):
            return None
        if self._moments is None:
            raise ValueError(
                "partial_fit adds to the Gram matrix, which the fit before it with "
                "solver='randomized' did not compute; fit again with solver='gram'."
            )
        moments = RowMoments(**self._moments)
        if moments.normalized != self.normalize:
            raise ValueError(
                f"normalize={self.normalize} differs from the earlier batches; set it back, or "
                "call fit to start anew."
            )
        return moments

    def _decompose(self, X, weights):
        """Decomposition of X, from the memo if X are the features of a catalog."""
        solver = choose_solver(self.solver, *X.shape)
        n_components, random_state = None, None
        if solver == "randomized":
            n_components, random_state = self.n_components, self.random_state
        elif solver == "gram":
            n_components = vectors_to_find(self.n_components, X.shape[1])
        settings = {
            "solver": solver,
            "normalize": self.normalize,
            "center": self.center,
            "n_components": n_components,
        }

        def compute():
            return decompose(
                X, **settings, sample_weight=weights, random_state=check_random_state(random_state)
            )

        # A generator has a state that a key cannot tell.
        if not isinstance(random_state, (Integral, type(None))):
            return compute()
        return self._from_memo((random_state, *settings.items()), compute)

    def _set_fitted(self, decomposition):
        """Set all learned attributes from a decomposition."""
        n_components = self._clip_components(decomposition)
        values = decomposition.singular_values[:n_components]
        vectors = decomposition.vectors[:n_components]
        ridge, exponent = self._choose_spectrum(decomposition, values)
        factors = (
            column_factors(values, ridge) if exponent is None else power_factors(values, exponent)
        )
        spread = output_spread(decomposition, vectors, factors, self.center)
        self.alpha_, self.exponent_ = ridge, exponent
        self.n_components_ = n_components
        self.components_ = vectors.copy()
        self.singular_values_ = values.copy()
        self.shrinkage_ = factors.copy()
        self.mean_ = decomposition.mean if self.center else np.zeros_like(decomposition.mean)
        self.output_scale_ = 1.0 if self.scale is None else self.scale / spread
        self.anisotropy_ = {
            "before": spectrum_summary(
                decomposition.spectrum**2, values**2, decomposition.vectors.shape[1]
            ),
            "after": spectrum_summary(factors**2, factors**2, n_components),
        }
        moments = decomposition.moments
        # A dict of arrays rather than an object of ours, for formats such as skops.
        self._moments = None if moments is None else moments.state()

    def _choose_spectrum(self, decomposition, values):
        """Ridge and exponent, of which one is None."""
        target = self.target_isotropy
        if self.spectrum == "power":
            exponent = self.exponent if target is None else exponent_for_isotropy(values, target)
            return None, float(exponent)
        if target is not None:
            return ridge_for_isotropy(values, target), None
        return ridge_of(decomposition, self.alpha, self.alpha_mode), None

    def _clip_components(self, decomposition):
        """Number of components, at most the rank."""
        rank = decomposition.singular_values.size
        if rank == 0:
            raise ValueError(
                f"X, of {decomposition.vectors.shape[1]} feature(s), has rank 0: every row is zero"
                + (" or the same" if self.center else "")
                + f", so there is no direction that {type(self).__name__} could keep."
            )  # fmt: skip
        if self.n_components is None or self.n_components <= rank:
            return rank if self.n_components is None else int(self.n_components)
        warnings.warn(
            f"n_components={self.n_components} is more than the rank of X, which is {rank}: "
            f"{type(self).__name__} keeps {rank} components. Set n_components to at most {rank}, "
            "or to None for all there are.",
            stacklevel=2,
        )
        return rank

    def _weights(self):
        """Factor on each projection, shape (n_components,): that on U, over s, times the size."""
        return self.shrinkage_ / self.singular_values_ * self.output_scale_

    @property
    def _n_features_out(self):
        """Number of output columns, for `get_feature_names_out`."""
        return self.components_.shape[0]
