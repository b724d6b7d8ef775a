"""Tests of PopularityDisplay."""
# SPDX-License-Identifier: BSD-3-Clause

import re
from itertools import pairwise

import numpy as np
import pytest
from numpy.testing import assert_allclose
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
