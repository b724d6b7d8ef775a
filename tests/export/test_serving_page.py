"""The page on serving runs as a whole where onnxruntime and the indexes are installed."""
# SPDX-License-Identifier: BSD-3-Clause

import doctest
from pathlib import Path

import pytest

PAGE = Path(__file__).parents[2] / "docs" / "user_guide" / "serving.rst"
SKIP = "  # doctest: +SKIP"


@pytest.mark.minutes
def test_what_needs_extras_runs_too():
    for package in ("onnx", "onnxscript", "onnxruntime", "faiss"):
        pytest.importorskip(package)
    text = PAGE.read_text(encoding="utf-8")
    assert text.count(SKIP) > 4
    page = doctest.DocTestParser().get_doctest(text.replace(SKIP, ""), {}, "page", str(PAGE), 0)
    told = []
    doctest.DocTestRunner(verbose=False).run(page, out=told.append)
    assert told == []
