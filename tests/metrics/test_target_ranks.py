"""Ranks through pipelines, searches and plain score matrices."""
# SPDX-License-Identifier: BSD-3-Clause

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.base import BaseEstimator
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler

from skace import Catalog, Interactions, OnItems
from skace._windows import past_events
from skace.metrics import ndcg_scorer, target_ranks
from skace.model_selection import LeaveLastOut

INF = np.inf
TABLE = [0.9, 0.5, 0.5, 0.1]  # of the items a, b, c, d


@pytest.mark.parametrize(
    ("exclude_seen", "expected"),
    [
        # Rows: a, b after a, a after a b, c, c after c, d, b after d.
        (False, [0.0, 1.5, 0.0, 1.5, 1.5, 3.0, 1.5]),
        (True, [0.0, 0.5, INF, 1.5, INF, 3.0, 1.5]),
    ],
)
@pytest.mark.parametrize("kind", ["score_model", "rank_model"])
def test_ranks_worked_by_hand(kind, exclude_seen, expected, repeat_log, request):
    model = request.getfixturevalue(kind)(TABLE).fit(repeat_log)
    np.testing.assert_array_equal(
        target_ranks(model, repeat_log, exclude_seen=exclude_seen), expected
    )


@pytest.mark.parametrize("own", [False, True])
@pytest.mark.parametrize("asked", [None, False, True])
def test_scores_and_own_ranks_agree(own, asked, random_log, score_model, rank_model):
    by_scores = target_ranks(
        score_model(exclude_seen=own).fit(random_log), random_log, exclude_seen=asked
    )
    by_ranks = target_ranks(
        rank_model(exclude_seen=own).fit(random_log), random_log, exclude_seen=asked
    )
    np.testing.assert_array_equal(by_scores, by_ranks)


def test_none_leaves_the_choice_to_the_estimator(repeat_log, score_model):
    model = score_model(TABLE, exclude_seen=True).fit(repeat_log)
    np.testing.assert_array_equal(
        target_ranks(model, repeat_log), target_ranks(model, repeat_log, exclude_seen=True)
    )
    assert not np.array_equal(
        target_ranks(model, repeat_log), target_ranks(model, repeat_log, exclude_seen=False)
    )


def test_a_decision_function_that_hides_seen_items_is_asked_for_all(repeat_log, score_model):
    class Hiding(score_model):
        def decision_function(self, X):
            scores = np.array(super().decision_function(X))
            for row in range(len(X) if self.exclude_seen else 0):
                scores[row, X._log.items[X._starts[row] : X._ends[row]]] = -INF
            return scores

    model = Hiding(TABLE, exclude_seen=True).fit(repeat_log)
    plain = score_model(TABLE).fit(repeat_log)
    np.testing.assert_array_equal(
        target_ranks(model, repeat_log, exclude_seen=False), target_ranks(plain, repeat_log)
    )
    assert model.exclude_seen is True


@pytest.mark.parametrize("cells", [1, 4, 9, 10**9])
@pytest.mark.parametrize("exclude_seen", [False, True])
def test_block_size_does_not_matter(cells, exclude_seen, random_log, score_model, monkeypatch):
    model = score_model().fit(random_log)
    whole = target_ranks(model, random_log, exclude_seen=exclude_seen)
    monkeypatch.setattr("skace.metrics._target_ranks._BLOCK_CELLS", cells)
    np.testing.assert_array_equal(target_ranks(model, random_log, exclude_seen=exclude_seen), whole)


def test_the_models_scores_are_not_written_to(repeat_log, score_model):
    model = score_model(TABLE).fit(repeat_log)
    target_ranks(model, repeat_log, exclude_seen=True)
    np.testing.assert_array_equal(model.table_, np.float32(TABLE))


def test_rows_keep_the_order_and_repeats_of_x(repeat_log, score_model):
    model = score_model(TABLE).fit(repeat_log)
    rows = [6, 0, 6, 5]
    np.testing.assert_array_equal(
        target_ranks(model, repeat_log[rows]), target_ranks(model, repeat_log)[rows]
    )


def test_items_are_matched_by_id_not_by_position(repeat_log, score_model):
    model = score_model(TABLE).fit(repeat_log)
    other = Interactions.from_sequences(
        [["a", "b", "a"], ["c", "c"], ["d", "b"]], catalog=Catalog(["d", "a", "x", "c", "b"])
    )
    for exclude_seen in (False, True):
        np.testing.assert_array_equal(
            target_ranks(model, other, exclude_seen=exclude_seen),
            target_ranks(model, repeat_log, exclude_seen=exclude_seen),
        )


def test_an_unknown_target_is_a_miss_and_not_dropped(repeat_log, score_model):
    model = score_model(TABLE).fit(repeat_log)
    other = Interactions.from_sequences([["a", "z"], ["z", "a"]])
    np.testing.assert_array_equal(target_ranks(model, other, exclude_seen=True), [0, INF, INF, 0])


def test_a_target_without_a_score_is_a_miss(repeat_log, score_model):
    model = score_model([0.9, 0.5, 0.5, -INF]).fit(repeat_log)
    assert target_ranks(model, repeat_log)[5] == INF


@pytest.mark.parametrize("depth", [0, 1, 2])
def test_pipeline_steps_before_the_model_are_applied(depth, small_log, feature_model, negate):
    plain = feature_model().fit(small_log)
    steps = [*((f"negate{i}", negate()) for i in range(depth)), ("rec", feature_model())]
    pipe = Pipeline([("nothing", "passthrough"), *steps]).fit(small_log)
    turned = small_log.with_features(-small_log.catalog.features) if depth == 1 else small_log
    np.testing.assert_array_equal(target_ranks(pipe, small_log), target_ranks(plain, turned))
    if depth == 1:
        assert not np.array_equal(target_ranks(pipe, small_log), target_ranks(plain, small_log))


def _search(model, prefix=""):
    return GridSearchCV(model, {f"{prefix}seed": [3]}, cv=LeaveLastOut(), scoring=ndcg_scorer())


@pytest.mark.parametrize(
    "wrap",
    [
        pytest.param(lambda m: m, id="model"),
        pytest.param(lambda m: Pipeline([("rec", m)]), id="pipeline of one step"),
        pytest.param(lambda m: Pipeline([("inner", Pipeline([("rec", m)]))]), id="nested"),
        pytest.param(_search, id="search"),
        pytest.param(lambda m: Pipeline([("none", None), ("s", _search(m))]), id="search inside"),
    ],
)
@pytest.mark.parametrize("frozen", [False, True])
def test_models_are_found_inside_wrappers(wrap, frozen, random_log, score_model):
    expected = target_ranks(score_model(seed=3).fit(random_log), random_log)
    wrapped = wrap(score_model(seed=3)).fit(random_log)
    wrapped = FrozenEstimator(wrapped) if frozen else wrapped
    np.testing.assert_array_equal(target_ranks(wrapped, random_log), expected)


def test_a_search_over_a_pipeline_is_seen_through(small_log, feature_model, negate):
    pipe = Pipeline([("negate", negate()), ("rec", feature_model())])
    search = GridSearchCV(pipe, {"rec__seed": [0]}, cv=LeaveLastOut(), scoring=ndcg_scorer())
    np.testing.assert_array_equal(
        target_ranks(search.fit(small_log), small_log),
        target_ranks(pipe.fit(small_log), small_log),
    )


class _OnlyX(BaseEstimator):
    """Third-party ranker that does not know the switch."""

    def target_ranks(self, X):
        return np.zeros(len(X), dtype=np.int64)


def test_a_ranker_without_the_switch_serves_as_long_as_it_is_not_used(repeat_log):
    ranks = target_ranks(_OnlyX(), repeat_log)
    assert ranks.dtype == np.float64
    with pytest.raises(TypeError, match="exclude_seen"):
        target_ranks(_OnlyX(), repeat_log, exclude_seen=True)


@pytest.mark.parametrize(
    "make",
    [
        lambda m: m,
        lambda m: Pipeline([("rec", m)]),
        lambda m: GridSearchCV(m, {}, cv=2),
    ],
)
def test_an_unfitted_model_is_told_so(make, repeat_log, score_model):
    with pytest.raises(NotFittedError):
        target_ranks(make(score_model()), repeat_log)


CANNOT = (
    " cannot rank items: it has neither target_ranks nor decision_function together with "
    "item_ids_. Score a recommender, a Pipeline that ends in one, or a search over one with "
    "refit on."
)


@pytest.mark.parametrize(
    ("make", "name"),
    [
        (lambda _: LogisticRegression().fit([[0], [1]], [0, 1]), "LogisticRegression"),
        (lambda _: "ndcg@10", "'ndcg@10'"),
        (lambda model: Pipeline([("rec", model), ("end", "passthrough")]), "'passthrough'"),
    ],
)
def test_what_cannot_rank_is_refused(make, name, repeat_log, negate):
    model = negate().fit(repeat_log)
    model.transform = lambda X: X
    with pytest.raises(TypeError) as caught:
        target_ranks(make(model), repeat_log)
    assert str(caught.value) == name + CANNOT


def test_a_search_without_refit_is_refused(random_log, score_model):
    search = _search(score_model()).set_params(refit=False).fit(random_log)
    with pytest.raises(TypeError) as caught:
        target_ranks(search, random_log)
    assert str(caught.value) == "GridSearchCV" + CANNOT


LISTS = [["a", "b", "a"], [], ["c", "z"], ["d"]]


@pytest.mark.parametrize("exclude_seen", [None, False, True])
@pytest.mark.parametrize("kind", ["score_model", "rank_model"])
def test_every_event_of_a_list_is_a_row(kind, exclude_seen, repeat_log, request):
    model = request.getfixturevalue(kind)(TABLE, exclude_seen=True).fit(repeat_log)
    ranks = target_ranks(model, LISTS, exclude_seen=exclude_seen)
    rows = Interactions.from_sequences(LISTS)
    np.testing.assert_array_equal(ranks, target_ranks(model, rows, exclude_seen=exclude_seen))
    assert ranks.size == 6


@pytest.mark.parametrize(
    ("exclude_seen", "expected"), [(False, [1.5, 3.0, INF, 0.0]), (True, [0.0, 3.0, INF, 0.0])]
)
@pytest.mark.parametrize("kind", ["score_model", "rank_model"])
def test_with_y_only_y_counts(kind, exclude_seen, expected, repeat_log, request):
    model = request.getfixturevalue(kind)(TABLE).fit(repeat_log)
    ranks = target_ranks(model, LISTS, y=["c", "d", "y", "a"], exclude_seen=exclude_seen)
    np.testing.assert_array_equal(ranks, expected)


def test_the_rows_own_items_are_accepted_as_y(repeat_log, score_model):
    model = score_model(TABLE).fit(repeat_log)
    expected = target_ranks(model, repeat_log)
    np.testing.assert_array_equal(target_ranks(model, repeat_log, y=repeat_log.items), expected)
    with pytest.raises(ValueError, match=r"^y differs from X\.items"):
        target_ranks(model, repeat_log, y=repeat_log.items[::-1])


@pytest.mark.parametrize("y", [None, ["bay", "ash"]])
@pytest.mark.parametrize(
    "wrap",
    [
        pytest.param(lambda m: Pipeline([("rec", m)]), id="pipeline of one step"),
        pytest.param(
            lambda m: Pipeline([("scale", OnItems(StandardScaler())), ("rec", m)]),
            id="item transformer",
        ),
        pytest.param(
            lambda m: _search(
                Pipeline([("scale", OnItems(StandardScaler())), ("rec", m)]), "rec__"
            ),
            id="search over a pipeline",
        ),
        pytest.param(lambda m: Pipeline([("none", None), ("s", _search(m))]), id="search inside"),
    ],
)
@pytest.mark.parametrize("frozen", [False, True])
def test_lists_pass_through_wrappers(wrap, frozen, y, small_log, score_model):
    lists = [["ash", "bay"], ["elm", "fig", "ash"]]
    wrapped = wrap(score_model(seed=3)).fit(small_log)
    wrapped = FrozenEstimator(wrapped) if frozen else wrapped
    expected = target_ranks(score_model(seed=3).fit(small_log), lists, y=y)
    np.testing.assert_array_equal(target_ranks(wrapped, lists, y=y), expected)
    assert expected.size == (5 if y is None else 2)


class _Reversed(BaseEstimator):
    """Step that hands on other lists than it is given."""

    def fit(self, X, y=None):  # noqa: ARG002 - the signature is scikit-learn's
        self.is_fitted_ = True
        return self

    def transform(self, X):
        return [sequence[::-1] for sequence in X] if isinstance(X, list) else X


def test_what_a_step_makes_of_a_list_counts(repeat_log, score_model):
    model = score_model(TABLE).fit(repeat_log)
    pipe = Pipeline([("turn", _Reversed()), ("rec", model)]).fit(repeat_log)
    np.testing.assert_array_equal(
        target_ranks(pipe, [["a", "d"]]), target_ranks(model, [["d", "a"]])
    )


FRAME = pd.DataFrame({"user_id": [1, 1], "item_id": ["a", "b"], "timestamp": [1, 2]})


@pytest.mark.parametrize(
    ("X", "error", "text"),
    [
        (
            FRAME,
            ValueError,
            "X is a frame, and a frame that was cut into folds has lost every row's past; wrap "
            "it once with Interactions.from_frame(frame), then slice.",
        ),
        (
            np.zeros((3, 2), dtype=int),
            ValueError,
            "X is an array of shape (3, 2), in which padding cannot be told from items; pass a "
            "list of lists of item ids, oldest first.",
        ),
        (
            ["a", "b"],
            ValueError,
            "X[0] is the single id 'a', not a sequence; pass a list of sequences, for one "
            "visitor [['a', ...]].",
        ),
        (
            None,
            TypeError,
            "X must be Interactions or a list of sequences of item ids, got NoneType.",
        ),
        (
            [[1, 2]],
            ValueError,
            "ids are integers (first 1), but the catalog's item_ids are strings (first 'a'); "
            "convert one of them.",
        ),
    ],
)
def test_input_that_cannot_be_ranked_is_refused(X, error, text, repeat_log, score_model):
    model = score_model(TABLE).fit(repeat_log)
    for call in (target_ranks, ndcg_scorer()):
        with pytest.raises(error) as caught:
            call(model, X)
        assert str(caught.value) == text


def test_lists_and_targets_of_other_lengths_are_refused(repeat_log, score_model):
    model = score_model(TABLE).fit(repeat_log)
    with pytest.raises(ValueError, match=r"^y has 1 items, but X has 2 sequences\.$"):
        target_ranks(model, [["a"], ["b"]], y=["c"])


@given(st.lists(st.integers(0, 4), min_size=1, max_size=6), st.data())
def test_past_events_are_those_between_start_and_end(lengths, data):
    starts = np.array([data.draw(st.integers(0, 50)) for _ in lengths])
    rows, places = past_events(starts, starts + lengths)
    expected = [(i, starts[i] + j) for i, n in enumerate(lengths) for j in range(n)]
    assert list(zip(rows.tolist(), places.tolist(), strict=True)) == expected


def test_query_rows_have_no_target(repeat_log, score_model):
    model = score_model(TABLE).fit(repeat_log)
    for call in (target_ranks, ndcg_scorer()):
        with pytest.raises(ValueError, match=r"^query rows have no item: they ask what comes next"):
            call(model, repeat_log.next_queries())


@pytest.mark.parametrize(
    ("change", "text"),
    [
        (
            {"table_": np.array([1, np.nan, 2, 3])},
            "decision_function of ScoreModel has 7 NaN score(s), first in row 0, column 1 of its "
            "block; NaN has no rank.",
        ),
        (
            {"table_": np.array([1.0, 2.0])},
            "decision_function of ScoreModel returned shape (7, 2), expected (7, 4): one column "
            "per item of item_ids_.",
        ),
    ],
)
def test_bad_scores_are_refused(change, text, repeat_log, score_model):
    model = score_model(TABLE).fit(repeat_log)
    vars(model).update(change)
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - the text is compared in full
        target_ranks(model, repeat_log)
    assert str(caught.value) == text


def test_no_rows_and_no_switch_are_refused(repeat_log, score_model):
    model = score_model(TABLE).fit(repeat_log)
    with pytest.raises(ValueError, match=r"^X has no rows; there is nothing to rank\.$"):
        target_ranks(model, repeat_log[[]])
    with pytest.raises(TypeError, match=r"^exclude_seen must be a bool or None, got 'yes'\.$"):
        target_ranks(model, repeat_log, exclude_seen="yes")
