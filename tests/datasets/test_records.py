"""Records of published files, in every way of writing them."""
# SPDX-License-Identifier: BSD-3-Clause

import json

import pandas as pd
import pytest

from skace.datasets.reading._lines import LineReader
from skace.datasets.reading._records import read_records

RECORDS = [{"a": 1, "b": "x {[]}"}, {"a": 2, "b": None}, {"a": 3, "b": [{"c": "]"}]}]

WAYS = {
    "lines": lambda: "\n".join(map(json.dumps, RECORDS)),
    "lines with blanks": lambda: "\n\n".join(f"  {{ {json.dumps(r)[1:]}  " for r in RECORDS),
    "array": lambda: json.dumps(RECORDS),
    "array with a record on each line": lambda: "[" + ",\n".join(map(json.dumps, RECORDS)) + "]\n",
    "array that is indented": lambda: json.dumps(RECORDS, indent=2),
    "records that are indented": lambda: "\n".join(json.dumps(r, indent=1) for r in RECORDS),
    "bracket on a line of its own": lambda: "[\n" + json.dumps(RECORDS)[1:],
}


@pytest.mark.parametrize("way", WAYS)
def test_records_are_read_however_they_are_written(tmp_path, way):
    (tmp_path / "a").write_text(WAYS[way]())
    assert list(read_records(LineReader(tmp_path / "a"))) == RECORDS


def test_an_empty_file_has_no_records(tmp_path):
    (tmp_path / "a").write_text("\n")
    assert list(read_records(LineReader(tmp_path / "a"))) == []
    (tmp_path / "a").write_text("[]")
    assert list(read_records(LineReader(tmp_path / "a"))) == []


@pytest.mark.parametrize(
    ("text", "finding"),
    [
        (
            '[{"a": 1},\n{"a": }]',
            r"the record that begins near line 1 with '{\"a\": }\]\\n' does n",
        ),
        ('[{"a": 1},\n{"a": 2', "does not end, or is no JSON"),
        ("[1, 2]", r"line 1: a record in braces expected, got 1\.$"),
        ("[" * 100_000, "does not end, or is no JSON"),
    ],
)
def test_what_is_no_array_of_records_is_named(tmp_path, text, finding):
    (tmp_path / "a").write_text(text)
    with pytest.raises(ValueError, match=finding):
        list(read_records(LineReader(tmp_path / "a")))


@pytest.mark.parametrize("library", ["pyarrow", "polars"])
def test_parquet_gives_the_fields_that_are_asked_for(tmp_path, monkeypatch, library):
    monkeypatch.setattr("skace.datasets.reading._parquet.find_spec", lambda name: name == library)
    pd.DataFrame({"a": [1, 2], "b": [["x"], []], "c": ["p", None]}).to_parquet(tmp_path / "a")
    lines = LineReader(tmp_path / "a")
    assert list(read_records(lines, ("a", "b", "z"))) == [{"a": 1, "b": ["x"]}, {"a": 2, "b": []}]
    assert [record["c"] for record in read_records(lines)] == ["p", None]
    assert str(lines.fault("odd")).endswith("a, row 2: odd")


@pytest.mark.parametrize("library", ["pyarrow", "polars"])
def test_a_damaged_parquet_file_is_named(tmp_path, monkeypatch, library):
    monkeypatch.setattr("skace.datasets.reading._parquet.find_spec", lambda name: name == library)
    pd.DataFrame({"a": range(999)}).to_parquet(tmp_path / "a")
    content = (tmp_path / "a").read_bytes()
    (tmp_path / "a").write_bytes(content[: len(content) // 2])
    with pytest.raises(ValueError, match=r"a is damaged or cut off after row 0 \(.*\); download"):
        list(read_records(LineReader(tmp_path / "a")))


def test_without_a_library_for_parquet_the_error_says_so(tmp_path, monkeypatch):
    pd.DataFrame({"a": [1]}).to_parquet(tmp_path / "a")
    monkeypatch.setattr("skace.datasets.reading._parquet.find_spec", lambda _: None)
    expected = r"a is a parquet file, which takes pyarrow or polars; install one of them\.$"
    with pytest.raises(ImportError, match=expected):
        list(read_records(LineReader(tmp_path / "a")))
