"""Logs as lists of items by user."""
# SPDX-License-Identifier: BSD-3-Clause

import pytest

from skace.datasets import load_item_lists

LAYOUTS = {
    "pairs": "7 31\n7 30\n9 30\n7 34\n",
    "lists": "7 31 30 34\n9 30\n",
    "tabs": "7\t31\t30\t34\r\n\r\n9\t30",
    "with a user without items": "7 31 30 34\n8\n9 30 \n",
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_all_layouts_give_the_same_log(tmp_path, layout):
    (tmp_path / "a.txt").write_text(LAYOUTS[layout])
    X = load_item_lists(tmp_path / "a.txt").interactions
    assert X.users.tolist() == [7, 7, 7, 9]
    assert X.items.tolist() == [31, 30, 34, 30]
    assert X.timestamps is None


def test_parts_follow_each_other(tmp_path):
    (tmp_path / "train.txt").write_text("0 5 6\n1 5\n")
    (tmp_path / "test.txt").write_text("0 2\n1\n")
    bunch = load_item_lists([tmp_path / "train.txt", tmp_path / "test.txt"])
    assert bunch.interactions.items.tolist() == [5, 6, 2, 5]
    assert bunch.parts.tolist() == [0, 0, 1, 0]
    assert "ratings" not in bunch


def test_ids_that_are_no_numbers_are_kept_as_they_are(tmp_path):
    (tmp_path / "a.txt").write_text("A1 B07 B09\n2 B07\n")
    X = load_item_lists(tmp_path / "a.txt").interactions
    assert X.users.tolist() == ["2", "A1", "A1"]
    assert X.items.tolist() == ["B07", "B07", "B09"]


@pytest.mark.parametrize(
    ("text", "finding"),
    [
        ("1,2\n", r"a\.txt, line 1: a user and items with blanks between them expected, got '1,2'"),
        ("5\n6\n", r"a\.txt holds no events\.$"),
        ("1 2\n1 \0\n", r"a\.txt, line 2: not an event: '\\x00' is no id"),
    ],
)
def test_what_is_no_list_is_refused(tmp_path, text, finding):
    (tmp_path / "a.txt").write_text(text)
    with pytest.raises(ValueError, match=finding):
        load_item_lists(tmp_path / "a.txt")
