"""Logs whose next item can be proved."""
# SPDX-License-Identifier: BSD-3-Clause

from numbers import Integral

import numpy as np

from skace._sklearn_compat import Interval, validate_parameter_constraints
from skace._typing import FloatArray, IntArray
from skace.data import Catalog, Interactions
from skace.datasets.made._random import RANDOM_STATE, RandomState, check_generator

__all__ = ["make_checkerboard", "make_cycle"]

_AT_LEAST_ONE = [Interval(Integral, 1, None, closed="left")]
_AT_LEAST_TWO = [Interval(Integral, 2, None, closed="left")]


def make_cycle(
    n_users: int = 20,
    n_items: int = 10,
    length: int = 15,
    *,
    n_features: int | None = None,
    random_state: RandomState = None,
) -> Interactions:
    """Make users who take items in a cycle.

    Item ``(i + 1) % n_items`` always follows item ``i``, so every sequential model must reach hit
    rate 1 at ``k=1``. Popularity cannot, because the starts are spread evenly over the cycle, and
    no item is much more frequent than another.

    Parameters
    ----------
    n_users : int, default=20
        Number of users, with ids 0 to ``n_users - 1``.

    n_items : int, default=10
        Number of items, at least 2, with ids 0 to ``n_items - 1``.

    length : int, default=15
        Events of each user, at least 2. With ``length > n_items`` every step of the cycle occurs in
        every sequence, and items repeat, so leave ``exclude_seen`` False.

    n_features : int or None, default=None
        Width of random item vectors of unit length. They identify the items, but say
        nothing about the cycle. None: no features.

    random_state : int, RandomState, Generator or None, default=None
        Draws the start of each user and the vectors. None gives another log at each call;
        numpy's global generator is never used.

    Returns
    -------
    X : Interactions
        ``n_users * length`` rows. The timestamps are the positions 0 to ``length - 1``.

    Raises
    ------
    ValueError
        If a parameter is out of its range.

    See Also
    --------
    make_checkerboard : The right answer is a set of items, whatever their order.
    make_shop : Resembles a real log; its best achievable score is known.

    Notes
    -----
    Stability: provisional.

    Examples
    --------
    >>> from skace.datasets import make_cycle
    >>> X = make_cycle(n_users=2, n_items=4, length=5, random_state=0)
    >>> items = X.items.reshape(2, 5)
    >>> (items[:, 1:] - items[:, :-1]) % 4
    array([[1, 1, 1, 1],
           [1, 1, 1, 1]])
    """
    validate_parameter_constraints(
        {
            "n_users": _AT_LEAST_ONE,
            "n_items": _AT_LEAST_TWO,
            "length": _AT_LEAST_TWO,
            "n_features": [*_AT_LEAST_ONE, None],
            "random_state": RANDOM_STATE,
        },
        {
            "n_users": n_users,
            "n_items": n_items,
            "length": length,
            "n_features": n_features,
            "random_state": random_state,
        },
        caller_name="make_cycle",
    )
    rng = check_generator(random_state)
    starts = rng.permutation(np.arange(n_users) * n_items // n_users) + rng.integers(n_items)
    items = (starts[:, None] + np.arange(length)) % n_items
    features = None if n_features is None else _random_directions(n_items, n_features, rng)
    return _rectangular_log(items, Catalog(np.arange(n_items), features))


def make_checkerboard(
    n_users: int = 20,
    n_items: int = 20,
    *,
    n_features: int | None = None,
    random_state: RandomState = None,
) -> Interactions:
    """Make even users who take the even items, and odd users who take the odd ones.

    Each user takes every item of the user's own parity once. The order is random, but item ``u %
    n_items`` comes last for user ``u``. So the next item always has the parity of the history. At
    the last event, with ``exclude_seen=True``, one item of that parity is left, and every model
    that has found the two groups ranks it first. Popularity cannot, because the items of both
    groups are about equally frequent.

    Parameters
    ----------
    n_users : int, default=20
        Number of users, at least 2, with ids 0 to ``n_users - 1``.

    n_items : int, default=20
        Number of items, even and at least 4, with ids 0 to ``n_items - 1``. Each user has
        ``n_items // 2`` events.

    n_features : int or None, default=None
        Width of item vectors of unit length, at least 2. The first entry has the sign of the parity
        (positive for even items) and the size ``sqrt(0.5)``; the rest is random. None: no features.

    random_state : int, RandomState, Generator or None, default=None
        Draws the orders and the vectors. None gives another log at each call; numpy's
        global generator is never used.

    Returns
    -------
    X : Interactions
        ``n_users * n_items // 2`` rows. The timestamps are the positions.

    Raises
    ------
    ValueError
        If a parameter is out of its range, or ``n_items`` is odd.

    See Also
    --------
    make_cycle : The right answer is a single item.
    make_shop : Resembles a real log; its best achievable score is known.

    Notes
    -----
    Stability: provisional.

    Examples
    --------
    >>> from skace.datasets import make_checkerboard
    >>> X = make_checkerboard(n_users=2, n_items=6, random_state=0)
    >>> items = X.items.reshape(2, 3)
    >>> items % 2
    array([[0, 0, 0],
           [1, 1, 1]])
    >>> items[:, -1]
    array([0, 1])
    """
    validate_parameter_constraints(
        {
            "n_users": _AT_LEAST_TWO,
            "n_items": [Interval(Integral, 4, None, closed="left")],
            "n_features": [*_AT_LEAST_TWO, None],
            "random_state": RANDOM_STATE,
        },
        {
            "n_users": n_users,
            "n_items": n_items,
            "n_features": n_features,
            "random_state": random_state,
        },
        caller_name="make_checkerboard",
    )
    if n_items % 2:
        raise ValueError(
            f"The 'n_items' parameter of make_checkerboard must be even, so that both parities "
            f"have as many items. Got {n_items} instead."
        )
    rng = check_generator(random_state)
    items = _checkerboard_items(n_users, n_items, rng)
    features = None if n_features is None else _parity_vectors(n_items, n_features, rng)
    return _rectangular_log(items, Catalog(np.arange(n_items), features))


def _checkerboard_items(n_users: int, n_items: int, rng: np.random.Generator) -> IntArray:
    """Items of each user in order, shape (n_users, n_items // 2)."""
    users = np.arange(n_users)[:, None]
    withheld = users % n_items  # same parity as the user, because n_items is even
    steps = rng.permuted(np.tile(np.arange(2, n_items, 2), (n_users, 1)), axis=1)
    return np.hstack([(withheld + steps) % n_items, withheld])


def _rectangular_log(items: IntArray, catalog: Catalog) -> Interactions:
    """Log of item ids of shape (n_users, length); times are positions."""
    n_users, length = items.shape
    users = np.repeat(np.arange(n_users), length)
    return Interactions(users, items.ravel(), np.tile(np.arange(length), n_users), catalog=catalog)


def _random_directions(n: int, n_features: int, rng: np.random.Generator) -> FloatArray:
    """Vectors of unit length without a preferred direction."""
    vectors = rng.standard_normal((n, n_features))
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def _parity_vectors(n_items: int, n_features: int, rng: np.random.Generator) -> FloatArray:
    """Unit vectors, half of whose square is the parity of the item."""
    parity = 1 - 2 * (np.arange(n_items) % 2)
    other = _random_directions(n_items, n_features - 1, rng)
    return np.sqrt(0.5) * np.column_stack([parity, other])
