"""Names for the array types that cross the layers."""
# SPDX-License-Identifier: BSD-3-Clause

from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

__all__ = ["BoolArray", "FloatArray", "IdArray", "IntArray"]

BoolArray: TypeAlias = npt.NDArray[np.bool_]
FloatArray: TypeAlias = npt.NDArray[np.floating[Any]]
IdArray: TypeAlias = npt.NDArray[Any]  # integers or strings, as the caller's ids are
IntArray: TypeAlias = npt.NDArray[np.int64]
