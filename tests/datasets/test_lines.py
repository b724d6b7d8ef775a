"""Lines of published files, and the faults that they are found to have."""
# SPDX-License-Identifier: BSD-3-Clause

import gzip
import json
import re
import zipfile

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from skace.datasets.reading._lines import LineReader
from skace.datasets.reading._records import read_records

PLAIN = st.text(st.characters(blacklist_categories=["Cs"]), max_size=20)
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | PLAIN,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(PLAIN, inner, max_size=3),
    max_leaves=6,
)


def _write(path, content, kind):
    if kind == "zip":
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("folder/a.txt", content)
        return LineReader(path, "folder/a.txt")
    path.write_bytes(gzip.compress(content) if kind == "gzip" else content)
    return LineReader(path)


@pytest.mark.parametrize("kind", ["plain", "gzip", "zip"])
@pytest.mark.parametrize("end", [b"\n", b"\r\n"])
def test_lines_are_the_same_however_the_file_is_packed(tmp_path, kind, end):
    lines = _write(tmp_path / "a", end.join([b"\xef\xbb\xbfone", b"", b"  ", b"tw\xc3\xb6"]), kind)
    assert list(lines) == ["one", "twö"]
    assert list(lines) == ["one", "twö"]  # a second pass begins anew
    assert lines.fault("is odd").args == (f"{lines.name}, line 4: is odd",)


def test_separators_that_are_not_line_ends_stay_in_the_line(tmp_path):
    content = "a\u2028b\x0cc\x85d\n".encode()
    assert list(_write(tmp_path / "a", content, "plain")) == ["a\u2028b\x0cc\x85d"]


def test_text_in_another_encoding_is_named_by_line(tmp_path):
    lines = _write(tmp_path / "a", b"good\nbad \xe9\n", "plain")
    with pytest.raises(ValueError, match=rf"^{re.escape(lines.name)}, line 2: not utf-8 text \("):
        list(lines)


def test_a_fallback_reads_single_lines_in_another_encoding(tmp_path):
    (tmp_path / "a").write_bytes(b"tw\xc3\xb6\ntw\xf6\n")
    assert list(LineReader(tmp_path / "a", fallback="latin-1")) == ["twö", "twö"]


@pytest.mark.parametrize("damage", ["cut", "flipped"])
def test_a_damaged_gzip_is_named_with_the_last_good_line(tmp_path, damage):
    packed = bytearray(gzip.compress(b"".join(b"line %d\n" % n for n in range(5000))))
    if damage == "flipped":
        packed[-6] ^= 1  # in the checksum
    (tmp_path / "a.gz").write_bytes(packed[:-20] if damage == "cut" else packed)
    expected = r"a\.gz is damaged or cut off after line [1-9]\d* \(.*\); download it again\.$"
    with pytest.raises(ValueError, match=expected):
        list(LineReader(tmp_path / "a.gz"))


def test_a_damaged_zip_is_named(tmp_path):
    lines = _write(tmp_path / "a.zip", b"unpacked and long enough\n" * 9, "zip")
    content = bytearray((tmp_path / "a.zip").read_bytes())
    content[60] ^= 1
    (tmp_path / "a.zip").write_bytes(content)
    with pytest.raises(ValueError, match=r"a\.zip/folder/a\.txt is damaged or cut off after line"):
        list(lines)


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(records=st.lists(st.dictionaries(PLAIN, VALUES, max_size=4), min_size=1, max_size=4))
@pytest.mark.parametrize("write", [json.dumps, repr, ascii])
def test_records_come_back_from_both_ways_of_writing_them(tmp_path, write, records):
    (tmp_path / "a").write_text("\n".join(write(record) for record in records), encoding="utf-8")
    assert list(read_records(LineReader(tmp_path / "a"))) == records


def test_python_2_literals_are_read(tmp_path):
    (tmp_path / "a").write_text("{u'name': u'it\\'s', u'hours': 0.1, u'old': None}\n")
    assert list(read_records(LineReader(tmp_path / "a"))) == [
        {"name": "it's", "hours": 0.1, "old": None}
    ]


@pytest.mark.parametrize(
    "line",
    [
        "{'a': __import__('os').system('touch owned')}",
        "{'a': open('owned', 'w')}",
        "{'a': 1",
        '{"a": 1',
        "{'a': 1} {'b': 2}",
        "a,b,c",
        "[" * 100_000,
    ],
)
def test_what_is_no_record_is_named_and_never_executed(tmp_path, monkeypatch, line):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a").write_text("{'fine': 1}\n" + line)
    shown = re.escape(repr(line[:60]))
    expected = rf"a, line 2: neither JSON nor a Python literal, it begins with {shown}\.$"
    with pytest.raises(ValueError, match=expected):
        list(read_records(LineReader(tmp_path / "a")))
    assert not (tmp_path / "owned").exists()


@pytest.mark.parametrize("line", ["[1, 2]", "'text'", "7", "{1, 2}"])
def test_values_that_are_no_records_are_refused(tmp_path, line):
    (tmp_path / "a").write_text(line)
    with pytest.raises(ValueError, match="line 1: a record in braces expected, got "):
        list(read_records(LineReader(tmp_path / "a")))
