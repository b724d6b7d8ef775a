"""LinearParameters: what all closed forms share, by name and type."""
# SPDX-License-Identifier: BSD-3-Clause

from typing import TypedDict

from skace._typing import DecayBy, HandleUnknown, LinearDtype, LinearSolver, StoreCounts

__all__ = ["AllButHistoryDecay", "LinearParameters"]


class AllButHistoryDecay(TypedDict, total=False):
    """What a closed form takes by name that has a ``history_decay`` of another default."""

    exclude_seen: bool
    handle_unknown: HandleUnknown
    decay_by: DecayBy
    solver: LinearSolver
    n_neighbors: int | None
    dtype: LinearDtype
    max_memory: float
    store_counts: StoreCounts


class LinearParameters(AllButHistoryDecay, total=False):
    """Keyword parameters of `LinearRecommender`, which documents them.

    Notes
    -----
    Stability: experimental.
    """

    history_decay: float | None
