"""What all item tables share: widths, parameters, and how third parties bring their own."""
# SPDX-License-Identifier: BSD-3-Clause

import re

import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV

from skace import LeaveLastOut, SASRecEstimator, ndcg_scorer
from skace._torch.tables._trainable import TrainableItems
from skace.item_tables import FrozenTable, ItemTable, TrainableTable
from skace.testing import check_sequential_recommender

SIZES = {"k": 2, "n_layers": 1, "n_heads": 1, "max_epochs": 2, "batch_size": 2, "random_state": 0}
QUICK = SIZES | {"early_stopping": False}


@pytest.mark.parametrize("table", [TrainableTable(), FrozenTable()])
@pytest.mark.parametrize(("n_features", "embedding_dim"), [(3, None), (3, 3), (128, 128)])
def test_width_is_that_of_the_features(table, n_features, embedding_dim):
    assert table.width(n_features, embedding_dim) == n_features


@pytest.mark.parametrize(("embedding_dim", "width"), [(None, 128), (32, 32)])
def test_width_without_features_is_what_was_asked_for(embedding_dim, width):
    assert TrainableTable().width(None, embedding_dim) == width


@pytest.mark.parametrize("table", [TrainableTable(), FrozenTable()])
@pytest.mark.parametrize("embedding_dim", [2, 5])
def test_features_of_another_width_are_refused(small_log, table, embedding_dim):
    small_log = small_log.with_features(np.eye(6)[:, :3])
    text = (
        f"embedding_dim={embedding_dim}, but the item features have 3 columns, and "
        f"{type(table).__name__} takes them as they are; set embedding_dim=None, or reduce them "
        f"first with ACETransformer(n_components={embedding_dim})."
    )
    model = SASRecEstimator(embedding_dim=embedding_dim, item_table=table, **QUICK)
    with pytest.raises(ValueError, match=f"^{re.escape(text)}$"):
        model.fit(small_log)


def test_a_frozen_table_needs_features():
    text = (
        "FrozenTable needs item features, but the catalog has none; build it with "
        "Catalog(item_ids, features), or use TrainableTable()."
    )
    model = SASRecEstimator(item_table=FrozenTable(), **QUICK)
    with pytest.raises(ValueError, match=f"^{re.escape(text)}$"):
        model.fit([["a", "b"], ["b", "a"]])


@pytest.mark.parametrize(
    ("table", "text"),
    [
        (
            TrainableTable(init_std=-1),
            "The 'init_std' parameter of TrainableTable must be a float in the range [0.0, inf). "
            "Got -1 instead.",
        ),
        (
            FrozenTable(cold_items="ignored"),
            "The 'cold_items' parameter of FrozenTable must be a str among ",
        ),
    ],
)
def test_bad_parameters_are_refused_by_fit(small_log, table, text):
    with pytest.raises(ValueError, match=f"^{re.escape(text)}"):
        SASRecEstimator(item_table=table, **QUICK).fit(small_log)


@pytest.mark.parametrize(
    "table", [TrainableTable(init_std=0.3), FrozenTable(cold_items="negatives")]
)
def test_tables_are_cloned_and_shown_by_their_parameters(table):
    copied = clone(table)
    assert copied is not table
    assert copied.get_params() == table.get_params()
    assert repr(copied) == repr(table)
    model = clone(SASRecEstimator(item_table=table))
    assert model.item_table is not table
    name, value = next(iter(table.get_params().items()))
    assert model.get_params()[f"item_table__{name}"] == value


def test_fit_leaves_the_table_parameter_alone(small_log):
    table = TrainableTable()
    model = SASRecEstimator(item_table=table, **QUICK).fit(small_log)
    assert model.item_table is table
    assert vars(table) == {"cold_items": "excluded", "init_std": 0.02, "sparse": False}


def test_a_grid_reaches_the_parameters_of_the_table(small_log):
    search = GridSearchCV(
        SASRecEstimator(item_table=TrainableTable(), **QUICK),
        [
            {"item_table__cold_items": ["excluded", "negatives"]},
            {"item_table": [FrozenTable(), None]},
        ],
        cv=LeaveLastOut(),
        scoring=ndcg_scorer(),
        error_score="raise",
    ).fit(small_log)
    tried = [str(params) for params in search.cv_results_["params"]]
    assert tried == [
        "{'item_table__cold_items': 'excluded'}",
        "{'item_table__cold_items': 'negatives'}",
        "{'item_table': FrozenTable()}",
        "{'item_table': None}",
    ]
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()


class HalfTable(ItemTable):
    """A third party's table: half of the width is learned from scratch."""

    def __init__(self, *, cold_items="excluded"):
        super().__init__(cold_items=cold_items)

    def width(self, n_features, embedding_dim):
        return 2 * super().width(n_features, embedding_dim)

    def build(self, features, *, n_items, width, is_cold, generator):
        fresh = 0.1 * torch.randn(n_items, width // 2, generator=generator)
        known = torch.tensor(features) if features is not None else torch.zeros_like(fresh)
        items = TrainableItems(torch.cat([known, fresh], dim=1), is_cold)
        items.embed = lambda x: torch.cat([x, torch.zeros_like(x)], dim=1)
        return items


def test_third_parties_bring_their_own_table(small_log):
    model = SASRecEstimator(item_table=HalfTable(), **QUICK).fit(small_log)
    width = small_log.catalog.n_features
    assert model.item_vectors_.shape == (6, 2 * width)
    fig = model.item_ids_.tolist().index("fig")  # cold: it stays where build put it
    np.testing.assert_array_equal(model.item_vectors_[fig, :width], small_log.catalog.features[fig])


@pytest.mark.minutes
def test_a_recommender_with_a_table_of_third_parties_keeps_the_contract():
    sizes = SIZES | {"batch_size": 16, "max_length": 6}
    report = check_sequential_recommender(SASRecEstimator(item_table=HalfTable(), **sizes))
    assert report.names("failed") == []


class Other:
    """A table of somebody else, which is no ItemTable and knows nothing of ``prepare``."""

    def __init__(self):
        self.own = TrainableTable()

    def __getattr__(self, name):
        if name in ("own", "prepare", "get_params") or name.startswith("__"):
            raise AttributeError(name)
        return getattr(self.own, name)


def test_a_table_need_not_inherit(small_log):
    small_log = small_log.with_features(np.eye(6)[:, :3])
    own, theirs = (
        SASRecEstimator(item_table=table, **QUICK).fit(small_log).item_vectors_
        for table in (TrainableTable(), Other())
    )
    np.testing.assert_array_equal(own, theirs)


class Counting(TrainableTable):
    """Counts the rows that it is prepared with."""

    def prepare(self, X, *, rng):
        self.n_rows_, self.rng_ = len(X), rng


def test_a_table_is_prepared_with_the_rows_that_are_learned(small_log):
    small_log = small_log.with_features(np.eye(6)[:, :3])
    model = SASRecEstimator(item_table=Counting(), warm_start=True, **QUICK).fit(small_log)
    assert model.item_table_.n_rows_ == len(small_log)
    assert isinstance(model.item_table_.rng_, np.random.RandomState)
    assert not hasattr(model.item_table, "n_rows_")
    table = model.item_table_
    model.fit(small_log)  # goes on
    assert model.item_table_ is table
