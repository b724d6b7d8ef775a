"""Tests of IdTreeDisplay."""
# SPDX-License-Identifier: BSD-3-Clause

import matplotlib.pyplot as plt
import numpy as np
import pytest

from skace.inspection import IdTreeDisplay, node_words

CODES = [[0, 0], [0, 1], [0, 1], [1, 0]]
TEXTS = ["red nail polish", "blue nail polish", "blue nail varnish", "glass file"]


def test_nodes_are_as_high_as_they_have_items_and_stand_beside_their_parent(check_drawing):
    display = IdTreeDisplay.from_codes(CODES, TEXTS, n_words=1)
    assert display.sizes == {(0,): 3, (1,): 1, (0, 0): 1, (0, 1): 2, (1, 0): 1}
    spans = {
        prefix: (bar.get_y(), bar.get_y() + bar.get_height())
        for prefix, bar in display.bars_.items()
    }
    assert spans == {(0,): (0, 3), (0, 1): (0, 2), (0, 0): (2, 3), (1,): (3, 4), (1, 0): (3, 4)}
    for prefix, (top, end) in spans.items():
        above = spans.get(prefix[:-1], (0, 4))
        assert above[0] <= top
        assert end <= above[1]
    words = node_words(CODES, TEXTS, n_words=1)
    shown = {f"{words[0,][0]} (3)", f"{words[0, 1][0]} (2)"}
    assert shown <= set(check_drawing(display))


def test_without_texts_codes_are_shown(check_drawing):
    texts = check_drawing(IdTreeDisplay.from_codes(CODES))
    assert {"0 (3)", "0.1 (2)", "1.0 (1)", "code 0", "code 1"} <= set(texts)


@pytest.mark.parametrize("n_levels", [1, 3])
def test_labels_of_many_nodes_do_not_lie_on_each_other(check_drawing, n_levels):
    rng = np.random.default_rng(0)
    codes = rng.geometric(0.2, size=(800, n_levels)) - 1
    words = np.array(["shampoo", "conditioner", "antiperspirants", "eau", "moisturizers"])
    texts = [" ".join(words[row % 5]) for row in codes.repeat(2, axis=1)]
    display = IdTreeDisplay.from_codes(codes, texts)
    check_drawing(display)
    assert 0 < len(display.labels_) < len(display.bars_)
    widest = 7.6 / n_levels * 100
    renderer = display.figure_.canvas.get_renderer()
    for label in display.labels_.values():
        assert label.get_window_extent(renderer).width < widest


def test_a_long_word_is_cut_short():
    _, ax = plt.subplots(figsize=(2, 2))
    display = IdTreeDisplay({(0,): 1200}, {(0,): ("antidisestablishmentarianism" * 2,)}).plot(ax)
    (label,) = display.labels_.values()
    assert label.get_text().endswith("… (1,200)")


def test_bars_take_options():
    display = IdTreeDisplay.from_codes(CODES, alpha=0.5)
    assert {bar.get_alpha() for bar in display.bars_.values()} == {0.5}


def test_vectors_are_refused():
    with pytest.raises(ValueError, match="codes must be whole numbers"):
        IdTreeDisplay.from_codes([[0.3, 1.0]])
