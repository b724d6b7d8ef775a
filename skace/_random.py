"""Generators from whatever scikit-learn users pass as ``random_state``."""
# SPDX-License-Identifier: BSD-3-Clause

from typing import Any

import numpy as np

__all__ = ["RANDOM_STATE", "as_generator"]

RANDOM_STATE = ["random_state", np.random.Generator]


def as_generator(random_state: Any) -> np.random.Generator:
    """Generator for None (fresh entropy), an int, a RandomState or a Generator."""
    if isinstance(random_state, np.random.RandomState):
        return np.random.default_rng(random_state.randint(2**31, size=4, dtype=np.int64))
    return np.random.default_rng(random_state)
