"""The pages: their code runs, and the reference lists every public name."""
# SPDX-License-Identifier: BSD-3-Clause

import importlib
import os
import pkgutil
import re
import sys
import tomllib
from pathlib import Path
from textwrap import dedent
from types import ModuleType, SimpleNamespace

import numpy as np
import polars
import pytest

import skace
from skace.datasets import make_shop

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
NO_PAGES = {"_build", "_templates", "gallery", "generated"}  # of Sphinx and its extensions
PAGES = sorted(
    page for page in DOCS.rglob("*.rst") if not NO_PAGES & set(page.relative_to(DOCS).parts)
)
# An indented block below the directive, whose options (":class: ...") come first.
BLOCK = re.compile(
    r"^(?P<indent> *)\.\. code-block:: python\n(?P<options>(?:(?P=indent) +:.*\n)*)"
    r"(?P<code>(?:(?P=indent) +.*\n|[ ]*\n)+)",
    re.M,
)
OF_OTHERS = ":class: other-library"


def _blocks(page, *, of_others=False):
    """Text of the python blocks of a page, in its order."""
    text = page.read_text(encoding="utf-8") + "\n"
    found = BLOCK.finditer(text)
    return [dedent(m["code"]) for m in found if (OF_OTHERS in m["options"]) is of_others]


def _name(page):
    return page.relative_to(DOCS).as_posix()


def _log_and_items():
    """Frames that pages take for granted: users walk along a ring of 150 items."""
    rng = np.random.default_rng(0)
    ids = np.array([f"B{number:03d}" for number in range(150)])
    starts = rng.integers(ids.size, size=60)
    log = {
        "user_id": np.repeat(np.arange(60), 6),
        "item_id": ids[(starts[:, None] + np.arange(6)) % ids.size].ravel(),
        "timestamp": np.tile(np.arange(6), 60),
    }
    vectors = rng.standard_normal((ids.size, 160))
    items = {"item_id": ids, "vector": list(vectors), "title": [f"Item {name}" for name in ids]}
    return {"log": polars.DataFrame(log), "items": polars.DataFrame(items)}


def _run(page):
    """Run the blocks of a page one after the other; return the names that they leave."""
    names = vars(sys.modules["page"])
    names |= _log_and_items()
    for number, code in enumerate(_blocks(page)):
        exec(compile(code, f"{_name(page)}, block {number}", "exec"), names)  # noqa: S102
    return names


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """An empty working directory, a module for a page's names, and charts without windows."""
    monkeypatch.setitem(sys.modules, "page", ModuleType("page"))  # so that its classes pickle
    matplotlib = pytest.importorskip("matplotlib")
    backend = matplotlib.get_backend()
    matplotlib.use("agg")
    monkeypatch.chdir(tmp_path)
    yield tmp_path
    importlib.import_module("matplotlib.pyplot").close("all")
    matplotlib.use(backend)


FIRST_PATH = DOCS / "user_guide" / "first_path.rst"
REAL_SHOP = DOCS / "user_guide" / "real_shop.rst"
MOVIELENS = DOCS / "user_guide" / "movielens.rst"


# The first one runs the whole contract, twice; the others train longer than most.
TAKES_MINUTES = [
    DOCS / "user_guide" / "own_models.rst",
    DOCS / "user_guide" / "published_data.rst",
    DOCS / "migration.rst",
]


@pytest.mark.parametrize(
    "page",
    [
        pytest.param(page, marks=[pytest.mark.minutes] if page in TAKES_MINUTES else [])
        for page in PAGES
        if _blocks(page) and page not in (FIRST_PATH, REAL_SHOP, MOVIELENS)
    ],
    ids=_name,
)
def test_code_of_the_page_runs_in_its_order(page, folder):  # noqa: ARG001 (where it runs)
    _run(page)


@pytest.mark.minutes
def test_the_shop_as_it_is_gets_the_answers_that_its_page_tells(folder, margin):  # noqa: ARG001
    names = _run(REAL_SHOP)
    ndcg, test, train = (names[name] for name in ("ndcg", "test", "train"))
    own = names["make_pipeline"](names["words"], names["ItemKNNEstimator"](k=5)).fit(train)
    popularity = names["PopularityEstimator"]().fit(train)
    margin(ndcg(own, test), above=ndcg(popularity, test))
    assert names["deleted"].tolist() == [77777]
    assert (len(names["X"]), names["X"].n_users) == (2530, 401)
    places = names["places"]
    assert places.loc[places["item_id"] == 20001, "rank"].item() < 20
    assert 20003 in names["model"][-1].item_ids_


@pytest.mark.filterwarnings("ignore::skace.exceptions.TiedTargetsWarning")  # of which it tells
def test_the_walk_through_movielens_runs_on_files_in_its_layout(folder, margin):
    log = make_shop(n_users=100, n_items=60, n_events=2400, random_state=0).interactions
    movies = np.array([1, 3114, 2355, *range(5000, 5057)])
    ratings = {
        "userId": log.users,
        "movieId": movies[np.unique(log.items, return_inverse=True)[1]],
        "rating": 4.0,
        "timestamp": log.timestamps // 86400 * 86400,  # days: ties
    }
    (folder / "ml-latest-small").mkdir()
    polars.DataFrame(ratings).unique(maintain_order=True).write_csv(
        folder / "ml-latest-small" / "ratings.csv"
    )
    named = {"movieId": movies, "title": [f"Film {n + 10**4} ({n})" for n in movies]}
    genres = {"genres": ["Comedy|Drama"] * movies.size}
    polars.DataFrame(named | genres).write_csv(folder / "ml-latest-small" / "movies.csv")
    names = _run(MOVIELENS)
    margin(names["own"].mean(), above=names["ndcg"](names["popular"], names["test"]))
    assert len(names["shares"]) == 3


@pytest.mark.minutes
@pytest.mark.filterwarnings("ignore::skace.exceptions.TiedTargetsWarning")
def test_the_walk_through_movielens_tells_what_its_files_give(folder, monkeypatch):
    data = Path(os.environ.get("SKACE_DATA", "")) / "ml-latest-small"
    if not data.is_dir():
        pytest.skip("needs the files, in the folder that SKACE_DATA names")
    (folder / data.name).symlink_to(data)
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks" / "quality"))
    page = importlib.import_module("run_page")
    lines = MOVIELENS.read_text(encoding="utf-8").splitlines()
    told = dict(line.strip().split("  # ", 1) for line in lines if "  # " in line)
    found = {source: repr(value) for source, value in page.answers_of(MOVIELENS)}
    assert len(found) == 13
    assert {source: told[source] for source in found} == found


def test_first_path_leaves_files_model_and_chart(folder, margin):
    names = _run(FIRST_PATH)
    written = {path.name for path in folder.iterdir()}
    assert written >= {"events.csv", "items.csv", "model.skops", "epochs.png"}
    assert (folder / "epochs.png").read_bytes().startswith(b"\x89PNG")
    scores = [names["ndcg"](names[name], names["test"]) for name in ("model", "popularity")]
    margin(scores[0], above=scores[1])
    best = names["shop"].oracle.best_ndcg(names["test"], k=10)
    # As the page tells them; what is trained differs a little from one processor to another.
    assert [round(score, 2) for score in (scores[1], best)] == [0.10, 0.37]
    assert 0.19 < scores[0] < 0.27
    answer = names["load"]("model.skops").predict([[10001, 10007]])
    assert answer.tolist() == names["model"].predict([[10001, 10007]]).tolist()


@pytest.mark.parametrize("page", PAGES, ids=_name)
def test_code_that_is_not_run_belongs_to_others(page):
    for code in _blocks(page, of_others=True):
        assert "skace" not in code
        compile(code, _name(page), "exec")


def _public_things():
    """Every public thing by the paths under which it can be imported."""
    modules = pkgutil.iter_modules(skace.__path__, "skace.")
    packages = ["skace", *(module.name for module in modules if "._" not in module.name)]
    paths = {}
    for package in packages:
        module = importlib.import_module(package)
        for name in module.__all__:
            paths.setdefault(id(getattr(module, name)), set()).add(f"{package}.{name}")
    return paths.values()


def _listed_names():
    """Paths of all names in the autosummary tables of the reference."""
    listed = []
    for page in sorted((DOCS / "api").glob("*.rst")):
        package = None
        for line in page.read_text(encoding="utf-8").splitlines():
            if match := re.fullmatch(r"\.\. currentmodule:: (\S+)", line):
                package = match[1]
            elif match := re.fullmatch(r"   (\w+)", line):
                listed += [f"{package}.{match[1]}"] if package else []
    return listed


def test_reference_lists_every_public_name_once():
    listed = _listed_names()
    assert len(set(listed)) == len(listed)
    places = [sorted(paths & set(listed)) for paths in _public_things()]
    missing = [min(paths) for paths in _public_things() if not paths & set(listed)]
    assert missing == []
    assert [names for names in places if len(names) > 1] == []


def test_reference_lists_nothing_else():
    known = set().union(*_public_things())
    assert [name for name in _listed_names() if name not in known] == []


@pytest.mark.parametrize("page", PAGES, ids=_name)
def test_files_named_on_a_page_of_the_docs_exist(page):
    literals = re.findall(r"``([^`\n]+)``", page.read_text(encoding="utf-8"))
    names = [text for text in literals if re.fullmatch(r"(skace|tests|docs|benchmarks)/\S+", text)]
    assert [name for name in names if not (ROOT / name).exists()] == []


@pytest.mark.parametrize("page", PAGES, ids=_name)
def test_page_says_nothing_of_the_machine_it_was_written_on(page):
    text = page.read_text(encoding="utf-8")
    assert re.findall(r"/(?:work|home|tmp|root)/\S*", text) == []


def test_the_page_on_installing_names_every_extra():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    page = (DOCS / "install.rst").read_text(encoding="utf-8")
    named = set(re.findall(r"^``(\w+)``  ", page, re.M))
    assert named == set(project["optional-dependencies"]) - {"tests", "docs"}


def test_a_picture_with_a_dark_drawing_is_shown_twice(monkeypatch):
    pytest.importorskip("sphinx")
    monkeypatch.syspath_prepend(ROOT / "docs" / "_ext")
    from dark_pictures import DarkPictures
    from docutils import nodes
    from docutils.frontend import get_default_settings
    from docutils.parsers.rst import Parser
    from docutils.utils import new_document

    document = new_document("page", get_default_settings(Parser()))
    page = ROOT / "docs" / "user_guide" / "ace.rst"
    document.settings.env = SimpleNamespace(doc2path=lambda _: str(page), docname="user_guide/ace")
    names = ("images/spectrum_display.png", "_static/skace.svg")  # the second has one drawing
    document += [nodes.image(uri=f"../{name}", alt="a picture") for name in names]
    DarkPictures(document).apply()
    shown = [(image["uri"][3:], image["classes"]) for image in document.findall(nodes.image)]
    assert shown == [
        ("images/spectrum_display.png", ["only-light"]),
        ("images/spectrum_display_dark.png", ["only-dark"]),
        ("_static/skace.svg", []),
    ]


@pytest.fixture
def gallery_pictures(monkeypatch):
    """What keeps the pictures of the gallery, and pyplot without windows."""
    monkeypatch.syspath_prepend(ROOT / "docs" / "_ext")
    pyplot = pytest.importorskip("matplotlib.pyplot")
    pyplot.switch_backend("agg")
    yield importlib.import_module("gallery_pictures"), pyplot
    pyplot.close("all")


def test_a_picture_of_the_gallery_is_drawn_for_the_dark(gallery_pictures):
    module, pyplot = gallery_pictures
    from matplotlib.colors import to_hex

    figure, axes = pyplot.subplots()
    (black,) = axes.plot([0, 1], color="black")
    (violet,) = axes.plot([1, 0], color="#440154")
    (blue,) = axes.plot([1, 1], color="#0072b2")
    on_a_box = axes.text(0.5, 0.5, "on a pale box", color="#111111", bbox={"facecolor": "white"})
    bar = axes.bar(0, 1, color="#b0d0e8")[0]
    points = axes.scatter([0, 1], [0, 1], color=["black", "#0072b2"])
    clear = axes.axhspan(0, 1, facecolor="none", edgecolor="none")
    module.darken(figure)
    assert to_hex(figure.get_facecolor()) == to_hex(axes.get_facecolor()) == module.GROUND
    assert to_hex(black.get_color()) == to_hex(axes.xaxis.label.get_color()) == module.INK
    assert to_hex(axes.spines["left"].get_edgecolor()) == module.INK
    assert to_hex(blue.get_color()) == "#0072b2"
    assert sum(violet.get_color()[:3]) > 3 * 0.45
    assert (on_a_box.get_color(), to_hex(bar.get_facecolor())) == ("#111111", "#b0d0e8")
    assert to_hex(on_a_box.get_bbox_patch().get_facecolor()) == module.GROUND
    assert [to_hex(colour) for colour in points.get_facecolor()] == [module.INK, "#0072b2"]
    assert clear.get_facecolor()[3] == 0


def test_pictures_of_the_gallery_are_kept_twice_as_fine(gallery_pictures, tmp_path):
    module, pyplot = gallery_pictures
    from matplotlib.colors import to_hex

    _, axes = pyplot.subplots(figsize=(3, 2))
    axes.set_title("what it shows")
    pyplot.subplots(figsize=(4, 2))
    names = iter([str(tmp_path / "images" / f"made_{number}.png") for number in (1, 2, 3)])
    (tmp_path / "images").mkdir()
    block_vars = {"image_path_iterator": names, "target_file": str(tmp_path / "plot_made.py")}
    text = module.keep_pictures(None, block_vars, {})
    assert text.count(".. image:: images/made_") == 2
    assert ":alt: what it shows" in text
    assert ":width: 300px" in text
    found = {path.stem: pyplot.imread(path) for path in (tmp_path / "images").iterdir()}
    assert set(found) == {"made_1", "made_1_dark", "made_2", "made_2_dark"}
    assert found["made_1"].shape[:2] == (400, 600)
    assert to_hex(found["made_1_dark"][0, 0]) == module.GROUND
    assert pyplot.get_fignums() == []
