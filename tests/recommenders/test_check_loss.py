"""Losses and negatives that do not go together are refused."""
# SPDX-License-Identifier: BSD-3-Clause

import itertools

import pytest

from skace.recommenders._losses import check_loss

LOSSES = ["softmax", "sampled_softmax", "bce", "gbce", "bpr"]
SENSIBLE = [
    *((loss, "uniform") for loss in LOSSES),
    *itertools.product(["sampled_softmax", "bce", "bpr"], ["popularity", "in_batch"]),
]


@pytest.mark.parametrize(("loss", "negatives"), SENSIBLE)
@pytest.mark.usefixtures("no_torch")
def test_sensible_pairs_pass_without_torch(loss, negatives):
    assert check_loss(loss, negatives) is None


@pytest.mark.parametrize("negatives", ["popularity", "in_batch"])
@pytest.mark.parametrize(
    ("loss", "text"),
    [
        (
            "softmax",
            "negatives={!r} has no effect with loss='softmax', in which all items compete; set "
            "loss='sampled_softmax', or negatives='uniform', the default.",
        ),
        (
            "gbce",
            "negatives={!r} does not go with loss='gbce', whose calibration holds for uniform "
            "draws only; set loss='bce', or negatives='uniform', the default.",
        ),
    ],
)
def test_pairs_that_make_no_sense_are_named(loss, negatives, text):
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - the text is compared in full
        check_loss(loss, negatives)
    assert str(caught.value) == text.format(negatives)
