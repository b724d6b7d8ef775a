"""Confidence interval of one model's figure."""
# SPDX-License-Identifier: BSD-3-Clause

import numpy as np
import pytest
from scipy.stats import bootstrap

from skace.metrics import bootstrap_interval, paired_bootstrap


@pytest.mark.parametrize("share", [0.1, 0.5])
def test_the_interval_is_that_of_scipy(share):
    scores = (np.random.default_rng(0).random(500) < share).astype(float)
    found = bootstrap_interval(scores, random_state=0)
    other = bootstrap((scores,), np.mean, random_state=0).confidence_interval
    assert found.mean == pytest.approx(scores.mean())
    assert (found.low, found.high) == pytest.approx((other.low, other.high), abs=0.004)
    assert (found.n_rows, found.n_groups, found.by_seed) == (500, 500, ())


def test_it_is_the_difference_to_a_model_that_scores_nothing():
    rng = np.random.default_rng(0)
    scores, groups = rng.random((3, 60)), np.repeat(np.arange(20), 3)
    options = {"groups": groups, "confidence_level": 0.8, "n_resamples": 500, "random_state": 1}
    found = bootstrap_interval(scores, **options)
    pair = paired_bootstrap(scores, np.zeros(60), **options)
    assert (found.mean, found.low, found.high) == (pair.difference, pair.low, pair.high)
    assert found.standard_error == pair.standard_error
    np.testing.assert_allclose(found.by_seed, scores.mean(axis=1))
    assert repr(found).endswith("60 rows in 20 groups, 3 seeds)")


@pytest.mark.parametrize(
    ("scores", "options", "text"),
    [
        ([1.0], {}, "cannot be resampled"),
        ([], {}, "scores must have shape (n_rows,) or (n_seeds, n_rows)"),
        ([1.0, np.nan], {}, "is nan; compare finite scores"),
        ([1.0, 0.0], {"groups": [1]}, "groups must have one value per row"),
        ([1.0, 0.0], {"confidence_level": 1}, "'confidence_level' parameter"),
    ],
)
def test_what_has_no_interval_is_refused(scores, options, text):
    with pytest.raises(ValueError) as raised:  # noqa: PT011 - the text is looked at
        bootstrap_interval(scores, **options)
    assert text in str(raised.value)
