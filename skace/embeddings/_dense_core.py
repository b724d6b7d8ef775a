"""What the array cores of transformers of dense item vectors share."""
# SPDX-License-Identifier: BSD-3-Clause

import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import validate_data

from skace._sklearn_compat import CallbackSupportMixin
from skace.embeddings._decomposition import MEMO

__all__ = ["DTYPES", "DenseCore", "output_dtype"]

# float16 stays as it is, because the vectors of a large catalog may be a memmap of it.
DTYPES = (np.float64, np.float32, np.float16)


class DenseCore(CallbackSupportMixin, TransformerMixin, BaseEstimator):
    """Checks, callbacks, the memo and tags."""

    def _check_array(self, X, *, reset, min_rows=1):
        """Dense floats in two dimensions; finite or not is seen when they are read."""
        return validate_data(
            self,
            X,
            reset=reset,
            dtype=DTYPES,
            # A memmap is to be read once: the blocks are checked as they come.
            ensure_all_finite=False,
            ensure_min_samples=min_rows,
        )

    def _begin_fit(self, X, metadata=None):
        """Tell callbacks that the fit begins."""
        context = self._init_callback_context()
        context.call_on_fit_task_begin(estimator=self, X=X, metadata=metadata)
        return context

    def _end_fit(self, context, X, metadata=None):
        """Tell callbacks that the fit ends."""
        context.call_on_fit_task_end(
            estimator=self, X=X, metadata=metadata, reconstruction_attributes={}
        )

    def _from_memo(self, key, compute):
        """What ``compute`` returns, from the memo if X are the features of a catalog."""
        catalog = getattr(self, "_source_catalog", None)
        return compute() if catalog is None else MEMO.get((catalog.fingerprint, *key), compute)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags


def output_dtype(X):
    """Floats as wide as those of X, but not half precision."""
    return np.float64 if X.dtype == np.float64 else np.float32
