"""make_cycle and make_checkerboard: the promised right answers."""
# SPDX-License-Identifier: BSD-3-Clause

import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from skace.datasets import make_checkerboard, make_cycle


@settings(max_examples=25, deadline=None)
@given(
    n_users=st.integers(1, 8),
    n_items=st.integers(2, 9),
    length=st.integers(2, 12),
    seed=st.integers(0, 2**32 - 1),
)
def test_the_next_item_of_a_cycle_is_a_function_of_the_last_one(n_users, n_items, length, seed):
    X = make_cycle(n_users, n_items, length, random_state=seed)
    items = X.items.reshape(n_users, length)
    np.testing.assert_array_equal(items[:, 1:], (items[:, :-1] + 1) % n_items)


@pytest.mark.parametrize("n_users", [10, 20, 7])
def test_starts_of_a_cycle_are_spread_evenly(n_users):
    X = make_cycle(n_users, n_items=10, length=15, random_state=0)
    counts = np.bincount(X.items[X.timestamps == 0], minlength=10)
    assert counts.max() - counts.min() <= 1


def test_the_start_of_a_lone_user_depends_on_the_seed():
    starts = {int(make_cycle(1, 10, 3, random_state=seed).items[0]) for seed in range(20)}
    assert len(starts) > 3


def test_popularity_is_wrong_on_a_cycle():
    X = make_cycle(random_state=0)
    counts = np.bincount(X.items, minlength=10)
    assert np.mean(X.items == np.argmax(counts)) < 0.2


def test_a_cycle_longer_than_its_items_shows_every_step_to_every_user():
    X = make_cycle(n_users=3, n_items=5, length=6, random_state=0)
    items = X.items.reshape(3, 6)
    assert [set(row) for row in items[:, :-1].tolist()] == [set(range(5))] * 3


@settings(max_examples=25, deadline=None)
@given(n_users=st.integers(2, 30), half=st.integers(2, 10), seed=st.integers(0, 2**32 - 1))
def test_users_of_a_checkerboard_take_each_item_of_their_parity_once(n_users, half, seed):
    X = make_checkerboard(n_users, 2 * half, random_state=seed)
    items = X.items.reshape(n_users, half)
    users = np.arange(n_users)
    expected = users[:, None] % 2 + 2 * np.arange(half)
    np.testing.assert_array_equal(np.sort(items, axis=1), expected)


@pytest.mark.parametrize(("n_users", "n_items"), [(20, 20), (6, 4), (40, 10)])
def test_the_withheld_item_of_a_checkerboard_comes_last(n_users, n_items):
    X = make_checkerboard(n_users, n_items, random_state=0)
    last = X.items[X.timestamps == n_items // 2 - 1]
    np.testing.assert_array_equal(last, np.arange(n_users) % n_items)


def test_orders_on_a_checkerboard_differ_between_users():
    items = make_checkerboard(40, 20, random_state=0).items.reshape(40, 10)
    assert len({tuple(row) for row in items[:, :-1].tolist()}) == 40


@pytest.mark.parametrize("make", [make_cycle, make_checkerboard])
@pytest.mark.parametrize("n_features", [2, 5])
def test_features_are_unit_vectors_of_the_asked_width(make, n_features):
    F = make(n_features=n_features, random_state=0).catalog.features
    assert F.shape[1] == n_features
    np.testing.assert_allclose(np.linalg.norm(F, axis=1), 1.0)


@pytest.mark.parametrize("make", [make_cycle, make_checkerboard])
def test_there_are_no_features_by_default(make):
    assert make(random_state=0).catalog.features is None


def test_the_first_feature_of_a_checkerboard_tells_the_parity():
    F = make_checkerboard(n_features=6, random_state=0).catalog.features
    np.testing.assert_allclose(F[:, 0], np.sqrt(0.5) * np.resize([1, -1], 20))


@pytest.mark.parametrize("make", [make_cycle, make_checkerboard])
@pytest.mark.parametrize(
    "state",
    [lambda: 3, lambda: np.random.RandomState(3), lambda: np.random.default_rng(3)],
    ids=["int", "RandomState", "Generator"],
)
def test_the_same_random_state_gives_the_same_log(make, state):
    first, second = (make(n_features=4, random_state=state()) for _ in range(2))
    np.testing.assert_array_equal(first.items, second.items)
    np.testing.assert_array_equal(first.catalog.features, second.catalog.features)


@pytest.mark.parametrize("make", [make_cycle, make_checkerboard])
@pytest.mark.parametrize(
    "state",
    [int, np.random.RandomState, np.random.default_rng],
    ids=["int", "RandomState", "Generator"],
)
def test_different_seeds_give_different_logs(make, state):
    first, second = (make(random_state=state(seed)) for seed in (0, 1))
    assert not np.array_equal(first.items, second.items)


@pytest.mark.parametrize("state", [np.random.RandomState, np.random.default_rng])
def test_a_passed_generator_moves_on(state):
    rng = state(0)
    first, second = (make_checkerboard(random_state=rng) for _ in range(2))
    assert not np.array_equal(first.items, second.items)


@pytest.mark.parametrize("make", [make_cycle, make_checkerboard])
@pytest.mark.parametrize("random_state", [0, None])
def test_the_global_generator_is_untouched(make, random_state):
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    make(random_state=random_state)
    np.testing.assert_array_equal(np.random.get_state()[1], before)  # noqa: NPY002


@pytest.mark.parametrize(
    ("make", "parameters", "message"),
    [
        (
            make_cycle,
            {"n_users": 0},
            "The 'n_users' parameter of make_cycle must be an int in the range [1, inf). "
            "Got 0 instead.",
        ),
        (
            make_cycle,
            {"n_items": 1},
            "The 'n_items' parameter of make_cycle must be an int in the range [2, inf). "
            "Got 1 instead.",
        ),
        (
            make_cycle,
            {"length": 1.5},
            "The 'length' parameter of make_cycle must be an int in the range [2, inf). "
            "Got 1.5 instead.",
        ),
        (
            make_cycle,
            {"n_features": 0},
            "The 'n_features' parameter of make_cycle must be an int in the range [1, inf) or "
            "None. Got 0 instead.",
        ),
        (
            make_checkerboard,
            {"n_users": 1},
            "The 'n_users' parameter of make_checkerboard must be an int in the range [2, inf). "
            "Got 1 instead.",
        ),
        (
            make_checkerboard,
            {"n_items": 7},
            "The 'n_items' parameter of make_checkerboard must be even, so that both parities "
            "have as many items. Got 7 instead.",
        ),
        (
            make_checkerboard,
            {"n_features": 1},
            "The 'n_features' parameter of make_checkerboard must be an int in the range [2, inf) "
            "or None. Got 1 instead.",
        ),
    ],
)
def test_bad_parameters_are_named(make, parameters, message):
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        make(**parameters)


@pytest.mark.parametrize("make", [make_cycle, make_checkerboard])
@pytest.mark.parametrize("random_state", [-1, "seed", 1.0])
def test_a_bad_random_state_is_named(make, random_state):
    with pytest.raises(ValueError, match=rf"^The 'random_state' parameter of {make.__name__} must"):
        make(random_state=random_state)
