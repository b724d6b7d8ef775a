"""Names for types that recur: arrays that cross the layers, options, what users pass."""
# SPDX-License-Identifier: BSD-3-Clause

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, TypeAlias

import numpy as np
import numpy.typing as npt
from narwhals.typing import IntoSeries
from scipy.sparse import sparray, spmatrix

__all__ = [
    "BoolArray",
    "ColdItems",
    "DecayBy",
    "Draw",
    "Float32Array",
    "Float64Array",
    "FloatArray",
    "HandleUnknown",
    "Histories",
    "IdArray",
    "IntArray",
    "ItemLists",
    "LearningRateSchedule",
    "LinearDtype",
    "LinearSolver",
    "LongSequences",
    "Members",
    "Precision",
    "RandomState",
    "StoreCounts",
    "Ties",
]

BoolArray: TypeAlias = npt.NDArray[np.bool_]
Float32Array: TypeAlias = npt.NDArray[np.float32]
Float64Array: TypeAlias = npt.NDArray[np.float64]
FloatArray: TypeAlias = npt.NDArray[np.floating[Any]]
IdArray: TypeAlias = npt.NDArray[Any]  # integers or strings, as the caller's ids are
IntArray: TypeAlias = npt.NDArray[np.int64]

# One sequence of item ids for each visitor, oldest first.
Histories: TypeAlias = (
    Sequence[Sequence[Any] | IdArray]
    | Mapping[Any, Sequence[Any] | IdArray]
    | npt.NDArray[np.object_]
    | IntoSeries
)
# Item ids, one list of them per row, a mask, or a function of the ids of rows and items.
ItemLists: TypeAlias = (
    npt.ArrayLike | Sequence[Any] | spmatrix | sparray | Callable[[IdArray, IdArray], Any]
)
Members: TypeAlias = list[tuple[str, Any]]  # names, and recommenders, Pipelines or "drop"
RandomState: TypeAlias = int | np.random.RandomState | None

ColdItems: TypeAlias = Literal["excluded", "negatives"]
DecayBy: TypeAlias = Literal["events", "time"]
Draw: TypeAlias = Literal["uniform", "popularity", "in_batch"]
HandleUnknown: TypeAlias = Literal["error", "ignore"]
LinearDtype: TypeAlias = Literal["float32", "float64"]
LinearSolver: TypeAlias = Literal["exact", "local"]
LongSequences: TypeAlias = Literal["overlap", "truncate"]
LearningRateSchedule: TypeAlias = Literal["constant", "linear"]
Precision: TypeAlias = Literal["auto", "float32", "bfloat16"]
StoreCounts: TypeAlias = bool | Literal["auto"]
# A function of positions, users and times of events returns a sort key for each.
Ties: TypeAlias = Literal["keep", "shuffle"] | Callable[[IntArray, IdArray, npt.NDArray[Any]], Any]
