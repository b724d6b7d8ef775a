"""Views of items: what is left out, in which order, from which seed."""
# SPDX-License-Identifier: BSD-3-Clause

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from skace.embeddings.text._contrastive_views import AttributeViews, n_dropped
from skace.embeddings.text._table import TextTable
from skace.embeddings.text._template import TextTemplate

ITEMS = [
    {"title": "lip balm", "brand": "bee", "kind": "lips", "colour": "red", "use": "day"},
    {"title": "soap"},
    {"title": "comb", "brand": "ash"},
]


def _views(template="{fields}", drop_rate=0.4, items=ITEMS):
    return AttributeViews(items, TextTemplate(template), drop_rate)


def _draw(views, seed=0, rows=None):
    rows = np.arange(len(views)) if rows is None else np.array(rows)
    return views.draw(rows, np.random.RandomState(seed))


@pytest.mark.parametrize(
    ("n_attributes", "drop_rate", "expected"),
    [(5, 0.4, 2), (4, 0.4, 1), (2, 0.4, 0), (1, 0.9, 0), (3, 0.99, 2), (5, 0.0, 0)],
)
def test_the_part_that_is_left_out_is_rounded_down(n_attributes, drop_rate, expected):
    assert n_dropped(n_attributes, drop_rate) == expected


@given(
    n_attributes=st.integers(1, 60),
    drop_rate=st.floats(0, 1, exclude_max=True),
    seed=st.integers(0, 99),
)
def test_no_view_loses_all_attributes(n_attributes, drop_rate, seed):
    item = {f"n{place}": f"v{place}" for place in range(n_attributes)}
    (view,) = _draw(_views("{values}", drop_rate, [item]), seed)
    kept = view.split(". ")
    assert len(kept) == n_attributes - n_dropped(n_attributes, drop_rate) >= 1
    assert len(set(kept)) == len(kept)
    assert set(kept) <= set(item.values())


def test_no_view_is_empty_even_where_the_rate_is_rounded_to_one():
    assert n_dropped(3, np.nextafter(1, 0)) == 2


def test_views_are_the_template_over_what_is_kept():
    pairs = {f"{name}: {value};" for name, value in ITEMS[0].items()}
    views = _views()
    seen = set()
    for seed in range(200):
        text = _draw(views, seed)[0]
        words = text.replace("; ", ";|").split("|")
        assert len(words) == 3
        assert set(words) <= pairs
        seen.add(text)
    assert len(seen) > 50  # of 60
    assert {text.split(":")[0] for text in seen} == set(ITEMS[0])


def test_a_single_attribute_is_always_the_whole_text():
    assert _draw(_views(drop_rate=0.9), rows=[1, 1]) == ["title: soap;"] * 2


def test_columns_by_name_stay_in_place_and_may_be_empty():
    views = _views("<{title}> by <{brand}>", 0.5, [{"title": "a", "brand": "b"}])
    texts = {_draw(views, seed)[0] for seed in range(30)}
    assert texts == {"<a> by <>", "<> by <b>"}


def test_seeds_decide_and_two_views_of_one_draw_differ():
    views = _views()
    assert _draw(views, 3) == _draw(views, 3)
    assert len({_draw(views, seed)[0] for seed in range(5)}) > 1
    rng = np.random.RandomState(0)
    assert views.draw(np.arange(3), rng)[0] != views.draw(np.arange(3), rng)[0]


@pytest.mark.parametrize(
    ("template", "drop_rate", "items", "expected"),
    [
        ("{values}", 0.4, [{"t": "a"}, {"t": "b"}], False),
        ("{values}", 0.0, [{"t": "a", "u": "b"}], True),  # another order
        ("{t} {u}", 0.4, [{"t": "a", "u": "b"}], False),
        ("{t} {u}", 0.5, [{"t": "a", "u": "b"}], True),
    ],
)
def test_whether_views_can_differ_is_known(template, drop_rate, items, expected):
    views = _views(template, drop_rate, items)
    assert views.can_differ == expected
    texts = {tuple(_draw(views, seed)) for seed in range(20)}
    assert (len(texts) > 1) == expected


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ([{"a": "x"}], [{"b": "x"}]),
        ([{"a": "x. y"}], [{"a": "x", "b": "y"}]),
        ([{"a": "x"}, {"a": "y"}], [{"a": "y"}, {"a": "x"}]),
    ],
)
def test_other_attributes_have_another_digest(one, other):
    assert _views(items=one).digest() != _views(items=other).digest()
    assert _views(items=one).digest() == _views(items=[dict(item) for item in one]).digest()


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        ("{values}", [{"a": "1", "b": "x"}, {"b": "y"}]),
        ("only {b}", [{"b": "x"}, {"b": "y"}]),
    ],
)
def test_attributes_are_the_values_that_the_template_reads(template, expected):
    frame = pd.DataFrame({"a": ["1", "2", None], "b": ["x", "", "y"], "item_id": ["i", "j", "k"]})
    table = TextTable(frame, None, TextTemplate(template))
    assert table.attributes_at(np.array([0, 2])) == expected
    assert table.attributes_at(np.array([], dtype=int)) == []
