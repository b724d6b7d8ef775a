"""ItemTransformerMixin: a transformer of arrays that acts on catalogs as well."""
# SPDX-License-Identifier: BSD-3-Clause

from collections.abc import Mapping
from contextlib import contextmanager
from numbers import Integral, Real
from typing import Any, Self, overload

import narwhals as nw
import numpy as np
import scipy.sparse as sp
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted

from skace._doc_links import DocLinkMixin
from skace._old_state import OldStateMixin
from skace._validation import width_of_texts
from skace.data import Interactions, ValidationSet
from skace.data._given import listed

__all__ = ["ItemTransformerMixin"]


def _core_has(name):
    """Check for `available_if`: whether the class behind the mixin has a method."""

    def check(self):
        # AttributeError of the core, which tells why, goes through.
        getattr(self._array_core(), name)
        return True

    return check


class ItemTransformerMixin(DocLinkMixin, OldStateMixin):
    """Let a scikit-learn transformer act on the item features of `Interactions`.

    It must be the first base of a class. The next base, the core, does the work on
    two-dimensional arrays and derives from ``TransformerMixin`` and ``BaseEstimator``.
    Each method depends on the type of X:

    - `Interactions`: the core gets ``X.catalog.features``, one row per item. Its result becomes
      the features of the returned `Interactions`;
    - a list or Series of sequences of item ids, in ``transform`` after a fit on
      `Interactions`: returned unchanged, so ``Pipeline.predict([["pen", "ink"]])`` reaches the
      recommender;
    - anything else: the core gets it unchanged.

    Notes
    -----
    The mixin does not derive from ``TransformerMixin``, because scikit-learn wraps the
    ``transform`` of such classes, to put its output into the container of
    ``set_output``. This way it wraps the method of the core, which only sees arrays.

    While a core is fitted on `Interactions`, ``self._source_catalog`` is the catalog.
    After any fit, ``self._is_fitted_on_items`` tells whether X was `Interactions`.

    Stability: provisional.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.base import BaseEstimator, TransformerMixin
    >>> from skace import Catalog, Interactions
    >>> from skace.embeddings import ItemTransformerMixin
    >>> class HalfCore(TransformerMixin, BaseEstimator):
    ...     def fit(self, X, y=None):
    ...         self.n_features_in_ = np.shape(X)[1]
    ...         return self
    ...
    ...     def transform(self, X):
    ...         return np.asarray(X) / 2
    >>> class Half(ItemTransformerMixin, HalfCore):
    ...     pass
    >>> catalog = Catalog(["pen", "ink"], np.array([[2.0, 4.0], [6.0, 8.0]]))
    >>> X = Interactions(["al", "al"], ["pen", "ink"], catalog=catalog)
    >>> Half().fit_transform(X).catalog.features
    array([[1., 2.],
           [3., 4.]])
    """

    _acts_on_text = False

    def _array_core(self) -> Any:
        """The next class in the method resolution order, bound to this object."""
        return super()

    def fit(self, X: Any, y: Any = None, **fit_params: Any) -> Self:
        """Learn from an array, or from the item features of Interactions.

        Parameters
        ----------
        X : array-like of shape (n_items, n_features) or Interactions
            Item vectors, or rows whose catalog has features. Of rows only the catalog
            counts, so every slice gives the same fit.

        y : object, default=None
            Passed on with arrays, ignored with Interactions.

        **fit_params : dict
            Passed on with arrays, refused with Interactions, because they have one value
            per event and the fit has one row per item.

        Returns
        -------
        self : object
            The fitted transformer.

        Raises
        ------
        ValueError
            If the catalog has no features, a fit parameter comes with Interactions, or
            X holds ids instead of vectors.
        """
        self._fit_core("fit", X, y, fit_params)
        return self

    @available_if(_core_has("partial_fit"))
    def partial_fit(self, X: Any, y: Any = None, **fit_params: Any) -> Self:
        """Learn from more rows in addition to those of earlier calls.

        Parameters
        ----------
        X : array-like of shape (n_items, n_features) or Interactions
            The new rows. With Interactions all items of the catalog count as new.

        y : object, default=None
            Passed on with arrays, ignored with Interactions.

        **fit_params : dict
            Passed on with arrays, refused with Interactions.

        Returns
        -------
        self : object
            The fitted transformer.
        """
        self._fit_core("partial_fit", X, y, fit_params)
        return self

    @overload
    def transform(self, X: Interactions) -> Interactions: ...  # numpydoc ignore=GL08

    @overload
    def transform(self, X: Any) -> Any: ...  # numpydoc ignore=GL08

    def transform(self, X: Any) -> Any:
        """Transform vectors, or the item features of Interactions.

        Parameters
        ----------
        X : array-like of shape (n_items, n_features), Interactions or list of sequences
            Any vectors, including those of cold items. Lists of sequences of ids are
            accepted after a fit on Interactions.

        Returns
        -------
        X_new : array of shape (n_items, n_features_new), Interactions or list
            Same type as X: Interactions share the log of X, a list is X itself.

        Raises
        ------
        ValueError
            If the catalog has no features, or X holds ids where vectors are expected.
        """
        check_is_fitted(self)
        if isinstance(X, Interactions):
            return self._on_features(X, self._array_core().transform)
        if getattr(self, "_is_fitted_on_items", False):
            if self._hands_on(X):
                return X
            self._refuse_integers(X)
        self._refuse_events(X)
        return self._array_core().transform(X)

    @overload
    def fit_transform(  # numpydoc ignore=GL08
        self, X: Interactions, y: Any = None, **fit_params: Any
    ) -> Interactions: ...

    @overload
    def fit_transform(  # numpydoc ignore=GL08
        self, X: Any, y: Any = None, **fit_params: Any
    ) -> Any: ...

    def fit_transform(self, X: Any, y: Any = None, **fit_params: Any) -> Any:
        """Fit to X, then transform it.

        Parameters
        ----------
        X : array-like of shape (n_items, n_features) or Interactions
            As in `fit`.

        y : object, default=None
            As in `fit`.

        **fit_params : dict
            As in `fit`.

        Returns
        -------
        X_new : array of shape (n_items, n_features_new) or Interactions
            As in `transform`.
        """
        if isinstance(X, Interactions):
            return self.fit(X, y, **fit_params).transform(X)
        return self._array_core().fit_transform(X, y, **fit_params)

    @available_if(_core_has("inverse_transform"))
    def inverse_transform(self, X: Any) -> Any:
        """Map transformed vectors back.

        Parameters
        ----------
        X : array-like of shape (n_items, n_features_new) or Interactions
            A result of `transform`.

        Returns
        -------
        X_original : array of shape (n_items, n_features) or Interactions
            Same type as X.
        """
        check_is_fitted(self)
        if isinstance(X, Interactions):
            return self._on_features(X, self._array_core().inverse_transform)
        return self._array_core().inverse_transform(X)

    def _fit_core(self, method, X, y, fit_params):
        """Call ``fit`` or ``partial_fit`` of the core on vectors."""
        if not isinstance(X, Interactions):
            self._refuse_events(X)
            getattr(self._array_core(), method)(X, y, **fit_params)
            self._is_fitted_on_items = False
            return
        self._refuse_fit_params(fit_params)
        features = self._features_of(X.catalog)
        with self._fitting_from(X.catalog):
            getattr(self._array_core(), method)(features)
        self._is_fitted_on_items = True

    @contextmanager
    def _fitting_from(self, catalog):
        """Let the core know the catalog, for as long as it is being fitted."""
        self._source_catalog = catalog
        try:
            yield
        finally:
            del self._source_catalog

    def _on_features(self, X, method):
        """Interactions whose features went through ``method``."""
        features = _as_features(method(self._features_of(X.catalog)))
        n_rows = features.shape[0] if hasattr(features, "shape") else len(features)
        if n_rows != X.catalog.n_items:
            raise ValueError(
                f"{type(self).__name__} returned {n_rows} rows for {X.catalog.n_items} items; "
                "a transformer of item features must keep one row per item. One that reads a "
                "list of texts needs a catalog with a single text column."
            )
        return X.with_features(features)

    def _features_of(self, catalog):
        """Features of the catalog, if there are some that this transformer can use."""
        name = type(self).__name__
        if catalog.features is None:
            raise ValueError(
                f"X.catalog has no features for {name} to act on; build Interactions with "
                "catalog=Catalog(item_ids, features) or Catalog.from_frame(items, "
                "features='vector')."
            )
        if not self._acts_on_text and not _is_numeric(catalog.features):
            raise ValueError(
                f"X.catalog.features holds texts, but {name} needs vectors; encode them in a "
                "step before it, for example OnItems(make_pipeline(TfidfVectorizer(), "
                f"TruncatedSVD({width_of_texts(catalog.n_items)})))."
            )
        return catalog.features

    def _hands_on(self, X):
        """Whether X is for the recommender behind this transformer."""
        X = _elements(X)
        if self._acts_on_text and isinstance(X, (list, tuple)) and _is_flat(X):
            return False  # new texts, not sequences of ids
        return _holds_sequences(X)

    def _refuse_fit_params(self, fit_params):
        """Raise if a parameter of ``fit`` comes with Interactions."""
        given = sorted(name for name, value in fit_params.items() if value is not None)
        if given:
            name = type(self).__name__
            raise ValueError(
                f"{given[0]} cannot be given with Interactions: it would have one value per "
                f"event, and {name} learns from items. Fit {name} on X.catalog.features with "
                f"one {given[0]} per item."
            )

    def _refuse_events(self, X):
        """Raise if X is a log or holds sequences of ids, where vectors are expected."""
        name = type(self).__name__
        if nw.dependencies.is_into_dataframe(X):
            columns = X.column_names if hasattr(X, "column_names") else X.columns
            if {"user_id", "item_id"} <= set(columns):
                raise ValueError(
                    f"X is a frame of events, but {name} acts on item vectors; wrap it once "
                    "with Interactions.from_frame(frame, catalog=Catalog(item_ids, features))."
                )
        if not self._acts_on_text and _holds_sequences(_elements(X)) and not _could_be_vectors(X):
            raise ValueError(
                f"X is a list of sequences of item ids, but {name} learns from item vectors. "
                "Fit it on Interactions whose catalog has features: from then on it hands "
                "such lists on to the recommender."
            )

    @staticmethod
    def _refuse_integers(X):
        """Raise if X is a two-dimensional array that may hold ids."""
        if isinstance(X, np.ndarray) and X.ndim == 2 and X.dtype.kind in "iuU":
            raise ValueError(
                f"X is an array of shape {X.shape} and dtype {X.dtype}, which may hold ids or "
                "vectors; pass ids as a list of sequences, vectors as floats."
            )


def _is_numeric(features):
    """Whether features are a matrix of numbers, dense or sparse."""
    return sp.issparse(features) or (isinstance(features, np.ndarray) and features.ndim == 2)


def _as_features(output):
    """Output of a transformer as a catalog takes it: numeric frames become arrays."""
    if nw.dependencies.is_into_dataframe(output):
        table = nw.from_native(output, eager_only=True)
        if all(dtype.is_numeric() for dtype in table.schema.values()):
            return table.to_numpy()
    return output


def _elements(X):
    """What a dict, a Series or an array of objects holds; anything else as it is."""
    if isinstance(X, Mapping):
        return list(X.values())
    if isinstance(X, np.ndarray) and X.ndim == 1 and X.dtype.kind == "O":
        return list(X)
    return listed(X)


def _holds_sequences(X):
    """Whether X looks like sequences of ids rather than rows of numbers."""
    if isinstance(X, ValidationSet):
        return True
    if not isinstance(X, (list, tuple)):
        return False
    # One filled sequence tells.
    first = X[:1] if _is_flat(X) else next((part for part in X if _is_filled(part)), [])
    return not _is_vector(first)


def _is_vector(values):
    """Whether values are numbers of a vector: ids are texts or integers, and may be missing."""
    if isinstance(values, np.ndarray) and values.dtype.kind != "O":
        return values.ndim != 1 or values.dtype.kind not in "iuU"
    is_number = all(isinstance(value, Real) and value == value for value in values)  # nan != nan
    return is_number and not all(isinstance(value, Integral) for value in values)


def _is_sequence(part):
    """Whether an element of a list is a sequence, not a text or a number."""
    return hasattr(part, "__len__") and not isinstance(part, (str, bytes))


def _is_filled(part):
    """Whether an element of a list is a sequence with something in it."""
    return _is_sequence(part) and len(part) > 0


def _is_flat(X):
    """Whether a list has elements, none of which is a sequence."""
    return len(X) > 0 and not any(map(_is_sequence, X))


def _could_be_vectors(X):
    """Whether what holds sequences of ids could as well be rows of numbers."""
    if isinstance(X, (ValidationSet, np.ndarray)):
        return isinstance(X, np.ndarray)  # scikit-learn has words for such arrays
    rows = listed(X)
    if _is_flat(rows):
        return not any(isinstance(part, str) for part in rows)
    if rows is not X or len({len(part) if _is_sequence(part) else None for part in rows}) > 1:
        return False  # no transformer takes a Series of rows
    return not any(isinstance(value, str) for part in rows[:1] for value in part)
