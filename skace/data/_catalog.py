"""Catalog: what each item is, aligned by id."""
# SPDX-License-Identifier: BSD-3-Clause

import hashlib
from collections.abc import Iterator, Mapping
from typing import Any, Self

import joblib
import narwhals as nw
import narwhals.selectors as selectors
import numpy as np
import scipy.sparse as sp

from skace._arrays import plain_array
from skace._typing import BoolArray, IdArray, IntArray
from skace._validation import check_ids, first_few, kind_of_ids, warn_of_odd_ids
from skace.data._html import html_table
from skace.data._labels import rows_by_label, without_labels

__all__ = ["Catalog"]

_CHUNK_BYTES = 32 * 2**20  # of a feature matrix looked at in one piece; memmaps stay on disk


class Catalog:
    """Items of a shop and what is known of them, immutable.

    Features are aligned with the log by item id, never by position. Copying a catalog
    (``copy``, ``deepcopy``, ``sklearn.clone``) gives the same object, so that a grid
    search holds its feature matrix once.

    Parameters
    ----------
    item_ids : array-like of shape (n_items,)
        Distinct ids, all integers or all strings.

    features : None, array-like or sparse of shape (n_items, n_features), array-like of \
str of shape (n_items,), or frame with n_items rows, default=None
        Row ``i`` describes ``item_ids[i]``: numbers (float16, float32 and float64 are
        kept, memmaps stay on disk, sparse becomes CSR), one text per item, or a frame of
        text columns. Texts may be missing (None or NaN); who reads them decides what that
        means. Rows of a pandas frame or Series that are labelled with the item ids are
        found by their labels. The array is not copied: do not write to it afterwards.

    missing : {"error", "mean"}, default="error"
        What to do with items whose vector is zero, which is how missing vectors are
        usually stored: refuse them, or give them the mean of the other rows (a copy).

    provenance : mapping of str to str, default=None
        Where the features come from (model, revision, template, ...); shown in the repr.

    Attributes
    ----------
    item_ids : ndarray of shape (n_items,)
        The ids, read-only.

    features : see Parameters
        The features, read-only where they are an array.

    Raises
    ------
    ValueError
        If ids repeat or have mixed types, if the features do not have one row per item,
        are labelled with anything but the ids, or hold NaN, infinity, or
        (``missing="error"``) a zero row. The first offenders are named.

    Warns
    -----
    UserWarning
        If ids look like missing values.

    Notes
    -----
    Stability: provisional.

    Examples
    --------
    >>> import numpy as np
    >>> from skace import Catalog
    >>> catalog = Catalog(["pen", "ink"], np.array([[1.0, 0.0], [0.6, 0.8]]))
    >>> catalog
    Catalog(2 items, features: float64 of shape (2, 2))
    >>> catalog.row_of(["ink", "quill"])
    array([ 1, -1])
    """

    def __init__(
        self,
        item_ids: Any,
        features: Any = None,
        *,
        missing: str = "error",
        provenance: Mapping[str, str] | None = None,
    ) -> None:
        if missing not in ("error", "mean"):
            raise ValueError(f"missing must be 'error' or 'mean', got {missing!r}.")
        ids = check_ids(item_ids, "item_ids").copy()
        if ids.size == 0:
            raise ValueError("item_ids is empty; a catalog needs at least one item.")
        _refuse_duplicates(ids)
        warn_of_odd_ids(ids, "item_ids")
        features = _as_features(rows_by_label(features, ids, item_ids), ids.size)
        if _is_matrix(features):
            _refuse_non_finite(features, ids)
            features = _fill_zero_rows(features, ids, missing)
        self._set(ids, features, provenance)

    @classmethod
    def _of_ids(cls, item_ids: IdArray) -> Self:
        """Catalog of ids that were checked before."""
        catalog = object.__new__(cls)
        catalog._set(item_ids, None, None)
        return catalog

    def _set(self, item_ids: IdArray, features: Any, provenance: Mapping[str, str] | None) -> None:
        """Store checked parts; arrays become read-only views."""
        item_ids.flags.writeable = False
        if isinstance(features, np.ndarray):
            features = features.view()
            features.flags.writeable = False
        self._item_ids = item_ids
        self._features = features
        self._provenance = dict(provenance or {})
        self._fingerprint: str | None = None
        self._order: IntArray | None = None

    def __setstate__(self, state: dict[str, Any]) -> None:
        # Pickle does not keep it that arrays are read-only.
        self.__dict__.update(state)
        for array in (self._item_ids, self._features):
            if isinstance(array, np.ndarray):
                array.flags.writeable = False

    @classmethod
    def from_frame(
        cls,
        frame: Any,
        *,
        item: str = "item_id",
        features: str | list[str] | None = None,
        missing: str = "error",
        provenance: Mapping[str, str] | None = None,
    ) -> Self:
        """Catalog from a pandas, polars or pyarrow frame with one row per item.

        Parameters
        ----------
        frame : dataframe
            Any eager frame that narwhals understands.

        item : str, default="item_id"
            Column of item ids.

        features : str, list of str or None, default=None
            One name: a column of vectors (lists or arrays of equal length), of numbers
            or of texts. A list of names: numeric columns become a matrix, otherwise the
            columns stay a frame. None: ids only.

        missing : {"error", "mean"}, default="error"
            As in the constructor.

        provenance : mapping of str to str, default=None
            As in the constructor.

        Returns
        -------
        catalog : Catalog
            One item per row of the frame, in its order.

        Raises
        ------
        ValueError
            If a column is absent, or the vectors have different lengths.

        Examples
        --------
        >>> import polars
        >>> from skace import Catalog
        >>> items = polars.DataFrame({"item_id": [7, 9], "vector": [[1.0, 0.0], [0.0, 1.0]]})
        >>> Catalog.from_frame(items, features="vector").features.shape
        (2, 2)
        """
        table = eager_table(frame, "frame")
        wanted = [item, *([features] if isinstance(features, str) else features or [])]
        require_columns(table, wanted, "frame")
        matrix: Any = None
        if isinstance(features, str):
            matrix = _features_of_column(table[features], features)
        elif features is not None:
            # Rows of one frame belong together, whatever they are labelled.
            matrix = without_labels(_features_of_columns(table.select(features)))
        return cls(table[item].to_numpy(), matrix, missing=missing, provenance=provenance)

    @property
    def item_ids(self) -> IdArray:
        """Ids of the items, read-only array of shape (n_items,)."""
        return self._item_ids

    @property
    def features(self) -> Any:
        """Features in the order of ``item_ids``, or None."""
        return self._features

    @property
    def provenance(self) -> dict[str, str]:
        """Where the features come from, as told by the caller (a copy)."""
        return dict(self._provenance)

    @property
    def n_items(self) -> int:
        """Number of items."""
        return int(self._item_ids.size)

    @property
    def n_features(self) -> int | None:
        """Width of a numeric feature matrix, else None."""
        return int(self._features.shape[1]) if _is_matrix(self._features) else None

    @property
    def fingerprint(self) -> str:
        """Hash of ids and features, computed on first use and kept."""
        if self._fingerprint is None:
            self._fingerprint = _fingerprint(self._item_ids, self._features)
        return self._fingerprint

    def row_of(self, ids: Any) -> IntArray:
        """Rows of the given ids.

        Parameters
        ----------
        ids : array-like of shape (n,)
            Item ids of the type of ``item_ids``.

        Returns
        -------
        rows : ndarray of shape (n,), dtype int64
            Position of each id in ``item_ids``, -1 for an unknown one.

        Raises
        ------
        ValueError
            If the ids are strings and those of the catalog integers, or the reverse.
        """
        ids = ids if ids is self._item_ids else check_ids(ids, "ids")
        if ids.size == 0:
            return np.zeros(0, dtype=np.int64)
        if kind_of_ids(ids) != kind_of_ids(self._item_ids):
            raise ValueError(
                f"ids are {kind_of_ids(ids)} (first {first_few(ids[:1])}), but the catalog's "
                f"item_ids are {kind_of_ids(self._item_ids)} (first "
                f"{first_few(self._item_ids[:1])}); convert one of them."
            )
        if self._order is None:
            self._order = np.argsort(self._item_ids, kind="stable")
        places = np.searchsorted(self._item_ids, ids, sorter=self._order)
        rows = self._order[np.minimum(places, self.n_items - 1)]
        return np.where(self._item_ids[rows] == ids, rows, -1)

    def take(self, rows: Any) -> "Catalog":
        """Catalog of some rows.

        Parameters
        ----------
        rows : array-like of int of shape (n,)
            Distinct positions in ``item_ids``.

        Returns
        -------
        catalog : Catalog
            The items at these rows, in that order.
        """
        rows = np.asarray(rows)
        part = object.__new__(Catalog)
        ids = self._item_ids[rows]
        _refuse_duplicates(ids)
        part._set(ids, _take_features(self._features, rows), self._provenance)
        return part

    def with_features(
        self, features: Any, provenance: Mapping[str, str] | None = None
    ) -> "Catalog":
        """Catalog of the same items with other features.

        Parameters
        ----------
        features : as in the constructor
            One row per item, in the order of ``item_ids`` or labelled with them. Zero rows
            are accepted here, because a transformer may well map an item to zero.

        provenance : mapping of str to str, default=None
            Replaces the present one; None keeps it.

        Returns
        -------
        catalog : Catalog
            A new catalog; this one is unchanged.
        """
        features = rows_by_label(features, self._item_ids)
        features = _as_features(features, self.n_items)
        if _is_matrix(features):
            _refuse_non_finite(features, self._item_ids)
        new = object.__new__(Catalog)
        new._set(self._item_ids, features, self._provenance if provenance is None else provenance)
        return new

    def __len__(self) -> int:
        return self.n_items

    def __repr__(self) -> str:
        text = f"Catalog({self.n_items} items, features: {describe_features(self._features)}"
        origin = ", ".join(f"{name}: {value}" for name, value in self._provenance.items())
        return f"{text}, from {origin})" if origin else f"{text})"

    def _repr_html_(self) -> str:
        ids = f"{kind_of_ids(self._item_ids)}, {first_few(self._item_ids)}"
        facts = {"items": f"{self.n_items:,}", "ids": ids}
        return html_table("Catalog", facts | describe_vectors(self))

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, memo: Any) -> Self:
        return self

    def __sklearn_clone__(self) -> Self:
        return self


def describe_features(features: Any) -> str:
    """Short text on the kind, type and shape of features."""
    if features is None:
        return "none"
    if _is_matrix(features):
        sparse = "sparse " if is_sparse(features) else ""
        return f"{sparse}{features.dtype} of shape {features.shape}"
    if isinstance(features, np.ndarray):
        return "one text per item"
    columns = nw.from_native(features, eager_only=True).columns
    return f"frame with columns {', '.join(map(str, columns))}"


def describe_vectors(catalog: Catalog) -> dict[str, str]:
    """What a table says of the features of a catalog."""
    facts = {"features": describe_features(catalog.features)}
    if catalog.n_features is not None:
        n_filled = int(filled_rows(catalog.features).sum())
        facts["items with a vector"] = f"{n_filled:,} of {catalog.n_items:,}"
    if catalog.provenance:
        facts["provenance"] = ", ".join(f"{k}: {v}" for k, v in catalog.provenance.items())
    return facts


def eager_table(frame: Any, name: str) -> Any:
    """Frame as narwhals sees it; one whose rows are not computed yet is refused."""
    if nw.dependencies.is_polars_lazyframe(frame):
        raise TypeError(f"{name} is a LazyFrame, which holds no rows yet; call .collect() first.")
    return nw.from_native(frame, eager_only=True)


def require_columns(table: Any, names: list[str], argument: str) -> None:
    """Raise a ValueError that lists the columns if one of ``names`` is absent."""
    absent = [name for name in names if name not in table.columns]
    if absent:
        raise ValueError(
            f"{argument} has no column {first_few(absent)}; its columns are "
            f"{', '.join(map(repr, table.columns))}."
        )


def is_sparse(features: Any) -> bool:
    """Whether features are a scipy sparse array (a bool, not a type guard, for mypy)."""
    return bool(sp.issparse(features))


def _is_matrix(features: Any) -> bool:
    """Whether features are numbers in two dimensions, dense or sparse."""
    return is_sparse(features) or (isinstance(features, np.ndarray) and features.ndim == 2)


def _as_features(features: Any, n_items: int) -> Any:
    """Features in one of the supported forms, with the row count checked."""
    if features is None:
        return None
    if is_sparse(features):
        features = sp.csr_array(features)
    elif nw.dependencies.is_into_dataframe(features) or nw.dependencies.is_polars_lazyframe(
        features
    ):
        features = _features_of_columns(eager_table(features, "features"))
    if not sp.issparse(features) and not nw.dependencies.is_into_dataframe(features):
        features = _as_feature_array(features)
    if features.shape[0] != n_items:
        raise ValueError(
            f"features has {features.shape[0]} rows, but there are {n_items} item_ids; "
            "give one row per item."
        )
    return features


def _as_feature_array(features: Any) -> Any:
    """Matrix of floats or one-dimensional array of texts."""
    array = plain_array(features, "features")
    if array.ndim == 1 and array.dtype.kind in "OUT":
        # numpy turns the numbers of a mixed list into texts without a word.
        given = array if isinstance(features, np.ndarray) else np.asarray(features, dtype=object)
        texts = _as_texts(given, "features")
        return array if texts is given else texts
    if array.ndim == 2 and array.dtype.kind in "iub":
        return array.astype(np.float64)
    if array.ndim == 2 and array.dtype.kind == "f":
        return array
    raise ValueError(
        f"features must be numbers of shape (n_items, n_features) or one text per item, "
        f"got dtype {array.dtype} and shape {array.shape}."
    )


def _as_texts(array: Any, name: str) -> Any:
    """One text per item; what is missing becomes None, anything else is refused."""
    cells = array.tolist()
    is_text = [isinstance(cell, str) for cell in cells]
    if all(is_text):
        return array
    texts = np.empty(len(cells), dtype=object)
    for place, cell in enumerate(cells):
        # NaN and pandas.NA are no texts, but what frames put in the place of one.
        if not is_text[place] and not _is_nothing(cell):
            raise ValueError(
                f"{name} holds texts, but row {place} is {cell!r}; give every item a text, or None."
            )
        texts[place] = cell if is_text[place] else None
    if not any(is_text):
        raise ValueError(f"{name} holds no text at all: it is missing for all {len(cells)} items.")
    return texts


def _is_nothing(cell: Any) -> bool:
    """Whether a cell is None, NaN or NA."""
    if cell is None or type(cell).__name__ in ("NAType", "NaTType"):
        return True
    return isinstance(cell, float) and cell != cell


def _refuse_duplicates(ids: IdArray) -> None:
    """Raise if an id occurs twice."""
    values, counts = np.unique(ids, return_counts=True)
    if values.size < ids.size:
        twice = values[counts > 1]
        raise ValueError(
            f"item_ids holds {twice.size} duplicate id(s): {first_few(twice)}; give each item once."
        )


def _row_chunks(features: Any) -> Iterator[tuple[int, Any]]:
    """Yield (first row, block of rows) in blocks of about 32 MiB."""
    row_bytes = max(1, features.shape[1] * features.dtype.itemsize)
    step = max(1, _CHUNK_BYTES // row_bytes)
    for start in range(0, features.shape[0], step):
        yield start, features[start : start + step]


def _rows_with_any(features: Any, what: Any) -> BoolArray:
    """Boolean per row: whether ``what(block)`` holds anywhere in it."""
    flags = np.zeros(features.shape[0], dtype=bool)
    for start, block in _row_chunks(features):
        if is_sparse(block):
            marks = sp.csr_array((what(block.data), block.indices, block.indptr), block.shape)
            flags[start : start + block.shape[0]] = np.asarray(marks.sum(axis=1)).ravel() > 0
        else:
            flags[start : start + block.shape[0]] = what(block).any(axis=1)
    return flags


def filled_rows(features: Any) -> BoolArray:
    """Mask of the rows that are not zero."""
    return _rows_with_any(features, lambda block: block != 0)


def _refuse_non_finite(features: Any, ids: IdArray) -> None:
    """Raise if a row holds NaN or infinity."""
    bad = ids[_rows_with_any(features, lambda block: ~np.isfinite(block))]
    if bad.size:
        raise ValueError(
            f"features holds NaN or infinity for {bad.size} item(s): {first_few(bad)}; "
            "drop or encode these items again."
        )


def _fill_zero_rows(features: Any, ids: IdArray, missing: str) -> Any:
    """Features without zero rows: refused, or replaced by the mean of the others."""
    is_zero = ~filled_rows(features)
    if not is_zero.any():
        return features
    if missing == "error":
        bad = ids[is_zero]
        raise ValueError(
            f"features is zero for {bad.size} item(s): {first_few(bad)}; encode these items, "
            "or pass missing='mean' to give them the mean of the others."
        )
    if is_zero.all():
        raise ValueError("features is zero for every item; there is no mean to fill in.")
    if is_sparse(features):
        raise ValueError("missing='mean' needs dense features; call .toarray() first.")
    filled = np.array(features)
    filled[is_zero] = filled[~is_zero].mean(axis=0, dtype=np.float64)
    return filled


def _take_features(features: Any, rows: IntArray) -> Any:
    """Rows of features of any supported form."""
    if features is None or is_sparse(features) or isinstance(features, np.ndarray):
        return None if features is None else features[rows]
    return without_labels(nw.from_native(features, eager_only=True)[rows.tolist(), :].to_native())


def _fingerprint(ids: IdArray, features: Any) -> str:
    """Hex digest of ids and features; matrices are read in blocks."""
    digest = hashlib.blake2b(digest_size=16)
    if kind_of_ids(ids) == "strings":
        ids = ids.astype(f"U{max(1, np.strings.str_len(ids).max())}")  # equal ids, equal width
    digest.update(joblib.hash(ids).encode())
    if is_sparse(features):
        parts = (features.data, features.indices, features.indptr, features.shape)
        digest.update(joblib.hash(parts).encode())
    elif _is_matrix(features):
        digest.update(f"{features.dtype}{features.shape}".encode())
        for _, block in _row_chunks(features):
            digest.update(np.ascontiguousarray(block).data)
    elif isinstance(features, np.ndarray):
        digest.update(joblib.hash(features.tolist()).encode())
    elif features is not None:
        table = nw.from_native(features, eager_only=True)
        digest.update(joblib.hash(table.to_dict(as_series=False)).encode())
    return digest.hexdigest()


def _features_of_column(column: Any, name: str) -> Any:
    """Matrix, or array of texts, from one column of a frame."""
    values = column.to_numpy()
    if values.ndim == 2 or values.dtype.kind == "U":
        return values
    if values.dtype.kind in "fiub":
        return values[:, None]
    cells = values.tolist()
    if any(isinstance(cell, str) for cell in cells) or all(map(_is_nothing, cells)):
        return _as_texts(values, f"column {name!r}")
    return _stack_vectors(cells, name)


def _stack_vectors(cells: list[Any], name: str) -> Any:
    """Matrix from a column of vectors of equal length."""
    for place, cell in enumerate(cells):
        if not hasattr(cell, "__len__"):
            raise ValueError(f"column {name!r} must hold vectors; row {place} is {cell!r}.")
        if len(cell) != len(cells[0]):
            raise ValueError(
                f"column {name!r} must hold vectors of equal length; row 0 is {len(cells[0])} "
                f"long, row {place} is {len(cell)} long."
            )
    return np.stack([plain_array(cell, f"column {name!r}") for cell in cells])


def _features_of_columns(table: Any) -> Any:
    """Matrix from numeric columns, else the frame itself."""
    if all(dtype.is_numeric() or dtype == nw.Boolean for dtype in table.schema.values()):
        return table.with_columns(selectors.boolean().cast(nw.Float64)).to_numpy()
    return table.to_native()
