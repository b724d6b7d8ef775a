"""Which item features a model can read."""
# SPDX-License-Identifier: BSD-3-Clause

import numpy as np
import scipy.sparse as sp

__all__ = ["check_features"]

_LARGEST = np.finfo(np.float32).max


def check_features(features):
    """Raise unless features are absent or a dense matrix that float32 can hold."""
    if sp.issparse(features):
        raise ValueError(
            "the item features are sparse; make them dense and narrow first, for example with "
            "OnItems(TruncatedSVD(n_components=128))."
        )
    if features is not None and not _is_matrix(features):
        raise ValueError(
            "the item features are texts; encode them first, for example with "
            "OnItems(make_pipeline(TfidfVectorizer(), TruncatedSVD(n_components=128)))."
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
