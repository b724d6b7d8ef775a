"""EmbeddingMapDisplay: items on a plane."""
# SPDX-License-Identifier: BSD-3-Clause

from typing import TYPE_CHECKING, Any, Literal, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.utils import check_random_state

from skace._typing import FloatArray, IntArray, RandomState
from skace.data import Interactions
from skace.inspection._drawing import axes_for, import_pyplot, legend_above
from skace.inspection._vectors import fitted_model, item_counts, item_vectors, sample_rows

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["EmbeddingMapDisplay"]

_METHODS = {"pca": "principal component {}", "tsne": "t-SNE dimension {}"}


class EmbeddingMapDisplay:
    """Map of item vectors, coloured by popularity.

    If popular items lie in a region of their own, the vectors have learned popularity. If cold
    items (grey rings) lie apart from all others, training has moved the others away from them. Use
    `from_estimator` or `from_embeddings`.

    Parameters
    ----------
    positions : ndarray of shape (n_items, 2)
        Positions on the map.

    counts : ndarray of shape (n_items,) or None, default=None
        Training events of each item, for the colour.

    method : {"pca", "tsne"}, default="pca"
        How the positions were found, for the labels.

    Attributes
    ----------
    ax_ : matplotlib Axes
        Axes with the points.

    figure_ : matplotlib Figure
        Figure of the axes.

    points_ : matplotlib PathCollection
        The items. If there are counts, without the cold items, which are rings.

    colorbar_ : matplotlib Colorbar or None
        The scale of popularity.

    Notes
    -----
    A map in two dimensions cannot keep all distances. PCA shows the two directions of largest
    variance. t-SNE keeps neighbours; the sizes of its clusters and the distances between them mean
    nothing.

    There is no ``from_predictions``, because item vectors have no targets and predict nothing.

    Stability: experimental.

    Examples
    --------
    >>> import numpy as np
    >>> from skace.inspection import EmbeddingMapDisplay
    >>> F = np.random.default_rng(0).normal(size=(50, 8))
    >>> display = EmbeddingMapDisplay.from_embeddings(F, counts=np.arange(50))
    >>> display.positions.shape
    (50, 2)
    """

    def __init__(
        self,
        positions: FloatArray,
        counts: IntArray | None = None,
        *,
        method: Literal["pca", "tsne"] = "pca",
    ) -> None:
        self.positions = positions
        self.counts = counts
        self.method = method

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: Interactions | None = None,
        *,
        method: Literal["pca", "tsne"] = "pca",
        max_items: int | None = 2000,
        random_state: RandomState = None,
        ax: "Axes | None" = None,
        **scatter_kw: Any,
    ) -> Self:
        """Map the item vectors of a fitted recommender or item transformer.

        Parameters
        ----------
        estimator : fitted estimator
            A recommender with ``item_vectors_`` and ``item_counts_``, a Pipeline or a
            search that ends in one, or an item transformer.

        X : Interactions or None, default=None
            For an item transformer: the features of X are transformed, and the rows of
            X are counted.

        method : {"pca", "tsne"}, default="pca"
            As in `from_embeddings`.

        max_items : int or None, default=2000
            As in `from_embeddings`.

        random_state : int, RandomState instance or None, default=None
            As in `from_embeddings`.

        ax : matplotlib Axes or None, default=None
            Where to draw. None: a new figure.

        **scatter_kw : dict
            Passed to ``Axes.scatter``.

        Returns
        -------
        display : EmbeddingMapDisplay
            The drawn display.

        Raises
        ------
        TypeError
            If the estimator has neither ``item_vectors_`` nor ``transform``, or X is needed and is
            not an Interactions object.

        ValueError
            As in `from_embeddings`.
        """
        import_pyplot(cls)
        vectors, counts = _vectors_and_counts(estimator, X)
        return cls.from_embeddings(
            vectors,
            counts=counts,
            method=method,
            max_items=max_items,
            random_state=random_state,
            ax=ax,
            **scatter_kw,
        )

    @classmethod
    def from_embeddings(
        cls,
        embeddings: ArrayLike | Interactions,
        *,
        counts: ArrayLike | None = None,
        method: Literal["pca", "tsne"] = "pca",
        max_items: int | None = 2000,
        random_state: RandomState = None,
        ax: "Axes | None" = None,
        **scatter_kw: Any,
    ) -> Self:
        """Map the rows of a matrix.

        Parameters
        ----------
        embeddings : array-like of shape (n_items, n_dims) or Interactions
            At least three item vectors. With Interactions, the features of the catalog, and the
            counts of the rows.

        counts : array-like of shape (n_items,) or None, default=None
            Training events of each item. None: the counts of Interactions, else no colours.

        method : {"pca", "tsne"}, default="pca"
            "tsne" takes a minute for ten thousand items.

        max_items : int or None, default=2000
            Largest number of items; if there are more, they are drawn at random. None: all.

        random_state : int, RandomState instance or None, default=None
            Seed of the choice of items and of t-SNE.

        ax : matplotlib Axes or None, default=None
            Where to draw. None: a new figure.

        **scatter_kw : dict
            Passed to ``Axes.scatter``.

        Returns
        -------
        display : EmbeddingMapDisplay
            The drawn display.

        Raises
        ------
        ValueError
            If ``method`` is none of these, or counts and vectors differ in number.
        """
        import_pyplot(cls)
        if method not in _METHODS:
            raise ValueError(f"method must be 'pca' or 'tsne', got {method!r}.")
        if counts is None and isinstance(embeddings, Interactions):
            counts = item_counts(embeddings)
        vectors = item_vectors(embeddings)
        if vectors.ndim != 2 or len(vectors) < 3:
            raise ValueError(
                f"embeddings must have two dimensions and at least three rows, got shape "
                f"{vectors.shape}."
            )
        if counts is not None and np.shape(counts) != (len(vectors),):
            raise ValueError(
                f"counts must have one value per item, shape ({len(vectors)},), got shape "
                f"{np.shape(counts)}."
            )
        rng = check_random_state(random_state)
        rows = sample_rows(len(vectors), max_items, rng)
        positions = _positions_of(np.asarray(vectors[rows], dtype=np.float64), method, rng)
        counts = None if counts is None else np.asarray(counts)[rows]
        return cls(positions, counts, method=method).plot(ax, **scatter_kw)

    def plot(self, ax: "Axes | None" = None, **scatter_kw: Any) -> Self:
        """Draw a point per item.

        Parameters
        ----------
        ax : matplotlib Axes or None, default=None
            Where to draw. None: a new figure.

        **scatter_kw : dict
            Passed to ``Axes.scatter``.

        Returns
        -------
        display : EmbeddingMapDisplay
            The display itself.
        """
        ax = axes_for(self, ax, figsize=(6.4, 5.0))
        style: dict[str, Any] = {"s": 12, "linewidths": 0} | scatter_kw
        self.colorbar_ = None
        if self.counts is None:
            style = {"color": "#0072B2"} | style
            self.points_ = ax.scatter(*self.positions.T, **style)
        else:
            self._draw_by_popularity(ax, style)
        label = _METHODS[self.method]
        ax.set_xlabel(label.format(1))
        ax.set_ylabel(label.format(2))
        if self.method == "tsne":  # its numbers mean nothing
            ax.set_xticks([])
            ax.set_yticks([])
        return self

    def _draw_by_popularity(self, ax, style):
        """Cold items as grey rings, others by count, the most popular ones on top."""
        from matplotlib.colors import LogNorm

        counts = np.asarray(self.counts)
        is_cold = counts == 0
        if is_cold.any():
            # Rings lie over the points, which would hide them, and hide nothing themselves.
            cold = {
                "facecolors": "none", "edgecolors": "0.45", "zorder": 2,
                "label": f"no training event ({int(is_cold.sum()):,})",
            }  # fmt: skip
            rings = style | {"linewidths": style["linewidths"] or 0.9}
            legend_above(ax, [ax.scatter(*self.positions[is_cold].T, **(cold | rings))])
        order = np.argsort(counts, kind="stable")
        order = order[counts[order] > 0]
        warm = {"cmap": "viridis", "norm": LogNorm(1, max(2, counts.max()))}
        self.points_ = ax.scatter(*self.positions[order].T, c=counts[order], **(warm | style))
        self.colorbar_ = ax.figure.colorbar(
            self.points_, ax=ax, label="training events of the item", format="{x:g}"
        )


def _vectors_and_counts(estimator, X):
    """Item vectors and counts of a recommender, or of Interactions after a transformer."""
    model = fitted_model(estimator)
    if hasattr(model, "item_vectors_") and hasattr(model, "item_counts_"):
        return model.item_vectors_, model.item_counts_
    if not hasattr(estimator, "transform"):
        raise TypeError(
            f"{type(model).__name__} has no item vectors to draw: pass a fitted recommender with "
            "item_vectors_, or an item transformer."
        )
    if not isinstance(X, Interactions):
        raise TypeError(
            f"X must be Interactions for {type(model).__name__} to transform, got "
            f"{type(X).__name__}; for a matrix use EmbeddingMapDisplay.from_embeddings."
        )
    return item_vectors(estimator.transform(X)), item_counts(X)


def _positions_of(vectors, method, rng):
    """Places on the plane, shape (n_items, 2)."""
    if method == "pca":
        from sklearn.decomposition import PCA

        n_components = min(2, vectors.shape[1])
        positions = PCA(n_components, random_state=rng).fit_transform(vectors)
        return np.pad(positions, ((0, 0), (0, 2 - n_components)))
    from sklearn.manifold import TSNE

    perplexity = min(30.0, (len(vectors) - 1) / 3)
    return TSNE(2, perplexity=perplexity, init="pca", random_state=rng).fit_transform(vectors)
