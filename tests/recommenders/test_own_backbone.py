"""A backbone of one's own: an encoder and the method that builds it."""
# SPDX-License-Identifier: BSD-3-Clause

import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV
from torch import nn

from skace import LeaveLastOut, leave_last_out
from skace.datasets import make_cycle
from skace.losses import BCE, Softmax
from skace.recommenders import NeuralRecommender
from skace.testing import all_losses, parametrize_with_checks


class CausalConvolution(nn.Module):
    """Each position sees itself and the few before it."""

    def __init__(self, width, n_seen):
        super().__init__()
        self.n_seen = n_seen
        self.convolution = nn.Conv1d(width, width, n_seen)
        self.norm = nn.LayerNorm(width)

    def forward(self, x):  # (B, T, D) -> (B, T, D)
        padded = nn.functional.pad(x.transpose(1, 2), (self.n_seen - 1, 0))
        return self.norm(x + torch.relu(self.convolution(padded)).transpose(1, 2))


class ConvolutionEstimator(NeuralRecommender):
    """All parameters are inherited."""

    def _build_encoder(self, width):
        return CausalConvolution(width, n_seen=3)


SMALL = {"max_length": 6, "max_epochs": 2, "batch_size": 16}


@parametrize_with_checks([ConvolutionEstimator(**SMALL)])
@pytest.mark.minutes
def test_it_keeps_the_contract(estimator, check):
    check(estimator)


@pytest.mark.minutes
@parametrize_with_checks([ConvolutionEstimator(embedding_dim=8, **SMALL)], n_features=None)
def test_it_keeps_the_contract_without_features(estimator, check):
    check(estimator)


@pytest.fixture(scope="module")
def cycle():
    return leave_last_out(
        make_cycle(n_users=40, n_items=10, length=12, n_features=16, random_state=0)
    )


# A loss knows nothing of the network before it, so the other losses can wait for test-slow.
@pytest.mark.parametrize(
    "loss",
    [
        pytest.param(loss, marks=[pytest.mark.minutes] * (not isinstance(loss, Softmax)))
        for loss in all_losses(n_negatives=8)
    ],
    ids=repr,
)
def test_it_learns_with_every_loss(cycle, loss, training_seed, margin, least_lead):
    train, test = cycle
    sizes = {"k": 1, "max_epochs": 30, "batch_size": 16, "early_stopping": False}
    model = ConvolutionEstimator(learning_rate=0.01, loss=loss, random_state=training_seed, **sizes)
    margin(least_lead(model.fit(train), test), above=0)


def test_it_is_cloned_and_searched_by_its_inherited_parameters(cycle, training_seed, margin):
    model = ConvolutionEstimator(k=3, weight_decay=0.1, **SMALL)
    assert clone(model).get_params() == model.get_params()
    grid = {"learning_rate": [1e-6, 0.01], "loss__draw": ["uniform", "popularity"]}
    model.set_params(loss=BCE(8), early_stopping=False, random_state=training_seed)
    model.set_params(max_epochs=10)
    search = GridSearchCV(model, grid, cv=LeaveLastOut(), error_score="raise").fit(cycle[0])
    rates = search.cv_results_["param_learning_rate"].data
    scores = search.cv_results_["mean_test_score"]
    margin(scores[rates == 0.01].min() - scores[rates == 1e-6].max(), above=0)
    assert search.best_params_["learning_rate"] == 0.01


class DeepConvolutionEstimator(NeuralRecommender):
    """A size that a subclass sets, so that there is no constructor to write."""

    n_seen = 5

    def _build_encoder(self, width):
        return CausalConvolution(width, self.n_seen)


@pytest.mark.parametrize(
    ("cls", "n_seen"), [(ConvolutionEstimator, 3), (DeepConvolutionEstimator, 5)]
)
def test_events_further_back_than_it_sees_do_not_matter(cycle, cls, n_seen):
    model = cls(random_state=0, max_epochs=2, early_stopping=False).fit(cycle[0])
    history = [1, 2, 3, 4, 5, 6]
    scores = model.decision_function([[9, *history[-n_seen:]], history[-n_seen:]])
    np.testing.assert_allclose(scores[0], scores[1], rtol=1e-5, atol=1e-6)
    nearer = model.decision_function([[9, *history[1 - n_seen :]]])[0]
    assert np.abs(nearer - scores[0]).max() > 1e-5
