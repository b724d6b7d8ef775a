"""Tests of ColumnSelector: which columns it takes."""
# SPDX-License-Identifier: BSD-3-Clause

import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_array_equal

from skace import Catalog, Interactions
from skace.embeddings import ColumnSelector


@pytest.fixture
def shop():
    """Ten items; column 0 varies over the two best sellers, column 1 over all others."""
    F = np.full((10, 3), 5.0)
    F[[2, 7], 0] = [0.0, 10.0]
    F[[0, 1, 3, 4, 5, 6, 8, 9], 1] = [0.0, 99.0] * 4
    F[:, 2] += 0.1 * np.arange(10)
    counts = [1, 1, 9, 1, 1, 1, 1, 8, 0, 0]
    items = np.repeat(np.arange(10), counts)
    rng = np.random.default_rng(0)
    return Interactions(rng.integers(0, 4, items.size), items, catalog=Catalog(np.arange(10), F))


@pytest.mark.parametrize(("share", "expected"), [(0.2, [0]), (0.05, [0]), (1.0, [1]), (0.4, [1])])
def test_variance_is_taken_over_popular_items(shop, share, expected):
    selector = ColumnSelector(1, popular_share=share).fit(shop)
    assert selector.get_support(indices=True).tolist() == expected


def test_variance_is_taken_over_all_rows_of_an_array(shop):
    F = shop.catalog.features
    assert ColumnSelector(1).fit(F).get_support(indices=True).tolist() == [1]
    expected = np.sort(np.argsort(-F.var(axis=0))[:2])
    assert_array_equal(ColumnSelector(2).fit(F).get_support(indices=True), expected)


def test_popularity_is_that_of_the_rows(shop):
    rare = shop[~np.isin(shop.items, [2, 7])]
    selector = ColumnSelector(1).fit(rare)
    assert selector.get_support(indices=True).tolist() == [1]


def test_an_event_counts_once_however_often_its_row_is_given(shop):
    rows = np.arange(len(shop))
    repeated = np.concatenate([rows, np.repeat(rows[np.isin(shop.items, [0, 1])], 50)])
    selector = ColumnSelector(1).fit(shop[repeated])
    assert selector.get_support(indices=True).tolist() == [0]


def test_a_fit_on_an_array_forgets_the_counts(shop):
    selector = ColumnSelector(1).fit(shop)
    assert "_item_counts" not in vars(selector)
    assert selector.fit(shop.catalog.features).get_support(indices=True).tolist() == [1]


def test_queries_have_no_items_to_count(shop):
    with pytest.raises(ValueError, match=r"^query rows have no item"):
        ColumnSelector(1).fit(shop.next_queries())


def test_interactions_get_the_columns_as_they_are(shop):
    selector = ColumnSelector(2)
    features = selector.fit_transform(shop).catalog.features
    assert_array_equal(features, shop.catalog.features[:, [0, 2]])
    new = np.arange(6.0).reshape(2, 3)
    assert_array_equal(selector.transform(new), new[:, [0, 2]])
    assert_array_equal(selector.inverse_transform(new[:, [0, 2]]), new * [1, 0, 1])
    assert selector.transform([[3, 7]]) == [[3, 7]]


@pytest.mark.parametrize(
    ("n_columns", "k", "expected"),
    [(8, 4, [0, 2, 4, 6]), (7, 3, [0, 2, 4]), (5, 5, [0, 1, 2, 3, 4]), (10, 4, [0, 2, 5, 7])],
)
def test_strided_takes_every_so_manieth(n_columns, k, expected):
    F = np.random.default_rng(0).normal(size=(4, n_columns))
    selector = ColumnSelector(k, method="strided").fit(F)
    assert selector.get_support(indices=True).tolist() == expected


@settings(deadline=None)
@given(n_columns=st.integers(1, 60), share=st.floats(0.01, 1), seed=st.integers(0, 2**32 - 1))
@pytest.mark.parametrize("method", ["variance", "strided", "random"])
def test_columns_are_distinct_and_as_many_as_asked(method, n_columns, share, seed):
    k = max(1, int(share * n_columns))
    F = np.random.default_rng(seed).normal(size=(3, n_columns))
    selector = ColumnSelector(k, method=method, random_state=seed).fit(F)
    assert selector.get_support().sum() == k
    assert_array_equal(selector.transform(F), F[:, selector.get_support()])


def test_random_columns_depend_on_the_seed_alone():
    F = np.random.default_rng(0).normal(size=(4, 50))
    one, two, other = (
        ColumnSelector(20, method="random", random_state=seed).fit(F).get_support()
        for seed in (0, 0, 1)
    )
    assert_array_equal(one, two)
    assert (one != other).any()


def test_equal_variances_are_settled_by_the_order_of_columns():
    F = np.array([[0.0, 1, 1, 0], [1, 0, 0, 1]])
    assert ColumnSelector(2).fit(F).get_support(indices=True).tolist() == [0, 1]


def test_names_of_columns_are_kept():
    import pandas as pd

    F = pd.DataFrame({"a": [0.0, 1.0], "b": [0.0, 5.0], "c": [0.0, 3.0]})
    selector = ColumnSelector(2).set_output(transform="pandas").fit(F)
    assert list(selector.get_feature_names_out()) == ["b", "c"]
    assert list(selector.transform(F).columns) == ["b", "c"]


def test_more_columns_than_there_are_is_clipped_with_a_warning():
    text = (
        "n_components=128 is more than the 3 columns of X: ColumnSelector keeps 3. Set "
        "n_components to at most 3."
    )
    with pytest.warns(UserWarning, match=f"^{re.escape(text)}$"):
        assert ColumnSelector().fit_transform(np.eye(3)).shape == (3, 3)


@pytest.mark.parametrize(
    ("params", "name"),
    [
        ({"n_components": None}, "n_components"),
        ({"method": "first"}, "method"),
        ({"popular_share": 0.0}, "popular_share"),
    ],
)
def test_parameters_out_of_range_are_refused(params, name):
    with pytest.raises(ValueError, match=rf"^The '{name}' parameter of ColumnSelector must be"):
        ColumnSelector(**params).fit(np.eye(3))
