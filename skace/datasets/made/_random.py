"""Turn ``random_state`` into numpy generators."""
# SPDX-License-Identifier: BSD-3-Clause

from typing import Any, TypeAlias

import numpy as np

__all__ = ["RANDOM_STATE", "RandomState", "check_generator", "independent_generators"]

RandomState: TypeAlias = int | np.random.RandomState | np.random.Generator | None

RANDOM_STATE: list[Any] = ["random_state", np.random.Generator]  # scikit-learn's constraint, wider


def check_generator(random_state: RandomState) -> np.random.Generator:
    """Generator of a seed, of a legacy state (drawn from), or the generator itself.

    None gives fresh entropy: scikit-learn's own helper would draw from numpy's global
    state, which nothing here may touch.
    """
    if isinstance(random_state, np.random.RandomState):
        return np.random.default_rng(random_state.randint(2**32, size=4, dtype=np.uint32))
    return np.random.default_rng(random_state)


def independent_generators(rng: np.random.Generator, n: int) -> list[np.random.Generator]:
    """Generators of their own, so that one part of a data set cannot shift another."""
    seeds = rng.integers(2**32, size=(n, 4), dtype=np.uint32)
    return [np.random.default_rng(seed) for seed in seeds]
