"""ACETransformer: item vectors of controllable anisotropy."""
# SPDX-License-Identifier: BSD-3-Clause

import warnings
from numbers import Integral, Real
from typing import ClassVar

import numpy as np
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils import check_array, check_random_state
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_consistent_length, check_is_fitted, validate_data

from skace._linalg import RowMoments, accumulate_moments, project_rows
from skace._sklearn_compat import CallbackSupportMixin, Interval, StrOptions, fit_context
from skace.embeddings._decomposition import MEMO, choose_solver, decompose, decompose_moments
from skace.embeddings._mixin import ItemTransformerMixin
from skace.embeddings._ridge import (
    column_factors,
    output_spread,
    ridge_for_isotropy,
    ridge_of,
    spectrum_summary,
)

__all__ = ["ACETransformer"]

# float16 stays as it is, because the vectors of a large catalog may be a memmap of it.
_DTYPES = (np.float64, np.float32, np.float16)


def _has_sums(ace):
    """Check for `available_if`: whether the solver has sums to go on from."""
    if ace.solver == "randomized":
        raise AttributeError(
            "partial_fit adds to the Gram matrix, which solver='randomized' does not compute; "
            "set solver='gram'."
        )
    return True


class _ACEOfArrays(
    ClassNamePrefixFeaturesOutMixin, CallbackSupportMixin, TransformerMixin, BaseEstimator
):
    """ACE of a two-dimensional array: what `ACETransformer` does behind the mixin."""

    @fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y=None, sample_weight=None):
        """Decompose the rows of X, then set the ridge and the size."""
        X, weights = self._check_rows(X, sample_weight, reset=True)
        context = self._begin_fit(X, sample_weight)
        decomposition = self._decompose(X, weights)
        self._set_fitted(decomposition)
        self._end_fit(context, X, sample_weight)
        return self

    @available_if(_has_sums)
    @fit_context(prefer_skip_nested_validation=True)
    def partial_fit(self, X, y=None, sample_weight=None):
        """Add the rows of X to the sums, then do what fit does."""
        start = self._stored_moments()
        X, weights = self._check_rows(X, sample_weight, reset=start is None)
        context = self._begin_fit(X, sample_weight)
        moments = accumulate_moments(
            X, normalize=self.normalize, sample_weight=weights, start=start
        )
        self._set_fitted(decompose_moments(moments, self.center))
        self._end_fit(context, X, sample_weight)
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
            dtype=_output_dtype(X),
        )

    def inverse_transform(self, X):
        """Undo the scaling and return to the original space."""
        check_is_fitted(self)
        X = check_array(X, dtype=_DTYPES, input_name="X", estimator=self)
        if X.shape[1] != self.n_components_:
            raise ValueError(
                f"X has {X.shape[1]} columns, but this {type(self).__name__} has "
                f"{self.n_components_} components; pass what transform returned."
            )
        back = project_rows(X, self.components_ / self._weights()[:, None])
        return (back + self.mean_).astype(_output_dtype(X), copy=False)

    def _check_array(self, X, *, reset):
        """Dense floats in two dimensions; finite or not is seen when they are read."""
        return validate_data(
            self,
            X,
            reset=reset,
            dtype=_DTYPES,
            # A memmap is to be read once: the blocks are checked as they come.
            ensure_all_finite=False,
            ensure_min_samples=2 if reset and self.center else 1,
        )

    def _check_rows(self, X, sample_weight, *, reset):
        """Rows to learn from, and their weights if there are any."""
        X = self._check_array(X, reset=reset)
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
        if (weights < 0).any() or not weights.any():
            raise ValueError(
                "sample_weight must be non-negative and not all zero; row "
                f"{int(np.argmin(weights))} has {weights.min()}."
            )
        return X, weights

    def _begin_fit(self, X, sample_weight):
        """Tell callbacks that the fit begins."""
        context = self._init_callback_context()
        context.call_on_fit_task_begin(
            estimator=self, X=X, metadata={"sample_weight": sample_weight}
        )
        return context

    def _end_fit(self, context, X, sample_weight):
        """Tell callbacks that the fit ends."""
        context.call_on_fit_task_end(
            estimator=self,
            X=X,
            metadata={"sample_weight": sample_weight},
            reconstruction_attributes={},
        )

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
        settings = {
            "solver": choose_solver(self.solver, *X.shape),
            "normalize": self.normalize,
            "center": self.center,
        }
        random_state = None
        if settings["solver"] == "randomized":
            settings["n_components"] = self.n_components
            random_state = self.random_state

        def compute():
            return decompose(
                X, **settings, sample_weight=weights, random_state=check_random_state(random_state)
            )

        catalog = getattr(self, "_source_catalog", None)
        # A generator has a state that a key cannot tell.
        if catalog is None or not isinstance(random_state, (Integral, type(None))):
            return compute()
        return MEMO.get((catalog.fingerprint, random_state, *settings.items()), compute)

    def _set_fitted(self, decomposition):
        """Set all learned attributes from a decomposition."""
        n_components = self._clip_components(decomposition)
        values = decomposition.singular_values[:n_components]
        vectors = decomposition.vectors[:n_components]
        if self.target_isotropy is None:
            ridge = ridge_of(decomposition, self.alpha, self.alpha_mode)
        else:
            ridge = ridge_for_isotropy(values, self.target_isotropy)
        factors = column_factors(values, ridge)
        spread = output_spread(decomposition, vectors, factors, self.center)
        self.alpha_ = ridge
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
            return rank if self.n_components is None else self.n_components
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

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags


def _output_dtype(X):
    """Floats as wide as those of X, but not half precision."""
    return np.float64 if X.dtype == np.float64 else np.float32


class ACETransformer(ItemTransformerMixin, _ACEOfArrays):
    r"""Anisotropy-controllable embedding of items.

    Vectors of text encoders lie in a narrow cone: a few directions hold most of their
    variance. Used as they are, the common direction drowns the rest; fully whitened,
    the order of the directions by importance is lost. One number, ``alpha``, moves
    between the two: 0 whitens, infinity gives the plain scores of an uncentred PCA.

    Given `~skace.Interactions`, the transformer acts on the features of its catalog and
    returns `~skace.Interactions` over the same log.

    Parameters
    ----------
    n_components : int or None, default=128
        Number of output columns, usually the width of the model. More than the rank is
        clipped with a warning; None keeps all.

    alpha : float in [0, inf] or "auto", default=1.0
        Ridge added to the squared singular values. Larger means more anisotropic.
        "auto" takes the shrinkage of Ledoit and Wolf, which knows the vectors only, not
        the log: for many items it comes close to 0.

    alpha_mode : {"relative", "absolute"}, default="relative"
        "relative": ``alpha`` counts in mean eigenvalues of the Gram matrix, its trace over
        ``n_features``, which is ``n_items / n_features`` for unit rows that are not
        centred. One grid then serves catalogs of any size. "absolute": ``alpha`` is the
        lambda of the paper.

    target_isotropy : float in (0, 1] or None, default=None
        Participation ratio of the output divided by its number of columns, 1 for equal
        second moments in all directions. Given, it decides instead of ``alpha``.

    center : bool, default=False
        Subtract the mean of the rows first. The paper does not.

    normalize : bool, default=True
        Divide each row by its Euclidean length first.

    scale : float or None, default=0.1
        Standard deviation of all entries of the training output. None leaves the size
        as the formula gives it: ``U * shrinkage_``.

    solver : {"auto", "full", "gram", "randomized"}, default="auto"
        "gram": eigenvectors of the ``n_features x n_features`` Gram matrix, summed in one
        pass over blocks of rows. "full": SVD of all rows in memory, for small singular
        values to the last digit. "randomized": random projection of all rows in memory,
        for few components of very wide vectors; the spectrum beyond ``n_components`` is
        taken as flat. "auto": "full" for at most half as many rows as columns, else "gram".

    random_state : int, RandomState instance or None, default=None
        For "randomized" only.

    Attributes
    ----------
    components_ : ndarray of shape (n_components_, n_features_in_)
        Right singular vectors, in rows. The entry of largest magnitude is positive.

    n_components_ : int
        Number of components that were kept.

    singular_values_ : ndarray of shape (n_components_,)
        Of the (normalised, centred) rows, largest first.

    shrinkage_ : ndarray of shape (n_components_,)
        Factor on each left singular vector: ``s / sqrt(s^2 + alpha_)``, for an infinite
        ridge ``s``.

    alpha_ : float
        The ridge, in absolute terms.

    mean_ : ndarray of shape (n_features_in_,)
        What is subtracted from the rows; zeros if ``center=False``.

    output_scale_ : float
        Factor that gives the output its standard deviation.

    anisotropy_ : dict of dict of str to float
        Under "before" (the rows, all directions) and "after" (the output):
        "participation_ratio", in directions; "isotropy", the same over the number of
        columns; "condition_number", first over last kept singular value; "first_share",
        of the first direction in the sum of squares.

    n_features_in_ : int
        Number of columns seen in fit.

    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the columns, if fit saw a frame with string names.

    See Also
    --------
    OnItems : Other transformers on the features of a catalog.
    anisotropy_report : Measures of anisotropy of any matrix.

    Notes
    -----
    With the singular value decomposition :math:`F = U S V^T` of the rows, the output is

    .. math:: E = c \, U \, \mathrm{diag}\left(\frac{s_j}{\sqrt{s_j^2 + \lambda}}\right)
              = c \, F V \, \mathrm{diag}\left((s_j^2 + \lambda)^{-1/2}\right).

    The left form is that of the paper; the right one maps new rows exactly, so that items
    without any event get their vector as well. A zero row says nothing and maps to zero,
    with ``center=True`` too, where it counts as the mean.

    ``alpha="auto"``: with the optimal weight t of the identity in the second moment matrix
    (Ledoit and Wolf), whitening with the shrunk matrix is ACE with a relative alpha of
    t / (1 - t).

    Time is O(n d^2 + d^3) and memory about three d x d matrices beside X; a memmap is
    streamed in blocks, and no n x n matrix exists. Fits on the same catalog share one
    decomposition per process, whatever ``alpha``, ``target_isotropy`` and ``scale``. The
    fitted object keeps the sums that `partial_fit` needs: min(n, d) x d numbers.

    Stability: provisional.

    References
    ----------
    .. [1] Lee, Kim and Lee (2026), ACE: anisotropy-controllable embedding, SIGIR,
       :arxiv:`2605.29322`, section 1.
    .. [2] Ledoit and Wolf (2004), A well-conditioned estimator for large-dimensional
       covariance matrices, Journal of Multivariate Analysis 88(2), section 3.

    Examples
    --------
    >>> import numpy as np
    >>> from skace.embeddings import ACETransformer
    >>> rng = np.random.default_rng(0)
    >>> F = rng.normal(size=(500, 16)) * 0.7 ** np.arange(16) + 1.0  # a narrow cone
    >>> ace = ACETransformer(n_components=8, alpha=0.1).fit(F)
    >>> ace.transform(F).shape
    (500, 8)
    >>> float(np.std(ace.transform(F)).round(6))
    0.1
    >>> round(ace.anisotropy_["before"]["isotropy"], 2)
    0.08
    >>> round(ace.anisotropy_["after"]["isotropy"], 2)
    0.77
    """

    _parameter_constraints: ClassVar = {
        "n_components": [Interval(Integral, 1, None, closed="left"), None],
        "alpha": [Interval(Real, 0, None, closed="both"), StrOptions({"auto"})],
        "alpha_mode": [StrOptions({"relative", "absolute"})],
        "target_isotropy": [Interval(Real, 0, 1, closed="right"), None],
        "center": ["boolean"],
        "normalize": ["boolean"],
        "scale": [Interval(Real, 0, None, closed="neither"), None],
        "solver": [StrOptions({"auto", "full", "gram", "randomized"})],
        "random_state": ["random_state"],
    }

    def __init__(  # noqa: PLR0913 (a constructor has one argument per parameter)
        self,
        n_components=128,
        *,
        alpha=1.0,
        alpha_mode="relative",
        target_isotropy=None,
        center=False,
        normalize=True,
        scale=0.1,
        solver="auto",
        random_state=None,
    ):
        self.n_components = n_components
        self.alpha = alpha
        self.alpha_mode = alpha_mode
        self.target_isotropy = target_isotropy
        self.center = center
        self.normalize = normalize
        self.scale = scale
        self.solver = solver
        self.random_state = random_state

    # scikit-learn reads the metadata that a method takes from its signature, hence these two.
    def fit(self, X, y=None, sample_weight=None):
        """Learn the transformation from item vectors.

        Writes all attributes of the class.

        Parameters
        ----------
        X : array-like of shape (n_items, n_features) or Interactions
            Dense floats; NaN and infinity are refused. Of Interactions the features of
            the catalog, whatever the rows are.

        y : Ignored
            There for scikit-learn.

        sample_weight : array-like of shape (n_items,) or None, default=None
            Non-negative weight of each row; a whole number is the same as repeating the
            row. With arrays only.

        Returns
        -------
        self : ACETransformer
            The fitted transformer.

        Raises
        ------
        ValueError
            If X is not finite or has rank 0, if ``target_isotropy`` is out of reach, or if
            the catalog has no vectors.
        """
        return super().fit(X, y, sample_weight=sample_weight)

    @available_if(_has_sums)
    def partial_fit(self, X, y=None, sample_weight=None):
        """Learn from more item vectors, exactly as one fit on all of them would.

        Writes all attributes of the class. Every call decomposes again, at O(d^3).

        Parameters
        ----------
        X : array-like of shape (n_items, n_features) or Interactions
            The new items. Of Interactions all items of the catalog count as new.

        y : Ignored
            There for scikit-learn.

        sample_weight : array-like of shape (n_items,) or None, default=None
            As in `fit`.

        Returns
        -------
        self : ACETransformer
            The fitted transformer.

        Raises
        ------
        ValueError
            As `fit`, and after a fit with ``solver="randomized"``, which has no sums to go
            on from; with that solver the method does not exist.
        """
        return super().partial_fit(X, y, sample_weight=sample_weight)
