"""Checksums of rows of numbers, by which damage on disk is noticed."""
# SPDX-License-Identifier: BSD-3-Clause

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

__all__ = ["SUM", "is_sound", "row_sums"]

SUM = np.dtype("<u4")
_BLOCK_BYTES = 2**24


def row_sums(vectors: npt.NDArray[np.float32]) -> npt.NDArray[np.uint32]:
    """Checksum of each row, (n,).

    A sum of its words times odd numbers of their places, modulo ``2 ** 32``: an odd number has an
    inverse, so that a row of which one word changed has another sum.
    """
    words = np.ascontiguousarray(vectors, dtype="<f4").view(SUM)
    # Fixed for ever: files outlive versions.
    factors = np.arange(1, words.shape[1] + 1, dtype=np.uint64) * 2654435761 % 2**32
    factors = factors.astype(SUM) | SUM.type(1)
    sums = np.empty(words.shape[0], dtype=SUM)
    for block in _blocks(words):
        sums[block] = (words[block] * factors).sum(axis=1, dtype=SUM)
    return sums ^ SUM.type(words.shape[1])


def is_sound(vectors: npt.NDArray[np.float32], sums: npt.NDArray[np.uint32]) -> bool:
    """Whether a matrix, maybe on disk, has these checksums."""
    return vectors.shape[0] == sums.size and all(
        np.array_equal(row_sums(np.asarray(vectors[block])), sums[block])
        for block in _blocks(vectors)
    )


def _blocks(rows: npt.NDArray[np.generic]) -> Iterator[slice]:
    """Slices of so many rows that their size does not matter."""
    step = max(1, _BLOCK_BYTES // max(1, 4 * rows.shape[1]))
    for start in range(0, rows.shape[0], step):
        yield slice(start, start + step)
