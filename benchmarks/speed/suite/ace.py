"""ACE: fit, transform, report, a grid over alpha, vectors on disk."""
# SPDX-License-Identifier: BSD-3-Clause

import tempfile
from pathlib import Path

import numpy as np
from sklearn.base import clone

from skace import ACETransformer
from skace.embeddings import anisotropy_report
from suite.made import made_vectors


class Fit:
    """One fit, by size and solver. Each call sees other vectors, so nothing is remembered."""

    params = ([3_000, 12_000], [384, 1536], ["gram", "full", "randomized"])
    param_names = ("n_items", "n_features", "solver")
    timeout = 300

    def setup(self, n_items, n_features, solver):
        self.vectors = made_vectors(n_items, n_features).copy()
        self.model = ACETransformer(128, solver=solver, random_state=0)
        self.turn = 0

    def _other_vectors(self):
        self.turn += 1
        self.vectors[0, 0] = self.turn
        return self.vectors

    def time_fit(self, n_items, n_features, solver):
        self.model.fit(self._other_vectors())

    def peakmem_fit(self, n_items, n_features, solver):
        self.model.fit(self._other_vectors())


class Grid:
    """Ten alphas on the same vectors: one decomposition."""

    def setup(self):
        self.vectors = made_vectors(12_000, 768).copy()
        self.model = ACETransformer(128)
        self.turn = 0

    def time_ten_alphas(self):
        self.turn += 1
        self.vectors[0, 0] = self.turn
        for alpha in np.logspace(-2, 2, 10):
            clone(self.model).set_params(alpha=alpha).fit(self.vectors)


class Answer:
    """What comes after the fit."""

    def setup(self):
        self.vectors = made_vectors(12_000, 768)
        self.model = ACETransformer(128).fit(self.vectors)

    def time_transform(self):
        self.model.transform(self.vectors)

    def time_report(self):
        anisotropy_report(self.vectors)


class Memmap:
    """A matrix that stays on disk: memory does not grow with its rows."""

    params = [20_000, 80_000]
    param_names = ("n_items",)
    timeout = 300

    def setup(self, n_items):
        self.folder = tempfile.TemporaryDirectory()
        path = Path(self.folder.name) / "vectors.npy"
        written = np.lib.format.open_memmap(
            path, mode="w+", dtype=np.float32, shape=(n_items, 1024)
        )
        rng = np.random.default_rng(0)
        for begin in range(0, n_items, 10_000):
            rows = written[begin : begin + 10_000]
            rows[:] = rng.standard_normal(rows.shape, dtype=np.float32)
        del written
        self.vectors = np.load(path, mmap_mode="r")

    def teardown(self, n_items):
        self.folder.cleanup()

    def time_fit(self, n_items):
        ACETransformer(128).fit(self.vectors)

    def peakmem_fit(self, n_items):
        ACETransformer(128).fit(self.vectors)
