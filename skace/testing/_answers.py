"""Checks of what a fitted model answers."""
# SPDX-License-Identifier: BSD-3-Clause

from unittest import SkipTest

import numpy as np

from skace.data import Catalog, Interactions
from skace.metrics import ndcg_at_k
from skace.testing._data import UNKNOWN, more_features
from skace.testing._lacking import answers_lists
from skace.testing._tools import (
    assert_same_scores,
    fitted,
    has_parameter,
    must_raise,
    predicted,
    require,
    require_scores,
)

__all__ = ["ANSWER_CHECKS"]


@answers_lists
def check_scores_are_float32(estimator, data):
    """Scores are float32 numbers, a column per item, finite where the item was learned."""
    model = fitted(estimator, data.X_train)
    scores = model.decision_function(data.X)
    require(scores.dtype == np.float32, f"scores must be float32, got {scores.dtype}.")
    require(scores.shape == (len(data.X), data.X.n_items), f"scores have shape {scores.shape}.")
    require_scores(model.decision_function(data.histories), model, "scores")


def check_predict_agrees_with_scores(estimator, data):
    """Predict lists the k best scores, ties in the order of the columns."""
    model = fitted(estimator, data.X_train)
    order = np.argsort(-model.decision_function(data.X), axis=1, kind="stable")[:, :4]
    np.testing.assert_array_equal(model.predict(data.X), model.item_ids_[order])
    ids, scores = model.recommend(data.X)
    np.testing.assert_array_equal(ids, model.item_ids_[order])
    best = np.take_along_axis(model.decision_function(data.X), order, axis=1)
    assert_same_scores(scores, best, "scores of recommend and decision_function")
    require(scores.dtype == np.float32, f"scores must be float32, got {scores.dtype}.")


def check_ranks_agree_with_scores(estimator, data):
    """A rank is the number of better items plus half of the equal others."""
    model = fitted(estimator, data.X_train)
    scores = model.decision_function(data.X).astype(np.float64)
    own = scores[np.arange(len(data.X)), data.X._item_codes][:, None]
    expected = (scores > own).sum(axis=1) + 0.5 * ((scores == own).sum(axis=1) - 1)
    expected[np.isneginf(own[:, 0])] = np.inf
    ranks = model.target_ranks(data.X)
    require(ranks.dtype == np.float64, f"ranks must be float64, got {ranks.dtype}.")
    np.testing.assert_array_equal(ranks, expected)


def check_ranks_agree_with_predict(estimator, data):
    """A target without ties is in the list at its rank."""
    model = fitted(estimator, data.X_train, k=data.X.n_items)
    ranks, lists = model.target_ranks(data.X), predicted(model, data.X)
    scores = model.decision_function(data.X)
    scores = np.sort(scores[:, np.isfinite(scores).all(axis=0)], axis=1)
    is_untied = (np.diff(scores, axis=1) > 0).all(axis=1) & np.isfinite(ranks)
    places = np.argmax(lists == data.X.items[:, None], axis=1)
    np.testing.assert_array_equal(ranks[is_untied], places[is_untied])


def check_score_is_ndcg_of_the_ranks(estimator, data):
    """Score is the mean NDCG@10 over the rows, whatever k is."""
    model = fitted(estimator, data.X_train)
    expected = ndcg_at_k(model.target_ranks(data.X_test), 10)
    X, y = data.X_test, data.X_test.items
    for score in (model.score(X), model.score(X, y), model.set_params(k=1).score(X)):
        require(isinstance(score, float), f"score must be a float, got {type(score).__name__}.")
        np.testing.assert_allclose(score, expected, rtol=1e-12)
    weights = np.arange(len(X)) + 1.0
    weighted = np.average(ndcg_at_k(model.target_ranks(X), 10, average=False), weights=weights)
    np.testing.assert_allclose(model.score(X, sample_weight=weights), weighted, rtol=1e-12)


@answers_lists
def check_score_of_lists(estimator, data):
    """With lists, score counts every event, or with y only those."""
    model = fitted(estimator, data.X_train)
    ids = data.X.catalog.item_ids.tolist()
    whole = Interactions.from_sequences([ids[:4], ids[2:5]], catalog=data.X.catalog)
    np.testing.assert_allclose(model.score([ids[:4], ids[2:5]]), model.score(whole))
    last = model.score(whole[[3, 6]])
    np.testing.assert_allclose(model.score([ids[:3], ids[2:4]], [ids[3], ids[4]]), last)


def check_rows_are_answered_apart(estimator, data):
    """Subsets, order and repeats of rows do not change their answers."""
    model = fitted(estimator, data.X_train)
    scores, ranks = model.decision_function(data.X), model.target_ranks(data.X)
    rows = np.random.RandomState(0).randint(len(data.X), size=2 * len(data.X))
    assert_same_scores(model.decision_function(data.X[rows]), scores[rows], "rows in other order")
    np.testing.assert_allclose(model.target_ranks(data.X[rows]), ranks[rows])
    for row in (0, len(data.X) // 2):
        assert_same_scores(model.decision_function(data.X[row])[0], scores[row], "a row alone")


def check_no_rows_no_answers(estimator, data):
    """No rows give empty answers of the right width."""
    model = fitted(estimator, data.X_train)
    for X in (data.X[[]], []):
        require(model.predict(X).shape == (0, 4), "predict of no rows must have shape (0, k).")
        scores = model.decision_function(X)
        require(scores.shape == (0, data.X.n_items), "scores of no rows: shape (0, n_items).")
    require(model.target_ranks(data.X[[]]).shape == (0,), "ranks of no rows: shape (0,).")


def check_later_events_do_not_matter(estimator, data):
    """Only what stands before a row decides its answer."""
    model = fitted(estimator, data.X_train)
    X, ids = data.X, data.X.catalog.item_ids
    place = X._ends - X._starts  # of each row in its user's log
    items = np.where(place < 2, X.items, ids[(X._item_codes + 5) % ids.size])
    changed = Interactions(X.users, items, X.timestamps, catalog=X.catalog)
    rows = np.flatnonzero(place == 2)  # the third events, which differ themselves
    scores = model.decision_function(X)[rows]
    assert_same_scores(model.decision_function(changed)[rows], scores, "other later events")


def check_catalog_order_does_not_matter(estimator, data):
    """Another order of the catalog asked with changes neither columns nor scores."""
    model = fitted(estimator, data.X_train)
    catalog = data.X.catalog.take(np.random.RandomState(1).permutation(data.X.n_items))
    X = Interactions(data.X.users, data.X.items, data.X.timestamps, catalog=catalog)
    scores = model.decision_function(data.X)
    assert_same_scores(model.decision_function(X), scores, "permuted catalog")
    np.testing.assert_allclose(model.target_ranks(X), model.target_ranks(data.X))


@answers_lists
def check_queries_are_answered_like_lists(estimator, data):
    """A query and the list of its history get the same answer."""
    model = fitted(estimator, data.X_train)
    queries = data.X.next_queries()
    lists = [data.X.items[data.X.users == user].tolist() for user in queries.users]
    scores = model.decision_function(queries)
    assert_same_scores(model.decision_function(lists), scores, "queries and lists")
    np.testing.assert_array_equal(model.predict(lists), model.predict(queries))


@answers_lists
def check_empty_history_gets_the_most_popular(estimator, data):
    """An empty history is answered and ranked by popularity."""
    model = fitted(estimator, data.X_train)
    scores = model.decision_function([[], data.histories[0]])[0]
    np.testing.assert_allclose(scores, model.popularity_, rtol=1e-6)
    order = np.argsort(-model.popularity_, kind="stable")[:4]
    np.testing.assert_array_equal(model.predict([[]])[0], model.item_ids_[order])
    first = np.unique(data.X.users, return_index=True)[1]
    popularity = model.decision_function(data.X)[first]
    np.testing.assert_allclose(popularity, np.tile(model.popularity_, (first.size, 1)), rtol=1e-6)


@answers_lists
def check_histories_of_any_length(estimator, data):
    """One event is enough, and of a long history the last max_length events count."""
    model = fitted(estimator, data.X_train)
    length = getattr(model, "max_length", 50)
    long = (data.histories[0] * length)[: 3 * length]
    scores = model.decision_function([long, *data.histories])
    require_scores(scores, model, "scores of histories of any length")
    if has_parameter(model, "max_length"):
        cut = model.decision_function([long[-length:]])[0]
        assert_same_scores(scores[0], cut, "a long history and its last max_length events")
    alone = model.decision_function([data.histories[1]])[0]
    assert_same_scores(scores[2], alone, "a short history beside a long one")


@answers_lists
def check_unknown_history_items(estimator, data):
    """Unknown items of a history are refused or skipped, as handle_unknown says."""
    known = data.histories[0]
    mixed = [known[0], UNKNOWN, *known[1:]]
    model = fitted(estimator, data.X_train, handle_unknown="error")
    with must_raise(ValueError, "an unknown item in a history", UNKNOWN):
        model.predict([known, mixed])
    model.set_params(handle_unknown="ignore")
    scores = model.decision_function([mixed, [UNKNOWN], known, []])
    assert_same_scores(scores[0], scores[2], "with and without an unknown item")
    assert_same_scores(scores[1], scores[3], "only an unknown item and no item")


@answers_lists
def check_unknown_targets_are_misses(estimator, data):
    """A target that the model does not know counts as a miss."""
    model = fitted(estimator, data.X_train)
    known = data.histories[0]
    X = Interactions.from_sequences([[*known, UNKNOWN]])
    ranks = model.target_ranks(X)
    require(np.isinf(ranks[-1]), f"the rank of an unknown target must be inf, got {ranks[-1]}.")
    require(np.isfinite(ranks[:-1]).all(), "known targets of the same log must have ranks.")
    require(model.score([known], [UNKNOWN]) == 0.0, "an unknown target must score 0.")


@answers_lists
def check_cold_items_are_candidates(estimator, data):
    """Items without a training row have a score and can be recommended."""
    model = fitted(estimator, data.X_train, k=data.X.n_items)
    cold = model.item_ids_[model.item_counts_ == 0]
    require(cold.size > 0, "the data must hold cold items.")
    listed = predicted(model, data.histories)
    require(np.isin(cold, listed).all(), "cold items must be listed when k is n_items.")


@answers_lists
def check_exclude_seen(estimator, data):
    """Seen items are left in, or get -inf and are not recommended; seen is the full past."""
    model = fitted(estimator, data.X_train)
    long = (data.histories[0] * 60)[::-1]
    scores = model.decision_function([long, *data.histories])
    model.set_params(exclude_seen=True)
    masked = model.decision_function([long, *data.histories])
    for row, history in enumerate([long, *data.histories]):
        is_seen = np.isin(model.item_ids_, history)
        require(np.isneginf(masked[row, is_seen]).all(), "seen items must score -inf.")
        assert_same_scores(masked[row, ~is_seen], scores[row, ~is_seen], "unseen items")
        best = model.predict([history])[0]
        require(not np.isin(best, history).any(), "seen items must not be recommended.")
    default = model.recommend([long], exclude_seen=False)[1]
    require(np.isfinite(default).all(), "recommend(exclude_seen=False) must override it.")


def check_seen_targets_are_misses(estimator, data):
    """A target that is masked counts as a miss; the others move up."""
    model = fitted(estimator, data.X_train)
    ranks = model.target_ranks(data.X, exclude_seen=True)
    X, starts = data.X, data.X._starts
    pasts = [X._log.items[a:b] for a, b in zip(starts, X._ends, strict=True)]
    is_seen = [item in past for item, past in zip(X._item_codes, pasts, strict=True)]
    np.testing.assert_array_equal(np.isinf(ranks), is_seen)
    plain = model.target_ranks(X)
    require((ranks <= plain)[~np.array(is_seen)].all(), "masking rivals cannot lower a target.")
    own = model.set_params(exclude_seen=True).target_ranks(X)
    np.testing.assert_array_equal(own, ranks)


@answers_lists
def check_seen_items_fill_up(estimator, data):
    """When fewer than k items are eligible, seen ones follow with score -inf."""
    ids = data.X.catalog.item_ids.tolist()
    model = fitted(estimator, data.X_train, exclude_seen=True)
    lists, scores = model.recommend([ids[2:]])
    require(set(lists[0][:2]) == set(ids[:2]), "the eligible items must come first.")
    np.testing.assert_array_equal(np.isneginf(scores[0]), [False, False, True, True])


def check_candidates(estimator, data):
    """Recommend chooses among the candidates, in whatever order they are given."""
    model = fitted(estimator, data.X_train)
    chosen = [data.X.catalog.item_ids[i] for i in (9, 2, 5)]
    ids, scores = model.recommend(data.X, k=10, candidates=chosen)
    require(ids.shape == (len(data.X), 3), "three candidates must give three columns.")
    columns = np.sort([9, 2, 5])
    expected = model.decision_function(data.X)[:, columns]
    order = np.argsort(-scores, axis=1, kind="stable")
    require((order == np.arange(3)).all(), "candidates must come best first.")
    assert_same_scores(np.sort(scores, axis=1), np.sort(expected, axis=1), "candidates' scores")
    again, _ = model.recommend(data.X, k=10, candidates=[*chosen[::-1], chosen[0]])
    np.testing.assert_array_equal(again, ids)
    with must_raise(ValueError, "an unknown candidate", UNKNOWN):
        model.recommend(data.X, candidates=[*chosen, UNKNOWN])


@answers_lists
def check_vectors_give_the_scores(estimator, data):
    """Scores are inner products of `encode` and ``item_vectors_``, for any vector index."""
    model = fitted(estimator, data.X_train)
    if not hasattr(model, "encode"):
        raise SkipTest(f"scores of {type(model).__name__} are no inner products.")
    vectors = model.encode([*data.histories, []])
    require(vectors.dtype == np.float32, f"vectors must be float32, got {vectors.dtype}.")
    require(not vectors[-1].any(), "the vector of an empty history must be zero.")
    products = vectors[:-1] @ model.item_vectors_.T
    scores = model.decision_function(data.histories)
    is_scored = np.isfinite(scores)
    pairs = products[is_scored], scores[is_scored]
    assert_same_scores(*pairs, "inner products and scores", atol=1e-4)


def check_another_catalog_is_matched_by_id(estimator, data):
    """Rows over a part of the catalog, or a larger one, are answered alike."""
    model = fitted(estimator, data.X_train)
    own = data.X.catalog
    used = np.unique(own.row_of(data.X.items))
    smaller = own.take(used[::-1])
    features = own.features
    if features is not None:
        features = np.concatenate([more_features(features, 1), features])
    larger = Catalog(np.concatenate([[UNKNOWN], own.item_ids]), features)
    scores = model.decision_function(data.X)
    for catalog in (smaller, larger):
        X = Interactions(data.X.users, data.X.items, data.X.timestamps, catalog=catalog)
        assert_same_scores(model.decision_function(X), scores, "rows over another catalog")


ANSWER_CHECKS = (
    check_scores_are_float32,
    check_predict_agrees_with_scores,
    check_ranks_agree_with_scores,
    check_ranks_agree_with_predict,
    check_score_is_ndcg_of_the_ranks,
    check_score_of_lists,
    check_rows_are_answered_apart,
    check_no_rows_no_answers,
    check_later_events_do_not_matter,
    check_catalog_order_does_not_matter,
    check_queries_are_answered_like_lists,
    check_empty_history_gets_the_most_popular,
    check_histories_of_any_length,
    check_unknown_history_items,
    check_unknown_targets_are_misses,
    check_cold_items_are_candidates,
    check_exclude_seen,
    check_seen_targets_are_misses,
    check_seen_items_fill_up,
    check_candidates,
    check_vectors_give_the_scores,
    check_another_catalog_is_matched_by_id,
)
