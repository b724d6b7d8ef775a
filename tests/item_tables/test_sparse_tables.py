"""Tables with sparse=True: a step updates what it has looked up, and nothing else."""
# SPDX-License-Identifier: BSD-3-Clause

import pickle
import re
from functools import partial

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal

from skace import Catalog, Interactions
from skace._torch._batches import DeviceLog
from skace._torch._network import Network
from skace._torch.tables._trainable import TrainableItems
from skace._torch.training._competitors import Competitors
from skace._torch.training._parallel import Ranks
from skace._torch.training._sampled_losses import SampledSoftmax
from skace._torch.training._trainer import Trainer, build_optimizers
from skace._windows import cut_windows
from skace.item_tables import IDTable, TrainableTable
from skace.losses import BCE, BPR
from skace.recommenders import GRU4RecEstimator, MELTEstimator, SASRecEstimator
from skace.testing import all_losses

CPU = torch.device("cpu")
TABLES = pytest.mark.parametrize("kind", [TrainableTable, IDTable])
NARROW = {"embedding_dim": None}  # as wide as the features
LOSSES = [loss for loss in all_losses(n_negatives=2) if not loss.updates_all_items]


@TABLES
@pytest.mark.parametrize("loss", LOSSES, ids=repr)
def test_the_first_step_is_that_of_the_dense_table(small_log, quick_fit, kind, loss):
    options = {"loss": loss, "max_epochs": 1} | NARROW
    start = quick_fit(kind(), small_log, learning_rate=1e-30, **options).item_vectors_
    dense, lazy = (
        quick_fit(kind(sparse=sparse), small_log, batch_size=64, **options)
        for sparse in (False, True)
    )
    steps = [model.item_vectors_ - start for model in (dense, lazy)]
    # Gradients near 0, which Adam divides by their size, are rounded otherwise.
    is_full = np.abs(steps[0]) > 0.00999
    assert is_full[:5].mean() > 0.5
    assert_allclose(steps[1][is_full], steps[0][is_full], atol=3e-4)
    assert_array_equal(steps[1][5], 0)
    assert lazy.loss_curve_ == pytest.approx(dense.loss_curve_)


@pytest.fixture
def trainer(small_log):
    """Trainer of a sparse table of five competing items, with given negatives."""
    takes_part = np.array([True] * 5 + [False])
    vectors = torch.randn(6, 4, generator=torch.Generator().manual_seed(0))
    network = Network(
        torch.nn.Linear(4, 4), TrainableItems(vectors, ~takes_part, is_sparse=True), max_length=4
    )
    windows = cut_windows(np.ones(10, dtype=bool), small_log._log.offsets, 4)
    return Trainer(
        network=network,
        log=DeviceLog(small_log._log.items, np.ones(10), windows, CPU),
        loss=SampledSoftmax(1, lambda *_: torch.tensor([3])),
        competitors=Competitors(takes_part, CPU, is_sparse=True),
        optimizers=build_optimizers(network, 0.01, 0.0),
        batch_size=1,
        dtype=torch.float32,
        rng=np.random.RandomState(0),
    )


def test_later_steps_leave_what_they_do_not_look_up(trainer):
    weight = trainer.network.items.weight
    moved, before = [], weight.detach().clone()
    for number in (0, 2, 0):
        batch = trainer.log.batch(np.array([number]))
        trainer.step(batch)
        assert weight.grad.is_sparse
        is_met = np.isin(np.arange(6), [*batch.items.ravel(), *batch.targets.ravel(), 3])
        changed = (weight.detach() != before).any(dim=1).numpy()
        assert_array_equal(changed, is_met)
        moved.append(changed)
        before = weight.detach().clone()
    assert (moved[0] & ~moved[1]).any()
    assert not moved[0][5]  # cold


def test_the_rest_of_the_network_is_trained_by_adam(trainer):
    assert [type(optimizer).__name__ for optimizer in trainer.optimizers] == ["AdamW", "SparseAdam"]
    before = trainer.network.encoder.weight.detach().clone()
    trainer.run_epoch()
    assert (trainer.network.encoder.weight != before).all()


@TABLES
def test_a_sparse_table_repeats_itself_and_grows(small_log, quick_fit, kind):
    fit = partial(quick_fit, kind(sparse=True), small_log, loss=BPR(256, draw="in_batch"), **NARROW)
    one, other = fit(), fit()
    assert_array_equal(one.item_vectors_, other.item_vectors_)
    assert_array_equal(one.is_cold_, [False] * 5 + [True])
    before = pickle.loads(pickle.dumps(one)).item_vectors_
    known = small_log.catalog
    of_known = known.features[known.row_of(["ash", "bay"])]
    catalog = Catalog(["gum", "ash", "bay"], np.vstack([np.ones(3), of_known]))  # one of them new
    one.partial_fit(Interactions.from_sequences([["ash", "bay", "gum"]], catalog=catalog))
    assert one.item_ids_.tolist() == [*other.item_ids_, "gum"]
    assert_array_equal((one.item_vectors_[:6] != before).any(axis=1), [True, True] + [False] * 4)
    assert np.isfinite(one.item_vectors_[6]).all()


@TABLES
@pytest.mark.parametrize(
    ("settings", "text"),
    [
        (
            {"loss": None},
            "item_table has sparse=True, but with loss=Softmax() every step updates all items; set "
            "loss=SampledSoftmax() or another loss of skace.losses that draws, or "
            "item_table__sparse=False.",
        ),
        (
            {"loss": BCE(), "weight_decay": 0.01},
            "item_table has sparse=True, but weight_decay=0.01 shrinks all items at every step; "
            "set weight_decay=0, or item_table__sparse=False.",
        ),
    ],
)
def test_what_would_update_all_items_is_refused(small_log, kind, settings, text):
    model = GRU4RecEstimator(k=2, item_table=kind(sparse=True), **settings)
    with pytest.raises(ValueError, match=f"^{re.escape(text)}$"):
        model.fit(small_log)
    assert not hasattr(model, "item_ids_")


def test_several_processes_are_refused(small_log, monkeypatch):
    monkeypatch.setattr(Ranks, "current", lambda: Ranks(0, 2))
    text = (
        "item_table has sparse=True, whose gradients are not exchanged between processes; train in "
        "one process, or set item_table__sparse=False."
    )
    model = SASRecEstimator(k=2, item_table=TrainableTable(sparse=True), loss=BCE(), n_heads=1)
    with pytest.raises(ValueError, match=f"^{re.escape(text)}$"):
        model.fit(small_log)


def test_melt_refuses_a_sparse_table(small_log):
    text = (
        "item_table of the backbone has sparse=True, but MELTEstimator updates all items at every "
        "step; set estimator__item_table__sparse=False."
    )
    backbone = SASRecEstimator(item_table=TrainableTable(sparse=True), n_heads=1)
    with pytest.raises(ValueError, match=f"^{re.escape(text)}$"):
        MELTEstimator(backbone, k=2).fit(small_log)
