"""SequentialRecommender: ids, blocks, ties and lists, on models whose scores are written down."""
# SPDX-License-Identifier: BSD-3-Clause

import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from skace import Catalog, Interactions, PopularityEstimator, SASRecEstimator
from skace.exceptions import FutureLeakageWarning
from skace.recommenders import SequentialRecommender, _answering


class Scripted(SequentialRecommender):
    """Scores of each item by the last item of the history; no vectors, only `_score`."""

    table = np.array(
        [
            [0, 5, 3, 3, 1, 3],
            [2, 0, 2, 2, 2, 2],
            [9, 8, 7, 6, 5, 4],
            [1, 2, 3, 4, 5, 6],
            [0, 0, 0, 1, 0, 0],
            [1, 1, 1, 1, 1, 1],
        ],
        dtype=np.float32,
    )

    def _fit_rows(self, *_args, **_options):
        self.blocks_ = []

    def _encode(self, histories):
        raise NotImplementedError

    def _score(self, histories, columns=None):
        self.blocks_.append(len(histories))
        scores = self.table[histories.items[histories.ends - 1]]
        return scores if columns is None else scores[:, columns]


@pytest.fixture
def scripted(small_log):
    """Scripted model over ash, bay, cob, dew, elm, fig (columns 0 to 5)."""
    return Scripted(k=3).fit(small_log)


@pytest.mark.parametrize(
    ("history", "best"),
    [
        (["ash"], ["bay", "cob", "dew"]),  # 5, then three times 3 in the order of columns
        (["bay"], ["ash", "cob", "dew"]),  # all tied but one
        (["cob"], ["ash", "bay", "cob"]),
        (["ash", "dew"], ["fig", "elm", "dew"]),
        (["elm"], ["dew", "ash", "bay"]),
        ([], ["bay", "ash", "cob"]),  # counts 3, 3, 2, ... : bay and ash tie
    ],
)
def test_best_items_come_first_and_ties_in_the_order_of_columns(scripted, history, best):
    if not history:
        best = scripted.item_ids_[np.argsort(-scripted.item_counts_, kind="stable")[:3]].tolist()
    assert scripted.predict([history]).tolist() == [best]


@pytest.mark.parametrize(
    ("history", "target", "rank"),
    [
        (["ash"], "bay", 0.0),
        (["ash"], "cob", 2.0),  # one better, two equal others
        (["ash"], "ash", 5.0),
        (["fig"], "cob", 2.5),  # five equal others
        (["elm"], "dew", 0.0),
        (["elm"], "fig", 3.0),  # one better, four equal others
    ],
)
def test_rank_is_the_number_of_better_items_plus_half_of_the_equal_others(
    scripted, small_catalog, history, target, rank
):
    X = Interactions.from_sequences([[*history, target]], catalog=small_catalog)
    assert scripted.target_ranks(X[[1]]).tolist() == [rank]


@pytest.mark.parametrize(
    ("target", "rank"),
    [("bay", 0.0), ("cob", 1.5), ("ash", np.inf), ("dew", np.inf)],
)
def test_seen_items_leave_the_ranking(scripted, small_catalog, target, rank):
    X = Interactions.from_sequences([["dew", "ash", target]], catalog=small_catalog)
    assert scripted.target_ranks(X[[2]], exclude_seen=True).tolist() == [rank]


def test_candidates_are_ranked_among_themselves(scripted):
    ids, scores = scripted.recommend([["ash"], ["cob"]], candidates=["fig", "elm", "cob"])
    assert ids.tolist() == [["cob", "fig", "elm"], ["cob", "elm", "fig"]]
    assert scores.tolist() == [[3, 3, 1], [7, 5, 4]]


def test_seen_candidates_come_last(scripted):
    ids, scores = scripted.recommend(
        [["fig", "cob"]], candidates=["fig", "elm", "cob"], exclude_seen=True
    )
    assert ids[0, 0] == "elm"
    assert scores[0].tolist() == [5, -np.inf, -np.inf]


@pytest.mark.parametrize("k", [1, 2, 6])
def test_k_of_a_call_overrides_that_of_the_model(scripted, k):
    ids, scores = scripted.recommend([["cob"]], k)
    assert ids.shape == scores.shape == (1, k)
    assert ids[0].tolist() == ["ash", "bay", "cob", "dew", "elm", "fig"][:k]


@pytest.mark.parametrize("block_bytes", [1, 48, 10**9])
def test_blocks_change_nothing_and_bound_what_is_held(
    scripted, small_log, block_bytes, monkeypatch
):
    scores, ranks = scripted.decision_function(small_log), scripted.target_ranks(small_log)
    lists = scripted.predict(small_log)
    monkeypatch.setattr(_answering, "_BLOCK_BYTES", block_bytes)
    scripted.blocks_.clear()
    np.testing.assert_array_equal(scripted.decision_function(small_log), scores)
    np.testing.assert_array_equal(scripted.target_ranks(small_log), ranks)
    np.testing.assert_array_equal(scripted.predict(small_log), lists)
    assert max(scripted.blocks_) <= max(1, block_bytes // 24)


def test_the_bound_is_of_scores_and_not_of_rows(scripted, monkeypatch):
    monkeypatch.setattr(_answering, "_BLOCK_BYTES", 4 * 2 * 3)  # three rows of two candidates
    scripted.blocks_.clear()
    scripted.recommend([["ash"]] * 7, k=1, candidates=["ash", "bay"])
    assert scripted.blocks_ == [3, 3, 1]


@pytest.mark.parametrize(
    ("rows", "weights", "popularity"),
    [
        (slice(None), None, [3, 3, 2, 1, 1, 0]),
        (slice(None), [1, 2, 3, 4, 5, 6, 7, 8, 9, 10], [17, 17, 9, 4, 8, 0]),
        ([0, 0, 1], None, [1, 1, 0, 0, 0, 0]),
        ([0, 0, 1], [1, 3, 5], [2, 5, 0, 0, 0, 0]),  # repeats count once, with their mean weight
    ],
)
def test_popularity_counts_each_row_once_by_its_weight(small_log, rows, weights, popularity):
    model = Scripted(k=1).fit(small_log[rows], sample_weight=weights)
    assert model.popularity_.tolist() == popularity
    assert model.item_counts_.dtype == np.int64


def test_partial_fit_appends_new_items_in_the_order_of_their_catalog(scripted):
    more = Interactions(["u1", "u9"], ["pea", "bay"], catalog=Catalog(["bay", "zea", "pea"]))
    with pytest.warns(UserWarning, match="has a past"):
        scripted.partial_fit(more)
    assert scripted.item_ids_.tolist() == ["ash", "bay", "cob", "dew", "elm", "fig", "zea", "pea"]
    assert scripted.item_counts_.tolist() == [3, 4, 2, 1, 1, 0, 0, 1]


@settings(max_examples=15, deadline=None)
@given(order=st.permutations(range(6)))
def test_renaming_items_renames_recommendations(order):
    names = np.array(["ash", "bay", "cob", "dew", "elm", "fig"])
    new_names = np.array([f"item{code}" for code in order])
    vectors = np.random.default_rng(0).standard_normal((6, 4))
    codes = [[0, 1, 2, 3, 4], [1, 2, 3], [3, 4, 0, 1], [2, 3]]
    models = [
        SASRecEstimator(
            k=6, n_layers=1, n_heads=1, max_epochs=2, early_stopping=False, random_state=0
        ).fit(
            Interactions.from_sequences(
                [ids[row].tolist() for row in codes], catalog=Catalog(ids, vectors)
            )
        )
        for ids in (names, new_names)
    ]
    rename = dict(zip(names, new_names, strict=True))
    lists = models[0].predict([names[row].tolist() for row in codes])
    renamed = models[1].predict([new_names[row].tolist() for row in codes])
    assert [[rename[item] for item in line] for line in lists] == renamed.tolist()


@pytest.mark.parametrize("method", ["fit", "partial_fit"])
def test_the_leak_warning_points_at_the_caller(small_log, method):
    model = PopularityEstimator(k=1)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        getattr(model, method)(small_log[[0, 2]])
    (warning,) = caught
    assert warning.category is FutureLeakageWarning
    assert warning.filename == __file__


@pytest.mark.parametrize("model", [PopularityEstimator(k=2), SASRecEstimator(k=2)])
def test_representation_names_the_class_and_links_nowhere_else(model):
    assert repr(model) == f"{type(model).__name__}(k=2)"
    assert type(model).__name__ in model._repr_html_()


def test_the_base_class_cannot_be_used_alone():
    with pytest.raises(TypeError, match="abstract"):
        SequentialRecommender()


def test_a_few_rows_of_a_long_log_need_few_of_its_events():
    rng = np.random.default_rng(0)
    X = Interactions.from_sequences(rng.integers(0, 6, (200, 5)).tolist())
    model = PopularityEstimator(k=2, exclude_seen=True).fit(X)
    few = X[[3, 4, 903, 17]]
    histories = model._histories(few)
    assert histories.items.size < 30
    assert model._histories(X[::2]).items.size == 1000
    for row, (start, end) in enumerate(zip(histories.starts, histories.ends, strict=True)):
        past = X._log.items[few._starts[row] : few._ends[row]]
        np.testing.assert_array_equal(histories.items[start:end], past)
    np.testing.assert_array_equal(model.target_ranks(few), model.target_ranks(X)[[3, 4, 903, 17]])
