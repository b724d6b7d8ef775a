"""IDTable: the same model whatever the features, and silent on what it has not seen."""
# SPDX-License-Identifier: BSD-3-Clause

import numpy as np
import pytest

from skace import Catalog, Interactions
from skace.item_tables import IDTable, TrainableTable

FIG = 5  # the cold item of the small log


def featureless(X):
    """The same rows over the same items without features."""
    catalog = Catalog(X.catalog.item_ids)
    return Interactions(X.users, X.items, X.timestamps, catalog=catalog)


@pytest.mark.parametrize("init_std", [0.02, 0.5])
def test_features_change_nothing(tiny_shop, quick_fit, init_std):
    table = IDTable(init_std=init_std)
    with_features, without = quick_fit(table), quick_fit(table, featureless(tiny_shop))
    np.testing.assert_array_equal(with_features.item_vectors_, without.item_vectors_)
    assert with_features.item_vectors_.shape == (50, 8)


def test_without_features_it_is_the_trainable_table(tiny_shop, quick_fit):
    X = featureless(tiny_shop)
    one, other = quick_fit(IDTable(init_std=0.1), X), quick_fit(TrainableTable(init_std=0.1), X)
    np.testing.assert_array_equal(one.item_vectors_, other.item_vectors_)


@pytest.mark.parametrize("cold_items", ["excluded", "negatives"])
def test_cold_items_are_never_recommended(small_log, quick_fit, cold_items):
    model = quick_fit(IDTable(cold_items=cold_items), small_log, k=6)
    rows = small_log[[1, 2, 3, 5, 6, 8]]  # those with a past
    scores = model.decision_function(rows)
    assert (scores[:, FIG] == -np.inf).all()
    assert np.isfinite(scores[:, :FIG]).all()
    with pytest.warns(UserWarning, match=r"^6 of 6 row\(s\) have fewer than 6 items that may be"):
        assert (model.predict(rows)[:, -1] == "fig").all()


def test_items_of_which_the_model_learned_later_are_scored(small_log, quick_fit):
    model = quick_fit(IDTable(), small_log)
    more = Interactions(["u1", "u1"], ["ash", "fig"], [1, 2], catalog=small_log.catalog)
    scores = model.partial_fit(more[1:]).decision_function(small_log[1:2])
    assert np.isfinite(scores).all()


def test_unknown_items_stay_unknown_although_they_have_features(small_log, quick_fit):
    model = quick_fit(IDTable(), small_log)
    catalog = Catalog(["ash", "new"], np.eye(2, 3))
    rows = Interactions(["u", "u"], ["new", "ash"], [1, 2], catalog=catalog)
    with pytest.raises(ValueError, match="holds item ids that the model has not been fitted on"):
        model.predict(rows[1:])


def test_texts_in_the_catalog_do_not_disturb(quick_fit):
    import pandas as pd

    texts = pd.DataFrame({"title": ["a box", "a ball", "a pen"]})
    X = Interactions.from_sequences([[1, 2, 3], [3, 2, 1]], catalog=Catalog([1, 2, 3], texts))
    assert quick_fit(IDTable(), X, k=2).item_vectors_.shape == (3, 8)
