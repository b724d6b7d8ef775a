"""Ranks among drawn candidates."""
# SPDX-License-Identifier: BSD-3-Clause

import numpy as np
import pytest
from scipy.stats import hypergeom
from sklearn.base import BaseEstimator
from sklearn.exceptions import NotFittedError
from sklearn.pipeline import Pipeline

from skace import Catalog, Interactions
from skace.metrics import sampled_ranks, target_ranks

INF = np.inf


def test_with_all_items_as_candidates_the_rank_is_the_full_one(random_log, score_model):
    model = score_model().fit(random_log)
    ranks = sampled_ranks(model, random_log, n_candidates=29, random_state=0)
    np.testing.assert_array_equal(ranks, target_ranks(model, random_log))


def test_ranks_are_those_of_a_draw_without_repeats(random_state):
    # One row, repeated: item 30 of 100 has 30 better ones; 20 of the other 99 are drawn.
    X = Interactions(["u"] * 100, np.arange(100))[[30] * 4000]
    scores = np.tile(-np.arange(100.0), (4000, 1))
    ranks = sampled_ranks(scores, X, n_candidates=20, random_state=random_state)
    expected = hypergeom(99, 30, 20)
    assert ranks.mean() == pytest.approx(expected.mean(), abs=5 * expected.std() / 4000**0.5)
    assert ranks.var() == pytest.approx(expected.var(), rel=0.15)


def test_the_target_is_never_its_own_candidate(random_state):
    # All scores are equal, so each candidate adds one half; the target would not.
    X = Interactions.from_sequences([list("abcdefgh")] * 20)
    ranks = sampled_ranks(np.zeros((len(X), 8)), X, n_candidates=7, random_state=random_state)
    np.testing.assert_array_equal(ranks, 3.5)


def test_seen_items_are_not_drawn_and_a_seen_target_is_a_miss():
    X = Interactions.from_sequences([["a", "b", "c", "a"]], catalog=Catalog(list("abcde")))
    scores = np.tile([5.0, 4.0, 3.0, 2.0, 1.0], (4, 1))
    full = sampled_ranks(scores, X, n_candidates=4, random_state=0)
    np.testing.assert_array_equal(full, [0, 1, 2, 0])
    unseen = sampled_ranks(scores, X, n_candidates=2, exclude_seen=True, random_state=0)
    np.testing.assert_array_equal(unseen[[2, 3]], [0, INF])


def test_a_seen_target_can_be_ranked_among_unseen_items():
    X = Interactions.from_sequences([["a", "b", "c", "a"]], catalog=Catalog(list("abcde")))[[3]]
    scores = np.array([[2.0, 9.0, 9.0, 3.0, 1.0]])
    options = {"n_candidates": 2, "exclude_seen": True, "random_state": 0}
    # Only d and e are neither seen nor the target.
    assert sampled_ranks(scores, X, seen_targets="rank", **options).tolist() == [1.0]
    assert sampled_ranks(scores, X, seen_targets="miss", **options).tolist() == [INF]


@pytest.mark.parametrize("seen_targets", ["miss", "rank"])
@pytest.mark.parametrize("exclude_seen", [False, True])
def test_other_rows_do_not_depend_on_what_becomes_of_seen_targets(
    seen_targets, exclude_seen, random_log, score_model
):
    model = score_model(exclude_seen=True).fit(random_log)
    options = {"n_candidates": 7, "exclude_seen": exclude_seen, "random_state": 2}
    ranks = sampled_ranks(model, random_log, seen_targets=seen_targets, **options)
    is_seen = np.isinf(sampled_ranks(model, random_log, **options))
    plain = sampled_ranks(model, random_log, **options)
    np.testing.assert_array_equal(ranks[~is_seen], plain[~is_seen])
    assert is_seen.any() == exclude_seen
    assert np.isinf(ranks).any() == (exclude_seen and seen_targets == "miss")


@pytest.mark.parametrize("y", [None, [2, 6]])
def test_lists_are_ranked_by_an_estimator(y, random_log, score_model):
    lists = [[3, 1, 4], [1, 5, 9]]
    model = Pipeline([("none", None), ("rec", score_model().fit(random_log))])
    ranks = sampled_ranks(model, lists, y=y, n_candidates=29, random_state=0)
    np.testing.assert_array_equal(ranks, target_ranks(model, lists, y=y))


@pytest.mark.parametrize("own", [False, True])
@pytest.mark.parametrize("asked", [None, False, True])
def test_none_leaves_the_choice_to_the_estimator(own, asked, random_log, score_model):
    model = score_model(exclude_seen=own).fit(random_log)
    plain = score_model().fit(random_log)
    np.testing.assert_array_equal(
        sampled_ranks(model, random_log, n_candidates=9, exclude_seen=asked, random_state=1),
        sampled_ranks(
            plain,
            random_log,
            n_candidates=9,
            exclude_seen=own if asked is None else asked,
            random_state=1,
        ),
    )


def test_scores_and_estimator_give_the_same(random_log, score_model):
    model = score_model().fit(random_log)
    scores = model.decision_function(random_log)
    np.testing.assert_array_equal(
        sampled_ranks(model, random_log, n_candidates=5, random_state=3),
        sampled_ranks(scores, random_log, n_candidates=5, random_state=3),
    )


def test_models_are_found_inside_a_pipeline(small_log, feature_model, negate):
    pipe = Pipeline([("negate", negate()), ("rec", feature_model())]).fit(small_log)
    ranks = sampled_ranks(pipe, small_log, n_candidates=5, random_state=0)
    np.testing.assert_array_equal(ranks, target_ranks(pipe, small_log))


@pytest.mark.parametrize("cells", [1, 31, 100])
@pytest.mark.parametrize("exclude_seen", [False, True])
def test_block_size_does_not_matter(cells, exclude_seen, random_log, score_model, monkeypatch):
    model = score_model().fit(random_log)
    options = {"n_candidates": 7, "exclude_seen": exclude_seen, "random_state": 5}
    whole = sampled_ranks(model, random_log, **options)
    monkeypatch.setattr("skace.metrics._target_ranks._BLOCK_CELLS", cells)
    np.testing.assert_array_equal(sampled_ranks(model, random_log, **options), whole)


def test_a_seed_repeats_and_two_seeds_differ(random_log, score_model):
    model = score_model().fit(random_log)
    draws = [sampled_ranks(model, random_log, n_candidates=7, random_state=s) for s in (0, 0, 1)]
    np.testing.assert_array_equal(draws[0], draws[1])
    assert not np.array_equal(draws[0], draws[2])


@pytest.mark.parametrize("make", [np.random.RandomState, np.random.default_rng])
def test_generators_are_accepted_and_advance(make, random_log, score_model):
    model = score_model().fit(random_log)
    generator = make(0)
    first, second = (
        sampled_ranks(model, random_log, n_candidates=7, random_state=generator) for _ in "ab"
    )
    assert not np.array_equal(first, second)


def test_numpys_global_generator_is_left_alone(random_log, score_model):
    model = score_model().fit(random_log)
    np.random.seed(0)  # noqa: NPY002 - the generator under test
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    sampled_ranks(model, random_log, n_candidates=3)
    np.testing.assert_array_equal(np.random.get_state()[1], before)  # noqa: NPY002


def test_an_unknown_target_is_a_miss(repeat_log, score_model):
    model = score_model([0.4, 0.3, 0.2, 0.1]).fit(repeat_log)
    X = Interactions.from_sequences([["z", "a"]])
    np.testing.assert_array_equal(sampled_ranks(model, X, n_candidates=3, random_state=0), [INF, 0])


class _RanksOnly(BaseEstimator):
    def target_ranks(self, X):
        return np.zeros(len(X))


@pytest.mark.parametrize(
    ("call", "error", "text"),
    [
        (
            lambda X, model: sampled_ranks(model, X, n_candidates=0),
            ValueError,
            "The 'n_candidates' parameter of sampled_ranks must be an int in the range [1, inf). "
            "Got 0 instead.",
        ),
        (
            lambda X, model: sampled_ranks(model, X, n_candidates=4),
            ValueError,
            "n_candidates=4, but a row has only 3 items to draw from; draw fewer, or rank all "
            "items with target_ranks.",
        ),
        (
            lambda X, _: sampled_ranks(np.zeros((2, 4)), X, n_candidates=1),
            ValueError,
            "scores must have shape (7, 4) (rows of X by items of its catalog), got (2, 4).",
        ),
        (
            lambda X, _: sampled_ranks(np.full((7, 4), np.nan), X, n_candidates=1),
            ValueError,
            "scores has 28 NaN score(s), first in row 0, column 0 of its block; NaN has no rank.",
        ),
        (
            lambda *_: sampled_ranks(np.zeros((1, 1)), [["a"]], n_candidates=1),
            TypeError,
            "X must be Interactions, got list; wrap it once with "
            "Interactions.from_sequences(histories) or Interactions(users, items, timestamps), "
            "then slice.",
        ),
        (
            lambda X, _: sampled_ranks(_RanksOnly(), X, n_candidates=1),
            TypeError,
            "_RanksOnly cannot rank items: it has neither target_ranks nor decision_function "
            "together with item_ids_. Score a recommender, a Pipeline that ends in one, or a "
            "search over one with refit on.",
        ),
    ],
)
def test_bad_input_is_named(call, error, text, repeat_log, score_model):
    model = score_model().fit(repeat_log)
    with pytest.raises(error) as caught:
        call(repeat_log, model)
    assert str(caught.value) == text


def test_an_unfitted_model_is_told_so(repeat_log, score_model):
    with pytest.raises(NotFittedError):
        sampled_ranks(score_model(), repeat_log)


def test_seen_targets_are_missed_or_ranked_and_nothing_else(repeat_log, score_model):
    # The options are listed in the order of a set, which differs from run to run.
    with pytest.raises(ValueError, match=r"^The 'seen_targets' parameter .* Got 'drop' instead"):
        sampled_ranks(score_model().fit(repeat_log), repeat_log, seen_targets="drop")
