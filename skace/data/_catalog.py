"""Catalog: what each item is, aligned by id."""
# SPDX-License-Identifier: BSD-3-Clause

import hashlib
from collections.abc import Mapping
from typing import Any, Self

import joblib
import narwhals as nw
import numpy as np

from skace._typing import IdArray, IntArray
from skace._validation import check_ids, first_few, kind_of_ids, warn_of_odd_ids
from skace.data._html import html_table
from skace.data.features._forms import (
    as_features,
    describe_features,
    features_of_column,
    features_of_columns,
    is_matrix,
    is_sparse,
    take_features,
    warn_of_mixed_columns,
)
from skace.data.features._frames import eager_table, require_columns
from skace.data.features._labels import rows_by_label, without_labels
from skace.data.features._rows import fill_zero_rows, filled_rows, refuse_non_finite, row_chunks

__all__ = ["Catalog", "describe_vectors"]


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
        Row ``i`` describes ``item_ids[i]``: numbers (float16, float32 and float64 are kept, memmaps
        stay on disk, sparse becomes CSR), one text per item, or a frame of text columns. Texts may
        be missing (None or NaN); the estimator that reads them decides what that means. If a pandas
        frame or Series is labelled with the item ids, its rows are found by their labels. The array
        is not copied: do not write to it afterwards.

    missing : {"error", "mean"}, default="error"
        What to do with items whose vector is zero, because missing vectors are usually
        stored as zeros. "error" refuses them, "mean" gives them the mean of the other
        rows (in a copy).

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
        If ids repeat or have mixed types, or if the features do not have one row per
        item, have labels other than the ids, or hold NaN, infinity, or (with
        ``missing="error"``) a zero row. The message names the first offenders.

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
        features = as_features(rows_by_label(features, ids, item_ids), ids.size)
        if is_matrix(features):
            refuse_non_finite(features, ids)
            features = fill_zero_rows(features, ids, missing)
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
            matrix = features_of_column(table[features], features)
        elif features is not None:
            # Rows of one frame belong together, whatever they are labelled.
            chosen = table.select(features)
            warn_of_mixed_columns(chosen)
            matrix = without_labels(features_of_columns(chosen))
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
        """Where the features come from, as the caller said (a copy)."""
        return dict(self._provenance)

    @property
    def n_items(self) -> int:
        """Number of items."""
        return int(self._item_ids.size)

    @property
    def n_features(self) -> int | None:
        """Width of a numeric feature matrix, else None."""
        return int(self._features.shape[1]) if is_matrix(self._features) else None

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
        part._set(ids, take_features(self._features, rows), self._provenance)
        return part

    def with_features(
        self, features: Any, provenance: Mapping[str, str] | None = None
    ) -> "Catalog":
        """Catalog of the same items with other features.

        Parameters
        ----------
        features : as in the constructor
            One row per item, in the order of ``item_ids`` or labelled with them. Zero rows are
            accepted here, because a transformer may map an item to zero.

        provenance : mapping of str to str, default=None
            Replaces the present one; None keeps it.

        Returns
        -------
        catalog : Catalog
            A new catalog; this one is unchanged.
        """
        features = rows_by_label(features, self._item_ids)
        features = as_features(features, self.n_items)
        if is_matrix(features):
            refuse_non_finite(features, self._item_ids)
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


def describe_vectors(catalog: Catalog) -> dict[str, str]:
    """What a table says of the features of a catalog."""
    facts = {"features": describe_features(catalog.features)}
    if catalog.n_features is not None:
        n_filled = int(filled_rows(catalog.features).sum())
        facts["items with a vector"] = f"{n_filled:,} of {catalog.n_items:,}"
    if catalog.provenance:
        facts["provenance"] = ", ".join(f"{k}: {v}" for k, v in catalog.provenance.items())
    return facts


def _refuse_duplicates(ids: IdArray) -> None:
    """Raise if an id occurs twice."""
    values, counts = np.unique(ids, return_counts=True)
    if values.size < ids.size:
        twice = values[counts > 1]
        raise ValueError(
            f"item_ids holds {twice.size} duplicate id(s): {first_few(twice)}; give each item once."
        )


def _fingerprint(ids: IdArray, features: Any) -> str:
    """Hex digest of ids and features; matrices are read in blocks."""
    digest = hashlib.blake2b(digest_size=16)
    if kind_of_ids(ids) == "strings":
        ids = ids.astype(f"U{max(1, np.strings.str_len(ids).max())}")  # equal ids, equal width
    digest.update(joblib.hash(ids).encode())
    if is_sparse(features):
        parts = (features.data, features.indices, features.indptr, features.shape)
        digest.update(joblib.hash(parts).encode())
    elif is_matrix(features):
        digest.update(f"{features.dtype}{features.shape}".encode())
        for _, block in row_chunks(features):
            digest.update(np.ascontiguousarray(block).data)
    elif isinstance(features, np.ndarray):
        digest.update(joblib.hash(features.tolist()).encode())
    elif features is not None:
        table = nw.from_native(features, eager_only=True)
        digest.update(joblib.hash(table.to_dict(as_series=False)).encode())
    return digest.hexdigest()
