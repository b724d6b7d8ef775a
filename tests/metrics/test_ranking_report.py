"""The table of all figures by group of rows."""
# SPDX-License-Identifier: BSD-3-Clause

import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import Pipeline

from skace import Catalog, Interactions, SASRecEstimator
from skace.metrics import mrr_scorer, ndcg_at_k, ranking_report, target_ranks
from skace.model_selection import LeaveLastOut, leave_last_out
from skace.recommenders import PopularityEstimator

GROUPS = ["overall", "head", "tail", "warm", "cold", "unknown", "empty_past", "tied", "untied"]


@pytest.fixture
def fitted(rank_model):
    """Counts a 3, b 2, c 1, d 0, e 0; ranked c, b, a, d, e."""
    X = Interactions.from_sequences([list("aaabbc")], catalog=Catalog(list("abcde")))
    return rank_model([3.0, 4.0, 5.0, 2.0, 1.0]).fit(X)


@pytest.fixture
def rows():
    """Targets a, c, d, b, z; three of them with an empty past."""
    return Interactions.from_sequences([["a", "c"], ["d"], ["b", "z"]])


def test_report_worked_by_hand(fitted, rows):
    report = ranking_report(fitted, rows, k=2, head=0.4)
    assert list(report) == GROUPS
    sizes = {name: figures["n_rows"] for name, figures in report.items()}
    assert sizes == dict(zip(GROUPS, [5, 2, 3, 3, 1, 1, 3, 0, 0], strict=True))
    # Ranks: a 2, c 0, d 3, b 1, z inf; head are a and b.
    assert report["overall"] == {
        "n_rows": 5,
        "share": 1.0,
        "misses": 0.2,
        "recall@2": 0.4,
        "ndcg@2": pytest.approx((1 + np.log(2) / np.log(3)) / 5),
        "mrr@2": pytest.approx(1.5 / 5),
        "mrr": pytest.approx((1 / 3 + 1 + 1 / 4 + 1 / 2) / 5),
        "mean_rank": pytest.approx((2 + 0 + 3 + 1 + 5) / 5),
    }
    assert report["head"]["mean_rank"] == 1.5
    assert report["tail"]["recall@2"] == pytest.approx(1 / 3)
    assert report["cold"]["mean_rank"] == 3.0
    assert report["unknown"]["misses"] == 1.0
    assert report["empty_past"]["share"] == 0.6


def test_an_unknown_target_is_in_no_group_of_known_items(rows, rank_model):
    # The last item is the best seller: an unknown target must not be taken for it.
    X = Interactions.from_sequences([["b", "b", "a"]], catalog=Catalog(["a", "b"]))
    report = ranking_report(rank_model().fit(X), rows[rows.items == "z"], head=0.5)
    sizes = {name: figures["n_rows"] for name, figures in report.items()}
    assert sizes == dict(zip(GROUPS, [1, 0, 1, 0, 0, 1, 0, 0, 0], strict=True))


def test_rows_are_tied_to_the_event_before_them(rank_model):
    users, items = list("aaaabbb"), list("pqrspqr")
    X = Interactions(users, items, [1, 2, 2, 3, 2, 2, 2])
    model = rank_model([4.0, 3.0, 2.0, 1.0]).fit(X)
    # Rows in log order: of a, r is at the time of q; of b, q and r at that of the event before;
    # the first row of b is at the time of a's last but one, and tied to nothing.
    report = ranking_report(model, X[[6, 0, 1, 2, 3, 4, 5]], k=1)
    assert report["tied"]["n_rows"] == 3
    assert report["tied"]["mean_rank"] == (2 + 1 + 2) / 3
    assert report["untied"]["n_rows"] == 4
    assert report["untied"]["mean_rank"] == (0 + 1 + 3 + 0) / 4


def test_groups_without_rows_have_no_figures(fitted, rows):
    cold = ranking_report(fitted, rows[[0]], k=1)["cold"]
    assert cold["n_rows"] == 0
    assert cold["share"] == 0.0
    assert all(np.isnan(cold[name]) for name in ("misses", "recall@1", "mrr", "mean_rank"))


def test_partitions_add_up(random_log, rank_model):
    train, test = leave_last_out(random_log)
    report = ranking_report(rank_model().fit(train), test)
    for parts in (("head", "tail"), ("warm", "cold", "unknown")):
        held = [report[part] for part in parts if report[part]["n_rows"]]
        assert sum(part["share"] for part in held) == pytest.approx(1)
        for name in ("recall@10", "ndcg@20", "mrr", "mean_rank", "misses"):
            total = sum(part["share"] * part[name] for part in held)
            assert total == pytest.approx(report["overall"][name])


def test_report_is_a_table(fitted, rows):
    table = pd.DataFrame(ranking_report(fitted, rows, k=(1, 3))).T
    assert list(table.index) == GROUPS
    assert list(table.columns) == [
        "n_rows", "share", "misses", "recall@1", "ndcg@1", "mrr@1", "recall@3", "ndcg@3",
        "mrr@3", "mrr", "mean_rank",
    ]  # fmt: skip


@pytest.mark.parametrize("exclude_seen", [None, False, True])
def test_exclude_seen_is_passed_on(exclude_seen, random_log, rank_model):
    model = rank_model(exclude_seen=True).fit(random_log)
    ranks = target_ranks(model, random_log, exclude_seen=exclude_seen)
    overall = ranking_report(model, random_log, exclude_seen=exclude_seen)["overall"]
    assert overall["ndcg@10"] == ndcg_at_k(ranks, 10)
    assert overall["misses"] == np.isinf(ranks).mean()


@pytest.mark.parametrize(
    "wrap",
    [
        lambda m: Pipeline([("none", "passthrough"), ("rec", m)]),
        lambda m: GridSearchCV(m, {"k": [1]}, cv=LeaveLastOut(), scoring=mrr_scorer()),
    ],
)
def test_models_are_found_inside_wrappers(wrap, random_log):
    train, test = leave_last_out(random_log)
    expected = ranking_report(PopularityEstimator().fit(train), test)
    np.testing.assert_equal(ranking_report(wrap(PopularityEstimator()).fit(train), test), expected)


class _NoCounts(BaseEstimator):
    def target_ranks(self, X):
        return np.zeros(len(X))


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"k": 0}, "k must be an int from 1 or a tuple of such ints, got 0."),
        ({"k": (10, 0)}, "k must be an int from 1 or a tuple of such ints, got (10, 0)."),
        ({"k": [2.5]}, "k must be an int from 1 or a tuple of such ints, got [2.5]."),
    ],
)
def test_bad_lengths_are_named(options, text, fitted, rows):
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - the text is compared in full
        ranking_report(fitted, rows, **options)
    assert text in str(caught.value) or "The 'k' parameter of ranking_report" in str(caught.value)


def test_a_model_without_counts_is_refused(rows):
    with pytest.raises(TypeError) as caught:
        ranking_report(_NoCounts(), rows)
    assert str(caught.value) == (
        "_NoCounts has no item_counts_ (training targets per item of item_ids_), which head, "
        "tail, warm and cold are told by; score its target_ranks with score_ranks instead."
    )


def test_an_unfitted_model_is_told_so(rows, rank_model):
    with pytest.raises(NotFittedError):
        ranking_report(rank_model(), rows)


def test_query_rows_are_refused(fitted, rows):
    with pytest.raises(ValueError, match=r"^query rows have no item"):
        ranking_report(fitted, rows.next_queries())


def test_every_event_of_a_list_is_a_row(fitted, rows):
    sequences = [rows.items[rows.users == user].tolist() for user in np.unique(rows.users)]
    as_rows = Interactions.from_sequences(sequences)
    assert repr(ranking_report(fitted, sequences)) == repr(ranking_report(fitted, as_rows))


def test_a_network_says_itself_what_it_has_not_learned():
    X = Interactions.from_sequences([["a", "b", "c"], ["b", "a", "d"]])
    model = SASRecEstimator(k=2, embedding_dim=8, max_epochs=1, random_state=0).fit(X)
    assert model.is_cold_.tolist() == [False, False, True, True]  # held out, though counted
    report = ranking_report(model, [["a", "c"]], k=1)
    assert (report["warm"]["n_rows"], report["cold"]["n_rows"]) == (1, 1)
    assert (report["warm"]["misses"], report["cold"]["misses"]) == (0.0, 1.0)
