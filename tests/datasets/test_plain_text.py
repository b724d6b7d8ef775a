"""Plain text of whatever a publisher puts into a field."""
# SPDX-License-Identifier: BSD-3-Clause

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skace.datasets.reading._plain_text import plain, text_of


@pytest.mark.parametrize(
    ("field", "text"),
    [
        ("  A \n B\tC ", "A B C"),
        ("Tom &amp; Jerry&#39;s", "Tom & Jerry's"),
        ("<b>One</b><br/>two", "One two"),
        ("un<b>bro</b>ken", "unbroken"),
        ('<img src="x.png" alt="AMAZON FASHION"/>', "AMAZON FASHION"),
        ("</span></span></span>", ""),
        ("a<style>.x{color:red}</style>b<script>var y = 1;", "a b"),
        ("a<!-- hidden -->b", "a b"),
        ("&lt;p&gt;coded&lt;/p&gt;", "coded"),
        ("<Untitled>, 3 < 4 > 2 & so on", "<Untitled>, 3 < 4 > 2 & so on"),
        ("I <3 you", "I <3 you"),
        ("joined \ud83d\ude00, lost \ud83d", "joined \U0001f600, lost \ufffd"),
    ],
)
def test_tags_entities_and_halves_of_characters_are_taken_out(field, text):
    assert plain(field) == text


@pytest.mark.parametrize(
    ("field", "text"),
    [
        (None, ""),
        (float("nan"), ""),
        (True, ""),
        (1995, "1995"),
        ({"a": 1}, ""),
        (["x", "", None, "y"], "x, y"),
        ([["a", "b"], ["c"]], "a, b | c"),
    ],
)
def test_fields_become_one_line(field, text):
    assert text_of(field) == text


def test_a_list_that_holds_itself_ends():
    field = ["a"]
    field.append(field)
    assert text_of(field).startswith("a")


@given(st.text())
def test_any_text_becomes_one_line_that_can_be_stored(text):
    found = plain(text)
    assert found == " ".join(found.split())
    found.encode("utf-8")
