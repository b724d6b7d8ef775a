"""The array core of SemanticIdEncoder: k-means within nodes, or of what is left over."""
# SPDX-License-Identifier: BSD-3-Clause

import warnings

import numpy as np
from sklearn.base import ClassNamePrefixFeaturesOutMixin
from sklearn.metrics import pairwise_distances_argmin
from sklearn.preprocessing import normalize
from sklearn.utils import check_array, check_random_state
from sklearn.utils.validation import check_is_fitted, validate_data
from threadpoolctl import threadpool_limits

from skace._sklearn_compat import fit_context
from skace.embeddings._dense_core import DenseCore

__all__ = ["SemanticIdsOfArrays"]

_SMALL_NODE = 2000  # rows below which threads of k-means mostly wait for each other


class SemanticIdsOfArrays(ClassNamePrefixFeaturesOutMixin, DenseCore):
    """Codes of the rows of an array: what `SemanticIdEncoder` does behind the mixin."""

    @fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y=None):
        """Cluster the rows, level by level."""
        X = validate_data(self, X, reset=True, dtype=np.float64)
        context = self._begin_fit(X)
        # Sorted by content: the order of a catalog must not change the ids.
        distinct, times = np.unique(self._prepared(X), axis=0, return_counts=True)
        if self.n_clusters > len(distinct):
            warnings.warn(
                f"n_clusters={self.n_clusters} is more than the {len(distinct)} distinct row(s) "
                "of X: each of them becomes a cluster of its own.",
                UserWarning,
                stacklevel=3,
            )
        self._forget()
        rng = check_random_state(self.random_state)
        build = self._fit_nodes if self.method == "recursive" else self._fit_codebooks
        build(distinct, times, rng)
        codes = self._codes_of(distinct)
        self._note_collisions(codes, times)
        self._end_fit(context, X)
        return self

    def transform(self, X):
        """Take the nearest centroid at each level."""
        check_is_fitted(self)
        X = validate_data(self, X, reset=False, dtype=np.float64)
        return self._codes_of(self._prepared(X))

    def inverse_transform(self, X):
        """Give the centroid that codes stand for."""
        check_is_fitted(self)
        codes = self._check_codes(X)
        if self._is_tree:
            return self.node_centroids_[self._nodes_of(codes)]
        return sum(book[codes[:, level]] for level, book in enumerate(self.codebooks_))

    @property
    def _n_features_out(self):
        """Number of output columns, for `get_feature_names_out`."""
        return self.n_levels_

    @property
    def n_levels_(self) -> int:
        """Number of codes of an id."""
        return len(self.inertia_)

    @property
    def n_clusters_(self) -> np.ndarray:
        """Number of different codes on each level, of shape ``(n_levels_,)``."""
        if not self._is_tree:
            return np.array([len(book) for book in self.codebooks_])
        found, above = np.ones(self.n_levels_, dtype=np.int64), np.array([-1])
        for level in range(self.n_levels_):
            on_level = np.isin(self.node_parents_, above)
            if not on_level.any():  # all nodes above are ends, with the code 0 from here on
                break
            found[level] = self.node_codes_[on_level].max() + 1
            above = np.flatnonzero(on_level)
        return found

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = []  # codes are integers
        return tags

    def _forget(self):
        """Drop what a fit by the other method left."""
        for name in (
            "codebooks_",
            "node_centroids_",
            "node_parents_",
            "node_codes_",
            "node_counts_",
        ):
            vars(self).pop(name, None)
        self.n_iter_ = 1

    @property
    def _is_tree(self):
        """Whether the fit was recursive, whatever method says now."""
        return hasattr(self, "node_parents_")

    def _prepared(self, X):
        """Rows of length one, if asked for."""
        return normalize(X) if self.normalize else X

    def _codes_of(self, rows):
        """Codes of prepared rows: the same walk for those of the fit and for new ones."""
        walk = self._walk_nodes if self._is_tree else self._walk_codebooks
        return walk(rows)

    def _note_collisions(self, codes, times):
        """Set the share of rows that are not alone with their codes."""
        _, places = np.unique(codes, axis=0, return_inverse=True)
        together = np.bincount(places.ravel(), times)[places.ravel()]
        self.collision_rate_ = float(times[together > 1].sum() / times.sum())

    def _centroids(self, rows, times, rng):
        """Centroids of distinct rows, of which each is the nearest to some row."""
        if len(rows) <= self.n_clusters:
            return rows.copy()
        from sklearn.cluster import KMeans  # forty modules, for nobody else

        kmeans = KMeans(
            self.n_clusters,
            n_init=self.n_init,
            max_iter=self.max_iter,
            random_state=rng.randint(np.iinfo(np.int32).max),
        )
        with threadpool_limits(1 if len(rows) < _SMALL_NODE else None):
            kmeans.fit(rows, sample_weight=times)
        self.n_iter_ = max(self.n_iter_, kmeans.n_iter_)
        centroids = kmeans.cluster_centers_
        return centroids[np.unique(pairwise_distances_argmin(rows, centroids))]

    # method="residual": a codebook for each level.

    def _fit_codebooks(self, rows, times, rng):
        """Cluster what the levels before have left of each row."""
        self.codebooks_, inertia, left = [], [], rows
        for _ in range(self.n_levels):
            distinct, places = np.unique(left, axis=0, return_inverse=True)
            weights = np.bincount(places.ravel(), times)
            book = self._centroids(distinct, weights, rng)
            left = left - book[pairwise_distances_argmin(left, book)]
            self.codebooks_.append(book)
            inertia.append(times @ np.square(left).sum(axis=1))
        self.inertia_ = np.array(inertia)

    def _walk_codebooks(self, rows):
        """Nearest entry of each codebook to what the ones before have left."""
        codes = np.empty((len(rows), self.n_levels_), dtype=np.int64)
        left = rows
        for level, book in enumerate(self.codebooks_):
            codes[:, level] = pairwise_distances_argmin(left, book)
            left = left - book[codes[:, level]]
        return codes

    # method="recursive": a tree of nodes, numbered level by level, so that the children of a
    # node stand side by side.

    def _fit_nodes(self, rows, times, rng):
        """Cluster the rows of each node of the level before."""
        self._begin_nodes(rows.shape[1])
        at = np.full(len(rows), -1)
        inertia = []
        for _ in range(self.n_levels):
            families, n_nodes = [], len(self.node_parents_)
            for node, own in _groups(at):
                if own.size > 1 or node < 0:  # a node of one distinct row is an end
                    centroids = self._centroids(rows[own], times[own], rng)
                    nearest = pairwise_distances_argmin(rows[own], centroids)
                    at[own] = n_nodes + nearest
                    n_nodes += len(centroids)
                    # Of centroids that differ by a rounding error one may be nobody's nearest.
                    counts = np.bincount(nearest, times[own], minlength=len(centroids))
                    families.append((node, centroids, counts))
            if families:  # on the last levels of a small catalog all nodes are ends
                self._append_nodes(families)
            inertia.append(times @ np.square(rows - self.node_centroids_[at]).sum(axis=1))
        self.inertia_ = np.array(inertia)

    def _begin_nodes(self, width):
        """Start with no node but the root, which has no row in these arrays."""
        self.node_centroids_ = np.empty((0, width))
        self.node_parents_ = np.empty(0, dtype=np.int64)
        self.node_codes_ = np.empty(0, dtype=np.int64)
        self.node_counts_ = np.empty(0, dtype=np.int64)

    def _append_nodes(self, families):
        """Append the children of nodes, of each its number, their centroids and their rows."""
        sizes = [len(centroids) for _, centroids, _ in families]
        for name, parts in (
            ("node_centroids_", [centroids for _, centroids, _ in families]),
            ("node_parents_", [np.repeat([node for node, *_ in families], sizes)]),
            ("node_codes_", [np.arange(size) for size in sizes]),
            ("node_counts_", [counts.astype(np.int64) for *_, counts in families]),
        ):
            setattr(self, name, np.concatenate([getattr(self, name), *parts]))

    def _children(self, nodes):
        """First child and number of children of each node, -1 being the root."""
        first = np.searchsorted(self.node_parents_, nodes, side="left")
        return first, np.searchsorted(self.node_parents_, nodes, side="right") - first

    def _walk_nodes(self, rows):
        """Nearest child, from the root down; 0 below a node without children."""
        codes = np.zeros((len(rows), self.n_levels_), dtype=np.int64)
        at = np.full(len(rows), -1)
        for level in range(self.n_levels_):
            for node, own in _groups(at):
                first, n_children = self._children(node)
                if n_children:
                    children = self.node_centroids_[first : first + n_children]
                    codes[own, level] = pairwise_distances_argmin(rows[own], children)
                    at[own] = first + codes[own, level]
        return codes

    def _nodes_of(self, codes):
        """Deepest node of each row of codes."""
        at = np.full(len(codes), -1)
        for level in range(self.n_levels_):
            first, n_children = self._children(at)
            # An end has the code 0 and nothing below it.
            self._check_in_range(codes[:, level], np.maximum(n_children, 1), level)
            at = np.where(n_children > 0, first + codes[:, level], at)
        return at

    def _check_codes(self, X):
        """Codes as integers, as many as there are levels."""
        codes = check_array(X, dtype=np.float64, input_name="X", estimator=self)
        if codes.shape[1] != self.n_levels_:
            raise ValueError(
                f"X has {codes.shape[1]} columns, but this {type(self).__name__} returned "
                f"{self.n_levels_}; pass what transform returned."
            )
        is_whole = codes == np.floor(codes)
        if not is_whole.all():
            row, level = np.argwhere(~is_whole)[0]
            raise ValueError(
                f"X holds {codes[row, level]} in row {row}, column {level}, but codes are whole "
                "numbers; pass what transform returned."
            )
        codes = codes.astype(np.int64)
        if not self._is_tree:
            for level, book in enumerate(self.codebooks_):
                self._check_in_range(codes[:, level], len(book), level)
        return codes

    @staticmethod
    def _check_in_range(codes, n_codes, level):
        """Raise if a code of this level names nothing."""
        n_codes = np.broadcast_to(n_codes, codes.shape)
        wrong = np.flatnonzero((codes < 0) | (codes >= n_codes))
        if wrong.size:
            row = wrong[0]
            raise ValueError(
                f"X holds the code {codes[row]} in row {row}, column {level}, where the fit knows "
                f"0 to {n_codes[row] - 1}; pass what transform returned."
            )


def _groups(at):
    """Yield each value of an array and where it stands, in ascending order of the values."""
    order = np.argsort(at, kind="stable")
    values, begins = np.unique(at[order], return_index=True)
    yield from zip(values, np.split(order, begins[1:]), strict=True)
