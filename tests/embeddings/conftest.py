"""Vectors with a known spectrum, and Interactions over them."""
# SPDX-License-Identifier: BSD-3-Clause

import numpy as np
import pytest

from skace import Catalog, Interactions
from skace.embeddings._decomposition import MEMO


@pytest.fixture(autouse=True)
def _fresh_memo():
    """Each test counts decompositions from zero."""
    MEMO.clear()


@pytest.fixture(scope="session")
def make_cone():
    """Function that makes rows in a narrow cone, as text encoders do: (n, d) float64."""

    def make(n=120, d=10, seed=0, decay=0.7, lean=1.0):
        rng = np.random.default_rng(seed)
        spread = rng.normal(size=(n, d)) * decay ** np.arange(d)
        turn = np.linalg.qr(rng.normal(size=(d, d)))[0]
        return (spread + lean * np.eye(d)[0]) @ turn

    return make


@pytest.fixture(scope="session")
def make_planted():
    """Function that makes a matrix with given singular values: (n, d) float64."""

    def make(values, n, d, seed=0):
        rng = np.random.default_rng(seed)
        r = len(values)
        left = np.linalg.qr(rng.normal(size=(n, r)))[0]
        right = np.linalg.qr(rng.normal(size=(d, r)))[0]
        return left * values @ right.T

    return make


@pytest.fixture(scope="session")
def make_shop(make_cone):
    """Function that makes Interactions whose catalog holds the given features."""

    def make(features=None, n_events=60, seed=0):
        features = make_cone(n=20, d=6) if features is None else features
        n_items = features.shape[0]
        rng = np.random.default_rng(seed)
        ids = np.array([f"item{row:03d}" for row in range(n_items)])
        return Interactions(
            rng.integers(0, 8, n_events),
            ids[rng.integers(0, n_items, n_events)],
            np.arange(n_events),
            catalog=Catalog(ids, features),
        )

    return make
