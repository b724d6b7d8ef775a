"""Losses are parameter objects: cloned, printed, searched, saved, refused where they are none."""
# SPDX-License-Identifier: BSD-3-Clause

import pickle
import re

import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import Pipeline

import skace.losses
from skace import ACETransformer, LeaveLastOut, SASRecEstimator, ndcg_scorer
from skace.datasets import make_cycle
from skace.losses import (
    BCE,
    BPR,
    GBCE,
    InBatchSoftmax,
    Loss,
    SampledSoftmax,
    Softmax,
    all_vectors,
    vectors_at,
)
from skace.persistence import dump, load
from skace.recommenders import NeuralRecommender
from skace.recommenders.neural._losses import with_loss_object
from skace.testing import all_losses, parametrize_with_checks

FAST = {
    "k": 2,
    "n_layers": 1,
    "n_heads": 1,
    "max_length": 4,
    "max_epochs": 1,
    "early_stopping": False,
    "random_state": 0,
}
each_loss = pytest.mark.parametrize("loss", all_losses(), ids=repr)


class MarginLoss(Loss):
    """A third party's loss: the right item leads the first one by a margin."""

    def __init__(self, margin=1.0):
        self.margin = margin

    def build(self, counts):
        assert counts.learned.shape == counts.asked.shape
        return self._of_batch

    def _of_batch(self, hidden, table, targets, weights):
        first = vectors_at(table, torch.zeros_like(targets))
        lead = (hidden * (vectors_at(table, targets) - first)).sum(dim=1)
        return (weights * (self.margin - lead).clamp(min=0)).sum()


@pytest.fixture(scope="module")
def X():
    return make_cycle(n_users=20, n_items=6, length=6, n_features=4, random_state=0)


@pytest.mark.usefixtures("no_torch")
@each_loss
def test_losses_are_made_cloned_and_printed_without_torch(loss):
    copy = clone(loss)
    assert copy is not loss
    assert copy.get_params() == loss.get_params()
    assert repr(eval(repr(loss), vars(skace.losses))) == repr(loss)  # noqa: S307 - of ours


@each_loss
def test_every_parameter_of_a_loss_has_a_constraint(loss):
    assert loss.get_params().keys() == loss._parameter_constraints.keys()


class Wrong(Loss):
    """A loss that returns what it is told to."""

    def __init__(self, what=None):
        self.what = what

    def build(self, counts):  # noqa: ARG002
        return self._of_batch

    def _of_batch(self, hidden, _table, _targets, weights):
        return {"nothing": None, "rows": weights * hidden.sum(dim=1), "number": 1.0}[self.what]


@pytest.mark.parametrize(
    ("what", "found"),
    [("nothing", "NoneType"), ("rows", r"Tensor of shape \(\d+,\)"), ("number", "float")],
)
def test_a_loss_that_returns_no_sum_is_told_what_to_return(X, what, found):
    text = rf"^the loss returned {found}; it has to return the sum of what the places cost"
    with pytest.raises(TypeError, match=text):
        SASRecEstimator(**FAST, loss=Wrong(what)).fit(X)


class Products(Softmax):
    """A loss that multiplies by the table, and notes the type of what it gets."""

    def __init__(self, takes=False):
        self.takes = takes

    @property
    def takes_bfloat16(self):
        return self.takes

    def build(self, counts):
        return lambda *found: self._of_batch(super(Products, self).build(counts), *found)

    def _of_batch(self, ours, hidden, table, targets, weights):
        TYPES.append(hidden.dtype)
        if self.takes:
            return ours(hidden, table, targets, weights)
        log_p = (hidden @ all_vectors(table).T).log_softmax(dim=1)
        return -(weights * log_p[:, targets].diagonal()).sum()


TYPES = []


@pytest.mark.parametrize("precision", ["bfloat16", "float32"])
def test_a_loss_that_says_nothing_of_bfloat16_gets_float32(X, precision):
    for takes in (False, True):
        TYPES.clear()
        SASRecEstimator(**FAST, loss=Products(takes), precision=precision).fit(X)
        assert set(TYPES) == {getattr(torch, precision) if takes else torch.float32}


@each_loss
def test_losses_of_ours_take_bfloat16(loss):
    assert loss.takes_bfloat16


@pytest.mark.minutes
@parametrize_with_checks([SASRecEstimator(**FAST, loss=MarginLoss())])
def test_a_loss_of_a_third_party_keeps_the_contract(estimator, check):
    check(estimator)


def test_a_search_compares_losses_and_reaches_into_them(X):
    pipe = Pipeline([("ace", ACETransformer(4)), ("rec", SASRecEstimator(**FAST))])
    grid = [
        {"rec__loss": [None, Softmax(), BCE(), SampledSoftmax(n_negatives=64), MarginLoss()]},
        {"rec__loss": [GBCE()], "rec__loss__n_negatives": [1, 3], "rec__loss__t": [0.0, 1.0]},
    ]
    search = GridSearchCV(
        pipe, grid, cv=LeaveLastOut(), scoring=ndcg_scorer(), error_score="raise", refit=False
    ).fit(X)
    assert len(search.cv_results_["params"]) == 9
    losses = [params["rec__loss"] for params in search.cv_results_["params"]]
    assert {repr(loss) for loss in losses[5:]} == {"GBCE()"}  # set in copies, not in the grid's own
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()


def test_default_is_the_softmax(X):
    default, named = (
        SASRecEstimator(**FAST, loss=loss).fit(X).item_vectors_.tobytes()
        for loss in (None, Softmax())
    )
    assert default == named


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("bce", "loss is the text 'bce'; pass an object such as skace.losses.BCE()."),
        (BCE, "loss is the class BCE; pass an instance, BCE()."),
    ],
)
def test_what_is_no_object_is_refused_by_name(X, value, text):
    for error in (ValueError, TypeError):
        with pytest.raises(error, match=f"^{re.escape(text)}$"):
            SASRecEstimator(loss=value).fit(X)


@pytest.mark.parametrize(
    ("loss", "text"),
    [
        (BCE(0), "The 'n_negatives' parameter of BCE must be an int in the range [1, inf). Got 0"),
        (GBCE(t=2), "The 't' parameter of GBCE must be a float in the range [0.0, 1.0]. Got 2"),
        (SampledSoftmax(draw="in_batch"), "The 'draw' parameter of SampledSoftmax must be a str "),
    ],
)
def test_values_out_of_range_are_refused_before_any_work(X, loss, text):
    model = SASRecEstimator(loss=loss)
    with pytest.raises(ValueError, match=f"^{re.escape(text)}"):
        model.fit(X)
    assert not hasattr(model, "item_ids_")


def test_what_stands_for_none_is_named():
    text = (
        "loss__n_negatives cannot be set, because loss is None, which has no parameters; set "
        "loss=Softmax(), which is what None stands for, or another object first."
    )
    with pytest.raises(ValueError, match=f"^{re.escape(text)}$"):
        SASRecEstimator().set_params(loss__n_negatives=3)
    model = SASRecEstimator().set_params(loss__n_negatives=3, loss=BPR())
    assert model.loss.n_negatives == 3


@pytest.mark.parametrize(
    ("name", "negatives", "expected"),
    [
        ("softmax", "uniform", None),
        ("sampled_softmax", "uniform", SampledSoftmax(5)),
        ("sampled_softmax", "popularity", SampledSoftmax(5, draw="popularity")),
        ("sampled_softmax", "in_batch", InBatchSoftmax()),
        ("bce", "popularity", BCE(5, draw="popularity")),
        ("gbce", "uniform", GBCE(5, t=0.25)),
        ("bpr", "in_batch", BPR(5, draw="in_batch")),
    ],
)
def test_names_in_files_of_before_become_objects(name, negatives, expected):
    state = {"loss": name, "n_negatives": 5, "negatives": negatives, "gbce_t": 0.25, "k": 3}
    found = with_loss_object(state)
    assert found.keys() == {"loss", "k"}
    assert repr(found["loss"]) == repr(expected)
    model = SASRecEstimator.__new__(SASRecEstimator)
    model.__setstate__(vars(SASRecEstimator()) | state)
    assert repr(model) == repr(SASRecEstimator(k=3, loss=expected))


@each_loss
def test_a_model_file_holds_its_loss(X, loss, tmp_path):
    model = SASRecEstimator(**FAST, loss=loss).fit(X)
    dump(model, tmp_path / "model.skops")
    for copy in (load(tmp_path / "model.skops"), pickle.loads(pickle.dumps(model))):
        assert repr(copy.loss) == repr(loss)


def test_a_file_names_the_loss_of_a_third_party_among_the_types_to_trust(X, tmp_path):
    dump(SASRecEstimator(**FAST, loss=MarginLoss()).fit(X), tmp_path / "model.skops")
    name = f"{MarginLoss.__module__}.MarginLoss"
    with pytest.raises(ValueError, match=re.escape(f"trusted=['{name}']")):
        load(tmp_path / "model.skops")
    assert load(tmp_path / "model.skops", trusted=[name]).loss.margin == 1.0


def test_networks_have_no_parameters_of_losses():
    names = NeuralRecommender._get_param_names()
    assert "loss" in names
    assert not {"n_negatives", "negatives", "gbce_t"} & set(names)
