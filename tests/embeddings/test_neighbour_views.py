"""Views of items that stood next to each other: who is drawn, how often, and who is no stranger."""
# SPDX-License-Identifier: BSD-3-Clause

import numpy as np
import pytest
import scipy.sparse as sp

from skace import Interactions
from skace.embeddings.text._contrastive_views import AttributeViews
from skace.embeddings.text._neighbour_views import NeighbourViews, neighbours
from skace.embeddings.text._taught_rows import taught_rows
from skace.embeddings.text._template import TextTemplate

WEIGHTS = sp.csr_array(np.array([[0, 3, 1, 0], [3, 0, 0, 0], [1, 0, 0, 0], [0, 0, 0, 0.0]]))
TEXTS = ["pen", "ink", "cap", "nib"]


def _views(weights=WEIGHTS):
    items = [{"title": text} for text in TEXTS]
    return NeighbourViews(AttributeViews(items, TextTemplate("{values}"), 0.0), weights)


def _neighbours(X, text_of_item, n_texts=4):
    rows = taught_rows(X, hold_out_last=False)
    return neighbours(rows, np.array(text_of_item), n_texts)


def test_neighbours_are_counted_in_both_directions():
    X = Interactions([*"aaabbb"], [0, 1, 2, 1, 0, 3])
    expected = [[0, 2, 0, 1], [2, 0, 1, 0], [0, 1, 0, 0], [1, 0, 0, 0]]
    assert _neighbours(X, [0, 1, 2, 3]).toarray().tolist() == expected


@pytest.mark.parametrize(
    ("text_of_item", "expected"),
    [
        ([0, 0, 1, 2], [[0, 2, 0, 0], [2, 0, 1, 0], [0, 1, 0, 0], [0, 0, 0, 0]]),  # one text
        ([0, -1, 2, 3], [[0, 0, 1, 0], [0, 0, 0, 0], [1, 0, 0, 1], [0, 0, 1, 0]]),  # no text
    ],
)
def test_texts_stand_next_to_each_other_not_items(text_of_item, expected):
    X = Interactions([*"aaaabb"], [0, 1, 2, 3, 0, 2])
    assert _neighbours(X, text_of_item).toarray().tolist() == expected


def test_a_pair_weighs_what_its_later_row_weighs():
    X = Interactions([*"aaa"], [0, 1, 2], weights=[9, 2, 0.5])
    found = _neighbours(X, [0, 1, 2], 3)
    assert found.toarray().tolist() == [[0, 2, 0], [2, 0, 0.5], [0, 0.5, 0]]


def test_partners_are_drawn_by_weight_and_whoever_has_none_is_alone():
    rows = np.repeat(np.arange(4), 4000)
    drawn = _views().partners(rows, np.random.RandomState(0)).reshape(4, -1)
    shares = [np.bincount(part, minlength=4) / 4000 for part in drawn]
    assert np.abs(shares[0] - [0, 0.75, 0.25, 0]).max() < 0.04
    assert [part.tolist() for part in shares[1:]] == [[1, 0, 0, 0], [1, 0, 0, 0], [0, 0, 0, 1]]


@pytest.mark.parametrize("draw", [0.0, np.nextafter(1, 0)])
def test_no_draw_leaves_the_neighbours_of_an_item(draw):
    class Fixed:
        def random_sample(self, size):
            return np.full(size, draw)

    weights = sp.csr_array(np.where(WEIGHTS.toarray() > 0, 0.1, 0))
    for views in (_views(), _views(weights)):
        partners = views.partners(np.arange(4), Fixed())
        assert all(WEIGHTS[row, partner] > 0 for row, partner in enumerate(partners[:3]))
        assert partners[3] == 3


def test_neighbours_and_the_item_itself_are_no_strangers():
    rows, partners = np.array([1, 2, 3]), np.array([0, 0, 3])
    found = _views().belong(rows, partners)
    assert found.tolist() == [[True, True, False], [True, True, False], [False, False, True]]
    assert _views().belong(np.array([0]), np.array([0])).tolist() == [[True]]


def test_a_pair_holds_the_texts_of_item_and_partner():
    pair = _views().draw_pair(np.array([1, 3, 2]), np.random.RandomState(0))
    assert pair.first == ["ink", "nib", "cap"]
    assert pair.second == ["pen", "nib", "pen"]
    assert pair.belongs.shape == (3, 3)


def test_the_digest_tells_neighbours_and_texts_apart():
    same, other = WEIGHTS.copy(), WEIGHTS.copy()
    other.data = other.data[::-1].copy()
    assert _views().digest() == _views(same).digest() != _views(other).digest()
    assert _views().digest() != _views()._views.digest()
