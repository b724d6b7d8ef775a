"""Generators and seeds from whatever scikit-learn users pass as ``random_state``."""
# SPDX-License-Identifier: BSD-3-Clause

from typing import Any

import numpy as np
from sklearn.base import clone

__all__ = ["RANDOM_STATE", "as_generator", "seeded_clone", "unseeded"]

_SEEDS = np.iinfo(np.int32).max

RANDOM_STATE = ["random_state", np.random.Generator]


def as_generator(random_state: Any) -> np.random.Generator:
    """Generator for None (fresh entropy), an int, a RandomState or a Generator."""
    if isinstance(random_state, np.random.RandomState):
        return np.random.default_rng(random_state.randint(2**31, size=4, dtype=np.int64))
    return np.random.default_rng(random_state)


def seeded_clone(estimator: Any, rng: np.random.RandomState) -> Any:
    """Clone of an estimator in which no ``random_state`` is None.

    Parameters
    ----------
    estimator : estimator
        What is cloned.

    rng : numpy.random.RandomState
        Source of the seeds.
    """
    copy = clone(estimator)
    return copy.set_params(**{name: rng.randint(_SEEDS) for name in unseeded(copy)})


def unseeded(estimator: Any) -> list[str]:
    """Names of the seeds that are None, in order."""
    return [
        name
        for name, value in sorted(estimator.get_params().items())
        if value is None and name.split("__")[-1] == "random_state"
    ]
