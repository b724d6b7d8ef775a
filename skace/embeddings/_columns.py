"""Mean and spread of columns, read in blocks of rows."""
# SPDX-License-Identifier: BSD-3-Clause

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from skace._row_blocks import read_rows, row_blocks

__all__ = ["ColumnMoments", "column_moments"]


@dataclass(frozen=True, slots=True, eq=False)
class ColumnMoments:
    """What one pass over the rows of a matrix tells of its columns."""

    n_rows: int
    mean: npt.NDArray[np.float64]  # (d,) of the rows that count
    squares: npt.NDArray[np.float64]  # (d,) sum of squared deviations from the mean

    @property
    def grand_mean(self) -> float:
        """Mean of all entries."""
        return float(np.mean(self.mean))

    @property
    def grand_variance(self) -> float:
        """Variance of all entries (ddof 0)."""
        between = float(np.mean((self.mean - self.grand_mean) ** 2))
        return float(np.mean(self.squares)) / self.n_rows + between


def column_moments(X: Any, *, skip_zeros: bool = False) -> ColumnMoments:
    """Mean and squared deviations of each column in float64.

    Parameters
    ----------
    X : ndarray of shape (n, d)
        Floats of any width; a memmap is read block by block.

    skip_zeros : bool, default=False
        Let rows of zeros count as the mean of the others.

    Returns
    -------
    moments : ColumnMoments
        ``n_rows`` counts all rows.

    Raises
    ------
    ValueError
        If X holds NaN or infinity. The first row is named.
    """
    n_used, mean, squares = 0, np.zeros(X.shape[1]), np.zeros(X.shape[1])
    for part in row_blocks(*X.shape):
        block, lengths = read_rows(X, part, normalize=False)
        block = block[lengths > 0] if skip_zeros else block
        if not len(block):
            continue
        # Sums about the mean of each block, joined: no difference of large numbers.
        own_mean = block.mean(axis=0)
        block -= own_mean
        step = (own_mean - mean) * (len(block) / (n_used + len(block)))
        squares += np.einsum("ij,ij->j", block, block) + n_used * step * (own_mean - mean)
        mean += step
        n_used += len(block)
    return ColumnMoments(X.shape[0], mean, squares)
