"""Tests of AlphaCurveDisplay."""
# SPDX-License-Identifier: BSD-3-Clause

import math
import re

import numpy as np
import pytest
from numpy.testing import assert_allclose
from sklearn.base import BaseEstimator
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler

from skace import LeaveLastOut, OnItems
from skace.embeddings import ACETransformer
from skace.inspection import AlphaCurveDisplay
from skace.metrics import mrr_scorer, ndcg_scorer, ranking_scorer


def _results(**columns):
    """Table of a search over alpha and width, as scikit-learn makes it."""
    params = [
        {"ace__alpha": alpha, "rec__width": width}
        for alpha in (10.0, 0.0, 1.0)
        for width in (8, 16)
    ]
    scores = {"mean_test_score": [0.1, 0.2, 0.5, 0.4, 0.3, np.nan], "std_test_score": [0.01] * 6}
    return {"params": params} | scores | columns


class Judge(BaseEstimator):
    """Last step for tests: likes isotropic vectors."""

    def __init__(self, bonus=0.0):
        self.bonus = bonus

    def fit(self, X, y=None):
        values = np.linalg.svd(X.catalog.features, compute_uv=False) ** 2
        self.score_ = values.sum() ** 2 / np.sum(values**2) / values.size + self.bonus
        return self

    def score(self, X, y=None):  # noqa: ARG002 (the signature is scikit-learn's)
        return self.score_


@pytest.fixture
def search(shop):
    pipe = Pipeline([("ace", ACETransformer(6)), ("rec", Judge())])
    grid = {"ace__alpha": [0, 0.1, 1, math.inf], "ace__center": [False, True], "rec__bonus": [0, 1]}
    return GridSearchCV(pipe, grid, cv=LeaveLastOut(2)).fit(shop)


def test_each_alpha_stands_with_its_best_candidate():
    display = AlphaCurveDisplay.from_cv_results(_results())
    assert display.alphas == [10.0, 0.0, 1.0]
    assert display.scores == [0.2, 0.5, 0.3]
    assert display.param_name == "alpha"


@pytest.mark.parametrize(
    ("alphas", "ticks"),
    [
        ([1, 0.1, 10], ["1", "0.1", "10"]),
        ([0, 0.1, 1, math.inf], ["0", "0.1", "1", "∞"]),
        (["auto", 0.5, math.inf], ["auto", "0.5", "∞"]),
        (["auto"], ["auto"]),
        ([0], ["0"]),
        ([0, *np.logspace(-3, 2, 26)], ["0", "0.001", "0.01", "0.1", "1", "10", "100"]),
        ([1.0, 1.01, 100.0], ["1", "10", "100"]),
    ],
)
def test_ticks_name_the_values_or_powers_of_ten(alphas, ticks, check_drawing):
    display = AlphaCurveDisplay(alphas, np.linspace(0.1, 0.2, len(alphas))).plot()
    check_drawing(display)
    shown = [text.get_text() for text in display.ax_.get_xticklabels()]
    assert sorted(shown) == sorted(ticks)


def test_zero_stands_before_and_infinity_behind_the_others():
    display = AlphaCurveDisplay([math.inf, 0, 10, 0.1, "auto"], [1, 2, 3, 4, 5]).plot()
    places = dict(
        zip(
            [text.get_text() for text in display.ax_.get_xticklabels()],
            display.ax_.get_xticks(),
            strict=True,
        )
    )
    order = sorted(places, key=places.get)
    assert order == ["0", "0.1", "10", "∞", "auto"]
    assert_allclose(display.errorbar_.lines[0].get_ydata(), [2, 4, 3, 1])  # "auto" stands apart


def test_error_bars_are_drawn_where_folds_differ():
    flat = AlphaCurveDisplay.from_cv_results(_results(std_test_score=[0.0] * 6))
    assert not flat.errorbar_.has_yerr
    assert AlphaCurveDisplay.from_cv_results(_results()).errorbar_.has_yerr


def test_the_best_alpha_is_named(check_drawing):
    texts = check_drawing(AlphaCurveDisplay.from_cv_results(_results()))
    assert {"best: alpha = 0", "alpha", "validation score"} <= set(texts)


def test_one_of_several_metrics_is_drawn(check_drawing):
    columns = {"mean_test_ndcg@10": [6, 5, 4, 3, 2, 1], "std_test_ndcg@10": [0] * 6}
    results = {"params": _results()["params"]} | columns
    display = AlphaCurveDisplay.from_cv_results(results, metric="ndcg@10")
    assert display.scores == [6, 4, 2]
    assert "validation NDCG@10" in check_drawing(display)
    text = "metric=None is not among the metrics of the search: 'ndcg@10'."
    with pytest.raises(ValueError, match=f"^{re.escape(text)}$"):
        AlphaCurveDisplay.from_cv_results(results)


@pytest.mark.parametrize(
    ("scoring", "name"),
    [
        (ndcg_scorer(k=20), "validation NDCG@20"),
        (mrr_scorer(), "validation MRR"),
        (ranking_scorer("recall@5[uni9]"), "validation Recall@5[uni9]"),
        ("explained_variance", "validation explained_variance"),
        (lambda *_: 0.0, "validation score"),
        (None, "validation score"),
    ],
)
def test_the_metric_of_a_search_is_named(scoring, name):
    search = GridSearchCV(ACETransformer(), {"alpha": [0.0, 1.0]}, scoring=scoring)
    search.cv_results_ = _results(params=[{"alpha": 1.0}] * 6)
    assert AlphaCurveDisplay.from_estimator(search).ax_.get_ylabel() == name


@pytest.mark.parametrize(
    ("alphas", "n_breaks"),
    [
        ([0.1, 1, 10], 0),
        ([0, 0.1, 1], 1),
        ([0, 0.1, math.inf], 2),
        ([0, 1, math.inf, "auto"], 3),
        ([0, math.inf], 1),
        (["auto"], 0),
    ],
)
def test_the_axis_is_cut_where_it_leaves_the_logarithms(alphas, n_breaks):
    display = AlphaCurveDisplay(alphas, np.linspace(0.1, 0.2, len(alphas))).plot()
    breaks = [text.get_position()[0] for text in display.ax_.texts if text.get_text() == "//"]
    ticks = np.sort(display.ax_.get_xticks())
    assert len(breaks) == n_breaks
    assert all((ticks < place).any() and (ticks > place).any() for place in breaks)
    assert not set(breaks) & set(ticks)


def test_another_parameter_has_a_plain_axis():
    display = AlphaCurveDisplay.from_cv_results(_results(), param="rec__width")
    assert (display.alphas, display.scores) == ([8, 16], [0.5, 0.4])
    assert display.ax_.get_xlabel() == "width"
    assert_allclose(display.errorbar_.lines[0].get_xdata(), [8, 16])


def test_a_search_tells_scores_and_isotropy(search, shop, check_drawing):
    display = AlphaCurveDisplay.from_estimator(search, shop, against="isotropy")
    assert display.alphas == [0, 0.1, 1, math.inf]
    for alpha, score, isotropy in zip(
        display.alphas, display.scores, display.isotropies, strict=True
    ):
        reached = [
            ACETransformer(6, alpha=alpha, center=center).fit(shop).anisotropy_["after"]["isotropy"]
            for center in (False, True)
        ]
        assert_allclose(isotropy, max(reached))  # the judge chose the more isotropic one
        assert_allclose(score, isotropy + 1)
    texts = check_drawing(display)
    assert {"0", "0.1", "1", "∞"} <= set(texts)
    assert_allclose(sorted(display.isotropies), display.errorbar_.lines[0].get_xdata())


def test_without_vectors_isotropy_is_refused_with_the_remedy(search):
    text = (
        "the results do not tell how isotropic the vectors are; pass the item vectors, as in "
        "AlphaCurveDisplay.from_estimator(search, X, against='isotropy')."
    )
    with pytest.raises(ValueError, match=f"^{re.escape(text)}$"):
        AlphaCurveDisplay.from_estimator(search, against="isotropy")


def test_a_transformer_that_does_not_tell_isotropy_is_refused(cone):
    search = GridSearchCV(
        Pipeline([("scaler", OnItems(StandardScaler())), ("rec", Judge())]),
        {"scaler__transformer__with_mean": [True]},
    )
    search.cv_results_ = {
        "params": [{"scaler__transformer__with_mean": True}],
        "mean_test_score": [0.1],
        "std_test_score": [0.0],
    }
    with pytest.raises(ValueError, match=r"belongs to StandardScaler, which does not tell how"):
        AlphaCurveDisplay.from_estimator(search, cone, param="scaler__transformer__with_mean")


@pytest.mark.parametrize(
    ("results", "param", "text"),
    [
        (
            _results(),
            "rec__alpha",
            "param='rec__alpha' was not searched; the search was over ace__alpha, rec__width.",
        ),
        (
            _results(params=[{"rec__width": 8}] * 6),
            None,
            "none of the searched parameters rec__width is named alpha; choose one with param=.",
        ),
        (
            _results(params=[{"ace__alpha": 8, "rec__alpha": 8}] * 6),
            None,
            "2 of the searched parameters ace__alpha, rec__alpha are named alpha; choose one with "
            "param=.",
        ),
        (
            _results(mean_test_score=[np.nan] * 6),
            None,
            "every fit of the search failed: all mean scores are NaN.",
        ),
        (
            _results(n_resources=[1] * 6),
            None,
            "cv_results_ of successive halving scores candidates on different numbers of rows, "
            "which makes no curve; search with GridSearchCV or RandomizedSearchCV.",
        ),
    ],
)
def test_results_that_make_no_curve_are_refused(results, param, text):
    with pytest.raises(ValueError, match=f"^{re.escape(text)}$"):
        AlphaCurveDisplay.from_cv_results(results, param=param)


def test_what_is_no_search_is_refused(cone):
    with pytest.raises(TypeError, match=r"^ACETransformer has no cv_results_; pass a fitted"):
        AlphaCurveDisplay.from_estimator(ACETransformer(3).fit(cone))


def test_another_axis_is_refused():
    with pytest.raises(ValueError, match=r"^against must be 'alpha' or 'isotropy', got 'loss'\.$"):
        AlphaCurveDisplay([1.0], [0.5]).plot(against="loss")
