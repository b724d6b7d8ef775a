"""Search among many item vectors: faiss's cells and usearch's graphs, for inner products."""
# SPDX-License-Identifier: BSD-3-Clause

from abc import ABC, abstractmethod
from typing import Any, Literal, Self

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

from skace._validation import check_ids
from skace.export._numpy_model._items import check_k
from skace.export._query_space import QuerySpace
from skace.export._served import model_to_serve

__all__ = ["ItemIndex"]

_ROUNDING = 1e-5  # by which scores of one item differ from product to product, relative
_BLOCK_ROWS = 64  # queries that are compared with all items at once
_LINKS = 32  # of a vector to its neighbours in a graph
_BUILD_EFFORT = 128  # candidates for these links
_VECTORS_PER_CELL = 64  # from which faiss learns where a cell is
_LOOKED_AT = 4  # items that are found by bytes, and scored exactly, for each that is asked for
_LARGEST_BYTE = 127
_TIMES_LONGER = 2  # than the vectors are queries of faiss
_AT_ONCE = 16  # entries that processors compare in one step; else faiss takes one by one


class ItemIndex:
    """Search for the best items by inner products, without scoring all of them.

    Parameters
    ----------
    vectors : array-like of shape (n_items, D)
        Item vectors; ``item_vectors_`` of a network.

    item_ids : array-like of shape (n_items,) or None, default=None
        Ids that `search` returns. None: row numbers.

    library : {"faiss", "usearch"}, default="faiss"
        "faiss" sorts the vectors into cells and reads those near the query, a byte for each entry.
        "usearch" links each vector with its neighbours and follows the links; it takes longer to
        build. If queries are states of a network, pass some as ``queries``.

    effort : int or None, default=None
        Number of cells that a search reads (faiss), or of candidates that it keeps (usearch). More
        take longer and miss less. None is one of 16 cells, or 128 candidates; `calibrate` sets the
        best value.

    queries : array-like of shape (n, D) or None, default=None
        A thousand or more typical queries, from ``encode`` of the network. usearch then links
        vectors that these queries score alike, and follows fewer links to find as much. None links
        by the vectors alone. For usearch only.

    n_threads : int, default=1
        Threads that build and search the usearch graph. faiss uses those of OpenMP, so it refuses
        another number than 1.

    Attributes
    ----------
    native : usearch.index.Index or faiss.IndexIVFScalarQuantizer
        The index of the library, over rounded vectors, for its other methods, such as writing it to
        a file.

    n_items : int
        Number of vectors.

    Raises
    ------
    ImportError
        If the library is not installed (the extra ``index``).

    ValueError
        If an argument is refused.

    See Also
    --------
    NumpyModel : Scores all items, which is faster below some ten thousand.

    Notes
    -----
    faiss searches for the nearest vectors, so each item vector gets one more entry, ``sqrt(M^2 -
    |v|^2)``, where M is the length of the longest vector, and each query gets a 0. Then the nearest
    vector has the largest inner product [1]_. The cells hold entries rounded to bytes, by which
    four times as many items are found as are asked for, so among many twins even the largest effort
    may miss some. usearch links vectors by their inner products, less the mean of all vectors,
    which changes all scores of a query alike. It holds and compares bytes, too. With ``queries``
    it first stretches each direction by the eighth root of their second moment there, so that items
    are near if queries score them alike, and shrinks what is asked by as much. The vectors are
    kept, and scores are computed from them exactly.

    Stability: experimental.

    References
    ----------
    .. [1] Bachrach et al., "Speeding Up the Xbox Recommender System Using a Euclidean
       Transformation for Inner-Product Spaces", RecSys 2014.

    Examples
    --------
    >>> import numpy as np
    >>> from skace.export import ItemIndex
    >>> vectors = np.random.default_rng(0).normal(size=(1000, 16))
    >>> index = ItemIndex(vectors)  # doctest: +SKIP
    >>> item_ids, scores = index.search(vectors[:3], k=5)  # doctest: +SKIP
    """

    def __init__(
        self,
        vectors: npt.ArrayLike,
        item_ids: npt.ArrayLike | None = None,
        *,
        library: Literal["faiss", "usearch"] = "faiss",
        effort: int | None = None,
        queries: npt.ArrayLike | None = None,
        n_threads: int = 1,
    ) -> None:
        self._vectors = _checked(vectors, "vectors")
        self.n_items, self._width = self._vectors.shape
        if library not in _LIBRARIES:
            raise ValueError(f"library must be 'faiss' or 'usearch', got {library!r}.")
        self._item_ids = np.arange(self.n_items)
        if item_ids is not None:
            self._item_ids = check_ids(item_ids, "item_ids")
        if self._item_ids.size != self.n_items:
            raise ValueError(
                f"item_ids has {self._item_ids.size} ids for {self.n_items} vectors; pass one each."
            )
        if np.unique(self._item_ids).size < self.n_items:
            raise ValueError("item_ids holds an id twice; give each vector one of its own.")
        _check_positive(effort, "effort", or_none=True)
        _check_positive(n_threads, "n_threads")
        self._search = _LIBRARIES[library](self._vectors, n_threads, self._typical(queries))
        self._effort = self._search.usual_effort if effort is None else effort
        self.native = self._search.native

    @classmethod
    def from_estimator(cls, estimator: Any, **parameters: Any) -> Self:
        """Index of the items of a fitted network.

        Parameters
        ----------
        estimator : fitted estimator
            A network, a Pipeline that ends in one, or a fitted search over one of these. Its
            ``encode`` returns the queries.

        **parameters : dict
            ``library``, ``effort``, ``queries`` and ``n_threads``.

        Returns
        -------
        index : ItemIndex
            Index of all items that the model scores.

        Raises
        ------
        TypeError
            If the scores of the model are not inner products of dense vectors.
        """
        model = model_to_serve(estimator)
        vectors: Any = getattr(model, "item_vectors_", None)
        has_weights = vectors is None or sp.issparse(vectors) or hasattr(model, "coef_")
        if has_weights or not model._gives_vectors:
            raise TypeError(
                f"{type(model).__name__} has no dense vectors whose inner products are its scores, "
                "so that no index can search them; take a network such as SASRecEstimator."
            )
        unscored = model._unscored()
        if unscored is None:
            return cls(vectors, model.item_ids_, **parameters)
        return cls(vectors[~unscored], model.item_ids_[~unscored], **parameters)

    def search(self, states: npt.ArrayLike, k: int = 10) -> tuple[npt.NDArray, npt.NDArray]:
        """Items with the largest inner products.

        Parameters
        ----------
        states : array-like of shape (n, D)
            Queries, from ``encode``.

        k : int, default=10
            Length of the lists.

        Returns
        -------
        item_ids : ndarray of shape (n, k)
            Best first.

        scores : ndarray of shape (n, k), float32
            Inner products; ``-inf`` if the library has found fewer than k items.

        Raises
        ------
        ValueError
            If the queries have another width than the vectors, or k is out of its range.
        """
        asked = self._as_queries(states, "states")
        check_k(k, self.n_items)
        effort = self._effort
        rows, scores = self._ranked(asked, k, effort)
        while np.isneginf(scores).any() and effort < self._search.most_effort:
            effort = min(2 * effort, self._search.most_effort)  # too few were looked at
            rows, scores = self._ranked(asked, k, effort)
        return self._item_ids[rows], scores

    def calibrate(self, states: npt.ArrayLike, k: int = 20, recall: float = 0.99) -> float:
        """Set the smallest effort that finds enough of the true best items.

        Parameters
        ----------
        states : array-like of shape (n, D)
            Some hundreds of typical queries.

        k : int, default=20
            Length of the lists.

        recall : float, default=0.99
            Share of the k best items that must be found, in (0, 1]. An item with the same score as
            the last of them counts as one of them.

        Returns
        -------
        reached : float
            The share that is now found, on these queries.

        Raises
        ------
        ValueError
            If an argument is out of its range, or no effort reaches the share.
        """
        asked = self._as_queries(states, "states")
        if not 0 < recall <= 1:
            raise ValueError(f"recall must be in (0, 1], got {recall!r}.")
        check_k(k, self.n_items)
        least = np.concatenate(
            [
                _kth_largest(asked[first : first + _BLOCK_ROWS] @ self._vectors.T, k)
                for first in range(0, len(asked), _BLOCK_ROWS)
            ]
        )
        effort = self._search.least_effort(k)
        while True:
            _, scores = self._ranked(asked, k, effort)
            reached = float((scores >= (least - _ROUNDING * np.abs(least))[:, None]).mean())
            if reached >= recall:
                self._effort = effort
                return reached
            if effort >= self._search.most_effort:
                raise ValueError(
                    f"the index finds {reached:.4f} of the {k} best items at most, less than "
                    f"recall={recall}; lower it."
                )
            effort = min(int(effort * 1.5) + 1, self._search.most_effort)

    def _typical(self, queries):
        """Queries to build for, or None."""
        return None if queries is None else self._as_queries(queries, "queries")

    def _as_queries(self, states, name):
        """A finite matrix as wide as the vectors."""
        asked = _checked(states, name)
        if asked.shape[1] != self._width:
            raise ValueError(
                f"{name} have {asked.shape[1]} columns, but the vectors have {self._width}; pass "
                "what encode of the same model returns."
            )
        return asked

    def _ranked(self, states, k, effort):
        """Rows and scores of the best that are found, by exact scores."""
        blocks = [
            self._ranked_block(states[first : first + _BLOCK_ROWS], k, effort)
            for first in range(0, len(states), _BLOCK_ROWS)
        ]
        rows, scores = zip(*blocks, strict=True)
        return np.concatenate(rows), np.concatenate(scores)

    def _ranked_block(self, states, k, effort):
        found = self._search.rows(states, k, effort)
        is_none = (found < 0) | (found >= self.n_items)
        rows = np.where(is_none, 0, found).astype(np.int64)
        scores = np.einsum("qd,qkd->qk", states, self._vectors[rows])
        scores[is_none] = -np.inf
        order = np.argsort(-scores, axis=1, kind="stable")[:, :k]
        return np.take_along_axis(rows, order, axis=1), np.take_along_axis(scores, order, axis=1)


class _Search(ABC):
    """Nearest vectors by one library."""

    native: Any
    usual_effort: int
    most_effort: int

    @abstractmethod
    def rows(self, queries, k, effort):
        """Rows of the nearest, at least k a query; a negative or too large one for none."""

    def least_effort(self, k):  # noqa: ARG002 (of another one)
        """Where to begin to look for an effort."""
        return 1


class _Graph(_Search):
    """Links between neighbours (Malkov, Yashunin 2018), by usearch, of bytes.

    Vectors less their mean are linked by their inner products; the mean adds the same to all
    scores of a query. With it, vectors in a narrow cone are linked to the longest only. Linked by
    distance, queries that are unlike all vectors, as states of an encoder are, miss many. Such
    queries follow fewer links that were drawn in their `QuerySpace`.
    """

    usual_effort = 128

    def __init__(self, vectors, n_threads, queries):
        try:
            from usearch.index import Index
        except ImportError as error:
            raise _missing("usearch") from error
        self._n_threads = n_threads
        self.most_effort = 4096
        centred = vectors - vectors.mean(axis=0)
        self._steps = _steps_of(np.abs(centred).max(axis=0))  # of each column
        self._space = None
        if queries is not None:
            self._space = QuerySpace(queries, self._steps)
            centred = self._space.of_vectors(centred)
            self._steps = _steps_of(np.abs(centred).max())  # stretched directions stay so
        self.native = Index(
            ndim=vectors.shape[1],
            metric="ip",
            dtype="i8",
            connectivity=_LINKS,
            expansion_add=_BUILD_EFFORT,
        )
        # Rounded by us: usearch would first make all vectors equally long.
        rounded = np.round(centred / self._steps).astype(np.int8)
        self.native.add(np.arange(len(vectors)), rounded, threads=n_threads)

    def least_effort(self, k):
        return k

    def rows(self, queries, k, effort):
        effort = max(effort, k)
        n_found = min(effort, _LOOKED_AT * k, len(self.native))
        self.native.expansion_search = effort
        if self._space is not None:
            queries = self._space.of_queries(queries)
        scaled = queries * self._steps
        largest = np.abs(scaled).max(axis=1, keepdims=True)
        scaled *= _LARGEST_BYTE / np.where(largest > 0, largest, 1)
        rounded = np.round(scaled).astype(np.int8)
        found = self.native.search(rounded, n_found, threads=self._n_threads)
        keys = np.asarray(found.keys).astype(np.int64).reshape(len(queries), -1)
        counts = np.asarray(getattr(found, "counts", keys.shape[1]))
        rows = np.full((len(queries), n_found), -1)
        rows[:, : keys.shape[1]] = np.where(
            np.arange(keys.shape[1]) < counts.reshape(-1, 1), keys, -1
        )
        return rows


class _Cells(_Search):
    """Cells around centres, of which the nearest are looked at, by faiss; of `_lifted` vectors.

    Time goes into reading the cells, so they hold bytes.
    """

    def __init__(self, vectors, n_threads, queries):
        if queries is not None:
            raise ValueError("queries are for usearch, whose links they draw; faiss needs none.")
        if n_threads != 1:
            raise ValueError(
                f"n_threads={n_threads} is for usearch; faiss takes as many threads as OpenMP has: "
                "call faiss.omp_set_num_threads instead."
            )
        try:
            import faiss
        except ImportError as error:
            raise _missing("faiss-cpu") from error
        n_cells = max(1, min(int(4 * np.sqrt(len(vectors))), len(vectors) // _VECTORS_PER_CELL))
        self.most_effort, self.usual_effort = n_cells, max(1, n_cells // 16)
        self._faiss = faiss
        vectors = _lifted(vectors)
        self._width = vectors.shape[1]
        self._length = float(np.linalg.norm(vectors[0]))  # of all
        self._centres = faiss.IndexFlatL2(self._width)  # kept: the index does not own it
        self.native = faiss.IndexIVFScalarQuantizer(
            self._centres, self._width, n_cells, faiss.ScalarQuantizer.QT_8bit
        )
        self.native.by_residual = False
        self.native.cp.max_points_per_centroid = _VECTORS_PER_CELL
        self.native.cp.min_points_per_centroid = 1
        self.native.train(vectors)
        self.native.add(vectors)

    def rows(self, queries, k, effort):
        found = self._faiss.SearchParametersIVF(nprobe=effort)
        # All of one length, which changes no order: the bytes of the last entry are rounded by some
        # share of the vectors' length, which beside a short query would count more than the query.
        lengths = np.linalg.norm(queries, axis=1, keepdims=True)
        queries = queries * (_TIMES_LONGER * self._length / np.where(lengths > 0, lengths, 1))
        queries = np.pad(queries, ((0, 0), (0, self._width - queries.shape[1])))
        n_found = min(_LOOKED_AT * k, self.native.ntotal)
        return self.native.search(queries.astype(np.float32), n_found, params=found)[1]


_LIBRARIES = {"usearch": _Graph, "faiss": _Cells}


def _checked(values, name):
    """A matrix of finite float32."""
    matrix = np.ascontiguousarray(values, dtype=np.float32)
    if matrix.ndim != 2 or 0 in matrix.shape:
        raise ValueError(f"{name} must be a filled matrix, got an array of shape {matrix.shape}.")
    if not np.isfinite(matrix).all():
        raise ValueError(f"{name} holds NaN or infinite numbers; leave these rows out.")
    return matrix


def _steps_of(largest):
    """What a byte counts in, if these are the largest numbers."""
    return np.where(largest > 0, largest, 1) / _LARGEST_BYTE


def _check_positive(value, name, *, or_none=False):
    """Raise unless a value is a whole number from 1 on."""
    is_int = isinstance(value, (int, np.integer)) and not isinstance(value, bool)
    if not (or_none and value is None) and not (is_int and value >= 1):
        raise ValueError(f"{name} must be an int in the range [1, inf), got {value!r}.")


def _lifted(vectors):
    """Vectors of one more entry, all of the same length, and of zeros up to a whole step."""
    squares = np.einsum("ij,ij->i", vectors, vectors)
    n, width = vectors.shape
    lifted = np.zeros((n, width + 1 + -(width + 1) % _AT_ONCE), dtype=np.float32)
    lifted[:, :width], lifted[:, width] = vectors, np.sqrt(squares.max() - squares)
    return lifted


def _kth_largest(scores, k):
    """The k-th largest score of each row: what is as good belongs to the best, twins included."""
    return np.partition(scores, scores.shape[1] - k, axis=1)[:, scores.shape[1] - k]


def _missing(package):
    """Error about a library that is absent."""
    return ImportError(f"this index needs {package}: pip install {package}.")
