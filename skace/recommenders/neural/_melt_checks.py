"""What MELTEstimator asks of a backbone and its item table."""
# SPDX-License-Identifier: BSD-3-Clause

import warnings

from skace._callers import caller_level
from skace.item_tables import TrainableTable

__all__ = ["check_causal", "check_dense", "check_replaceable", "warn_of_features"]


def check_causal(backbone):
    """Raise unless every position of the backbone answers what comes next."""
    is_wrapped = backbone._settings() is not backbone or not backbone._gives_vectors
    if is_wrapped or not backbone._objective().is_causal:
        raise ValueError(
            f"estimator is {type(backbone).__name__}, but MELTEstimator needs a causal backbone, "
            "with a state at every position; take SASRecEstimator or GRU4RecEstimator."
        )


def check_replaceable(table):
    """Raise unless the table has a free vector for each item."""
    if not isinstance(table, TrainableTable):
        raise ValueError(
            f"item_table of the backbone is {type(table).__name__}, but MELTEstimator replaces the "
            "vectors of tail items; take TrainableTable or IDTable."
        )


def warn_of_features(table):
    """Warn that a table starts from features, which stay with the items of many events alone."""
    warnings.warn(
        f"item_table of the backbone is {type(table).__name__}, which starts from the item "
        "features, but MELTEstimator overwrites the vectors of tail items before each epoch; set "
        "estimator__item_table=IDTable(), as published.",
        UserWarning,
        stacklevel=caller_level(),
    )


def check_dense(table):
    """Raise if only vectors that a step has looked up would be updated."""
    if getattr(table, "sparse", False):
        raise ValueError(
            "item_table of the backbone has sparse=True, but MELTEstimator updates all items at "
            "every step; set estimator__item_table__sparse=False."
        )
