"""Checks of ids, and the lists of offenders in messages."""
# SPDX-License-Identifier: BSD-3-Clause

import re
import tracemalloc

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from skace._validation import check_ids, coded_ids, first_few, kind_of_ids


def says(text):
    """Pattern for exactly this text."""
    return f"^{re.escape(text)}$"


@pytest.mark.parametrize(
    ("values", "text"),
    [
        ([], ""),
        (["a"], "'a'"),
        ([1, 2, 3], "1, 2, 3"),
        ([1, 2, 3, 4], "1, 2, 3, ..."),
        (np.array(["a", "b"]), "'a', 'b'"),
        (np.array([1.5, np.nan]), "1.5, nan"),
        (iter(range(100)), "0, 1, 2, ..."),
    ],
)
def test_the_first_few_values_are_shown_without_their_numpy_type(values, text):
    assert first_few(values) == text


def test_the_number_of_values_shown_can_be_chosen():
    assert first_few("abcd", limit=1) == "'a', ..."


@pytest.mark.parametrize(
    ("values", "kind", "dtype"),
    [
        ([3, 1], "integers", np.int64),
        (np.array([3, 1], dtype=np.int8), "integers", np.int64),
        (np.array([3, 1], dtype=np.uint64), "integers", np.int64),
        (np.array([3, 1], dtype=object), "integers", np.int64),
        (np.array([3, np.int32(1)], dtype=object), "integers", np.int64),
        (["b", "a"], "strings", np.dtype("<U1")),
        (("b", "a"), "strings", np.dtype("<U1")),
        (np.array(["b", "a"], dtype="<U7"), "strings", np.dtype("<U7")),
        (np.array(["b", "a"], dtype=object), "strings", np.dtype("<U1")),
        (np.array(["b", "a"], dtype=np.dtypes.StringDType()), "strings", np.dtype("<U1")),
        ([np.str_("b"), "a"], "strings", np.dtype("<U1")),
        (pd.Series(["b", "a"]), "strings", np.dtype("<U1")),
        (pd.Series([3, 1], dtype="Int64"), "integers", np.int64),
        (pd.Index([3, 1]), "integers", np.int64),
        (range(3, 1, -2), "integers", np.int64),
    ],
)
def test_ids_become_int64_or_str(values, kind, dtype):
    ids = check_ids(values, "ids")
    assert kind_of_ids(ids) == kind
    assert ids.dtype == dtype
    assert ids.tolist() == list(values)


@pytest.mark.parametrize("values", [[], np.zeros(0), np.array([], dtype=bool), ()])
def test_no_ids_are_integers(values):
    ids = check_ids(values, "ids")
    assert ids.shape == (0,)
    assert ids.dtype == np.int64


def test_ids_that_are_right_already_are_not_copied():
    ids = np.array([3, 1])
    assert check_ids(ids, "ids") is ids


MIXED = (
    "ids must be all integers or all strings; at position {} stands {}. Convert or drop such "
    "values first."
)
FLOATS = (
    "ids must be integers or strings, got dtype {} (first value {}); convert the column, for "
    "example with .astype(int) after dropping missing values."
)

GAPS = (
    "ids is missing for 1 entries, first at position 1, which made the others float64; drop these "
    "rows, then convert the column with .astype(int)."
)


@pytest.mark.parametrize(
    ("values", "text"),
    [
        (["a", 1], MIXED.format(1, "1 of type int")),
        ([1, "a"], MIXED.format(1, "'a' of type str")),
        (["a", 1.5], MIXED.format(1, "1.5 of type float")),
        (["a", None], MIXED.format(1, "None of type NoneType")),
        ([None, "a"], MIXED.format(0, "None of type NoneType")),
        ([1, 2, None], MIXED.format(2, "None of type NoneType")),
        ([2, True, "a"], MIXED.format(1, "True of type bool")),
        (np.array([1, True], dtype=object), MIXED.format(1, "True of type bool")),
        (np.array(["a", np.nan], dtype=object), MIXED.format(1, "nan of type float")),
        (pd.Series([1, pd.NA], dtype="Int64"), GAPS),
        ([1.0, 2.0], FLOATS.format("float64", "1.0")),
        ([1, np.nan], GAPS),
        ([2**64], "ids holds 18446744073709551616, which does not fit in int64; pass strings."),
        ([True, False], FLOATS.format("bool", "True")),
        ([b"a"], FLOATS.format("|S1", "b'a'")),
        (
            np.array(["2024-01-01"], dtype="datetime64[D]"),
            FLOATS.format("datetime64[D]", "datetime.date(2024, 1, 1)"),
        ),
        (
            [[1, 2]],
            "ids must be one-dimensional, got an array of shape (1, 2); pass one id per event.",
        ),
        ("abc", "ids must be a list of ids, got 'abc'; put a single id in a list."),
        (7, "ids must be a list of ids, got 7; put a single id in a list."),
        ([2**63], "ids holds 9223372036854775808, which does not fit in int64; pass strings."),
    ],
)
def test_other_ids_are_refused(values, text):
    with pytest.raises(ValueError, match=says(text)):
        check_ids(values, "ids")


@given(st.lists(st.one_of(st.integers(-(2**63), 2**63 - 1), st.text("ab", min_size=1)), min_size=1))
def test_ids_survive_unchanged_or_are_refused(values):
    if len({type(value) for value in values}) == 1:
        assert check_ids(values, "ids").tolist() == values
    else:
        with pytest.raises(ValueError, match="ids must be all integers or all strings"):
            check_ids(values, "ids")


TEXTS = st.lists(
    st.text(st.characters(exclude_characters="\0"), min_size=1, max_size=3), max_size=8
)


@pytest.mark.parametrize(
    "held_in", [list, tuple, np.array, pd.Series, lambda ids: np.array(ids, dtype=object)]
)
@given(ids=TEXTS | st.lists(st.integers(-(2**62), 2**62), max_size=8))
def test_codes_are_those_of_the_sorted_different_ids(held_in, ids):
    found, codes = coded_ids(held_in(ids), "users")
    expected, numbers = np.unique(check_ids(held_in(ids), "users"), return_inverse=True)
    assert found.tolist() == expected.tolist()
    assert codes.tolist() == numbers.tolist()
    assert codes.dtype == np.int64


@pytest.mark.parametrize(
    ("ids", "text"),
    [
        (["a", "", "b", ""], "users is empty ('') for 2 entries, first at position 1"),
        (["a", "b", "c\0", "b"], "users holds 'c\\x00' at position 2, with a NUL"),
        (["a", 1], "users must be all integers or all strings; at position 1 stands 1"),
    ],
)
def test_places_in_errors_are_those_among_all_values(ids, text):
    for values in (ids, np.array(ids, dtype=object)):
        with pytest.raises(ValueError, match=re.escape(text)):
            coded_ids(values, "users")


def test_one_long_id_does_not_make_the_others_long():
    ids = [f"item-{place % 10}" for place in range(3000)]
    ids[7] = "x" * 2000
    tracemalloc.start()
    found, codes = coded_ids(ids, "items")
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert found[codes].tolist() == ids
    assert peak < 2 * 10**6  # 3000 ids of 2000 characters each take 24 MB
