"""Coverage, inequality and popularity of lists."""
# SPDX-License-Identifier: BSD-3-Clause

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from skace.metrics import catalog_coverage, exposure_gini, popularity_bias, popularity_lift

ITEMS = ["cap", "ink", "nib", "pen"]
COUNTS = [1, 4, 4, 11]
lists_of_rows = hnp.arrays(
    np.int64, st.tuples(st.integers(1, 8), st.integers(1, 5)), elements=st.integers(0, 9)
)


@pytest.mark.parametrize(
    ("lists", "coverage"),
    [
        pytest.param([["pen"], ["pen"]], 0.25, id="everybody gets the same item"),
        pytest.param([["pen", "ink"], ["ink", "cap"]], 0.75, id="three of four items"),
        pytest.param([ITEMS], 1.0, id="one list of all items"),
    ],
)
def test_coverage_is_the_share_of_items_that_occur(lists, coverage):
    assert catalog_coverage(lists, ITEMS) == coverage


@pytest.mark.parametrize(
    ("lists", "gini"),
    [
        pytest.param([ITEMS], 0.0, id="all alike"),
        pytest.param([["pen"]], 0.75, id="one of four items has it all"),
        pytest.param([["pen", "ink"]], 0.5, id="two of four share it"),
        # Exposures 0, 0, 1, 3: (-3 * 0 - 1 * 0 + 1 * 1 + 3 * 3) / (4 * 4).
        pytest.param([["pen", "ink"], ["pen", "pen"]], 0.625, id="unequal shares"),
    ],
)
def test_gini_of_exposure(lists, gini):
    assert exposure_gini(lists, ITEMS) == pytest.approx(gini)


@pytest.mark.parametrize(
    ("lists", "bias"),
    [
        pytest.param([["pen"]], 1.0, id="best seller"),
        pytest.param([["cap"]], 0.0, id="rarest item"),
        pytest.param([["ink"], ["nib"]], 0.5, id="items of equal count share the middle"),
        pytest.param([["pen", "cap"]], 0.5, id="one of each end"),
        pytest.param([["pen", "pen", "ink"]], 2.5 / 3, id="every place counts"),
    ],
)
def test_bias_is_the_mean_percentile(lists, bias):
    assert popularity_bias(lists, ITEMS, COUNTS) == pytest.approx(bias)


def test_lift_compares_with_the_mean_of_the_catalog():
    assert popularity_lift([["pen", "cap"]], ITEMS, COUNTS) == pytest.approx(6 / 5)


def test_a_catalog_of_one_item_has_no_bias():
    assert popularity_bias([["pen"]], ["pen"], [7]) == 0.5


@given(hnp.arrays(np.int64, 10, elements=st.integers(0, 50)))
def test_the_whole_catalog_has_no_bias_and_no_inequality(counts):
    ids = np.arange(10)
    assert popularity_bias([ids], ids, counts) == pytest.approx(0.5)
    assert exposure_gini([ids], ids) == pytest.approx(0.0)
    if counts.any():
        assert popularity_lift([ids], ids, counts) == pytest.approx(1.0)


@given(lists_of_rows)
def test_figures_stay_in_their_ranges(lists):
    ids = np.arange(10)
    assert 1 / 10 <= catalog_coverage(lists, ids) <= min(1.0, lists.size / 10)
    assert 0 <= exposure_gini(lists, ids) <= 0.9 + 1e-12
    assert 0 <= popularity_bias(lists, ids, ids) <= 1


@given(lists_of_rows, st.permutations(range(10)))
def test_order_of_the_catalog_does_not_matter(lists, order):
    ids, order = np.arange(10) * 3, np.array(order)
    lists = ids[lists]
    counts = np.arange(10) ** 2
    for figure in (catalog_coverage, exposure_gini):
        assert figure(lists, ids) == pytest.approx(figure(lists, ids[order]))
    for figure in (popularity_bias, popularity_lift):
        assert figure(lists, ids, counts) == pytest.approx(figure(lists, ids[order], counts[order]))


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (
            lambda: catalog_coverage(["pen"], ITEMS),
            "recommended_ids must be two-dimensional and not empty, got shape (1,); pass what "
            "predict returns, one list of ids per row.",
        ),
        (
            lambda: exposure_gini([["pen", "hat"], ["bag", "bag"]], ITEMS),
            "recommended_ids holds 2 id(s) that are not in item_ids: 'bag', 'hat'; pass the "
            "item_ids_ of the model that recommended.",
        ),
        (
            lambda: popularity_bias([["pen"]], ITEMS, [1, 2]),
            "item_counts has 2 values, but item_ids has 4; pass both from the same model.",
        ),
        (
            lambda: popularity_lift([["pen"]], ITEMS, [0, 0, 0, 0]),
            "item_counts is 0 for every item; there is no popularity to compare.",
        ),
        (
            lambda: catalog_coverage([[1]], ITEMS),
            "ids are integers (first 1), but the catalog's item_ids are strings (first 'cap'); "
            "convert one of them.",
        ),
    ],
)
def test_bad_lists_are_named(call, text):
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - the text is compared in full
        call()
    assert str(caught.value) == text
