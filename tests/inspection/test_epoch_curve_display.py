"""Tests of EpochCurveDisplay."""
# SPDX-License-Identifier: BSD-3-Clause

import re

import pytest
from numpy.testing import assert_allclose
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import Pipeline

from skace import ACETransformer, LeaveLastOut, PopularityEstimator, SASRecEstimator
from skace.inspection import EpochCurveDisplay

QUICK = {
    "embedding_dim": 4, "n_layers": 1, "n_heads": 1, "max_epochs": 3, "batch_size": 16,
    "random_state": 0,
}  # fmt: skip


@pytest.fixture(scope="module")
def pipe(shop):
    rec = SASRecEstimator(n_iter_no_change=3, **QUICK)
    return Pipeline([("ace", ACETransformer(4)), ("rec", rec)]).fit(shop)


@pytest.mark.filterwarnings("ignore:the validation score was still rising")
def test_losses_and_scores_of_the_fit_are_drawn(pipe, check_drawing):
    display = EpochCurveDisplay.from_estimator(pipe)
    rec = pipe["rec"]
    assert_allclose(display.lines_[0].get_xdata(), [1, 2, 3])
    assert_allclose(display.lines_[0].get_ydata(), rec.loss_curve_)
    assert_allclose(display.lines_[1].get_ydata(), rec.validation_scores_)
    texts = check_drawing(display)
    assert {
        "epoch", "training loss (nats)", "validation NDCG@10", f"epoch {rec.best_epoch_} was kept",
    } <= set(texts)  # fmt: skip
    assert display.score_ax_.get_ylabel() == "validation NDCG@10"


def test_epochs_are_whole_numbers_on_the_axis(check_drawing):
    display = EpochCurveDisplay([3.0, 2.0]).plot()
    check_drawing(display)
    assert all(float(tick).is_integer() for tick in display.ax_.get_xticks())


def test_without_validation_rows_there_is_one_line(shop):
    rec = SASRecEstimator(early_stopping=False, **QUICK).fit(shop.with_features(None))
    display = EpochCurveDisplay.from_estimator(rec)
    assert display.score_ax_ is None
    assert len(display.lines_) == 1


@pytest.mark.parametrize("wrap", ["search", "nested"])
def test_wrappers_are_looked_through(shop, wrap):
    rec = SASRecEstimator(early_stopping=False, **QUICK)
    pipe = Pipeline([("ace", ACETransformer(4)), ("rec", rec)])
    if wrap == "search":
        fitted = GridSearchCV(pipe, {"ace__alpha": [1.0]}, cv=LeaveLastOut()).fit(shop)
        expected = fitted.best_estimator_["rec"].loss_curve_
    else:
        fitted = Pipeline([("inner", pipe)]).fit(shop)
        expected = fitted["inner"]["rec"].loss_curve_
    assert EpochCurveDisplay.from_estimator(fitted).losses == expected


@pytest.mark.parametrize("best_epoch", [None, 2])
def test_the_best_epoch_is_marked_if_it_is_known(best_epoch):
    display = EpochCurveDisplay([3.0, 2.0, 1.5], best_epoch=best_epoch).plot()
    assert len(display.ax_.lines) == (1 if best_epoch is None else 2)
    assert display.ax_.get_title() == ("" if best_epoch is None else "epoch 2 was kept")


@pytest.mark.parametrize("model", [PopularityEstimator(), SASRecEstimator()])
def test_models_without_epochs_are_refused(model):
    text = (
        f"{type(model).__name__} has no loss_curve_ to draw; pass a fitted neural recommender, a "
        "Pipeline that ends in one, or a search over one with refit on."
    )
    with pytest.raises(TypeError, match=f"^{re.escape(text)}$"):
        EpochCurveDisplay.from_estimator(model)


def test_a_frozen_model_is_looked_through(pipe):
    display = EpochCurveDisplay.from_estimator(FrozenEstimator(pipe))
    assert display.losses == pipe["rec"].loss_curve_
