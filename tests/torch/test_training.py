"""The training loop: what a step learns from, and when epochs end."""
# SPDX-License-Identifier: BSD-3-Clause

import pickle
import re
import warnings

import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from torch import nn

from skace import SASRecEstimator
from skace._torch._batches import Batch, DeviceLog
from skace._torch._layouts import ClozeLayout
from skace._torch._network import Network
from skace._torch.encoders._bert4rec import BERT4RecEncoder
from skace._torch.tables._trainable import TrainableItems
from skace._torch.training._competitors import Competitors, all_vectors, vectors_at
from skace._torch.training._losses import full_softmax
from skace._torch.training._trainer import Trainer, build_optimizers
from skace._windows import cut_windows, rows_asked
from skace.losses import GBCE, ItemCounts, SampledSoftmax
from skace.recommenders import BERT4RecEstimator, FMLPEstimator, GRU4RecEstimator
from skace.recommenders.neural import _training
from skace.testing import all_losses

CPU = torch.device("cpu")
N_ITEMS, D = 6, 4


def build_trainer(
    X, *, loss=full_softmax, takes_part=None, weights=None, batch_size=2, items=TrainableItems
):
    """Trainer whose encoder hands its input on, so that gradients can be done by hand."""
    is_row = np.ones(X._log.n_events)
    generator = torch.Generator().manual_seed(0)
    vectors = torch.randn(N_ITEMS, D, generator=generator)
    takes_part = np.ones(N_ITEMS, dtype=bool) if takes_part is None else np.array(takes_part)
    network = Network(nn.Identity(), items(vectors, ~takes_part), max_length=4)
    windows = cut_windows(is_row > 0, X._log.offsets, 4)
    return Trainer(
        network=network,
        log=DeviceLog(X._log.items, is_row if weights is None else weights, windows, CPU),
        loss=loss,
        competitors=Competitors(takes_part, CPU),
        optimizers=build_optimizers(network, 0.01, 0.0),
        batch_size=batch_size,
        dtype=torch.float32,
        rng=np.random.RandomState(0),
    )


def pairs_loss(vectors, pairs, weights=None):
    """Sum over (item read, item that follows) of the cross-entropy, pair by pair."""
    weights = [1.0] * len(pairs) if weights is None else weights
    losses = [
        w * -(vectors @ vectors[read]).log_softmax(dim=0)[target]
        for (read, target), w in zip(pairs, weights, strict=True)
    ]
    return sum(losses)


PAIRS = [(0, 1), (1, 2), (2, 3), (1, 2), (2, 0), (4, 0)]  # all of the four-user log


def test_batch_loss_is_that_of_all_pairs_and_of_nothing_else(small_log):
    trainer = build_trainer(small_log)
    loss, weight = trainer.batch_loss(trainer.log.batch(np.array([0, 1, 2])))
    expected = pairs_loss(trainer.network.items().detach(), PAIRS)
    assert float(loss.detach()) == pytest.approx(float(expected), rel=1e-6)
    assert float(weight) == 6


def test_batch_loss_weighs_rows(small_log):
    weights = np.array([1, 2, 0, 3, 1, 1, 1, 1, 0.5, 1])
    trainer = build_trainer(small_log, weights=weights)
    loss, weight = trainer.batch_loss(trainer.log.batch(np.array([0, 1, 2])))
    vectors = trainer.network.items().detach()
    assert float(loss.detach()) == pytest.approx(
        float(pairs_loss(vectors, PAIRS, [2, 0, 3, 1, 1, 0.5])), rel=1e-6
    )
    assert float(weight) == 7.5


def test_items_that_do_not_take_part_are_no_competitors(small_log):
    takes_part = [True] * 5 + [False]  # fig is cold
    trainer = build_trainer(small_log, takes_part=takes_part)
    loss, _ = trainer.batch_loss(trainer.log.batch(np.array([0, 1, 2])))
    vectors = trainer.network.items().detach()[:5]
    assert float(loss.detach()) == pytest.approx(float(pairs_loss(vectors, PAIRS)), rel=1e-6)


@pytest.mark.parametrize("left_out", [5, 1])
def test_places_among_the_competitors_follow_the_rows(left_out):
    competitors = Competitors(np.arange(N_ITEMS) != left_out, CPU)
    table = torch.arange(float(N_ITEMS))[:, None].expand(N_ITEMS, D)
    targets = torch.tensor([row for row in (0, 3, 4, 2) if row != left_out])
    rivals, places = competitors.of(table, targets)
    assert all_vectors(rivals)[:, 0].tolist() == [row for row in range(N_ITEMS) if row != left_out]
    assert vectors_at(rivals, places)[:, 0].tolist() == targets.tolist()


@pytest.mark.parametrize(
    ("takes_part", "expected"),
    [([True] * 6, [0, 1, 2, 3, 4, 5]), ([True, False, True, True, False, True], [0, 2, 3, 5])],
)
def test_values_of_the_competitors_are_in_their_order(takes_part, expected):
    values = Competitors(np.array(takes_part), CPU).among(np.arange(6))
    assert values.dtype == torch.float32
    assert values.tolist() == expected


class Shrinking(TrainableItems):
    """A table that would rather be small where there is something to learn."""

    def penalty(self, items):
        self.seen = items
        return 0.5 * self.weight[items].square().sum()


def test_the_table_adds_a_penalty_for_each_row_of_the_step(small_log):
    """An epoch of two steps asks for six rows, so a mean step holds three of them."""
    trainer = build_trainer(small_log, items=Shrinking)
    vectors = trainer.network.items().detach().clone().requires_grad_()
    targets = torch.tensor([target for _, target in PAIRS])
    cost = pairs_loss(vectors, PAIRS) / 3 + 6 / 3 * 0.5 * vectors[targets].square().sum()
    cost.backward()
    trainer.optimizers = [torch.optim.SGD(trainer.network.parameters(), lr=0.1)]
    before = vectors.detach().clone()
    loss = trainer.step(trainer.log.batch(np.array([0, 1, 2])))
    assert sorted(trainer.network.items.seen.tolist()) == sorted(targets.tolist())
    step = trainer.network.items().detach() - before
    torch.testing.assert_close(step, -0.1 * vectors.grad, rtol=1e-4, atol=1e-6)
    # What is reported is the loss alone.
    expected = float(pairs_loss(before, PAIRS))
    assert float(loss) == pytest.approx(expected, rel=1e-6)


class Doubling(TrainableItems):
    """A table that doubles what the encoder gives back."""

    def encode(self, encoder, x):
        return 2 * encoder(x)


def test_the_table_decides_how_vectors_pass_the_encoder_in_training(small_log):
    trainer = build_trainer(small_log, items=Doubling)
    loss, _ = trainer.batch_loss(trainer.log.batch(np.array([0, 1, 2])))
    vectors = trainer.network.items().detach()
    expected = sum(
        -(2 * vectors @ vectors[read]).log_softmax(dim=0)[target] for read, target in PAIRS
    )
    assert float(loss.detach()) == pytest.approx(float(expected), rel=1e-6)


@pytest.fixture
def cloze_trainer(small_log):
    """Trainer of a cloze encoder that masks all it can; the output side is taken off."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        encoder = BERT4RecEncoder(
            D, max_length=4, n_layers=1, n_heads=1, dropout=0.0, attention_dropout=0.0
        )
    trainer = build_trainer(small_log)
    windows = cut_windows(np.ones(10, dtype=bool), small_log._log.offsets, 4)
    layout = ClozeLayout(1.0, 0.0)
    trainer.log = DeviceLog(small_log._log.items, np.ones(10), windows, CPU, layout)
    trainer.network = Network(encoder, trainer.network.items, 4, layout)
    rivals = torch.randn(N_ITEMS, D, generator=torch.Generator().manual_seed(1))
    trainer.competitors.of = lambda _table, targets: (rivals, targets)
    return trainer


def test_masked_items_and_padding_get_no_gradient(cloze_trainer):
    # All but the first event of each user are masked: ash, bay, elm, none of it with a target.
    loss, weight = cloze_trainer.batch_loss(cloze_trainer.log.batch(np.array([0, 1, 2])))
    loss.backward()
    assert float(weight) == 6
    moved = cloze_trainer.network.items.weight.grad.abs().amax(dim=1) > 0
    assert moved.tolist() == [True, True, False, False, True, False]
    assert cloze_trainer.network.encoder.mask.weight.grad.abs().min() > 0


def test_nothing_but_masked_positions_is_learned_from(cloze_trainer):
    batch = cloze_trainer.log.batch(np.array([0, 1, 2]))
    seen = []
    cloze_trainer.loss = lambda hidden, _table, targets, weights: (
        seen.append((len(hidden), targets.tolist(), weights.tolist())) or hidden.sum()
    )
    cloze_trainer.batch_loss(batch)
    assert seen == [(6, [1, 2, 3, 2, 0, 0], [1.0] * 6)]


def test_a_cold_item_is_moved_by_nothing(small_log):
    trainer = build_trainer(small_log, takes_part=[True] * 5 + [False])
    before = trainer.network.items().detach().clone()
    trainer.run_epoch()
    after = trainer.network.items().detach()
    assert torch.equal(after[5], before[5])
    assert (after[:5] != before[:5]).any(dim=1).all()


@pytest.mark.parametrize("loss", all_losses(n_negatives=3), ids=repr)
def test_padding_gets_no_gradient(small_log, loss):
    counts = ItemCounts(torch.ones(N_ITEMS), torch.ones(N_ITEMS))
    trainer = build_trainer(small_log, loss=loss.build(counts))
    # The output side is taken off, so that all gradient comes through what was read.
    rivals = torch.randn(N_ITEMS, D, generator=torch.Generator().manual_seed(1))
    trainer.competitors.of = lambda _table, targets: (rivals, targets)
    batch = trainer.log.batch(np.array([0, 1, 2]))
    is_padding = torch.tensor([[0, 0, 0], [0, 0, 1], [0, 1, 1]], dtype=torch.bool)
    fig = 5  # read by nobody
    other = Batch(torch.where(is_padding, fig, batch.items), batch.targets, batch.weights)
    gradients = []
    for each in (batch, other):
        trainer.network.zero_grad()
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            trainer.batch_loss(each)[0].backward()
        gradients.append(trainer.network.items.weight.grad.clone())
    torch.testing.assert_close(gradients[0], gradients[1])
    assert not gradients[1][fig].any()
    assert gradients[1][:3].any(dim=1).all()


def test_an_epoch_reports_the_mean_loss_and_learns(small_log, margin):
    trainer = build_trainer(small_log, batch_size=8)
    vectors = trainer.network.items().detach().clone()
    losses = [trainer.run_epoch() for _ in range(30)]
    assert losses[0] == pytest.approx(float(pairs_loss(vectors, PAIRS)) / 6, rel=1e-6)
    margin(losses[-1] / losses[0], below=0.9)


@pytest.mark.parametrize("batch_size", [1, 2, 7])
def test_an_epoch_takes_every_window_once(small_log, batch_size, monkeypatch):
    trainer = build_trainer(small_log, batch_size=batch_size)
    taken, make_batch = [], DeviceLog.batch

    def batch(log, numbers):
        taken.append(numbers)
        return make_batch(log, numbers)

    monkeypatch.setattr(DeviceLog, "batch", batch)
    trainer.run_epoch()
    assert sorted(np.concatenate(taken).tolist()) == [0, 1, 2]
    assert max(map(len, taken)) == min(batch_size, 3)


def test_the_first_step_is_adams(small_log):
    trainer = build_trainer(small_log, batch_size=8)
    before = trainer.network.items().detach().clone()
    pairs_loss_before = before.clone().requires_grad_()
    pairs_loss(pairs_loss_before, PAIRS).backward()
    trainer.run_epoch()
    step = trainer.network.items().detach() - before
    # Adam's first step has the size of the learning rate, against the gradient.
    torch.testing.assert_close(step, -0.01 * pairs_loss_before.grad.sign(), rtol=1e-3, atol=1e-5)


def test_weight_decay_shrinks_what_it_should(small_log):
    plain, decayed = build_trainer(small_log, batch_size=8), build_trainer(small_log, batch_size=8)
    decayed.optimizers = build_optimizers(decayed.network, 0.01, 0.5)
    before = plain.network.items().detach().clone()
    plain.run_epoch()
    decayed.run_epoch()
    difference = decayed.network.items().detach() - plain.network.items().detach()
    torch.testing.assert_close(difference, -0.01 * 0.5 * before, rtol=1e-3, atol=1e-6)


# When epochs end.


@pytest.fixture
def fit(small_log, monkeypatch):
    """Fit with a script of validation scores, one per epoch."""

    def run(scores, **parameters):
        script = iter(scores)
        monkeypatch.setattr(_training, "ndcg_at_k", lambda *_, **__: next(script))
        sizes = {"k": 2, "n_layers": 1, "n_heads": 1, "dropout": 0.1, "random_state": 0}
        return SASRecEstimator(**(sizes | parameters)).fit(small_log)

    return run


@pytest.mark.parametrize(
    ("scores", "patience", "n_epochs", "best"),
    [
        ([0.1, 0.2, 0.15, 0.12, 0.19], 3, 5, 2),
        ([0.1, 0.2, 0.15, 0.25, 0.1, 0.1], 2, 6, 4),
        ([0.3, 0.2], 1, 2, 1),
        ([0.2, 0.2, 0.2], 2, 3, 1),  # an equal score is no better
        ([0.0, 0.0, 0.1, 0.0, 0.0], 2, 5, 3),
    ],
)
def test_training_stops_when_the_score_no_longer_rises(fit, scores, patience, n_epochs, best):
    model = fit(scores, n_iter_no_change=patience, max_epochs=50)
    assert (model.n_iter_, model.best_epoch_) == (n_epochs, best)
    assert model.validation_scores_ == scores[:n_epochs]
    assert len(model.loss_curve_) == n_epochs


def test_the_best_epoch_is_restored(fit, small_log):
    model = fit([0.1, 0.3, 0.2, 0.2], n_iter_no_change=2)
    with pytest.warns(ConvergenceWarning):
        short = fit([0.1, 0.3], max_epochs=2)
    np.testing.assert_array_equal(model.item_vectors_, short.item_vectors_)
    for name, value in model.encoder_state_.items():
        np.testing.assert_array_equal(value, short.encoder_state_[name])
    scores = short.decision_function(small_log)
    np.testing.assert_array_equal(model.decision_function(small_log), scores)
    with pytest.warns(ConvergenceWarning):
        longer = fit([0.1, 0.2, 0.3, 0.4], max_epochs=4)
    assert not np.array_equal(model.item_vectors_, longer.item_vectors_)


def test_a_score_that_still_rises_at_the_end_is_warned_of(fit):
    text = "the validation score was still rising in the last of 3 epochs; raise max_epochs."
    with pytest.warns(ConvergenceWarning, match=f"^{re.escape(text)}$"):
        fit([0.1, 0.2, 0.3], max_epochs=3)


@pytest.mark.parametrize(
    ("scores", "parameters"),
    [
        ([0.3, 0.2, 0.2], {"max_epochs": 3}),  # the best epoch is not the last one
        ([0.1], {"max_epochs": 1}),  # nobody expects one epoch to converge
        ([], {"max_epochs": 3, "early_stopping": False}),
    ],
)
def test_no_warning_where_there_is_nothing_to_say(fit, scores, parameters):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        fit(scores, **parameters)


def test_without_early_stopping_all_epochs_are_kept(fit):
    model = fit([], early_stopping=False, max_epochs=4)
    assert (model.n_iter_, model.best_epoch_, model.validation_scores_) == (4, 4, [])


@pytest.mark.parametrize(("loss", "epoch"), [(np.nan, 1), (np.nan, 2), (np.inf, 2)])
def test_a_loss_that_is_no_number_ends_the_fit(small_log, monkeypatch, loss, epoch):
    losses = iter([1.0] * (epoch - 1) + [loss])
    monkeypatch.setattr(Trainer, "run_epoch", lambda self: next(losses))  # noqa: ARG005
    model = SASRecEstimator(k=2, n_heads=1, learning_rate=0.5, early_stopping=False)
    text = (
        f"the loss became {loss} in epoch {epoch}; lower learning_rate (now 0.5) or check the "
        "scale of the item features."
    )
    with pytest.raises(FloatingPointError, match=f"^{re.escape(text)}$"):
        model.fit(small_log)
    with pytest.raises(NotFittedError):
        model.predict(small_log)


@pytest.mark.parametrize(
    ("batch_size", "message"),
    [
        (1, r"^the loss became (nan|inf) in epoch 1; lower learning_rate \(now 1e\+30\)"),
        (256, r"^weights became infinite or NaN in the last step of epoch 1; lower learning_rate"),
    ],
)
def test_a_learning_rate_far_too_high_is_noticed(small_log, batch_size, message):
    features = small_log.catalog.features * 1e18
    model = SASRecEstimator(
        k=2, n_heads=1, learning_rate=1e30, weight_decay=1e9, early_stopping=False, max_epochs=9
    )
    with pytest.raises(FloatingPointError, match=message):
        model.set_params(batch_size=batch_size).fit(small_log.with_features(features))


def test_an_interrupt_leaves_the_model_as_it_was(small_log, monkeypatch):
    sizes = {"k": 2, "n_heads": 1, "max_epochs": 2, "early_stopping": False, "random_state": 0}
    model = SASRecEstimator(**sizes).fit(small_log)
    before = model.decision_function(small_log)
    epochs = iter([1.0])

    def interrupted(_trainer):
        try:
            return next(epochs)
        except StopIteration:
            raise KeyboardInterrupt from None

    monkeypatch.setattr(Trainer, "run_epoch", interrupted)
    with pytest.raises(KeyboardInterrupt):
        model.fit(small_log)
    np.testing.assert_array_equal(model.decision_function(small_log), before)


BACKBONES = {
    "sasrec": SASRecEstimator(n_heads=1, attention_dropout=0.0),
    "sasrec, ligr": SASRecEstimator(block="ligr", n_heads=1, attention_dropout=0.0),
    "sasrec, relative": SASRecEstimator(positions="relative", n_heads=1, attention_dropout=0.0),
    "sasrec, hstu": SASRecEstimator(block="hstu", n_heads=1, attention_dropout=0.0),
    "gru4rec": GRU4RecEstimator(n_layers=2),
    "bert4rec": BERT4RecEstimator(n_heads=1, attention_dropout=0.0),
    "fmlp": FMLPEstimator(max_length=5),
}


TOLERANCE = {"gru4rec": 1e-2}  # cuDNN computes recurrent layers in TF32 unless told otherwise


def fit_backbone(X, name, **parameters):
    model = clone(BACKBONES[name]).set_params(
        k=2, max_epochs=3, early_stopping=False, random_state=0, **parameters
    )
    return model.fit(X)


@pytest.mark.parametrize(
    ("name", "loss"),
    [
        *((name, None) for name in BACKBONES),
        ("sasrec", SampledSoftmax()),
        pytest.param("sasrec", GBCE(), marks=pytest.mark.minutes),
    ],
    ids=repr,
)
def test_bfloat16_trains_on_the_cpu(small_log, name, loss):
    exact = fit_backbone(small_log, name, loss=loss, precision="float32")
    half = fit_backbone(small_log, name, loss=loss, precision="bfloat16")
    assert half.item_vectors_.dtype == np.float32
    assert not np.array_equal(half.item_vectors_, exact.item_vectors_)
    np.testing.assert_allclose(half.loss_curve_, exact.loss_curve_, rtol=0.05)
    np.testing.assert_allclose(half.item_vectors_, exact.item_vectors_, atol=0.02)


@pytest.mark.cuda
@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
# Masks are drawn on the device, so another device draws others.
@pytest.mark.parametrize("name", [name for name in BACKBONES if name != "bert4rec"])
def test_cuda_trains_like_the_cpu(small_log, name, precision):
    there = fit_backbone(small_log, name, device="cuda", precision=precision, dropout=0.0)
    here = fit_backbone(small_log, name, device="cpu", precision="float32", dropout=0.0)
    rtol = TOLERANCE.get(name, 1e-4) if precision == "float32" else 0.05
    np.testing.assert_allclose(there.loss_curve_, here.loss_curve_, rtol=rtol)


@pytest.mark.cuda
@pytest.mark.parametrize("name", BACKBONES)
def test_cuda_answers_like_the_cpu(small_log, name):
    model = fit_backbone(small_log, name, device="cuda")
    scores = model.decision_function(small_log)
    opened = pickle.loads(pickle.dumps(model)).set_params(device="cpu")
    tolerance = TOLERANCE.get(name, 1e-4)
    np.testing.assert_allclose(
        opened.decision_function(small_log), scores, rtol=tolerance, atol=tolerance
    )


@pytest.mark.parametrize(
    ("mask_ratio", "finetune_ratio"),
    [(0.3, 0.4), *(pytest.param(*r, marks=pytest.mark.minutes) for r in [(0.05, 0.0), (1.0, 1.0)])],
)
def test_chances_of_masked_rows_are_the_shares_of_many_epochs(mask_ratio, finetune_ratio):
    weights = np.array([1.0, 1, 0, 1, 1, 1, 1, 1])  # users of 5 and 3 events
    windows = cut_windows(weights > 0, np.array([0, 5, 8]), 4)
    numbers, events = rows_asked(windows, weights > 0)
    layout, n_epochs = ClozeLayout(mask_ratio, finetune_ratio), 2000
    log = DeviceLog(np.arange(8), weights, windows, CPU, layout)
    counts = np.zeros(8)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        for _ in range(n_epochs):
            batch = log.batch(np.arange(len(windows)))
            asked = batch.targets[batch.weights > 0].numpy()
            counts += np.bincount(asked, minlength=8)
    expected = np.bincount(events, layout.chances(numbers), minlength=8)
    # Not the first events, nor the row of weight 0; and the last rows only, if they are all.
    assert np.flatnonzero(expected).tolist() == ([4, 7] if finetune_ratio == 1 else [1, 3, 4, 6, 7])
    np.testing.assert_allclose(counts / n_epochs, expected, atol=0.045)
