"""Paired tests: known answers, agreement with SciPy, and what they do over many samples."""
# SPDX-License-Identifier: BSD-3-Clause

import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import stats

from skace.metrics import PairedComparison, ndcg_at_k, paired_bootstrap, randomization_test

scores_of_rows = hnp.arrays(
    np.float64, st.integers(2, 30), elements=st.floats(0, 1).map(lambda x: round(x, 2))
)


def _skewed_pair(rng, n_rows):
    """Scores whose differences are skewed, with a mean of exactly 0 in the population."""
    return rng.exponential(size=n_rows), rng.exponential(size=n_rows) ** 2 / 2


@pytest.mark.parametrize("rounding", [1, 12], ids=["few values", "all values differ"])
def test_interval_agrees_with_scipy(rounding, random_state):
    rng = np.random.default_rng(random_state)
    a, b = (values.round(rounding) for values in _skewed_pair(rng, 300))
    ours = paired_bootstrap(a, b, random_state=1)
    theirs = stats.bootstrap((a - b,), np.mean, n_resamples=10_000, rng=2, batch=1000)
    spread = ours.high - ours.low
    assert ours.low == pytest.approx(theirs.confidence_interval.low, abs=0.03 * spread)
    assert ours.high == pytest.approx(theirs.confidence_interval.high, abs=0.03 * spread)
    assert ours.standard_error == pytest.approx(theirs.standard_error, rel=0.05)


def test_interval_of_small_skewed_samples_agrees_with_scipy(random_state):
    # Here BCa differs from the plain percentiles by a tenth of its length.
    d = np.random.default_rng(random_state).exponential(size=15)
    ours = paired_bootstrap(d, np.zeros(15), n_resamples=40_000, random_state=1)
    theirs = stats.bootstrap((d,), np.mean, n_resamples=40_000, rng=2).confidence_interval
    plain = stats.bootstrap(
        (d,), np.mean, n_resamples=40_000, rng=2, method="percentile"
    ).confidence_interval
    assert ours.high == pytest.approx(theirs.high, rel=0.01)
    assert abs(theirs.high - plain.high) > 4 * abs(ours.high - theirs.high)


def test_intervals_hold_the_truth_as_often_as_they_say(random_state):
    # Two models whose targets stand at ranks of the same distribution: no true difference.
    rng = np.random.default_rng(random_state)
    n_held = 0
    for _ in range(400):
        a, b = ndcg_at_k(rng.geometric(0.05, 400) - 1, 10, average=False).reshape(2, 200)
        found = paired_bootstrap(a, b, n_resamples=400, confidence_level=0.9, random_state=rng)
        n_held += found.low <= 0 <= found.high
    # 90 % of 400 is 360, with a standard deviation of 6.
    assert 340 <= n_held <= 380


def test_intervals_by_group_hold_the_truth_where_rows_of_a_user_are_alike(random_state):
    rng = np.random.default_rng(random_state)
    users = np.repeat(np.arange(40), 6)
    n_held, n_held_by_row = 0, 0
    for _ in range(150):
        a = rng.normal(size=40)[users] + 0.3 * rng.normal(size=users.size)
        options = {"n_resamples": 300, "confidence_level": 0.9, "random_state": rng}
        by_user = paired_bootstrap(a, np.zeros(users.size), groups=users, **options)
        by_row = paired_bootstrap(a, np.zeros(users.size), **options)
        n_held += by_user.low <= 0 <= by_user.high
        n_held_by_row += by_row.low <= 0 <= by_row.high
    assert 120 <= n_held <= 147
    assert n_held_by_row < 90


def test_p_values_are_uniform_when_the_models_are_alike(random_state):
    rng = np.random.default_rng(random_state)
    p = np.array(
        [
            randomization_test(*rng.exponential(size=(2, 30)), n_resamples=199, random_state=rng)
            for _ in range(400)
        ]
    )
    assert stats.kstest(p, "uniform").pvalue > 0.01
    assert (p <= 0.05).mean() == pytest.approx(0.05, abs=0.035)


def test_p_values_are_small_when_one_model_is_better(random_state):
    rng = np.random.default_rng(random_state)
    b = rng.random(500)
    assert randomization_test(b + rng.normal(0.1, 0.3, 500), b, random_state=0) < 0.001


@pytest.mark.parametrize(
    ("differences", "alternative", "p"),
    [
        ([1, 1, 1], "two-sided", 2 / 8),
        ([1, 1, 1], "greater", 1 / 8),
        ([1, 1, 1], "less", 1.0),
        ([1, 2, 3], "greater", 1 / 8),
        ([3, -1], "two-sided", 1.0),
        ([3, -1, -1], "greater", 2 / 4 + 0 / 4),
        ([0, 0, 0], "two-sided", 1.0),
        ([0, 5, 0], "greater", 1 / 2),
        # A third of each sum is not a float: the same total in another order must count.
        ([0.1, 0.2, 0.3], "greater", 1 / 8),
    ],
)
def test_few_rows_are_counted_exactly(differences, alternative, p):
    zeros = np.zeros(len(differences))
    assert randomization_test(differences, zeros, alternative=alternative) == pytest.approx(p)


@pytest.mark.parametrize("alternative", ["two-sided", "greater", "less"])
def test_exact_p_agrees_with_scipy(alternative, random_state):
    a, b = np.random.default_rng(random_state).random((2, 9)).round(1)
    theirs = stats.permutation_test(
        (a, b),
        lambda x, y, axis: np.mean(x - y, axis=axis),
        permutation_type="samples",
        alternative=alternative,
    )
    ours = randomization_test(a, b, alternative=alternative)
    assert ours == pytest.approx(theirs.pvalue)


def test_random_swaps_approach_the_exact_p(random_state):
    a, b = np.random.default_rng(random_state).random((2, 12))
    exact = randomization_test(a, b, n_resamples=2**12)
    drawn = randomization_test(a, b, n_resamples=2**12 - 1, random_state=0)
    assert exact != drawn
    assert drawn == pytest.approx(exact, abs=0.03)


def test_drawn_p_is_never_zero():
    assert randomization_test(np.ones(100), np.zeros(100), n_resamples=99) == 1 / 100


def test_groups_are_swapped_together():
    a, groups = np.ones(6), [0, 0, 0, 1, 1, 1]
    assert randomization_test(a, np.zeros(6), groups=groups) == 2 / 4


def test_groups_of_one_row_are_rows(random_state):
    a, b = np.random.default_rng(random_state).random((2, 50))
    users = np.array([f"user {i:02d}" for i in range(50)])
    assert paired_bootstrap(a, b, groups=users, random_state=0) == paired_bootstrap(
        a, b, random_state=0
    )
    assert randomization_test(a, b, groups=users, random_state=0) == randomization_test(
        a, b, random_state=0
    )


def test_groups_of_unequal_size_weigh_by_rows():
    a, groups = [1, 1, 1, 0], ["x", "x", "x", "y"]
    found = paired_bootstrap(a, np.zeros(4), groups=groups, random_state=0)
    assert found.difference == 0.75
    assert (found.n_rows, found.n_groups) == (4, 2)
    assert (found.low, found.high) == (0.0, 1.0)


def test_seeds_are_averaged_row_by_row(random_state):
    rng = np.random.default_rng(random_state)
    a, b = rng.random((3, 40)), rng.random((2, 40))
    by_seeds = paired_bootstrap(a, b, random_state=0)
    by_means = paired_bootstrap(a.mean(axis=0), b.mean(axis=0), random_state=0)
    assert (by_seeds.difference, by_seeds.low, by_seeds.high) == (
        by_means.difference,
        by_means.low,
        by_means.high,
    )
    assert by_seeds.by_seed == ()
    assert randomization_test(a, b, random_state=0) == randomization_test(
        a.mean(axis=0), b.mean(axis=0), random_state=0
    )


def test_differences_are_told_for_each_pair_of_seeds():
    a, b = [[1, 0, 1, 0], [1, 1, 1, 1]], [[0, 0, 1, 0], [0, 0, 0, 0]]
    found = paired_bootstrap(a, b, random_state=0)
    assert found.by_seed == (0.25, 1.0)
    assert found.difference == 0.625


@given(scores_of_rows, st.integers(0, 3))
def test_swapping_the_models_turns_the_sign(a, seed):
    b = a[::-1]
    one, other = (paired_bootstrap(x, y, n_resamples=50, random_state=seed) for x, y in
                  ((a, b), (b, a)))  # fmt: skip
    assert one.difference == pytest.approx(-other.difference)
    assert one.low <= one.high
    p_one, p_other = (
        randomization_test(x, y, n_resamples=50, random_state=seed) for x, y in ((a, b), (b, a))
    )
    assert p_one == pytest.approx(p_other)
    assert 0 < p_one <= 1


@given(scores_of_rows)
def test_a_model_does_not_differ_from_itself(a):
    found = paired_bootstrap(a, a, n_resamples=20)
    assert (found.difference, found.low, found.high, found.standard_error) == (0, 0, 0, 0)
    assert not found.is_decided
    assert randomization_test(a, a, n_resamples=20) == 1


@pytest.mark.parametrize("shift", [0.1, -0.3])
def test_a_constant_difference_is_certain(shift):
    b = np.linspace(0, 1, 50)
    found = paired_bootstrap(b + shift, b, random_state=0)
    np.testing.assert_allclose([found.low, found.high], shift)
    assert found.is_decided


@pytest.mark.parametrize("rounding", [1, 12], ids=["few values", "all values differ"])
def test_block_size_does_not_matter(rounding, random_state, monkeypatch):
    a, b = np.random.default_rng(random_state).random((2, 200)).round(rounding)
    whole = [
        f(a, b, n_resamples=300, random_state=0) for f in (paired_bootstrap, randomization_test)
    ]
    monkeypatch.setattr("skace.metrics._comparison._BLOCK_CELLS", 700)
    assert whole == [
        f(a, b, n_resamples=300, random_state=0) for f in (paired_bootstrap, randomization_test)
    ]


@pytest.mark.parametrize("function", [paired_bootstrap, randomization_test])
def test_a_seed_repeats_and_two_seeds_differ(function, random_state):
    a, b = np.random.default_rng(random_state).random((2, 60))
    first, again, other = (function(a, b, random_state=seed) for seed in (0, 0, 1))
    assert first == again != other


@pytest.mark.parametrize("function", [paired_bootstrap, randomization_test])
def test_memory_is_that_of_a_block(function, random_state):
    # 100 000 rows by 300 resamples are 229 MiB as float64.
    a, b = np.random.default_rng(random_state).random((2, 100_000))
    tracemalloc.start()
    function(a, b, n_resamples=300, random_state=0)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 120 * 2**20


def test_repr_reads_as_a_sentence():
    found = PairedComparison(0.00491, 0.0021, 0.00768, 0.95, 0.001, 22363, 22363, (0.005,) * 3)
    assert repr(found) == (
        "PairedComparison(+0.0049, 95 % interval [+0.0021, +0.0077], 22363 rows, 3 seeds)"
    )
    assert found.is_decided
    found = PairedComparison(-0.1, -0.2, 0.1, 0.999, 0.05, 10, 4, (-0.1,))
    assert repr(found) == (
        "PairedComparison(-0.1000, 99.9 % interval [-0.2000, +0.1000], 10 rows in 4 groups)"
    )
    assert not found.is_decided


@pytest.mark.parametrize("function", [paired_bootstrap, randomization_test])
@pytest.mark.parametrize(
    ("a", "b", "options", "text"),
    [
        (
            [1, 0, 1],
            [1, 0],
            {},
            "a has 3 rows and b has 2; compare scores of the same rows in the same order.",
        ),
        (
            [1, 0],
            [[[1, 0]]],
            {},
            "b must have shape (n_rows,) or (n_seeds, n_rows) and not be empty, got (1, 1, 2).",
        ),
        (
            [],
            [],
            {},
            "a must have shape (n_rows,) or (n_seeds, n_rows) and not be empty, got (0,).",
        ),
        (
            [1, 2],
            [[1, 2], [np.inf, 3]],
            {},
            "b[1, 0] is inf; compare finite scores, such as ndcg_at_k(ranks, k, average=False), "
            "not ranks.",
        ),
        (
            [1, 0],
            [0, 0],
            {"groups": [1]},
            "groups must have one value per row: expected shape (2,), got (1,).",
        ),
    ],
)
def test_bad_scores_are_named(function, a, b, options, text):
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - the text is compared in full
        function(a, b, **options)
    assert str(caught.value) == text


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (
            lambda: paired_bootstrap([1], [0]),
            "1 row(s) or group(s) cannot be resampled; a comparison needs at least 2.",
        ),
        (
            lambda: paired_bootstrap([1, 0], [0, 0], confidence_level=95),
            "The 'confidence_level' parameter of paired_bootstrap must be a float in the range "
            "(0.0, 1.0). Got 95 instead.",
        ),
        (
            lambda: randomization_test([1, 0], [0, 0], n_resamples=0),
            "The 'n_resamples' parameter of randomization_test must be an int in the range "
            "[1, inf). Got 0 instead.",
        ),
    ],
)
def test_bad_settings_are_named(call, text):
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - the text is compared in full
        call()
    assert str(caught.value) == text
