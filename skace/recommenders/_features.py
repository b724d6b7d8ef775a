"""Which item features a model can read."""
# SPDX-License-Identifier: BSD-3-Clause

import numpy as np
import scipy.sparse as sp

from skace._validation import width_of_texts

__all__ = ["check_features", "has_features_of"]

_LARGEST = np.finfo(np.float32).max


def check_features(features):
    """Raise unless features are absent or a dense matrix that float32 can hold."""
    if sp.issparse(features):
        width = width_of_texts(features.shape[0])
        raise ValueError(
            "the item features are sparse; make them dense and narrow in a step before the model, "
            f"for example OnItems(TruncatedSVD({width}))."
        )
    if features is not None and not _is_matrix(features):
        width = width_of_texts(len(features))
        raise ValueError(
            "the item features are texts; encode them in a step before the model, with "
            "make_pipeline(TextEncoder(), model) or without a language model with "
            f"make_pipeline(OnItems(make_pipeline(TfidfVectorizer(), TruncatedSVD({width}))), "
            "model), or leave them out with X.with_features(None). The last step of a fitted "
            "Pipeline takes pipe[:-1].transform(X)."
        )
    if features is not None and features.size and features.itemsize > _LARGEST.itemsize:
        reach = max(features.max(), -features.min())
        if reach > _LARGEST:
            raise ValueError(
                f"the item features reach {reach:.3g}, which float32 cannot hold; scale them "
                "first, for example with OnItems(GlobalScaler())."
            )


def _is_matrix(features):
    """Whether features are numbers in two dimensions, not texts or a frame of texts."""
    return isinstance(features, np.ndarray) and features.ndim == 2


def has_features_of(catalog, item_ids, features):
    """Whether a catalog has the same features, as far as it has the items.

    Features of the right width may be, say, those before a transformer.
    """
    rows = catalog.row_of(item_ids)
    known = catalog.features[rows[rows >= 0]]
    return np.allclose(known, features[rows >= 0], rtol=1e-4, atol=1e-6)
