"""Edges at which groups begin."""
# SPDX-License-Identifier: BSD-3-Clause

import numpy as np

__all__ = ["as_array", "check_edges", "groups_of", "n_groups"]


def check_edges(edges, name):
    """Raise unless groups begin at whole numbers from 1 that rise."""
    if edges is None:
        return
    values = np.asarray(edges)
    is_row = values.ndim == 1 and values.size > 0 and values.dtype.kind in "iu"
    if not is_row or values[0] < 1 or (np.diff(values) <= 0).any():
        raise ValueError(
            f"{name} must be whole numbers from 1 that rise, such as [3, 10], or None for one "
            f"group, got {edges!r}."
        )


def n_groups(edges):
    """Number of groups between edges."""
    return 1 if edges is None else len(edges) + 1


def as_array(edges):
    """Edges as an array, empty for None."""
    return np.asarray([] if edges is None else edges, dtype=np.int64)


def groups_of(values, edges):
    """Group of each value: how many edges it has reached."""
    return np.digitize(values, as_array(edges))
