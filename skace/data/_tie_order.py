"""The order of tied events: events of one user at one moment."""
# SPDX-License-Identifier: BSD-3-Clause

from dataclasses import replace
from typing import Any

import numpy as np

from skace._random import as_generator
from skace._typing import IntArray
from skace.data._log import EventLog, tied_events
from skace.data._sort_keys import ranks_of_keys

__all__ = ["check_ties", "in_other_order"]

_NO_CUTS = np.zeros(0, dtype=np.int64)


def check_ties(ties: Any, log: EventLog | None = None, *, may_keep: bool = True) -> None:
    """Raise unless ``ties`` is one of the ways to order ties, which needs times."""
    ways = "'keep', 'shuffle'" if may_keep else "'shuffle'"
    is_word = isinstance(ties, str) and ties in ("shuffle", "keep")[: 1 + may_keep]
    if not (is_word or callable(ties)):
        raise ValueError(
            f"ties must be {ways} or a function of positions, users and times, got {ties!r}."
        )
    if log is not None and log.timestamps is None and ties != "keep":
        shown = repr(ties) if isinstance(ties, str) else "a function"
        raise ValueError(
            f"ties={shown} needs timestamps, but the log has none, so no events are known to be "
            "of one moment; pass timestamps to Interactions."
        )


def in_other_order(
    log: EventLog, ties: Any, random_state: Any = None, cuts: IntArray = _NO_CUTS
) -> tuple[EventLog, IntArray]:
    """Log with tied events in another order, and the new position of each event.

    Parameters
    ----------
    log : EventLog
        With times.

    ties : "shuffle" or callable
        Random order, or ``ties(positions, users, times)``, a sort key for each event.

    random_state : int, RandomState, Generator or None
        Source of the random order.

    cuts : ndarray of int
        Positions that no event passes.
    """
    is_tied = tied_events(log)
    is_tied[cuts[cuts < log.n_events]] = False
    # Few events are tied: only these move, and those before them.
    among = np.flatnonzero(is_tied | np.append(is_tied[1:], False))
    if isinstance(ties, str):
        keys = as_generator(random_state).permutation(among.size)
    else:
        keys = _keys_of_events(log, ties)[among]
    order = np.arange(log.n_events, dtype=np.int64)
    order[among] = among[np.lexsort((keys, np.cumsum(~is_tied)[among]))]
    position = np.empty_like(order)
    position[order] = np.arange(log.n_events)
    return (
        replace(
            log,
            items=log.items[order],
            source=log.source[order],
            weights=None if log.weights is None else log.weights[order],
            ties="shuffle" if isinstance(ties, str) else "key",
            facts={},
        ),
        position,
    )


def _keys_of_events(log: EventLog, function: Any) -> IntArray:
    """Rank of the key that the caller's function gives each event, (n_events,).

    The function sees the events in the order of the caller's input, so that a column of the
    input will do as keys.
    """
    given = np.argsort(log.source, kind="stable")
    users = log.user_ids[log.users_at(given)]
    assert log.timestamps is not None
    ranks = np.empty(log.n_events, dtype=np.int64)
    keys = function(log.source[given], users, log.timestamps[given])
    ranks[given] = ranks_of_keys(keys, log.n_events, "ties")
    return ranks
