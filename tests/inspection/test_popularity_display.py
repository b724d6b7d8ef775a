"""Tests of PopularityDisplay."""
# SPDX-License-Identifier: BSD-3-Clause

import re
from itertools import pairwise

import numpy as np
import pytest
from numpy.testing import assert_allclose
from sklearn.base import BaseEstimator
from sklearn.pipeline import make_pipeline

from skace import Interactions, PopularityEstimator
from skace.embeddings import ACETransformer
from skace.inspection import PopularityDisplay
from skace.metrics import ranking_report, score_ranks, target_ranks
from skace.model_selection import leave_last_out


@pytest.fixture(scope="module")
def parts(shop):
    return leave_last_out(shop)


@pytest.fixture(scope="module")
def model(parts):
    return PopularityEstimator().fit(parts[0])


@pytest.mark.parametrize("metric", ["ndcg@10", "recall@5", "mrr"])
@pytest.mark.parametrize("head", [0.1, 0.5])
def test_groups_are_those_of_the_report(parts, model, metric, head):
    display = PopularityDisplay.from_estimator(model, parts[1], metric=metric, head=head)
    report = ranking_report(model, parts[1], k=(5, 10), head=head)
    (scores,) = display.scores.values()
    for group in ("head", "tail"):
        assert display.n_rows[group] == report[group]["n_rows"]
        assert scores[group] == pytest.approx(report[group][metric], nan_ok=True)
    assert scores["all"] == pytest.approx(report["overall"][metric])


def test_edges_divide_by_training_counts(parts, model, check_drawing):
    display = PopularityDisplay.from_estimator(model, parts[1], metric="mrr", edges=(5, 6, 15))
    assert list(display.n_rows)[:5] == ["all", "1-4", "5", "6-14", "15+"]
    ranks = target_ranks(model, parts[1])
    counts = model.item_counts_[parts[1].items]  # ids are rows here
    for group, low, high in (("1-4", 1, 5), ("5", 5, 6), ("6-14", 6, 15), ("15+", 15, 10**6)):
        is_in = (counts >= low) & (counts < high)
        assert display.n_rows[group] == is_in.sum()
        if is_in.any():
            expected = score_ranks(ranks[is_in], ["mrr"])["mrr"]
            assert display.scores["PopularityEstimator"][group] == pytest.approx(expected)
    assert sum(display.n_rows.values()) == 2 * len(parts[1])
    assert "popularity of the target" in check_drawing(display)


def test_models_stand_side_by_side(parts, model, check_drawing):
    pipe = make_pipeline(ACETransformer(4), PopularityEstimator(exclude_seen=True)).fit(parts[0])
    display = PopularityDisplay.from_estimator({"one": model, "two": pipe}, parts[1])
    texts = check_drawing(display)
    assert {"one", "two", "NDCG@10"} <= set(texts)
    assert f"all\n{len(parts[1])} rows" in texts
    for bars, scores in zip(display.bars_, display.scores.values(), strict=True):
        heights = [bar.get_height() for bar in bars]
        assert_allclose(heights, np.nan_to_num(list(scores.values())))
    spans = sorted((bar.get_x(), bar.get_x() + bar.get_width()) for b in display.bars_ for bar in b)
    assert all(end <= begin for (_, end), (begin, _) in pairwise(spans))


@pytest.mark.parametrize("exclude_seen", [False, True])
def test_seen_items_are_taken_out_if_asked(parts, model, exclude_seen):
    display = PopularityDisplay.from_estimator(
        model, parts[1], metric="mrr", exclude_seen=exclude_seen
    )
    ranks = target_ranks(model, parts[1], exclude_seen=exclude_seen)
    expected = score_ranks(ranks, ["mrr"])["mrr"]
    assert display.scores["PopularityEstimator"]["all"] == pytest.approx(expected)


def test_cold_and_unknown_targets_are_groups_where_there_are_some():
    X = Interactions.from_sequences([["pen", "ink"], ["pen", "cap"], ["pen", "pen"]])
    train, _ = leave_last_out(X)
    model = PopularityEstimator(k=1).fit(train)
    other = Interactions.from_sequences([["pen", "ink"], ["pen", "nib"]])
    display = PopularityDisplay.from_estimator(model, other[[1, 3]])
    assert display.n_rows == {"all": 2, "head": 0, "tail": 2, "cold": 1, "unknown": 1}
    assert np.isnan(display.scores["PopularityEstimator"]["head"])


def test_reports_are_drawn_as_they_are(parts, model, check_drawing):
    report = ranking_report(model, parts[1], k=10)
    display = PopularityDisplay.from_reports(
        {"a": report, "b": report}, metric="recall@10", groups=("overall", "cold")
    )
    assert display.scores["a"] == display.scores["b"]
    assert display.scores["a"]["overall"] == report["overall"]["recall@10"]
    assert display.n_rows["overall"] == len(parts[1])
    assert "Recall@10" in check_drawing(display)


@pytest.mark.parametrize(
    ("options", "start"),
    [
        ({"groups": ("head", "young")}, "the report of a has no group 'young'; it has overall, "),
        ({"metric": "ndcg@7"}, "the report of a has no figure 'ndcg@7'; it has n_rows, share, "),
    ],
)
def test_reports_that_lack_something_are_refused(parts, model, options, start):
    report = ranking_report(model, parts[1], k=10)
    with pytest.raises(ValueError, match=f"^{re.escape(start)}"):
        PopularityDisplay.from_reports({"a": report}, **options)


class Shelf(BaseEstimator):
    """Scores without ties, which differ from row to row."""

    def fit(self, X, y=None):
        self.item_ids_ = X.catalog.item_ids
        self.item_counts_ = np.bincount(X.items, minlength=60)  # ids are rows here
        return self

    def decision_function(self, X):
        places = np.arange(self.item_ids_.size)
        return np.array([(places * 37 + int(item) * 11) % 61 for item in X.items], dtype=float)

    def predict(self, X, k=10):
        order = np.argsort(-self.decision_function(X), axis=1)
        return self.item_ids_[order[:, :k]]


@pytest.mark.parametrize("metric", ["ndcg@10", "recall@3", "mrr@10"])
@pytest.mark.parametrize("groups", [{"head": 0.4}, {"edges": (3, 8)}], ids=["head", "edges"])
def test_lists_give_what_the_model_gives_that_made_them(parts, metric, groups, check_drawing):
    shelf = Shelf().fit(parts[0])
    expected = PopularityDisplay.from_estimator(shelf, parts[1], metric=metric, **groups)
    display = PopularityDisplay.from_predictions(
        parts[1].items,
        {"Shelf": shelf.predict(parts[1])},
        item_ids=shelf.item_ids_,
        item_counts=shelf.item_counts_,
        metric=metric,
        **groups,
    )
    assert display.scores == expected.scores
    assert display.n_rows == expected.n_rows
    assert 0 < display.scores["Shelf"]["all"] < 1
    assert expected.score_name in check_drawing(display)


def test_lists_may_name_items_that_are_not_known():
    display = PopularityDisplay.from_predictions(
        ["pen", "nib"],
        [["nib", "pen"], ["nib", "cap"]],
        item_ids=["cap", "pen"],
        item_counts=[0, 2],
        metric="mrr@2",
    )
    assert display.n_rows == {"all": 2, "head": 1, "tail": 1, "unknown": 1}
    assert display.scores["predictions"] == {"all": 0.25, "head": 0.5, "tail": 0, "unknown": 0}


@pytest.mark.parametrize(
    ("changed", "text"),
    [
        (
            {"y_pred": [["pen"]]},
            "y_true must have shape (n_rows,) and y_pred (n_rows, k), with at least one row, got "
            "(2,) and (1, 1).",
        ),
        (
            {"y_pred": ["pen", "cap"]},
            "y_true must have shape (n_rows,) and y_pred (n_rows, k), with at least one row, got "
            "(2,) and (2,).",
        ),
        (
            {"metric": "ndcg@3"},
            "metric='ndcg@3' looks beyond the 2 places of the lists of y_pred; recommend more, or "
            "take a metric at fewer.",
        ),
        (
            {"metric": "mrr"},
            "metric='mrr' looks beyond the 2 places of the lists of y_pred; recommend more, or "
            "take a metric at fewer.",
        ),
        (
            {"item_counts": [1]},
            "item_counts must have one value per item of item_ids, shape (2,), got shape (1,).",
        ),
        ({"edges": (1,)}, "edges must ascend from at least 2, got (1,)."),
        (
            {"y_true": [1, 2]},
            "ids are integers (first 1), but the catalog's item_ids are strings (first 'cap'); "
            "convert one of them.",
        ),
    ],
)
def test_lists_that_do_not_fit_are_refused(changed, text):
    arguments = {
        "y_true": ["pen", "cap"], "y_pred": [["pen", "cap"]] * 2, "item_ids": ["cap", "pen"],
        "item_counts": [1, 2], "metric": "ndcg@2",
    } | changed  # fmt: skip
    with pytest.raises(ValueError, match=f"^{re.escape(text)}$"):
        PopularityDisplay.from_predictions(**arguments)


@pytest.mark.parametrize(
    ("edges", "text"),
    [
        ((5, 5), "edges must ascend from at least 2, got (5, 5)."),
        ((1, 5), "edges must ascend from at least 2, got (1, 5)."),
        ((), "edges must be a sequence of whole numbers, got ()."),
        ((2.5,), "edges must be a sequence of whole numbers, got (2.5,)."),
        (7, "edges must be a sequence of whole numbers, got 7."),
    ],
)
def test_edges_that_divide_nothing_are_refused(parts, model, edges, text):
    with pytest.raises(ValueError, match=f"^{re.escape(text)}$"):
        PopularityDisplay.from_estimator(model, parts[1], edges=edges)


def test_models_that_do_not_count_are_refused(parts, model):
    class Shelf:
        item_ids_ = model.item_ids_

        def target_ranks(self, X):
            return np.zeros(len(X))

    with pytest.raises(TypeError, match=r"^Shelf has no item_counts_ \(training targets per item"):
        PopularityDisplay.from_estimator(Shelf(), parts[1])
