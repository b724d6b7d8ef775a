"""The probe finds networks that see what they are asked for, and lets the others pass."""
# SPDX-License-Identifier: BSD-3-Clause

import pickle
import re

import numpy as np
import pytest
import torch
from torch import nn

from skace import SASRecEstimator
from skace._torch._layouts import LastItemLayout, NextItemLayout
from skace.datasets import make_cycle
from skace.item_tables import DualViewTable
from skace.objectives import Cloze, LastItem, NextItem, Objective
from skace.recommenders import (
    BERT4RecEstimator,
    FMLPEstimator,
    GRAMEstimator,
    GRU4RecEstimator,
    MELTEstimator,
    NeuralRecommender,
)
from skace.testing import check_sequential_recommender, recommender_checks

FAST = {"k": 2, "max_epochs": 1, "early_stopping": False, "batch_size": 16, "random_state": 0}


@pytest.fixture(scope="module")
def cycle():
    return make_cycle(n_users=12, n_items=7, length=9, n_features=8, random_state=0)


class Causal(nn.Module):
    """Mean of what was read so far, mixed by a layer."""

    def __init__(self, width):
        super().__init__()
        self.mix = nn.Linear(width, width)

    def forward(self, x, **_context):
        n_read = torch.arange(1, x.shape[1] + 1, device=x.device)[:, None]
        return self.mix(x.cumsum(dim=1) / n_read)


class LooksAhead(Causal):
    """The mean of everything, before and behind."""

    def forward(self, x, **_context):
        return self.mix(x.mean(dim=1, keepdim=True).expand_as(x))


class LooksTwoAhead(Causal):
    """The event after the next one."""

    def forward(self, x, **_context):
        later = torch.cat([x[:, 2:], x.new_zeros(len(x), min(2, x.shape[1]), x.shape[2])], dim=1)
        return super().forward(x) + self.mix(later)


class OpensAGate(LooksAhead):
    """Looks ahead behind a gate that is closed at the start."""

    def __init__(self, width):
        super().__init__(width)
        self.gate = nn.Parameter(torch.zeros(()))

    def forward(self, x, **_context):
        return Causal.forward(self, x) + self.gate * super().forward(x)


class MasksByABuffer(Causal):
    """Causal by a mask of zeros and ones that is a buffer."""

    def __init__(self, width):
        super().__init__(width)
        self.register_buffer("mask", torch.ones(64, 64).tril())

    def forward(self, x, **_context):
        n = x.shape[1]
        return self.mix(self.mask[:n, :n] @ x)


def estimator_of(encoder, objective):
    """Backbone with an encoder and an objective."""

    class Backbone(NeuralRecommender):
        def _build_encoder(self, width):
            return encoder(width)

        def _objective(self):
            return objective

    return Backbone(**FAST, max_length=5)


class WrongWindows(LastItem):
    """Asks for every event of a window, which suits no encoder that mixes all places."""

    def windows(self, is_row, offsets, max_length, *, overlap):
        return Objective.windows(self, is_row, offsets, max_length, overlap=overlap)


class AsksForWhatIsRead(NextItem):
    """Asks each place for the event that it reads."""

    def build(self):
        class Echo(NextItemLayout):
            def batch(self, items, weights, bounds, longest):
                batch = super().batch(items, weights, bounds, longest)
                return type(batch)(batch.items, batch.items, batch.weights, batch.context)

        return Echo()


LEAKING = {
    "looks ahead": (LooksAhead, NextItem()),
    "looks two ahead": (LooksTwoAhead, NextItem()),
    "behind a gate": (OpensAGate, NextItem()),
    "wrong windows": (LooksAhead, WrongWindows()),
    "asks for what is read": (Causal, AsksForWhatIsRead()),
}


# A window of two events has nothing two ahead.
CASES = [(n, t) for n in LEAKING for t in (2, 3, 5, 50) if (n, t) != ("looks two ahead", 2)]


@pytest.mark.parametrize(("name", "max_length"), CASES)
def test_a_network_that_sees_its_answer_is_refused_by_name(cycle, name, max_length):
    model = estimator_of(*LEAKING[name]).set_params(max_length=max_length)
    text = rf"^Backbone learns with {re.escape(repr(LEAKING[name][1]))}, by which a place of a"
    with pytest.raises(ValueError, match=text):
        model.fit(cycle)
    assert not hasattr(model, "item_ids_")


def test_the_contract_suite_refuses_them_too():
    model = estimator_of(*LEAKING["behind a gate"])
    report = check_sequential_recommender(model, on_fail=None)
    assert "check_no_state_sees_what_it_is_asked_for" in report.names("failed")
    assert "Backbone learns with NextItem()" in str(report)


@pytest.mark.parametrize(
    ("encoder", "objective"),
    [
        (Causal, NextItem()),
        (Causal, LastItem()),
        (LooksAhead, LastItem()),
        (LooksAhead, Cloze()),  # what is asked for is not in the window that is read
        (MasksByABuffer, NextItem()),
    ],
)
def test_others_pass(cycle, encoder, objective):
    assert estimator_of(encoder, objective).fit(cycle)._foresight() is None


class LearnsToLookAhead(Causal):
    """Looks ahead once it was trained, which no look at its start can tell."""

    def __init__(self, width):
        super().__init__(width)
        self.n_steps = 0

    def forward(self, x, **_context):
        self.n_steps += self.training
        ahead = x.mean(dim=1, keepdim=True) if self.n_steps > 1 else 0.0
        return super().forward(x) + ahead


def test_the_contract_suite_looks_after_training_as_well():
    (check,) = (c for c in recommender_checks() if c.name.startswith("check_no_state_sees"))
    with pytest.raises(AssertionError, match="after training the state at place"):
        check(estimator_of(LearnsToLookAhead, NextItem()))


NETWORKS = {
    "sasrec": SASRecEstimator(**FAST),
    "pre": SASRecEstimator(**FAST, block="pre"),
    "ligr": SASRecEstimator(**FAST, block="ligr"),
    "relative": SASRecEstimator(**FAST, positions="relative"),
    "rotary": SASRecEstimator(**FAST, positions="rotary"),
    "time": SASRecEstimator(**FAST, positions="time"),
    "hstu": SASRecEstimator(**FAST, block="hstu", positions="relative"),
    "dual view": SASRecEstimator(**FAST, embedding_dim=8, item_table=DualViewTable()),
    "gru4rec": GRU4RecEstimator(**FAST),
    "bert4rec": BERT4RecEstimator(**FAST),
    "fmlp": FMLPEstimator(**FAST),
    "gram": GRAMEstimator(**FAST),
    "gram, late": GRAMEstimator(**FAST, fusion="late"),
    "melt": MELTEstimator(SASRecEstimator(**FAST), k=2, user_threshold=4, item_threshold=3),
}


@pytest.mark.parametrize(
    "name",
    [pytest.param(n, marks=[pytest.mark.minutes] * (n == "melt")) for n in NETWORKS],
)
def test_ours_see_nothing_and_the_probe_leaves_no_trace(cycle, name, monkeypatch):
    model = NETWORKS[name]
    looked = model.fit(cycle)
    assert looked._foresight() is None
    vectors = looked.item_vectors_
    torch.manual_seed(5)
    state = torch.get_rng_state()
    before = pickle.dumps(looked.encoder_state_)
    looked._foresight()
    assert torch.equal(torch.get_rng_state(), state)
    assert pickle.dumps(looked.encoder_state_) == before
    monkeypatch.setattr(NeuralRecommender, "_refuse_foresight", lambda *_: None)
    np.testing.assert_array_equal(model.fit(cycle).item_vectors_, vectors)


@pytest.mark.parametrize("layout", [NextItemLayout(), LastItemLayout()])
def test_objectives_build_what_the_network_follows(layout):
    built = {type(objective.build()) for objective in (NextItem(), LastItem(), Cloze())}
    assert type(layout) in built


@pytest.mark.parametrize("ratio", [0.0, 1.5, "many"])
def test_ratios_out_of_range_are_refused(ratio):
    with pytest.raises(ValueError, match="The 'mask_ratio' parameter of Cloze must be a float"):
        Cloze(ratio).build()


class LastOnly(nn.Module):
    """An encoder that gives one state for each window."""

    def forward(self, x):
        return x[:, -1]


class LastOnlyEstimator(NeuralRecommender):
    """Its recommender."""

    def _build_encoder(self, width):  # noqa: ARG002
        return LastOnly()


def test_an_encoder_of_the_wrong_shape_is_told_so_and_not_of_foresight():
    X = make_cycle(n_users=8, n_items=5, length=6, n_features=4, random_state=0)
    with pytest.raises(ValueError, match=r"^the encoder made Tensor of shape \(\d, 4\) of item"):
        LastOnlyEstimator(k=2).fit(X)
