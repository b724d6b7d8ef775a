"""TextItemMixin: encoders of texts act on catalogs that hold texts."""
# SPDX-License-Identifier: BSD-3-Clause

from typing import Any, Self

import narwhals as nw
import numpy as np

from skace.data import Interactions
from skace.embeddings._mixin import ItemTransformerMixin

__all__ = ["RowsTextItemMixin", "TextItemMixin"]


class TextItemMixin(ItemTransformerMixin):
    """Let an encoder of texts replace the texts of `Interactions` with vectors.

    The catalog also gets ``provenance_``, which says where the vectors come from.
    """

    _acts_on_text = True

    def _features_of(self, catalog):
        """Texts of the catalog."""
        features = super()._features_of(catalog)
        is_text = isinstance(features, np.ndarray) and features.ndim == 1
        if not is_text and not nw.dependencies.is_into_dataframe(features):
            raise ValueError(
                f"X.catalog.features are numbers of shape {features.shape}, but "
                f"{type(self).__name__} reads texts; build the catalog with Catalog(item_ids, "
                "texts) or Catalog.from_frame(items, features=['title', ...])."
            )
        return features

    def _on_features(self, X, method):
        """Interactions over the vectors, which tell where they come from."""
        with self._fitting_from(X.catalog):
            vectors = method(self._features_of(X.catalog))
        vectors = np.asanyarray(vectors)  # set_output may have made a frame of them
        provenance = X.catalog.provenance | self.provenance_
        return X._derive(catalog=X.catalog.with_features(vectors, provenance=provenance))


class RowsTextItemMixin(TextItemMixin):
    """Let an encoder of texts learn from the rows of `Interactions`, not only from the catalog.

    While the core is fitted on `Interactions`, ``self._source_rows`` holds them.
    """

    def fit(self, X: Any, y: Any = None, **fit_params: Any) -> Self:
        """Train on texts, or on the rows of Interactions whose catalog holds texts.

        Parameters
        ----------
        X : list of str, array, series, frame or Interactions
            One text per item, or rows. Each class decides whether it learns from rows; if it does,
            different slices give different fits.

        y : object, default=None
            Ignored.

        **fit_params : dict
            Refused with Interactions.

        Returns
        -------
        self : object
            The fitted encoder.

        Raises
        ------
        ValueError
            If there is nothing to learn from, or a fit parameter comes with Interactions.
        """
        return super().fit(X, y, **fit_params)

    def _fit_core(self, method, X, y, fit_params):
        """Call ``fit`` of the core on texts, with the rows at hand."""
        if not isinstance(X, Interactions):
            super()._fit_core(method, X, y, fit_params)
            return
        self._source_rows = X
        try:
            super()._fit_core(method, X, y, fit_params)
        finally:
            del self._source_rows
