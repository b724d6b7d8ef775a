"""Item neighbours: scores by a loop over events, growth, cold and unknown items, contributions."""
# SPDX-License-Identifier: BSD-3-Clause

import re
from itertools import pairwise
from math import exp, log

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV

from skace import Catalog, Interactions, LeaveLastOut, ndcg_scorer
from skace.persistence import dump, load
from skace.recommenders import ItemKNNEstimator
from skace.recommenders.linear._base import COUNTS
from skace.recommenders.neighbours._item_neighbors import NEIGHBORS, TextNeighbors, strongest

IDS = ["ash", "bay", "cob", "dew"]
VECTORS = np.array([[1.0, 0, 0], [1, 1, 0], [0, 0, 1], [0.25, 0.25, 1]])
HISTORIES = [["ash", "bay"], ["bay", "cob", "ash"]]


def says(text):
    """Pattern for exactly this text."""
    return f"^{re.escape(text)}$"


def knn(**parameters):
    """Neighbours, both kinds of which matter in a log of a handful of users."""
    return ItemKNNEstimator(**{"k": 2, "text_weight": 0.5, "shrinkage": 0.5} | parameters)


def rows(features=VECTORS, ids=IDS):
    """Two users; 'dew' is cold."""
    return Interactions.from_sequences(HISTORIES, catalog=Catalog(ids, features))


@pytest.fixture(autouse=True)
def _fresh_neighbors():
    """Each test counts what is computed from zero."""
    NEIGHBORS.clear()


# By a loop.


def sessions_by_loop(X, sample_weight):
    """Items and values as targets of each user's log up to the last row of a weight above 0."""
    values = np.ones(len(X)) if sample_weight is None else sample_weight
    by_event = dict(zip(X._ends.tolist(), values, strict=True))
    for start, stop in pairwise(X._log.offsets.tolist()):
        learned = [event for event in range(start, stop) if by_event.get(event, 0) > 0]
        if learned:
            events = range(start, learned[-1] + 1)
            yield X._log.items[events].tolist(), [by_event.get(event, 0) for event in events]


def pairs_by_loop(X, model, sample_weight=None):
    """Weight of each pair of an item that is read and one that is the target."""
    pairs = np.zeros((X.n_items, X.n_items))
    for items, values in sessions_by_loop(X, sample_weight):
        for read in range(len(items)):
            for target in range(len(items)):
                distance = abs(target - read)
                if distance == 0 or distance > (model.window or np.inf):
                    continue
                near = 1 if model.train_decay is None else exp((1 - distance) / model.train_decay)
                share = 1 if target > read else model.reverse_weight
                activity = len(items) ** -model.user_power
                pairs[items[read], items[target]] += values[target] * near * share * activity
    return pairs


def cosines_by_loop(features, *, center):
    """Cosine of each pair of different items, negative ones as 0."""
    units = features / np.linalg.norm(features, axis=1, keepdims=True)
    if center:
        units = units - units.mean(axis=0)
        units = units / np.linalg.norm(units, axis=1, keepdims=True)
    cosines = (units @ units.T).clip(0)
    np.fill_diagonal(cosines, 0)
    return cosines


def largest(row, n_kept):
    """The largest entries of a row, the others as 0."""
    kept = np.argsort(-row, kind="stable")[:n_kept]
    found = np.zeros_like(row)
    found[kept] = row[kept]
    return found


def coef_by_loop(X, model, sample_weight=None):
    """What an event of each item adds to the score of each."""
    pairs = pairs_by_loop(X, model, sample_weight)
    cosines = cosines_by_loop(X.catalog.features, center=model.center)
    weights = np.ones(len(X)) if sample_weight is None else sample_weight
    popularity = np.bincount(X._item_codes, weights=weights, minlength=X.n_items)
    coef = np.zeros_like(pairs)
    for item in range(X.n_items):
        total = pairs[item].sum()
        if total > 0:
            near = pairs[item] / (total**model.item_power + model.shrinkage)
            coef[item] += model.cooccurrence_weight * largest(near, model.n_neighbors)
        coef[item] += model.text_weight * largest(cosines[item], model.n_neighbors)
        if model.idf:
            coef[item] *= log((weights.sum() + 1) / (popularity[item] + 1)) / log(weights.sum() + 1)
    return coef


def scores_by_loop(histories, coef, decay):
    """Sum over the events of each history; a set where there is no decay."""
    scores = np.zeros((len(histories), len(coef)))
    for row, history in enumerate(histories):
        if decay is None:
            scores[row] = sum(coef[item] for item in set(history))
            continue
        for age, item in enumerate(reversed(history)):
            scores[row] += exp(-age / decay) * coef[item]
    return scores


@settings(deadline=None, max_examples=25)
@given(
    seed=st.integers(0, 10**6),
    is_weighted=st.booleans(),
    history_decay=st.sampled_from([None, 0.7, 3.0]),
    window=st.sampled_from([None, 1, 3]),
    train_decay=st.sampled_from([None, 0.5, 4.0]),
    reverse_weight=st.sampled_from([0.0, 0.3, 1.0]),
    item_power=st.sampled_from([0.0, 0.5, 1.0]),
    shrinkage=st.sampled_from([0.0, 2.0]),
    user_power=st.sampled_from([0.0, 0.5]),
    cooccurrence_weight=st.sampled_from([0.0, 2.0]),
    center=st.booleans(),
    idf=st.booleans(),
)
def test_scores_are_those_of_a_loop_over_events(make_log, seed, is_weighted, **parameters):
    X = make_log(n_users=12, n_items=8, longest=9, n_features=5, seed=seed)
    weights = np.random.default_rng(seed).uniform(0.1, 3, len(X)) if is_weighted else None
    model = knn(**parameters, n_neighbors=8).fit(X, sample_weight=weights)
    coef = coef_by_loop(X, model, weights)
    assert_allclose(model.coef_.toarray(), coef, atol=1e-5)
    histories = [[3, 1, 4, 1, 5], [2, 2, 2], [7]]
    expected = scores_by_loop(histories, coef, model.history_decay)
    assert_allclose(model.decision_function(histories), expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("n_neighbors", [1, 2, 5])
def test_only_the_nearest_count(make_log, n_neighbors):
    X = make_log(n_users=30, n_items=12, longest=12, n_features=5)
    # Distinct weights, so that no two pairs of an item tie.
    weights = np.random.default_rng(0).uniform(0.1, 3, len(X))
    model = knn(n_neighbors=n_neighbors).fit(X, sample_weight=weights)
    assert_allclose(model.coef_.toarray(), coef_by_loop(X, model, weights), atol=1e-5)
    assert np.diff(model.coef_.indptr).max() <= 2 * n_neighbors
    assert np.diff(model.text_neighbors_.indptr).max() <= n_neighbors


def test_only_rows_are_targets_and_their_pasts_are_read(make_log):
    X = make_log(n_users=12, n_items=6, longest=8, n_features=4)
    X = X[(X._ends - X._starts >= 2) & (X._ends - X._starts < 6)]
    model = knn().fit(X)
    assert_allclose(model.pair_counts_.toarray(), pairs_by_loop(X, model), atol=1e-12)


def test_pairs_of_many_users_are_counted_in_parts(make_log, monkeypatch):
    X = make_log(n_users=40, n_items=6, longest=8)
    whole = knn().fit(X).pair_counts_.toarray()
    COUNTS.clear()
    monkeypatch.setattr("skace.recommenders.neighbours._pair_counts._PAIRS", 50)
    assert_allclose(knn().fit(X).pair_counts_.toarray(), whole, atol=1e-12)


def test_an_item_may_follow_itself_but_is_no_text_neighbor_of_itself():
    model = knn(k=1).fit(
        Interactions.from_sequences([["ash", "ash"]], catalog=Catalog(IDS, VECTORS))
    )
    assert model.pair_counts_[0, 0] > 0
    assert not model.text_neighbors_.diagonal().any()
    assert model.predict([["ash"]]).tolist() == [["ash"]]


def test_later_pairs_lead_unless_both_orders_count():
    histories = [["ash", "bay"]] * 3
    after, both = (
        knn(reverse_weight=r, center=False).fit(histories).decision_function([["bay"]])[0]
        for r in (0.0, 1.0)
    )
    assert (after[0], both[0] > 0) == (0.0, True)


# Neighbours.


@pytest.mark.parametrize("center", [False, True])
@pytest.mark.parametrize("n_known", [1, 4, 9])
def test_neighbors_grow_as_if_all_had_been_there(n_known, center):
    features = np.random.default_rng(0).normal(size=(10, 4)).astype(np.float32)
    search = TextNeighbors.of(features, 3, center=center)
    grown = search.grown(search.among(features[:n_known]), features)
    assert_allclose(grown.toarray(), search.among(features).toarray(), atol=1e-6)


def test_blocks_do_not_change_the_neighbors(monkeypatch):
    features = np.random.default_rng(0).normal(size=(50, 4)).astype(np.float32)
    whole = TextNeighbors.of(features, 5, center=True).among(features).toarray()
    NEIGHBORS.clear()
    monkeypatch.setattr("skace.recommenders.neighbours._item_neighbors._SCORE_BYTES", 4 * 50 * 7)
    again = TextNeighbors.of(features, 5, center=True).among(features).toarray()
    assert_allclose(again, whole, atol=1e-6)


def test_an_item_without_a_direction_has_no_text_neighbors():
    features = np.array([[1.0, 0], [0, 0], [1, 1]], dtype=np.float32)
    found = TextNeighbors.of(features, 3, center=False).among(features).toarray()
    assert_allclose(found, [[0, 0, 0.5**0.5], [0, 0, 0], [0.5**0.5, 0, 0]], atol=1e-6)


def test_strongest_keeps_the_largest_of_each_row_and_the_first_of_ties():
    matrix = sp.csr_array([[3.0, 1, 2, 0], [0, 0, 0, 0], [1, 1, 1, 2]])
    expected = [[3, 0, 2, 0], [0, 0, 0, 0], [1, 0, 0, 2]]
    assert_array_equal(strongest(matrix, 2).toarray(), expected)
    assert strongest(matrix, 4) is matrix


# Growth.


@pytest.mark.parametrize("parameters", [{}, {"user_power": 0.0, "window": 2}, {"text_weight": 0}])
def test_steps_of_partial_fit_are_one_fit_of_the_joined_rows(make_log, parameters):
    X = make_log(n_users=20, n_items=9, longest=9, n_features=4)
    place, model = X._ends - X._starts, knn(**parameters)
    for part in (place < 2, (place >= 2) & (place < 4), place >= 4):
        model.partial_fit(X[part])
    whole = clone(model).fit(X)
    assert abs(model.pair_counts_ - whole.pair_counts_).max() < 1e-9
    assert_allclose(model.decision_function(X), whole.decision_function(X), atol=1e-5)


def test_new_items_join_as_if_they_had_been_there():
    # Without a mean, which stays that of the fit.
    model = knn(center=False).fit(rows(VECTORS[:3], IDS[:3]))
    joined = Interactions.from_sequences([["cob", "dew"]], catalog=Catalog(IDS, VECTORS))
    together = Interactions.from_sequences([*HISTORIES, ["cob", "dew"]], catalog=joined.catalog)
    model.partial_fit(joined)
    whole = knn(center=False).fit(together)
    assert model.item_ids_.tolist() == IDS
    assert_allclose(model.coef_.toarray(), whole.coef_.toarray(), atol=1e-6)


def test_the_mean_stays_when_items_join():
    model = knn().fit(rows(VECTORS[:3], IDS[:3]))
    before = model.feature_mean_.copy()
    with pytest.warns(UserWarning, match="has a past"):
        model.partial_fit(Interactions.from_sequences([["dew"]], catalog=Catalog(IDS, VECTORS)))
    assert_array_equal(model.feature_mean_, before)
    assert_array_equal(model.item_features_, VECTORS.astype(np.float32))


def test_known_items_need_no_features_in_partial_fit():
    model = knn().fit(rows()).partial_fit([["cob", "ash"]])
    together = Interactions.from_sequences([*HISTORIES, ["cob", "ash"]], catalog=rows().catalog)
    assert_allclose(model.coef_.toarray(), knn().fit(together).coef_.toarray(), atol=1e-6)


@pytest.mark.parametrize(
    ("catalog", "text"),
    [
        (
            Catalog(["ash", "oak"], np.ones((2, 2))),
            "the item features have 2 columns, but the model was fitted on 3; transform X with "
            "the fitted transformers first.",
        ),
        (
            Catalog(["ash", "oak"]),
            "1 new item(s) come without features, but the model was fitted with features; give X "
            "a catalog that has them.",
        ),
        (
            Catalog(["ash", "oak"], np.ones((2, 3))),
            "the item features are not those of the fit: items that the model knows have other "
            "ones now; transform X with the transformers as they were fitted then, or fit anew.",
        ),
    ],
)
def test_new_items_without_suitable_features_are_refused(catalog, text):
    model = knn().fit(rows())
    before = model.decision_function(HISTORIES)
    with pytest.raises(ValueError, match=says(text)):
        model.partial_fit(Interactions.from_sequences([["ash", "oak"]], catalog=catalog))
    assert_array_equal(model.decision_function(HISTORIES), before)
    assert model.item_ids_.tolist() == IDS


@pytest.mark.parametrize(
    ("name", "value", "was"),
    [("window", 3, 10), ("n_neighbors", 5, 100), ("center", False, True)],
)
def test_partial_fit_goes_on_as_the_fit_began(name, value, was):
    text = (
        f"{name}={value!r}, but the model goes on from what it learned with {name}={was!r}; set "
        "it back, or fit anew."
    )
    model = knn().fit(rows()).set_params(**{name: value})
    with pytest.raises(ValueError, match=says(text)):
        model.partial_fit([["cob", "ash"]])


# Cold items, items that nobody knows, visitors.


def test_cold_items_are_found_by_their_texts():
    model = knn(center=False).fit(rows())
    assert model.item_counts_.tolist() == [2, 2, 1, 0]
    scores = model.decision_function([["cob"], ["ash"]])
    assert np.isfinite(scores).all()
    assert scores[0, 3] > scores[1, 3] > 0  # dew resembles cob
    assert model.recommend([["dew"]], candidates=["ash", "cob"], k=1)[0].tolist() == [["cob"]]


@pytest.mark.parametrize("case", ["no features", "no weight"])
def test_without_texts_cold_items_score_minus_infinity(case):
    X = rows() if case == "no weight" else rows(None)
    model = knn(text_weight=0.0 if case == "no weight" else 0.5).fit(X)
    assert_array_equal(np.isneginf(model.decision_function([["cob"]])), [[False] * 3 + [True]])
    assert (model.text_neighbors_, model.item_features_, model.text_weight_) == (None, None, 0)


@pytest.mark.parametrize("weights", [(0.0, 0.5), (0.5, 0.0)])
def test_the_weight_of_texts_is_that_of_the_fit(weights):
    model = knn(text_weight=weights[0]).fit(rows())
    new = Catalog([*IDS, "oak"], np.vstack([VECTORS, [0, 1, 0]]))
    asked = Interactions.from_sequences([["cob", "ash"], ["oak"]], catalog=new)[[1]]
    before = model.decision_function(asked)
    model.set_params(text_weight=weights[1], cooccurrence_weight=7.0)
    assert_array_equal(model.decision_function(asked), before)


def test_an_unknown_item_of_a_history_counts_through_its_nearest_items():
    model = knn(center=False, history_decay=1.0).fit(rows())
    new = Catalog([*IDS, "oak"], np.vstack([VECTORS, [0, 0.5, 0]]))
    X = Interactions.from_sequences([["cob", "oak"]], catalog=new)
    scores = model.decision_function(X.next_queries())[0]
    known = exp(-1) * model.decision_function([["cob"]])[0]
    cosines = VECTORS[:, 1] / np.linalg.norm(VECTORS, axis=1)
    assert_allclose(scores, known + 0.5 * cosines, rtol=1e-5, atol=1e-6)
    with pytest.raises(ValueError, match=r"holds item ids that the model has not been fitted on"):
        model.encode(X.next_queries())
    assert_array_equal(
        model.set_params(handle_unknown="ignore").encode(X.next_queries()), model.encode([["cob"]])
    )


def test_unknown_items_with_features_of_another_kind_are_refused():
    model = knn().fit(rows())
    for features in (np.vstack([2 * VECTORS, [0, 1, 0]]), np.ones((5, 2))):
        X = Interactions.from_sequences([["cob", "oak"]], catalog=Catalog([*IDS, "oak"], features))
        with pytest.raises(ValueError, match=r"^the history of X\[0\] holds item ids"):
            model.predict(X.next_queries())


@pytest.mark.parametrize("features", [VECTORS, None])
def test_nothing_to_score_by_is_refused_before_any_work(features, monkeypatch):
    monkeypatch.setattr(ItemKNNEstimator, "_learn_texts", None)
    text = "cooccurrence_weight=0 and text_weight={} leave nothing to score by{}"
    text = text.format(
        *("0", "; raise cooccurrence_weight.")
        if features is not None
        else (
            "0.5",
            " without item features; raise cooccurrence_weight, or build the catalog with "
            "Catalog(item_ids, features).",
        )
    )
    model = knn(cooccurrence_weight=0.0, text_weight=0.0 if features is not None else 0.5)
    with pytest.raises(ValueError, match=says(text)):
        model.fit(rows(features))
    assert not hasattr(model, "item_ids_")


# Contributions.


@pytest.mark.parametrize("history_decay", [None, 0.8, 5.0])
def test_contributions_add_up_to_the_scores(make_log, history_decay):
    X = make_log(n_users=25, n_items=9, longest=60, n_features=4)
    model = knn(k=3, history_decay=history_decay).fit(X)
    asked, scores = model.recommend(X)
    found = model.contributions(X, asked)
    assert [len(terms) for terms in found] == (X._ends - X._starts).tolist()
    filled = [row for row, terms in enumerate(found) if len(terms)]
    sums = np.array([found[row].sum(axis=0) for row in filled])
    assert_allclose(sums, scores[filled], atol=1e-5)


def test_contributions_belong_to_their_events():
    model = knn(center=False, history_decay=2.0, idf=False).fit(rows())
    (terms,) = model.contributions([["cob", "ash", "cob"]], ["dew"])
    cosines = cosines_by_loop(VECTORS, center=False)
    expected = [exp(-1) * cosines[2, 3], exp(-0.5) * cosines[0, 3], cosines[2, 3]]
    assert_allclose(terms, 0.5 * np.array(expected), atol=1e-6)


def test_contributions_of_empty_histories_and_no_rows():
    model = knn().fit(rows())
    first, second = model.contributions([[], ["ash"]], [["ash", "bay"], ["bay", "cob"]])
    assert (first.shape, second.shape) == ((0, 2), (1, 2))
    assert model.contributions([], np.zeros((0, 2), dtype=str)) == []


def test_events_that_are_left_out_contribute_nothing():
    model = knn(handle_unknown="ignore").fit(rows())
    (terms,) = model.contributions([["ash", "elm", "bay"]], ["cob"])
    assert terms[1] == 0
    assert_allclose(terms.sum(), model.decision_function([["ash", "bay"]])[0, 2], atol=1e-5)


def test_unknown_items_with_features_contribute():
    model = knn(center=False).fit(rows())
    new = Catalog([*IDS, "oak"], np.vstack([VECTORS, [0, 0.5, 0]]))
    X = Interactions.from_sequences([["cob", "oak"]], catalog=new).next_queries()
    (terms,) = model.contributions(X, ["bay"])
    assert terms[1] > 0
    assert_allclose(terms.sum(), model.decision_function(X)[0, 1], atol=1e-5)


@pytest.mark.parametrize(
    ("item_ids", "text"),
    [
        (
            ["ash", "bay"],
            "item_ids must have shape (n_rows,) or (n_rows, n_asked) with n_rows=1, got (2,); "
            "pass as many items for each row, for example what predict returns.",
        ),
        (
            [["ash", "elm"]],
            "item_ids holds 1 item id(s) that the model does not know: 'elm'; ask about ids of "
            "item_ids_.",
        ),
    ],
)
def test_items_that_cannot_be_asked_about_are_refused(item_ids, text):
    with pytest.raises(ValueError, match=says(text)):
        knn().fit(rows()).contributions([["ash"]], item_ids)


@pytest.mark.parametrize("parameters", [{}, {"text_weight": 0.0}])
def test_files_answer_alike_and_go_on(tmp_path, parameters):
    model = knn(**parameters).fit(rows())
    dump(model, tmp_path / "model.skops")
    loaded = load(tmp_path / "model.skops")
    assert_array_equal(loaded.decision_function(HISTORIES), model.decision_function(HISTORIES))
    again = [m.partial_fit([["cob", "ash"]]).decision_function(HISTORIES) for m in (loaded, model)]
    assert_array_equal(*again)


@pytest.mark.parametrize("features", [sp.csr_array(VECTORS), np.array(["a", "b", "c", "d"])])
def test_features_that_cannot_be_read_are_refused_unless_they_are_left_aside(features):
    with pytest.raises(ValueError, match=r"^the item features are (sparse|texts); "):
        knn().fit(rows(features))
    scores = knn(text_weight=0.0).fit(rows(features)).decision_function(HISTORIES)
    assert_array_equal(scores, knn().fit(rows(None)).decision_function(HISTORIES))


# Grids.


def test_a_grid_looks_for_neighbors_and_counts_pairs_once(make_log):
    X = make_log(n_users=20, n_items=9, longest=9, n_features=4)
    grid = {"text_weight": [0.1, 1.0], "item_power": [0, 1], "idf": [True, False]}
    GridSearchCV(knn(), grid, cv=LeaveLastOut(), scoring=ndcg_scorer(), refit=False).fit(X)
    assert (NEIGHBORS.n_computed, COUNTS.n_computed) == (1, 1)


def test_what_later_fits_share_cannot_be_written_to(make_log):
    model = knn().fit(make_log(n_features=4))
    for matrix in (model.pair_counts_, model.text_neighbors_):
        with pytest.raises(ValueError, match="read-only"):
            matrix.data[0] = 7


def test_contributions_of_few_rows_of_a_long_log_with_embedded_items(make_log):
    X = make_log(n_users=12, n_items=6, n_features=4)
    model = ItemKNNEstimator(k=2, text_weight=1.0).fit(X)
    features = np.vstack([X.catalog.features, X.catalog.features[:1] + 0.1])
    catalog = Catalog(np.arange(7), features)
    users = np.repeat(np.arange(200), 3)
    items = np.tile([1, 6, 2], 200)
    rows = Interactions(users, items, np.arange(600), catalog=catalog).next_queries()[[3, 90]]
    terms = model.contributions(rows, [4, 5])
    scores = model.decision_function(rows)[[0, 1], [4, 5]]
    np.testing.assert_allclose([part.sum() for part in terms], scores, atol=1e-6)
    assert [len(part) for part in terms] == [3, 3]


@pytest.mark.parametrize("decay", [None, 2.0])
@pytest.mark.parametrize("rows", [[], [[]], [[], []]])
def test_rows_without_history_have_empty_vectors(rows, decay):
    model = ItemKNNEstimator(k=1, history_decay=decay).fit([["pen", "ink"], ["pen", "cap"]])
    vectors = model.encode(rows)
    assert vectors.shape == (len(rows), 3)
    assert not np.any(vectors)
