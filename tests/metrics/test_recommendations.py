"""Coverage, inequality and popularity of lists."""
# SPDX-License-Identifier: BSD-3-Clause

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from skace.metrics import (
    catalog_coverage,
    exposure_gini,
    intra_list_diversity,
    novelty,
    popularity_bias,
    popularity_lift,
    serendipity,
)

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


# What lists tell beside accuracy.

CENTRED = [[1.0, 0.0], [3.0, 0.0], [0.0, 2.0], [-1.0, 0.0]]  # of cap, ink, nib, pen


@pytest.mark.parametrize(
    ("lists", "bits"),
    [
        ([["pen"]], np.log2(20 / 11)),
        ([["cap", "ink"]], (np.log2(20) + np.log2(5)) / 2),
        ([["pen"], ["cap"]], (np.log2(20 / 11) + np.log2(20)) / 2),
    ],
)
def test_novelty_is_the_mean_information(lists, bits):
    assert novelty(lists, ITEMS, COUNTS) == pytest.approx(bits)


def test_novelty_counts_what_nobody_took_as_taken_once():
    assert novelty([["cap"]], ITEMS, [0, 4, 4, 8]) == pytest.approx(4)
    with pytest.raises(ValueError, match=r"^item_counts is 0 for every item"):
        novelty([["cap"]], ITEMS, [0, 0, 0, 0])


@pytest.mark.parametrize(
    ("lists", "diversity"),
    [
        ([["cap", "ink"]], 0.0),  # the same way
        ([["cap", "nib"]], 1.0),
        ([["cap", "pen"]], 2.0),
        ([["cap", "ink", "nib"]], 2 / 3),
        ([["cap", "ink"], ["cap", "pen"]], 1.0),
    ],
)
def test_diversity_is_the_mean_distance_in_a_list(lists, diversity):
    assert intra_list_diversity(lists, ITEMS, CENTRED) == pytest.approx(diversity)


@given(st.integers(0, 2**32 - 1))
def test_diversity_is_that_of_all_pairs_one_by_one(seed):
    rng = np.random.default_rng(seed)
    vectors = rng.standard_normal((6, 3)) * (rng.random((6, 1)) < 0.8)  # some of them zeros
    lists = np.array([rng.permutation(6)[:4] for _ in range(3)])
    lengths = np.maximum(np.linalg.norm(vectors, axis=1), 1e-30)
    pairs = [
        1 - vectors[i] @ vectors[j] / (lengths[i] * lengths[j])
        for row in lists
        for i in row
        for j in row
        if i != j
    ]
    assert intra_list_diversity(lists, np.arange(6), vectors) == pytest.approx(np.mean(pairs))


@pytest.mark.parametrize(
    ("lists", "vectors", "text"),
    [
        ([["cap"]], CENTRED, "^recommended_ids has lists of one item"),
        (
            [["cap", "pen"]],
            CENTRED[:3],
            r"each of the 4 item_ids, got shape \(3, 2\)",
        ),
        ([["cap", "pen"]], np.full((4, 2), np.nan), "one finite vector"),
        ([["cap", "hat"]], CENTRED, r"^recommended_ids holds 1 id\(s\)"),
    ],
)
def test_diversity_refuses_what_has_none(lists, vectors, text):
    with pytest.raises(ValueError, match=text):
        intra_list_diversity(lists, ITEMS, vectors)


def test_serendipity_counts_hits_that_are_not_obvious():
    lists = [["cap", "ink"], ["cap", "ink"], ["cap", "ink"], ["nib", "pen"]]
    obvious = [["cap"], ["cap"], ["pen"], ["pen"]]
    assert serendipity(lists, obvious, ["cap", "ink", "nib", "nib"]) == 0.5


@pytest.mark.parametrize(
    ("lists", "obvious", "targets", "text"),
    [
        ([["cap"]], [["cap"], ["ink"]], ["cap"], "1 rows, expected_ids 2"),
        ([["cap"]], ["cap"], ["cap"], "^expected_ids must be two-dimensional"),
        ([], [["cap"]], ["cap"], "^recommended_ids must be two-dimensional"),
        ([["cap"]], [["cap"]], "cap", r"target_ids shape \(\)"),
    ],
)
def test_serendipity_refuses_rows_that_do_not_match(lists, obvious, targets, text):
    with pytest.raises(ValueError, match=text):
        serendipity(lists, obvious, targets)
