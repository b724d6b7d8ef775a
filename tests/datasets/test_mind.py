"""MIND, the Microsoft news dataset."""
# SPDX-License-Identifier: BSD-3-Clause

import pytest

from skace.datasets import load_mind

BEHAVIORS = [
    "1\tU8\t11/15/2019 12:05:00 AM\tN7 N2\tN5-1 N9-0 N6-1",
    "2\tU8\t11/14/2019 11:59:59 PM\tN7 N2\tN9-1",
    "3\tU3\t11/13/2019 12:00:00 PM\t\tN5-0 N2-1",
    "4\tU4\t11/13/2019 1:00:00 PM\tN2\tN5 N2",
]
NEWS = [
    'N2\tsports\tgolf\tThe "Open"\tA tale\thttps://x\t[{"Label": "PGA"}]\t[]',
    "N5\tnews\tworld\tFive &amp; six\t\thttps://y\t[]\t[]",
    "N1\tnews\tworld\tCold\t\thttps://y\t[]\t[]",
]


@pytest.fixture
def files(tmp_path):
    behaviors, news = tmp_path / "behaviors.tsv", tmp_path / "news.tsv"
    behaviors.write_text("\n".join(BEHAVIORS))
    news.write_text("\n".join(NEWS))
    return behaviors, news


def test_histories_come_first_once_for_each_user(files):
    bunch = load_mind(*files)
    X = bunch.interactions
    assert X.users.tolist() == ["U3", "U4", "U8", "U8", "U8", "U8", "U8"]
    assert X.items.tolist() == ["N2", "N2", "N7", "N2", "N9", "N5", "N6"]
    assert X.timestamps is None
    assert "ratings" not in bunch
    assert bunch["items"].set_index("item_id").loc["N2"].tolist() == [
        'The "Open"',
        "sports",
        "golf",
        "A tale",
    ]
    assert bunch["items"]["title"].tolist() == ['The "Open"', "Five & six", "", "", ""]


def test_clicks_alone_keep_their_times(files):
    X = load_mind(files[0], include_history=False).interactions
    assert X.items.tolist() == ["N2", "N9", "N5", "N6"]
    assert X.timestamps.astype(str).tolist() == [
        "2019-11-13T12:00:00",
        "2019-11-14T23:59:59",
        "2019-11-15T00:05:00",
        "2019-11-15T00:05:00",
    ]
    late = load_mind(files[0], include_history=False, start="2019-11-15").interactions
    assert late.items.tolist() == ["N5", "N6"]


def test_histories_are_read_once_in_all_parts(files, tmp_path):
    (tmp_path / "dev").write_text("9\tU8\t11/16/2019 8:00:00 AM\tN7 N2\tN1-1")
    bunch = load_mind([files[0], tmp_path / "dev"], columns=None)
    assert bunch.interactions.items.tolist()[-6:] == ["N7", "N2", "N9", "N5", "N6", "N1"]
    assert bunch.parts.tolist()[-6:] == [0, 0, 0, 0, 0, 1]


@pytest.mark.parametrize(
    ("line", "given", "finding"),
    [
        ("1\tU1\tx", {}, r"line 1: not an impression: 5 fields expected, got 3\.$"),
        ("1\tU1\t2019-11-13\t\tN1-1", {}, r"line 1: not an event: '2019-11-13' is no moment such"),
        ("1\tU1\t1/1/2019 0:00:00 AM\t\tN1-1", {}, r"has no hour from 1 to 12"),
        ("1\tU1\t2/30/2019 1:00:00 AM\t\tN1-1", {}, r"line 1: not an event: day is out of range"),
        ("1\t\t1/1/2019 1:00:00 AM\t\tN1-1", {}, r"line 1: not an event: '' is no id"),
        ("1\tU1\t1/1/2019 1:00:00 AM\t\tN1-0", {}, r"behaviors\.tsv holds no events\.$"),
        ("", {"start": "2019-11-13"}, r"^start and end choose by time, which the history does not"),
        ("", {"columns": "url"}, r"^columns must be distinct names out of 'category', 'subcat"),
    ],
)
def test_what_makes_no_sense_is_refused(tmp_path, line, given, finding):
    (tmp_path / "behaviors.tsv").write_text(line)
    with pytest.raises(ValueError, match=finding):
        load_mind(tmp_path / "behaviors.tsv", **given)


def test_malformed_news_are_named_with_their_line(files):
    files[1].write_text("N2\tsports\n")
    with pytest.raises(ValueError, match=r"news\.tsv, line 1: not news: list index out of range"):
        load_mind(*files)
