"""OnItems: any scikit-learn transformer on the item features of Interactions."""
# SPDX-License-Identifier: BSD-3-Clause

import warnings
from typing import Any, ClassVar

import narwhals as nw
import numpy as np
import sklearn
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, OneToOneFeatureMixin, TransformerMixin, clone
from sklearn.pipeline import Pipeline
from sklearn.utils import get_tags
from sklearn.utils.metadata_routing import MetadataRouter, MethodMapping, process_routing
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted, validate_data

from skace._callers import caller_level
from skace._sklearn_compat import CallbackSupportMixin, InvalidParameterError, fit_context
from skace._validation import first_few
from skace.embeddings._mixin import ItemTransformerMixin
from skace.embeddings.text._table import TextTable
from skace.embeddings.text._template import TextTemplate

__all__ = ["OnItems"]


def _inner_has(name):
    """Check for `available_if`: whether the transformer inside has a method."""

    def check(on_items):
        getattr(on_items._inner(), name)  # its AttributeError says what is missing
        return True

    return check


class _Identity(OneToOneFeatureMixin, TransformerMixin, BaseEstimator):
    """Features as they are: numbers of any kind, or texts."""

    def fit(self, X, y=None):
        """Note the number of columns, if there are columns."""
        validate_data(self, X, skip_check_array=True)
        return self

    def transform(self, X):
        """Return X."""
        if hasattr(self, "n_features_in_"):
            validate_data(self, X, reset=False, skip_check_array=True)
        return X

    def inverse_transform(self, X):
        """Return X."""
        return X

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        tags.no_validation = True
        return tags


class _TransformerOfItems(CallbackSupportMixin, TransformerMixin, BaseEstimator):
    """What `OnItems` does behind the mixin: hand everything to a clone."""

    # prefer_skip_nested_validation=False: the transformer inside comes from the caller.
    @fit_context(prefer_skip_nested_validation=False)
    def fit(self, X, y=None, **fit_params):
        """Fit a clone of the transformer."""
        self._check_transformer()
        self.transformer_ = clone(self._inner(fitted=False))
        return self._fit_inner("fit", X, y, fit_params)

    @available_if(_inner_has("partial_fit"))
    @fit_context(prefer_skip_nested_validation=False)
    def partial_fit(self, X, y=None, **fit_params):
        """Go on with the clone, or start with a new one."""
        if not hasattr(self, "transformer_"):
            self.transformer_ = clone(self.transformer)
        return self._fit_inner("partial_fit", X, y, fit_params)

    def transform(self, X):
        """Transform with the fitted clone."""
        check_is_fitted(self)
        return self.transformer_.transform(X)

    @available_if(_inner_has("inverse_transform"))
    def inverse_transform(self, X):
        """Map back with the fitted clone."""
        check_is_fitted(self)
        return self.transformer_.inverse_transform(X)

    @available_if(_inner_has("get_feature_names_out"))
    def get_feature_names_out(self, input_features: ArrayLike | None = None) -> NDArray[np.object_]:
        """Names of the output columns, from the fitted clone.

        Parameters
        ----------
        input_features : array-like of str or None, default=None
            Passed on.

        Returns
        -------
        feature_names_out : ndarray of str
            One name per column.
        """
        check_is_fitted(self)
        return self.transformer_.get_feature_names_out(input_features)

    @property
    def n_features_in_(self) -> int:
        """Number of columns seen in fit, if the transformer counts them."""
        return self._fitted_attribute("n_features_in_")

    @property
    def feature_names_in_(self) -> NDArray[np.object_]:
        """Names of the columns seen in fit, if there were any."""
        return self._fitted_attribute("feature_names_in_")

    def get_metadata_routing(self) -> MetadataRouter:
        """Routing of fit parameters to ``fit`` of the transformer.

        Returns
        -------
        routing : MetadataRouter
            Used by scikit-learn.
        """
        router = MetadataRouter(owner=self)
        if self.transformer is not None:
            mapping = MethodMapping().add(caller="fit", callee="fit")
            mapping.add(caller="fit_transform", callee="fit")
            mapping.add(caller="partial_fit", callee="partial_fit")
            router.add(transformer=self.transformer, method_mapping=mapping)
        return router

    def _inner(self, *, fitted=True):
        """The fitted clone if there is one, else the parameter, for None the identity."""
        if fitted and "transformer_" in vars(self):
            return self.transformer_
        if self.transformer is None:
            return _Identity()
        return self.transformer

    def _fitted_attribute(self, name):
        """Attribute of the fitted clone; AttributeError where it does not exist."""
        if "transformer_" not in vars(self):
            raise AttributeError(f"{type(self).__name__} is not fitted, so it has no {name}.")
        return getattr(self.transformer_, name)

    def _check_transformer(self):
        """Raise unless the transformer has the two methods that are needed."""
        given = self.transformer
        is_class = isinstance(given, type)
        has_both = hasattr(given, "fit") and hasattr(given, "transform")
        if given is not None and (is_class or not has_both):
            raise InvalidParameterError(
                f"The 'transformer' parameter of {type(self).__name__} must be an object "
                f"implementing 'fit' and 'transform' or None. Got {given!r} instead."
            )

    def _fit_inner(self, method, X, y, fit_params):
        """Call ``method`` of the clone, with its callbacks and fit parameters."""
        context = self._init_callback_context(max_subtasks=1)
        context.call_on_fit_task_begin(estimator=self, X=X, y=y)
        task = context.subcontext(task_name=f"{method}-transformer")
        if sklearn.get_config()["enable_metadata_routing"]:
            fit_params = process_routing(self, method, **fit_params).get("transformer", {})
            fit_params = fit_params.get(method, {})
        task.call_on_fit_task_begin(estimator=self, X=X, y=y)
        # Most transformers know no callbacks; scikit-learn would warn of each one at every fit.
        if hasattr(self.transformer_, "set_callbacks"):
            with task.propagate_callback_context(self.transformer_):
                getattr(self.transformer_, method)(X, y, **fit_params)
        else:
            getattr(self.transformer_, method)(X, y, **fit_params)
        task.call_on_fit_task_end(estimator=self, X=X, y=y)
        context.call_on_fit_task_end(estimator=self, X=X, y=y, reconstruction_attributes={})
        return self

    def __sklearn_is_fitted__(self):
        return "transformer_" in vars(self)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        inner = get_tags(self._inner(fitted=False))
        tags.input_tags = inner.input_tags
        tags.target_tags = inner.target_tags
        tags.transformer_tags = inner.transformer_tags
        tags.non_deterministic = inner.non_deterministic
        tags.no_validation = inner.no_validation
        return tags


class OnItems(ItemTransformerMixin, _TransformerOfItems):
    """Any scikit-learn transformer on the item features of Interactions.

    A transformer such as ``PCA`` takes a matrix with one row per item; a recommender takes rows of
    an event log. `OnItems` connects them in a ``Pipeline``: it fits a clone of the transformer on
    the features of the catalog and replaces them with the result. With arrays it does what the
    transformer does.

    Parameters
    ----------
    transformer : transformer or None, default=None
        Transformer that returns one row per item. To join several, use
        ``OnItems(FeatureUnion([...]))``. It gets the features as the catalog holds them: a dense or
        sparse matrix, one text per item, or a frame of text columns with "" for missing texts. None
        leaves the features as they are, which is useful in a grid.

    fields : str, list of str or None, default=None
        Columns to join for a transformer that reads one text per item, such as ``TfidfVectorizer``.
        None: the columns in the template, or all text columns except ``item_id``. Other
        transformers get the columns as they are.

    template : str, default="{values}"
        How these columns make a text, as in `TextEncoder`: ``{title}`` is the value of that column,
        ``{values}`` is all values joined by full stops. Missing values are empty texts.

    Attributes
    ----------
    transformer_ : transformer
        The fitted clone.

    n_features_in_ : int
        Number of columns seen in fit, if the transformer has this attribute.

    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the columns seen in fit, if the transformer has this attribute.

    See Also
    --------
    ACETransformer : Acts on Interactions by itself.
    ItemTransformerMixin : Gives the same behaviour to a class of your own.

    Notes
    -----
    Callbacks of scikit-learn reach the transformer if it supports them.

    Stability: provisional.

    Examples
    --------
    >>> from sklearn.feature_extraction.text import TfidfVectorizer
    >>> from skace import Catalog, Interactions
    >>> from skace.embeddings import OnItems
    >>> catalog = Catalog([7, 9], ["red pen", "red ink"])
    >>> X = Interactions(["al", "al"], [9, 7], catalog=catalog)
    >>> tfidf = OnItems(TfidfVectorizer()).fit(X)
    >>> tfidf.transform(X).catalog
    Catalog(2 items, features: sparse float64 of shape (2, 3))
    >>> tfidf.get_feature_names_out()
    array(['ink', 'pen', 'red'], dtype=object)
    """

    _acts_on_text = True
    _parameter_constraints: ClassVar = {
        "transformer": "no_validation",  # see _check_transformer
        "fields": [str, list, None],
        "template": [str],
    }

    def __init__(
        self,
        transformer: Any = None,
        *,
        fields: str | list[str] | None = None,
        template: str = "{values}",
    ) -> None:
        self.transformer = transformer
        self.fields = fields
        self.template = template

    def _features_of(self, catalog):
        """Features, as one text per item for a transformer that wants it so."""
        features = super()._features_of(catalog)
        if not _are_texts(features):
            return features
        if not _reads_texts(self._inner(fitted=False)):
            return _without_gaps(features)
        table = TextTable(features, self.fields, TextTemplate(self.template))
        if table.is_empty.any():
            empty = catalog.item_ids[table.is_empty]
            warnings.warn(
                f"{empty.size} item(s) have no text in {', '.join(map(repr, table.fields))}: "
                f"{first_few(empty)}; a transformer of texts gives them vectors of zeros, by which "
                "all of them look alike. Give them a text, or leave them out.",
                UserWarning,
                stacklevel=caller_level(),
            )
        return np.array(table.texts_at(np.arange(table.n_rows)), dtype=object)


def _are_texts(features):
    """Whether features are columns, or one text per item."""
    is_frame = nw.dependencies.is_into_dataframe(features)
    return is_frame or (isinstance(features, np.ndarray) and features.ndim == 1)


def _without_gaps(features):
    """The texts, in which what is missing is an empty text: vectorizers know no other gap."""
    if not nw.dependencies.is_into_dataframe(features):
        return features
    frame = nw.from_native(features)
    return frame.with_columns(nw.selectors.string().fill_null("")).to_native()


def _first_step(transformer):
    """The transformer that sees the features first."""
    while isinstance(transformer, Pipeline):
        transformer = transformer.steps[0][1]
    return transformer


def _reads_texts(transformer):
    """Whether the transformer iterates over texts; a frame would give it column names."""
    first = _first_step(transformer)
    return hasattr(first, "fit") and not get_tags(first).input_tags.two_d_array
