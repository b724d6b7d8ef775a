"""The protocol of a target among sampled items that the user has not seen."""
# SPDX-License-Identifier: BSD-3-Clause

import pickle

import numpy as np
import pytest
from scipy.stats import hypergeom
from sklearn.model_selection import GridSearchCV, cross_validate
from sklearn.pipeline import Pipeline

from skace import Catalog, Interactions
from skace.metrics import (
    mrr_at_k,
    ndcg_at_k,
    recall_at_k,
    sampled_candidates_scorer,
    sampled_ranks,
)
from skace.model_selection import LeaveLastOut

# Scores 5, 4, 3, 2, 1 of the items a to e.
DESCENDING = [5.0, 4.0, 3.0, 2.0, 1.0]


@pytest.fixture
def model(score_model):
    """Prefers a to b to c to d to e, whoever asks."""
    X = Interactions.from_sequences([list("abcde")])
    return score_model(DESCENDING).fit(X)


@pytest.mark.parametrize(
    ("past", "target", "n_candidates", "rank"),
    [
        pytest.param("", "e", 4, 4, id="all others are candidates"),
        pytest.param("ab", "e", 2, 2, id="seen items are not drawn"),
        pytest.param("ab", "a", 3, 0, id="a seen target is ranked"),
        pytest.param("abe", "e", 2, 2, id="a seen target is ranked behind better ones"),
        pytest.param("bbbb", "c", 3, 1, id="repeats in the past count once"),
    ],
)
@pytest.mark.parametrize("own", [False, True])
def test_figures_worked_by_hand(past, target, n_candidates, rank, own, model):
    model.exclude_seen = own  # what the model excludes does not matter
    scorer = sampled_candidates_scorer(["recall@1", "ndcg@10", "mrr"], n_candidates=n_candidates)
    suffix = f"[sampled{n_candidates}]"
    assert scorer(model, [list(past)], [target]) == {
        f"recall@1{suffix}": float(rank == 0),
        f"ndcg@10{suffix}": pytest.approx(1 / np.log2(rank + 2)),
        f"mrr{suffix}": 1 / (rank + 1),
    }


def test_the_draw_is_uniform_and_without_repeats(score_model, random_state):
    # 130 items, 10 of them seen; 30 of the 119 candidates beat the target; 100 are drawn.
    catalog = Catalog(np.arange(130))
    X = Interactions.from_sequences([[*range(10), 40]], catalog=catalog)[[10] * 3000]
    model = score_model(-np.arange(130.0)).fit(X)
    scorer = sampled_candidates_scorer(["recall@25", "mrr"], random_state=random_state)
    scores = scorer(model, X)
    better = hypergeom(119, 30, 100)
    counts = np.arange(31)
    expected = (better.pmf(counts) / (counts + 1)).sum()
    assert scores["mrr[sampled100]"] == pytest.approx(expected, rel=0.02)
    assert scores["recall@25[sampled100]"] == pytest.approx(better.cdf(24), abs=0.04)


def test_an_unknown_target_is_a_miss(model):
    scorer = sampled_candidates_scorer("recall@10", n_candidates=2)
    assert scorer(model, [["a"], ["a"]], ["z", "b"]) == 0.5


def test_scores_are_metrics_of_sampled_ranks(random_log, score_model):
    fitted = score_model(exclude_seen=True).fit(random_log)
    scorer = sampled_candidates_scorer(
        ["recall@3", "ndcg@3", "mrr@2"], n_candidates=9, random_state=4
    )
    ranks = sampled_ranks(
        fitted, random_log, n_candidates=9, exclude_seen=True, seen_targets="rank", random_state=4
    )
    assert list(scorer(fitted, random_log).items()) == [
        ("recall@3[sampled9]", recall_at_k(ranks, 3)),
        ("ndcg@3[sampled9]", ndcg_at_k(ranks, 3)),
        ("mrr@2[sampled9]", mrr_at_k(ranks, 2)),
    ]


@pytest.mark.parametrize("cells", [1, 31, 100])
def test_block_size_does_not_matter(cells, random_log, score_model, monkeypatch):
    fitted = score_model().fit(random_log)
    scorer = sampled_candidates_scorer("mrr", n_candidates=7)
    whole = scorer(fitted, random_log)
    monkeypatch.setattr("skace.metrics._target_ranks._BLOCK_CELLS", cells)
    assert scorer(fitted, random_log) == whole


def test_a_seed_repeats_and_two_seeds_differ(random_log, score_model):
    fitted = score_model().fit(random_log)
    scores = [
        sampled_candidates_scorer("mrr", n_candidates=7, random_state=seed)(fitted, random_log)
        for seed in (0, 0, 1)
    ]
    assert scores[0] == scores[1] != scores[2]


@pytest.mark.parametrize(
    "wrap",
    [
        pytest.param(lambda m: Pipeline([("none", None), ("rec", m)]), id="pipeline"),
        pytest.param(lambda m: GridSearchCV(m, {"seed": [0]}, cv=2, scoring=_zero), id="search"),
    ],
)
def test_models_are_found_inside_wrappers(wrap, random_log, score_model):
    scorer = sampled_candidates_scorer(n_candidates=9)
    expected = scorer(score_model().fit(random_log), random_log)
    assert scorer(wrap(score_model()).fit(random_log), random_log) == expected


def _zero(*_):
    return 0.0


def test_cross_validate_reports_the_names(random_log, score_model):
    scoring = sampled_candidates_scorer(n_candidates=9)
    results = cross_validate(score_model(), random_log, cv=LeaveLastOut(), scoring=scoring)
    ((train, test),) = LeaveLastOut().split(random_log)
    scores = scoring(score_model().fit(random_log[train]), random_log[test])
    assert list(scores) == ["recall@10[sampled9]", "ndcg@10[sampled9]"]
    assert {name: results[f"test_{name}"][0] for name in scores} == scores


def test_weight_zero_takes_a_row_out(model):
    scorer = sampled_candidates_scorer("mrr", n_candidates=2)
    lists, y = [["a"], ["a"]], ["b", "e"]
    assert scorer(model, lists, y, sample_weight=[1, 0]) == 1.0


@pytest.mark.parametrize(
    ("scorer", "text"),
    [
        (
            sampled_candidates_scorer(),
            "sampled_candidates_scorer(['recall@10', 'ndcg@10'], n_candidates=100, random_state=0)",
        ),
        (
            sampled_candidates_scorer("mrr", n_candidates=99, random_state=7),
            "sampled_candidates_scorer('mrr', n_candidates=99, random_state=7)",
        ),
    ],
)
@pytest.mark.parametrize("copied", [lambda s: s, lambda s: pickle.loads(pickle.dumps(s))])
def test_repr_is_the_call_that_makes_it(scorer, text, copied):
    assert repr(copied(scorer)) == text
    namespace = {"sampled_candidates_scorer": sampled_candidates_scorer}
    assert repr(eval(text, namespace)) == text  # noqa: S307 - a literal of this file


@pytest.mark.parametrize(
    ("call", "error", "text"),
    [
        (
            lambda _: sampled_candidates_scorer(n_candidates=0),
            ValueError,
            "The 'n_candidates' parameter of sampled_candidates_scorer must be an int in the range "
            "[1, inf). Got 0 instead.",
        ),
        (
            lambda _: sampled_candidates_scorer(random_state=None),
            ValueError,
            "The 'random_state' parameter of sampled_candidates_scorer must be an int in the range "
            "[0, inf). Got None instead.",
        ),
        (
            lambda _: sampled_candidates_scorer(["ndcg@10[uni100]"]),
            ValueError,
            "'ndcg@10[uni100]' names candidates of its own; give n_candidates and the plain name "
            "'ndcg@10', or use ranking_scorer.",
        ),
        (
            lambda _: sampled_candidates_scorer(["mrr", "mrr"]),
            ValueError,
            "metrics names 'mrr' more than once.",
        ),
        (
            lambda model: sampled_candidates_scorer(n_candidates=3)(model, [["a", "b"]], ["c"]),
            ValueError,
            "n_candidates=3, but a row has only 2 items to draw from; draw fewer, or rank all "
            "items with target_ranks.",
        ),
    ],
)
def test_bad_settings_are_named(call, error, text, model):
    with pytest.raises(error) as caught:
        call(model)
    assert str(caught.value) == text
