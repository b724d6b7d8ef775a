"""Plain arrays from whatever callers pass: nothing masked, nothing wrapped, nothing lost."""
# SPDX-License-Identifier: BSD-3-Clause

from decimal import Decimal
from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["plain_array"]


def plain_array(values: Any, name: str) -> npt.NDArray[Any]:
    """Array that is a numpy array and nothing more.

    Parameters
    ----------
    values : array-like
        Also a masked array without a masked value, a matrix, a tensor of torch (on any device,
        with a gradient, in bfloat16), or Decimals, which become float64.

    name : str
        What the caller calls it.

    Returns
    -------
    array : ndarray
        A memmap stays one; other subclasses do not.

    Raises
    ------
    ValueError
        If a value is masked.
    """
    if isinstance(values, np.memmap):
        return values
    if isinstance(values, np.ma.MaskedArray):
        values = _unmasked(values, name)
    elif _is_tensor(values):
        values = _of_tensor(values)
    elif isinstance(values, (list, tuple)) and len(values) and _is_tensor(values[0]):
        values = [_of_tensor(value) if _is_tensor(value) else value for value in values]
    array = np.asarray(values)
    return _without_decimals(array) if array.dtype == object else array


def _unmasked(values: Any, name: str) -> npt.NDArray[Any]:
    """Data of a masked array in which nothing is masked."""
    is_masked = np.ma.getmaskarray(values)
    if is_masked.any():
        place = tuple(int(i) for i in np.argwhere(is_masked)[0])
        raise ValueError(
            f"{name} has {int(is_masked.sum())} masked value(s), first at position "
            f"{place[0] if len(place) == 1 else place}; drop these entries, or fill them with "
            ".filled(value)."
        )
    data: npt.NDArray[Any] = np.ma.getdata(values)
    return data


def _is_tensor(values: Any) -> bool:
    """Whether this is a tensor of torch, told without importing it."""
    return type(values).__module__.split(".")[0] == "torch" and hasattr(values, "detach")


def _of_tensor(tensor: Any) -> npt.NDArray[Any]:
    """Content of a tensor; bfloat16, which numpy does not know, as float32."""
    tensor = tensor.detach().cpu()
    array: npt.NDArray[Any] = (
        tensor.float() if "bfloat16" in str(tensor.dtype) else tensor
    ).numpy()
    return array


def _without_decimals(array: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Numbers of which some are Decimals as float64; anything else as it is."""
    types = {type(value) for value in array.ravel().tolist()}
    if Decimal in types and all(issubclass(t, (Decimal, int, float)) for t in types):
        return array.astype(np.float64)
    return array
