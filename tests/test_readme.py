"""The front page: its example runs as it stands, and the pages are valid reStructuredText."""
# SPDX-License-Identifier: BSD-3-Clause

import re
from pathlib import Path

import numpy as np
import polars
import pytest
from docutils import nodes
from docutils.core import publish_doctree

ROOT = Path(__file__).parents[1]
PAGES = [
    "README.rst",
    "CONTRIBUTING.rst",
    "CHANGES.rst",
    "SECURITY.rst",
    "tests/README.rst",
    "benchmarks/README.rst",
]
N_ITEMS, N_FEATURES = 150, 160


def _read(page):
    text = (ROOT / page).read_text(encoding="utf-8")
    return publish_doctree(text, settings_overrides={"halt_level": 2, "report_level": 2})


def _blocks(page, *, language):
    """Text of the literal blocks of a page, in its order."""
    blocks = _read(page).findall(nodes.literal_block)
    return [block.astext() for block in blocks if language in block["classes"]]


@pytest.fixture
def frames(random_state):
    """A log and a catalog as the example expects them: users walk along a ring of items."""
    rng = np.random.default_rng(random_state)
    ids = np.array([f"B{number:03d}" for number in range(N_ITEMS)])
    starts = rng.integers(N_ITEMS, size=60)
    log = {
        "user_id": np.repeat(np.arange(60), 6),
        "item_id": ids[(starts[:, None] + np.arange(6)) % N_ITEMS].ravel(),
        "timestamp": np.tile(np.arange(6), 60),
    }
    vectors = rng.standard_normal((N_ITEMS, N_FEATURES))
    items = {"item_id": ids, "vector": [list(vector) for vector in vectors]}
    return polars.DataFrame(log), polars.DataFrame(items)


@pytest.mark.parametrize("page", PAGES)
def test_page_is_valid(page):
    assert _read(page).findall(nodes.title)


@pytest.mark.parametrize("page", PAGES)
def test_files_named_on_a_page_exist(page):
    literals = [node.astext() for node in _read(page).findall(nodes.literal)]
    paths = [text for text in literals if re.fullmatch(r"(skace|tests|docs|benchmarks)/\S+", text)]
    assert [path for path in paths if not (ROOT / path).exists()] == []


@pytest.mark.parametrize("command", ["demo", "test"])
def test_the_first_thing_on_the_page_is_the_two_commands(command):
    first = _read("README.rst").next_node(nodes.literal_block).astext()
    assert f"make {command} " in first
    assert f"\n{command}:" in (ROOT / "Makefile").read_text(encoding="utf-8")


# On a few random users the last of 50 epochs may be the best, and the fit says so.
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_examples_run_as_they_stand(frames):
    names = dict(zip(("log", "items"), frames, strict=True))
    for example in _blocks("README.rst", language="python"):
        exec(example, names)  # noqa: S102 (our own page)
    search = names["search"]
    assert search.best_params_["ace__alpha"] in {0, 0.1, 1, 10}
    assert search.predict(names["X"].next_queries()).shape == (60, 10)
    assert set(search.predict([["B001", "B007"]])[0]) <= set(frames[1]["item_id"])
    assert names["pipe"].predict(names["X"].next_queries()).shape == (60, 10)
