"""What a splitter may be given."""
# SPDX-License-Identifier: BSD-3-Clause

import warnings
from typing import Any

import narwhals as nw

from skace.data import Interactions
from skace.data._inputs import rows_to_score
from skace.data._tie_facts import warn_of_ties

__all__ = ["rows_to_split", "warn_of_groups"]


def rows_to_split(X: Any) -> Interactions:
    """Rows of a log; lists, arrays, frames and query rows are refused, telling ties warned of."""
    if not (isinstance(X, Interactions) or nw.dependencies.is_into_dataframe(X)):
        raise TypeError(
            f"X must be Interactions, got {type(X).__name__}; wrap it once with "
            "Interactions.from_sequences(histories) or Interactions(users, items, timestamps), "
            "then slice."
        )
    X = rows_to_score(X)  # refuses frames and query rows
    if len(X) == 0:
        raise ValueError("X has no rows; there is nothing to split.")
    warn_of_ties(X)
    return X


def warn_of_groups(splitter: Any, groups: Any) -> None:
    """Warn that groups change nothing, as scikit-learn's splitters do."""
    if groups is not None:
        warnings.warn(
            f"The groups parameter is ignored by {type(splitter).__name__}, which groups rows by "
            "their own users.",
            UserWarning,
            stacklevel=3,
        )
