"""Forms that item features take: numbers, one text an item, or a frame of texts."""
# SPDX-License-Identifier: BSD-3-Clause

import re
import warnings
from typing import Any

import narwhals as nw
import narwhals.selectors as selectors
import numpy as np
import scipy.sparse as sp

from skace._arrays import plain_array
from skace._callers import caller_level
from skace._typing import IntArray
from skace.data.features._frames import eager_table
from skace.data.features._labels import without_labels

__all__ = [
    "as_features",
    "describe_features",
    "features_of_column",
    "features_of_columns",
    "is_matrix",
    "is_sparse",
    "take_features",
    "warn_of_mixed_columns",
]

_NUMBER = r"(?:[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?|nan|inf)"
# At least two numbers in brackets; numpy writes dots for what is in the middle of long ones.
_WRITTEN_VECTOR = re.compile(
    rf"\s*[\[(]\s*{_NUMBER}(?:(?:\s*,\s*|\s+)(?:{_NUMBER}|\.\.\.))+\s*,?\s*[\])]\s*"
)


def describe_features(features: Any) -> str:
    """Short text on the kind, type and shape of features."""
    if features is None:
        return "none"
    if is_matrix(features):
        sparse = "sparse " if is_sparse(features) else ""
        return f"{sparse}{features.dtype} of shape {features.shape}"
    if isinstance(features, np.ndarray):
        return "one text per item"
    columns = nw.from_native(features, eager_only=True).columns
    return f"frame with columns {', '.join(map(str, columns))}"


def is_sparse(features: Any) -> bool:
    """Whether features are a scipy sparse array (a bool, not a type guard, for mypy)."""
    return bool(sp.issparse(features))


def is_matrix(features: Any) -> bool:
    """Whether features are numbers in two dimensions, dense or sparse."""
    return is_sparse(features) or (isinstance(features, np.ndarray) and features.ndim == 2)


def as_features(features: Any, n_items: int) -> Any:
    """Features in one of the supported forms, with the row count checked."""
    if features is None:
        return None
    if is_sparse(features):
        features = sp.csr_array(features)
    elif nw.dependencies.is_into_dataframe(features) or nw.dependencies.is_polars_lazyframe(
        features
    ):
        features = features_of_columns(eager_table(features, "features"))
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
    _refuse_written_vectors([cell for cell in cells if isinstance(cell, str)], name)
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


def _refuse_written_vectors(texts: list[str], name: str) -> None:
    """Refuse vectors that a file of texts, such as CSV, has turned into texts."""
    if texts and all(map(_WRITTEN_VECTOR.fullmatch, texts)):
        raise ValueError(
            f"{name} holds vectors that are written as texts, such as {texts[0][:30]!r}; turn them "
            "into numbers (json.loads, where commas stand between them), or keep vectors in a file "
            "of numbers, such as parquet or .npy."
        )


def _is_nothing(cell: Any) -> bool:
    """Whether a cell is None, NaN or NA."""
    if cell is None or type(cell).__name__ in ("NAType", "NaTType"):
        return True
    return isinstance(cell, float) and cell != cell


def features_of_column(column: Any, name: str) -> Any:
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


def features_of_columns(table: Any) -> Any:
    """Matrix from numeric columns, else the frame itself."""
    if all(map(_is_numeric, table.schema.values())):
        return table.with_columns(selectors.boolean().cast(nw.Float64)).to_numpy()
    return table.to_native()


def warn_of_mixed_columns(table: Any) -> None:
    """Warn if numbers stand beside texts: what reads texts leaves numbers out."""
    numbers = [name for name, dtype in table.schema.items() if _is_numeric(dtype)]
    others = [name for name in table.columns if name not in numbers]
    if numbers and others:
        warnings.warn(
            f"features names columns of numbers ({', '.join(map(repr, numbers))}) beside others "
            f"({', '.join(map(repr, others))}). Encoders of texts leave numbers out, unless "
            "fields= names them; turn them into texts (.astype(str)), or leave them out. If all "
            "are meant to be numbers, see what keeps the others from it.",
            UserWarning,
            stacklevel=caller_level(),
        )


def _is_numeric(dtype: Any) -> bool:
    """Whether a column of a frame can be a column of a matrix."""
    return bool(dtype.is_numeric() or dtype == nw.Boolean)


def take_features(features: Any, rows: IntArray) -> Any:
    """Rows of features of any supported form."""
    if features is None or is_sparse(features) or isinstance(features, np.ndarray):
        return None if features is None else features[rows]
    return without_labels(nw.from_native(features, eager_only=True)[rows.tolist(), :].to_native())
