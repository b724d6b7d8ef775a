"""Every page of the gallery runs, draws, and shows what its text says."""
# SPDX-License-Identifier: BSD-3-Clause

import inspect
import os
import re
import runpy
import shutil
import subprocess
import sys
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pytest

import skace.inspection

ROOT = Path(__file__).parents[1]
EXAMPLES = ROOT / "examples"
IMAGES = ROOT / "docs" / "images"


def check_first_steps(page):
    scores = list(page.scores.values())
    for lower, higher in pairwise([0, *scores, page.best_possible]):
        page.margin(higher, above=lower)
    assert page.output.count("may like") == 5
    assert len(page.figures[0].axes[0].patches) == 3


def check_tuning_alpha(page):
    scores = page.search.cv_results_["mean_test_score"]
    assert page.search.best_params_["ace__alpha"] not in (10, np.inf)
    page.margin(scores[:3].min(), above=scores[4:].max())
    assert [len(ax.containers) for ax in page.figures[0].axes] == [2, 2]  # the curve, and "auto"


def check_item_tables(page):
    assert len(page.figures[0].axes[0].containers) == len(page.comparisons) == 5
    page.margin(page.comparisons["ACE, trained on"].low, above=0)
    assert {"decided", "open"} == set(re.findall(r"\]  (\w+)", page.output))


def check_cold_items(page):
    cold = {name: report["cold"]["recall@20"] for name, report in page.reports.items()}
    chance = 20 / page.X.n_items
    assert cold["bestsellers"] == cold["ids"] == 0
    page.margin(cold["trained"], below=chance)
    page.margin(cold["adapter"], above=chance)
    page.margin(page.shelf["trained"], above=0.25)


def check_long_tail(page):
    scores = page.display.scores
    gain = {
        group: scores["item vectors"][group] / scores["random start"][group]
        for group in ("5-19", "20-79", "80+")
    }
    page.margin(gain["5-19"], above=gain["20-79"])
    page.margin(gain["20-79"], above=1)
    assert [len(bars) for bars in page.display.bars_] == [6, 6, 6]


def check_anonymous_sessions(page):
    curves = page.curves
    assert len(page.figures[0].axes[0].lines) == len(curves) == 4
    assert len({curve[0] for curve in curves.values()}) == 1  # before the first click
    assert curves["SLIST"][1] - curves["SLIST"][0] > 0.1
    assert curves["EASE, recent clicks count"][8] > curves["EASE, session as a set"][8]
    assert page.output.count("next comes") == 2


def check_callbacks(page):
    assert page.output.count("SASRecEstimator - fit") == 3
    assert [row["task_id"] for row in page.epochs] == list(range(8))
    page.margin(page.stopped.n_iter_, above=page.short.n_iter_)
    page.margin(page.stopped.n_iter_, below=50)
    assert page.short.loss_curve_[-1] < 4.5 <= page.short.loss_curve_[-2]


def check_own_backbone(page):
    assert page.report.names("failed") == []
    page.margin(page.scores["FadingMemory"], above=0.9 * page.scores["SASRec"])
    page.margin(np.median(page.learned), above=np.median(page.start))
    assert len(page.figures[0].axes[0].lines) == 2


def check_closed_forms(page):
    assert max(page.blend) > 1.02 * page.blend[-1] > page.blend[0]
    assert len(page.figures[0].axes[0].lines[0].get_xdata()) == 11


def check_method_spectra(page):
    panels = page.figures[0].axes
    assert [len(ax.lines) for ax in panels] == [4, 2, 2, 3, 5, 4]
    flat = panels[2].lines[1].get_ydata()
    assert flat.min() == pytest.approx(1)
    assert page.output.count(" of 64") == 11
    (legend,) = page.figures[0].legends
    assert [text.get_text() for text in legend.get_texts()] == [page.grey]
    assert legend.get_lines()[0].get_color() == panels[3].lines[0].get_color()


def check_embedding_map(page):
    before, ace, random = (page.told_of_popularity(one) for one in page.displays.values())
    assert max(before, ace) < 0.1 < 0.3 < random
    assert len(page.figures) == 2
    assert len(page.figures[1].axes[0].collections) == 8


def check_text_to_vectors(page):
    assert "texts encoded in this fit: 0" in page.output
    with_texts, without = re.findall(r"NDCG@10 (\S+)", page.output)
    assert float(with_texts) > float(without)
    assert len(page.figures[0].axes[0].patches) == 2


def check_generative(page):
    np.testing.assert_allclose(page.p_of_kinds.sum(axis=1), 1, atol=1e-4)
    page.margin(page.share_found, above=page.largest_share)
    assert len(page.figures) == 2
    assert [len(ax.patches) for ax in page.figures[1].axes] == [6, 6]


CHECKS = [
    check_anonymous_sessions,
    check_callbacks,
    check_closed_forms,
    check_cold_items,
    check_embedding_map,
    check_first_steps,
    check_generative,
    check_item_tables,
    check_long_tail,
    check_method_spectra,
    check_own_backbone,
    check_text_to_vectors,
    check_tuning_alpha,
]


@pytest.fixture
def run_page(tmp_path, monkeypatch, capsys):
    """Function that runs an example in an empty folder; returns its names, output and figures."""
    mpl.use("Agg")
    plt.close("all")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "110")

    def run(name):
        names = runpy.run_path(str(EXAMPLES / f"plot_{name}.py"), run_name="__main__")
        figures = [plt.figure(number) for number in plt.get_fignums()]
        output = capsys.readouterr().out
        assert not list(tmp_path.iterdir())
        return SimpleNamespace(**(names | {"output": output, "figures": figures}))

    yield run
    plt.close("all")


def axis_labels(figure):
    axes = [axis for ax in figure.axes for axis in (ax.xaxis, ax.yaxis)]
    return [axis.label for axis in axes if axis.label.get_text()]


def is_inside(text, figure):
    """Whether nothing of a text is cut off at the border of its figure."""
    box = text.get_window_extent()
    whole = figure.bbox
    return whole.x0 <= box.x0 and box.x1 <= whole.x1 and whole.y0 <= box.y0 and box.y1 <= whole.y1


def test_every_page_has_a_check():
    names = {f"check_{path.stem.removeprefix('plot_')}" for path in EXAMPLES.glob("plot_*.py")}
    assert names == {check.__name__ for check in CHECKS}


@pytest.mark.minutes
@pytest.mark.filterwarnings("ignore:FigureCanvasAgg is non-interactive")
@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__.removeprefix("check_"))
def test_a_page_draws_and_shows_what_it_says(check, run_page, margin):
    page = run_page(check.__name__.removeprefix("check_"))
    page.margin = margin
    assert page.figures
    for figure in page.figures:
        figure.canvas.draw()
        assert all(ax.has_data() for ax in figure.axes)
        assert [text for text in axis_labels(figure) if not is_inside(text, figure)] == []
    check(page)


def run_alone(*words):
    """What a script prints in an interpreter of its own."""
    done = subprocess.run(
        [sys.executable, *words],
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout + done.stderr


@pytest.mark.minutes
def test_a_search_runs_on_dask():
    printed = run_alone(str(EXAMPLES / "search_on_dask.py"))
    scores = [float(score) for score in re.findall(r"NDCG@10 (\.?\d+\.\d+)", printed)]
    assert len(scores) == 4
    assert min(scores) > 0.05
    assert "best: {" in printed


@pytest.mark.minutes
@pytest.mark.parametrize(
    ("engine", "package"), [("dask", "distributed"), ("ray", "ray"), ("spark", "pyspark")]
)
def test_users_are_answered_on_a_cluster_as_in_one_process(engine, package):
    pytest.importorskip(package)
    if engine == "spark" and shutil.which("java") is None:
        pytest.skip("Spark needs Java")
    printed = run_alone(str(EXAMPLES / f"score_on_{engine}.py"))
    assert re.search(r"^\d{3} users", printed, re.M)
    assert "as one process answers: True" in printed


def test_workers_open_a_model_that_was_written_anew(tmp_path):
    pytest.importorskip("distributed")
    page = runpy.run_path(str(EXAMPLES / "score_on_dask.py"), run_name="page")
    names = page["best_items"].__globals__
    names["load"] = lambda path: SimpleNamespace(predict=lambda _: Path(path).read_text())
    path = tmp_path / "model"
    for second, text in enumerate(["old", "new"]):
        path.write_text(text)
        os.utime(path, (second, second))
        assert page["best_items"](str(path), None) == text


@pytest.mark.minutes
def test_optuna_tunes_and_prunes():
    pytest.importorskip("optuna_integration")
    printed = run_alone(str(EXAMPLES / "tune_with_optuna.py"))
    assert re.search(r"^search: \{'ace__alpha': [\d.]+, 'rec__dropout': [\d.]+\}$", printed, re.M)
    (n_pruned,) = re.findall(r"study: 8 trials, (\d) of them ended early", printed)
    assert 0 < int(n_pruned) < 7


@pytest.mark.minutes
def test_mlflow_keeps_parameters_curve_and_file():
    pytest.importorskip("mlflow")
    printed = run_alone(str(EXAMPLES / "track_with_mlflow.py"))
    scores = re.findall(r"^alpha [\d.]+: NDCG@10 (\S+) after 3 epochs$", printed, re.M)
    assert scores == sorted(scores, reverse=True)
    assert len(scores) == 2
    assert f"from its file: {scores[0]}" in printed


@pytest.mark.minutes
def test_a_model_goes_to_the_hub_and_comes_back():
    hub = pytest.importorskip("huggingface_hub")
    printed = run_alone(str(EXAMPLES / "share_on_hub.py"))
    assert "card: skace ['recommendation', 'skops']" in printed
    assert "the same answers: True" in printed
    # The folder that stands for the Hub takes no call that the Hub would not take.
    stand_in = runpy.run_path(str(EXAMPLES / "share_on_hub.py"))["FolderHub"]
    for name in ("create_repo", "upload_folder", "hf_hub_download"):
        own = set(inspect.signature(getattr(stand_in, name)).parameters)
        assert own <= set(inspect.signature(getattr(hub.HfApi, name)).parameters)


@pytest.mark.minutes
def test_ranks_fit_one_model():
    words = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    printed = run_alone(*words, str(EXAMPLES / "fit_on_ranks.py"))
    assert printed.count("epoch 5: loss") == 1
    assert len(re.findall(r"^NDCG@10 0\.1", printed, re.M)) == 1
    assert "FutureWarning" not in printed


def test_every_display_has_a_small_picture_in_the_docs():
    written = runpy.run_path(str(ROOT / "docs" / "make_images.py"))["PICTURES"]
    drawn = {f"{name}{suffix}" for name in written for suffix in ("", "_dark")}
    assert {path.stem for path in IMAGES.glob("*.png")} == drawn
    displays = [name for name in skace.inspection.__all__ if name.endswith("Display")]
    shown = {re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower() for name in displays}
    assert set(written) == shown | {"anisotropy_scores", "encoders", "growth", "method_spectra"}
    assert max((IMAGES / f"{name}.png").stat().st_size for name in drawn) < 100_000


LIGHT = sorted(path for path in IMAGES.iterdir() if not path.stem.endswith("_dark"))


@pytest.mark.parametrize("image", LIGHT, ids=lambda path: path.name)
def test_every_picture_of_the_docs_is_a_figure_on_a_page(image):
    shown = {
        (page.parent / path).resolve()
        for page in IMAGES.parent.rglob("*.rst")
        for path in re.findall(r"^\.\. figure:: (\S+)$", page.read_text(encoding="utf-8"), re.M)
    }
    assert image.resolve() in shown
