"""Tall matrices, memmaps too, read and projected in blocks of rows."""
# SPDX-License-Identifier: BSD-3-Clause

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from skace._typing import Float64Array, FloatArray

__all__ = ["project_rows", "read_rows", "row_blocks"]

_BLOCK_BYTES = 32 * 2**20  # of float64 rows in memory at a time, whatever the matrix weighs
_SAFE_SQUARES = (1e-280, 1e280)  # squared lengths outside have lost digits or overflowed


def row_blocks(n_rows: int, n_columns: int, block_bytes: int | None = None) -> Iterator[slice]:
    """Slices over all rows such that a block of float64 takes about ``block_bytes``."""
    wanted = (_BLOCK_BYTES if block_bytes is None else block_bytes) // (8 * max(1, n_columns))
    step = max(1, wanted)
    for start in range(0, n_rows, step):
        yield slice(start, min(start + step, n_rows))


def _check_finite_rows(block: FloatArray, first_row: int = 0, name: str = "X") -> None:
    """Raise a ValueError that names the first row of ``block`` with NaN or infinity."""
    is_finite = np.isfinite(block).all(axis=1)
    if is_finite.all():
        return
    row = int(np.argmin(is_finite))
    found = "NaN" if np.isnan(block[row]).any() else "infinity"
    raise ValueError(
        f"{name} contains {found}, first in row {first_row + row}; drop such rows or compute them "
        "again."
    )


def _row_lengths(block: Float64Array, first_row: int = 0, name: str = "X") -> Float64Array:
    """Euclidean length of each row, shape (b,); rows that are not finite are refused."""
    squares = np.einsum("ij,ij->i", block, block)
    low, high = _SAFE_SQUARES
    unsafe = np.flatnonzero(~((squares > low) & (squares < high)))
    lengths: Float64Array = np.sqrt(squares)
    if unsafe.size:
        _check_finite_rows(block, first_row, name)
        peaks = np.abs(block[unsafe]).max(axis=1)
        scaled = block[unsafe] / np.where(peaks > 0, peaks, 1.0)[:, None]
        with np.errstate(over="ignore"):  # an infinite length is refused by the caller
            lengths[unsafe] = peaks * np.sqrt(np.einsum("ij,ij->i", scaled, scaled))
    return lengths


def read_rows(
    X: FloatArray, part: slice, *, normalize: bool, name: str = "X"
) -> tuple[Float64Array, Float64Array]:
    """Rows of X as a new float64 array, divided by their lengths if asked, and the lengths."""
    block: Float64Array = np.array(X[part], dtype=np.float64, order="C")
    lengths = _row_lengths(block, part.start, name)
    if (lengths > (1e300 if normalize else 1e75)).any():
        raise ValueError(
            f"{name} is too large: row {part.start + int(np.argmax(lengths))} has length "
            f"{lengths.max():.3g}, whose powers overflow; divide it by a constant."
        )
    if normalize:
        block /= np.where(lengths > 0, lengths, 1.0)[:, None]
    return block, lengths


def project_rows(
    X: FloatArray,
    weights: Float64Array,
    *,
    mean: Float64Array | None = None,
    normalize: bool = False,
    dtype: npt.DTypeLike = np.float64,
) -> FloatArray:
    """Rows of X, prepared as for the sums, times ``weights``.

    Parameters
    ----------
    X : ndarray of shape (n, d)
        Floats of any width; a memmap is read block by block.

    weights : ndarray of shape (d, k)
        One output column per column.

    mean : ndarray of shape (d,) or None, default=None
        Subtracted from the (normalised) rows.

    normalize : bool, default=False
        Divide each row by its length first.

    dtype : dtype, default=float64
        Of the result; the products are formed in float64.

    Returns
    -------
    projected : ndarray of shape (n, k)
        Zero rows give zero, with a mean as well: they count as the mean.

    Raises
    ------
    ValueError
        If X holds NaN or infinity. The first row is named.
    """
    projected = np.empty((X.shape[0], weights.shape[1]), dtype=dtype)
    for part in row_blocks(*X.shape):
        block, lengths = read_rows(X, part, normalize=normalize)
        if mean is not None:
            block -= mean
            block[lengths == 0] = 0.0
        projected[part] = block @ weights
    return projected
