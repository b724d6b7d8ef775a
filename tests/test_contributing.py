"""CONTRIBUTING tells the way: what it names is where it says."""
# SPDX-License-Identifier: BSD-3-Clause

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
TEXT = (ROOT / "CONTRIBUTING.rst").read_text(encoding="utf-8")
FOLDERS = r"(?:skace|tests|docs|benchmarks|examples)"
PATHS = sorted(set(re.findall(rf"``({FOLDERS}/[\w/.*]+)``", TEXT)))
# "``NAME`` in ``path``": what the reader is to look for there.
PLACES = sorted(set(re.findall(rf"``(\w+)`` in ``({FOLDERS}/[\w/.]+|\w+\.toml)``", TEXT)))


def test_it_names_places():
    assert len(PATHS) > 30
    assert ("TRUSTED_TYPES", "skace/persistence.py") in PLACES


@pytest.mark.parametrize("path", PATHS)
def test_a_path_exists(path):
    found = [*ROOT.glob(path)] if "*" in path else [ROOT / path]
    assert found
    assert all(each.exists() for each in found)


@pytest.mark.parametrize(("name", "path"), PLACES)
def test_a_name_is_where_it_is_said_to_be(name, path):
    text = (ROOT / path).read_text(encoding="utf-8")
    assert re.search(rf"^(?:def |class |)_*{name}\b", text, re.M)


def test_layers_are_those_that_are_checked():
    settings = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    checked = re.search(r'containers = \["skace"\].*?layers = \[\n(.*?)\n\]', settings, re.S)[1]
    expected = [line.strip(' ",') for line in checked.splitlines()]
    shown = re.search(r"lets one point up::\n\n(.*?)\n\n", TEXT, re.S)[1].splitlines()
    assert [re.split(r"\s{2,}", line.strip())[0] for line in shown] == expected
