"""Words of the nodes of a tree of ids."""
# SPDX-License-Identifier: BSD-3-Clause

import math

import numpy as np
import pytest

from skace.inspection import node_words

CODES = [[0, 0], [0, 1], [1, 0], [1, 0]]
TEXTS = ["red nail polish", "blue nail polish", "nail file", "glass file file"]


def test_frequent_here_and_rare_elsewhere():
    assert node_words(CODES, TEXTS, n_words=2) == {
        (0,): ("polish", "blue"),
        (1,): ("file", "glass"),
        (0, 0): ("red", "nail"),
        (0, 1): (),
        (1, 0): ("nail",),
    }


def test_values_are_those_of_the_formula():
    # Of 5 texts "tea" is in 2, twice in one of them, "cup" in 3 and "pot" in 1.
    texts = ["tea tea cup", "tea cup", "cup", "pot", "jar jar jar jar"]
    values = {
        "tea": 1.5 * math.log1p((5 - 2 + 0.5) / 2.5),
        "cup": 1.0 * math.log1p((5 - 3 + 0.5) / 3.5),
    }
    assert values["tea"] > values["cup"]
    assert node_words([[0], [0], [1], [2], [3]], texts)[0,] == ("tea", "cup")
    assert node_words([[0], [0], [1], [2], [3]], texts)[1,] == ()  # the other node needs it more


def test_no_word_stands_twice_on_a_path_or_among_siblings():
    rng = np.random.default_rng(0)
    vocabulary = np.array([f"{a}{b}x" for a in "abcdefg" for b in "hijk"])
    texts = [" ".join(rng.choice(vocabulary, 12)) for _ in range(80)]
    codes = rng.integers(3, size=(80, 3))
    words = node_words(codes, texts, n_words=2)
    assert words.keys() == {tuple(c[:end]) for c in codes.tolist() for end in (1, 2, 3)}
    for prefix in words:
        path = [word for end in range(1, len(prefix) + 1) for word in words[prefix[:end]]]
        family = [
            w for p in words if p[:-1] == prefix[:-1] and len(p) == len(prefix) for w in words[p]
        ]
        assert len(set(path)) == len(path)
        assert len(set(family)) == len(family)
    assert max(map(len, words.values())) == 2


def test_a_plural_is_no_other_word():
    assert node_words([[0], [1]], ["nails nail gloss", "file"])[0,] == ("gloss", "nail")


def test_the_order_of_the_items_does_not_matter():
    order = [2, 0, 3, 1]
    codes, texts = np.array(CODES)[order], [TEXTS[row] for row in order]
    assert node_words(codes, texts) == node_words(CODES, TEXTS)


def test_words_of_ones_own_making():
    words = node_words(CODES, TEXTS, 1, analyzer=lambda text: text.upper().split())
    assert words[1,] == ("FILE",)


@pytest.mark.parametrize("texts", [["", "7 oz", "", "5"], ["1", "2", "3", "4"]])
def test_texts_without_words_give_none(texts):
    found = node_words(CODES, texts)
    assert all(words in ((), ("oz",)) for words in found.values())
    assert len(found) == 5


BAD = {
    "vectors": ([[0.5, 1.0]], ["a"], {}, ValueError, "codes must be whole numbers"),
    "number": (CODES, TEXTS[:3], {}, ValueError, "texts has 3 entries, but codes has 4 rows"),
    "no texts": (CODES, [*TEXTS[:3], None], {}, TypeError, r"texts\[3\] is NoneType, not a str"),
    "one text": (CODES, TEXTS[0], {}, TypeError, "sequence of str, one for each item, got str"),
    "no words": (CODES, TEXTS, {"n_words": 0}, ValueError, "n_words must be an int"),
    "a flag": (CODES, TEXTS, {"n_words": True}, ValueError, "n_words must be an int"),
}


@pytest.mark.parametrize(("codes", "texts", "options", "error", "message"), BAD.values(), ids=BAD)
def test_bad_input_is_named(codes, texts, options, error, message):
    with pytest.raises(error, match=message):
        node_words(codes, texts, **options)
