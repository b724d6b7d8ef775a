"""The pages of results: their figures come from files, and what they claim holds in these files."""
# SPDX-License-Identifier: BSD-3-Clause

import html
import io
import json
import re
from pathlib import Path

import pytest

pytest.importorskip("sphinx")
pytest.importorskip("matplotlib")

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
PAGES = [
    "index.rst",
    "results.rst",
    *(f"benchmarks/{name}.rst" for name in ("leaderboard", "held_out", "one_line")),
]
FILES = sorted((DOCS / "figures").glob("*.json"))
ROLE = re.compile(r":(\w+):`([^`]*)`")


@pytest.fixture
def measured(monkeypatch):
    """The extension of the pages."""
    monkeypatch.syspath_prepend(str(DOCS / "_ext"))
    import measured

    return measured


@pytest.fixture(scope="module")
def records():
    """Files of figures, by name."""
    return {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in FILES}


@pytest.fixture(scope="module")
def record(records):
    """What most pages tell of."""
    return records["beauty_file"]


def _typed_decimals(text):
    """Decimal figures outside of roles and literals."""
    return re.findall(r"(?<![\w.])[+-]?\d*\.\d+", re.sub(r"``.*?``|:\w+:`[^`]*`", "", text))


def test_a_typed_figure_is_seen_and_a_role_is_none():
    text = "R@20 of .1545 (+0.03) and 12.5 s, :figure:`file; row; R@20`. ``lr=0.1``, section 3."
    assert _typed_decimals(text) == [".1545", "+0.03", "12.5"]


@pytest.mark.parametrize("page", PAGES)
def test_no_figure_is_typed_by_hand(page):
    assert _typed_decimals((DOCS / page).read_text(encoding="utf-8")) == []


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_files_of_figures_name_no_place_on_a_machine(path):
    assert re.findall(r"[\"' (]/\w[^\"]*", path.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize("page", PAGES)
def test_files_hold_what_the_page_asks_for(page, measured, records):
    roles = ROLE.findall((DOCS / page).read_text(encoding="utf-8"))
    for role, text in roles:
        name, *keys = (part.strip() for part in text.split(";"))
        if role == "figure":
            assert measured.look_up(records[name], keys)
        elif role in {"gain", "lead"}:
            assert getattr(measured, role)(records[name], *keys)


# What pages say of orders. "Close" are differences of R@20 of less than this.
CLOSE = 0.005
IDS, ACE, PCA, KNN = "SASRec, ids", "SASRec, ACE", "SASRec, PCA", "ItemKNN"
WHITE, LINE = "SASRec, whitening", "one line, fast"


class _Told:
    """What a claim may ask a file for."""

    def __init__(self, record, difference):
        self.scores = {row["method"]: row["masked"]["R@20"] for row in record["rows"]}
        self.kept = {row["method"]: row["kept"]["R@20"] for row in record["rows"]}
        self.gain = lambda method, minus: difference(record, method, minus)
        self.corrected = {
            frozenset((test["method"], test["minus"])): test["p Holm"] for test in record["paired"]
        }
        self.arguments = record["arguments"]


def _texts_help(told):
    return told.gain(ACE, IDS)["low"] > 0


def _above(one, other):
    return lambda told: told.gain(one, other)["low"] > 0


def _uncertain(one, other):
    return lambda told: told.corrected[frozenset((one, other))] > 0.05


def _close(one, other):
    return lambda told: abs(told.gain(one, other)["difference"]) < CLOSE


def _best_reads_texts(told):
    (words,) = re.findall(r":without-texts: (.*)", (DOCS / "index.rst").read_text("utf-8"))
    return max(told.scores, key=told.scores.get) not in words.split("; ")


def _lower_with_the_history(told):
    return all(told.kept[row] <= score for row, score in told.scores.items())


def _not_searched(told):
    return told.arguments["search"] is False


# Page, words on it, the rows that they are about, and what has to hold.
CLAIMS = [
    ("README.rst", "SASRec finds clearly more once it reads the texts", [ACE, IDS], _texts_help),
    ("README.rst", "more than SASRec does without the texts", [IDS, KNN], _above(KNN, IDS)),
    ("docs/index.rst", "SASRec finds more when it reads the texts", [ACE, IDS], _texts_help),
    ("docs/index.rst", "then more than neighbours", [ACE, KNN], _above(ACE, KNN)),
    ("docs/index.rst", "The best rows read the texts of the items.", [], _best_reads_texts),
    ("docs/results.rst", "more often when it reads the texts", [ACE, IDS], _texts_help),
    ("docs/results.rst", "then more often than neighbours", [ACE, KNN], _above(ACE, KNN)),
    ("docs/results.rst", "more than SASRec on ids.", [IDS, KNN], _above(KNN, IDS)),
    ("docs/results.rst", "**Texts help.**", [ACE, IDS], _texts_help),
    ("docs/results.rst", "It matters little how the vectors", [ACE, PCA], _close(ACE, PCA)),
    ("docs/results.rst", "**ACE and whitening are level,", [ACE, WHITE], _close(ACE, WHITE)),
    ("docs/results.rst", "and PCA is hardly below.**", [ACE, PCA], _above(ACE, PCA)),
    ("docs/results.rst", "which is not certain once all pairs", [ACE, PCA], _uncertain(ACE, PCA)),
    ("docs/results.rst", "It is level with its best member", [KNN, LINE], _close(KNN, LINE)),
    ("docs/results.rst", "**Nothing was searched**", [], _not_searched),
    ("docs/benchmarks/leaderboard.rst", "every figure is lower", [], _lower_with_the_history),
]


@pytest.mark.parametrize(("page", "words", "rows", "holds"), CLAIMS)
def test_what_a_page_claims_holds(page, words, rows, holds, measured, record):
    assert words in " ".join((ROOT / page).read_text(encoding="utf-8").split())
    unknown = set(rows) & set(record["missing"])
    if unknown:
        pytest.skip(f"not measured yet: {'; '.join(unknown)}")
    assert holds(_Told(record, measured.difference))


@pytest.mark.parametrize(
    ("name", "history"),
    [
        ("one_line_shuffled", "masked"),
        ("one_line_sports", "masked"),
        ("one_line_ml-1m", "masked"),
        ("one_line_yelp", "kept"),
        ("one_line_yelp", "masked"),
    ],
)
def test_one_line_is_above_each_of_its_members(name, history, records):
    words = "is above its best member on every data set measured here"
    assert words in " ".join((DOCS / "benchmarks/one_line.rst").read_text(encoding="utf-8").split())
    members = records[name]["members"]
    assert {"sasrec", "neighbours"} <= {one["member"] for one in members}
    for one in members:
        assert one[history]["lead"]["low"] > 0


def test_on_beauty_it_is_above_the_network_alone(measured, records):
    """The best of its members in the order of the file, as in the shuffled ones."""
    alone = "SASRec, ACE, all events, 12 epochs, falling rate"
    assert measured.difference(records["one_line"], "one line, balanced", alone)["low"] > 0


def _row(method, score, **others):
    interval = {"low": score - 0.01, "high": score + 0.01, "by_seed": [score]}
    scores = {"R@10": score / 2, "R@20": score, "N@10": score / 4, "R@20 interval": interval}
    usual = {"method": method, "seeds": [], "epochs": 0.0, "ended at last epoch": False}
    return {**usual, "seconds": 1234.5, "masked": scores, "kept": scores, **others}


def _member(score):
    lead = {"difference": 0.25 - score, "low": 0.01, "high": 0.24}
    of_ndcg = {"difference": 0.5 - score, "low": 0.3, "high": 0.7}
    return _row("", score)["masked"] | {"lead": lead, "lead in N@10": of_ndcg}


MADE = {
    "title": "made",
    "items": 1200,
    "missing": ["not run"],
    "versions": {"skace": "1"},
    "command": "python board.py --data made --rows a",
    "machine": "x",
    "threads": 1,
    "cuda": False,
    "rows": [
        _row("a", 0.1),
        _row("b, c", 0.25, epochs=7.0, seeds=[0, 1], **{"ended at last epoch": True}),
    ],
    "paired": [
        {"method": "a", "minus": "b, c", "p": 0.01, "p Holm": 0.02}
        | {"difference": -0.15, "low": -0.2, "high": -0.1}
    ],
    "members": [
        {"method": "b, c", "member": name, "masked": found, "kept": found}
        for name, found in (("least", _member(0.02)), ("most", _member(0.2)))
    ],
}
PAGE = """
Page
====

:figure:`made; b, c; masked; R@20` of :figure:`made; items` in :figure:`made; a; seconds` s;
:gain:`made; a; b, c`; :gain:`made; b, c; a`; :figure:`made; not run; masked; R@20`;
:figure:`made; a; masked; R@20 interval`; :lead:`made; b, c`;
:lead:`made; not run; kept`.

.. scores:: made

.. gains:: made

.. members:: made

.. made-by:: made

.. dot-chart:: made
   :without-texts: a
   :alt: One is better.

   The caption.
"""


@pytest.fixture
def build(tmp_path, measured):  # noqa: ARG001 (so that the extension is found)
    """Build a page beside a file of figures; return its HTML and what Sphinx said."""
    from sphinx.application import Sphinx
    from sphinx.util.docutils import docutils_namespace

    def built(text):
        (tmp_path / "figures").mkdir()
        (tmp_path / "figures" / "made.json").write_text(json.dumps(MADE))
        (tmp_path / "index.rst").write_text(text)
        words, out = io.StringIO(), tmp_path / "out"
        settings = {"extensions": ["measured", "measured_tables", "measured_chart"]}
        with docutils_namespace():
            app = Sphinx(
                tmp_path, None, out, tmp_path / "trees", "html", settings,
                status=None, warning=words,
            )  # fmt: skip
            app.build()
        return html.unescape((out / "index.html").read_text()), words.getvalue()

    return built


@pytest.mark.minutes
def test_figures_tables_and_charts_come_from_the_file(build, tmp_path):
    page, said = build(PAGE)
    assert said == ""
    text = " ".join(re.sub(r"<[^>]*>", " ", page).split())
    assert (
        ".2500 of 1,200 in 1,234 s; -.1500 (95 % interval -.2000 to -.1000); +.1500 (95 % interval "
        "+.1000 to +.2000); not measured yet; .0900 to .1100; +.0500 over most (95 % "
        "interval +.0100 to +.2400); not measured yet."
    ) in text
    # The best first, and bold; marked where it ended at its last epoch.
    assert "b, c .1250 .2500 .2400 to .2600 .0625 7* 1,234 2 a .0500 .1000" in text
    assert page.count("<strong>") == 3
    assert "A fit ended at the last epoch" in text
    assert "Not measured yet: not run." in text
    assert "a b, c -.1500 -.2000 to -.1000 .0100 .0200" in text
    ends = "+.0100 to +.2400"
    ends += " +.3000 +.3000 to +.7000"
    assert f"b, c most .1000 .2000 .0500 +.0500 {ends} b, c least .0100 .0200 .0050 +.2300" in text
    assert "Machine: x, 1 thread(s), no GPU. skace 1." in text
    assert "python board.py \\\n    --data made \\\n    --rows a" in re.sub(r"<[^>]*>", "", page)
    alts = re.findall(r'<img alt="([^"]*)" class="only-(\w+)"', page)
    alt = "One is better. R@20: b, c .2500; a .1000."
    assert alts == [(alt, "light"), (alt, "dark")]
    assert "The caption." in text
    for look in ("light", "dark"):
        assert "<svg" in (tmp_path / "out" / "_images" / f"made_{look}.svg").read_text()


def test_a_figure_that_is_not_there_is_a_fault(build):
    roles = [
        ":figure:`made; nobody; R@20`",
        ":figure:`made; a; masked; R@30`",
        ":gain:`made; a; d`",
        ":lead:`made; a`",
        ":figure:`nothing; a`",
    ]
    _, said = build("Page\n====\n\n" + " ".join(roles) + "\n")
    for role in roles:
        assert f"{role}: docs/figures has no such figure" in said
