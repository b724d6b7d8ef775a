"""Draw the kept pictures of docs/images: `python docs/make_images.py`, in minutes, without data.

Each is drawn on a white ground, and once more, with ``_dark`` in its name, on the dark one. Names
after the command draw these pictures only.
"""
# SPDX-License-Identifier: BSD-3-Clause

import io
import json
import runpy
import sys
from pathlib import Path

import numpy as np
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import Pipeline

from skace import (
    ACETransformer,
    Interactions,
    LeaveLastOut,
    PopularityEstimator,
    SASRecEstimator,
    leave_last_out,
    ndcg_scorer,
)
from skace.datasets import make_shop
from skace.embeddings import SemanticIdEncoder
from skace.inspection import (
    AlphaCurveDisplay,
    AnisotropyDisplay,
    EmbeddingMapDisplay,
    EpochCurveDisplay,
    IdTreeDisplay,
    PopularityDisplay,
    SpectrumDisplay,
    TiesDisplay,
)

__all__ = ["PICTURES", "Scene", "draw_all", "save"]

IMAGES = Path(__file__).parent / "images"
ROOT = Path(__file__).parents[1]
EXAMPLES = ROOT / "examples"
ALPHAS = [0, 0.01, 0.1, 1, 10]
WIDTH = 96


class Scene:
    """A made-up shop, and what was fitted on it."""

    def __init__(self):
        shop = make_shop(
            n_users=1000, n_items=800, n_events=6000, n_features=128, mean_cosine=0.6,
            spectral_decay=1.0, feature_noise=0.3, random_state=0,
        )  # fmt: skip
        self.train, self.test = leave_last_out(shop.interactions)
        self.titles = shop.item_columns["title"]
        network = {
            "n_layers": 1, "dropout": 0.3, "learning_rate": 0.003, "batch_size": 128,
            "random_state": 0,
        }  # fmt: skip
        self.random_start = SASRecEstimator(embedding_dim=WIDTH, **network)
        self.random_start.fit(self.train.with_features(None))
        pipe = Pipeline(
            [("ace", ACETransformer(WIDTH, alpha=0.1)), ("rec", SASRecEstimator(**network))]
        )
        self.fitted = pipe.fit(self.train)
        short = {"max_epochs": 8, "early_stopping": False, "learning_rate": 0.002}
        pipe = Pipeline(
            [("ace", ACETransformer(WIDTH)), ("rec", SASRecEstimator(**(network | short)))]
        )
        self.search = GridSearchCV(
            pipe, {"ace__alpha": ALPHAS}, cv=LeaveLastOut(2), scoring=ndcg_scorer(k=10)
        ).fit(self.train)


def alpha_curve_display(scene):
    """Scores of a search."""
    return AlphaCurveDisplay.from_estimator(scene.search).figure_


def anisotropy_display(scene):
    """Cosines before and after."""
    ace = scene.fitted["ace"]
    return AnisotropyDisplay.from_estimator(ace, scene.train, random_state=0).figure_


def anisotropy_scores(scene):
    """Scores before and after."""
    ace = scene.fitted["ace"]
    display = AnisotropyDisplay.from_estimator(ace, scene.train, random_state=0, kind="scores")
    return display.figure_


def embedding_map_display(scene):
    """Items on a plane, neighbours kept, after training from ACE's vectors."""
    display = EmbeddingMapDisplay.from_estimator(scene.fitted, method="tsne", random_state=0)
    return display.figure_


def epoch_curve_display(scene):
    """Loss and score by epoch."""
    return EpochCurveDisplay.from_estimator(scene.fitted).figure_


def id_tree_display(scene):
    """Tree of the shop's ids, with words of the titles."""
    vectors, titles = scene.train.catalog.features, scene.titles
    codes = SemanticIdEncoder(8, n_levels=2, random_state=0).fit_transform(vectors)
    return IdTreeDisplay.from_codes(codes, titles).figure_


def popularity_display(scene):
    """Score by popularity of the target."""
    models = {
        "bestsellers": PopularityEstimator().fit(scene.train),
        "random start": scene.random_start,
        "item vectors": scene.fitted,
    }
    return PopularityDisplay.from_estimator(models, scene.test, edges=(5, 20)).figure_


def spectrum_display(scene):
    """Singular values at several alphas."""
    return SpectrumDisplay.from_estimator(scene.fitted["ace"], scene.train, alphas=ALPHAS).figure_


def ties_display(scene):
    """Ties of a file that knows days only and sorts each of them by item."""
    X = scene.train
    days = X.timestamps // 86_400
    order = np.lexsort((X.items, days, X.users))
    parts = X.users[order], X.items[order], days[order]
    by_day = Interactions(*parts, drop_duplicates=True)
    return TiesDisplay.from_interactions(by_day).figure_


def method_spectra(_scene):
    """The chart of examples/plot_method_spectra.py."""
    return runpy.run_path(str(EXAMPLES / "plot_method_spectra.py"))["fig"]


def growth(_scene):
    """Costs as logs grow, from what benchmarks/scale/curves.py measured."""
    measured = json.loads((ROOT / "docs" / "figures" / "growth.json").read_text())
    script = runpy.run_path(str(ROOT / "benchmarks" / "scale" / "curves.py"))
    return script["plot"](measured["sizes"])


def encoders(_scene):
    """Scores by what is left of the spread of vectors, which benchmarks/quality measured."""
    measured = json.loads((ROOT / "docs" / "figures" / "encoders.json").read_text())
    beside = str(ROOT / "benchmarks" / "quality")
    sys.path.insert(0, beside)  # scripts there import each other
    try:
        return runpy.run_path(f"{beside}/encoders.py")["plot"](measured)
    finally:
        sys.path.remove(beside)


PICTURES = {
    draw.__name__: draw
    for draw in (
        alpha_curve_display, anisotropy_display, anisotropy_scores, embedding_map_display,
        encoders, epoch_curve_display, growth, id_tree_display, method_spectra, popularity_display,
        spectrum_display, ties_display,
    )
}  # fmt: skip
WITHOUT_SCENE = {"encoders", "growth", "method_spectra"}


def draw_all(names=(), folder=IMAGES):
    """Write all pictures, or those of some names, twice as fine as they are shown."""
    import matplotlib as mpl

    mpl.use("Agg")
    darken = runpy.run_path(str(ROOT / "docs" / "_ext" / "gallery_pictures.py"))["darken"]
    scene = None if set(names) and set(names) <= WITHOUT_SCENE else Scene()
    for name in names or PICTURES:
        figure = PICTURES[name](scene)
        save(figure, Path(folder) / f"{name}.png")
        darken(figure)
        save(figure, Path(folder) / f"{name}_dark.png")


def save(figure, path):
    """Write a figure in 256 colours, which takes half of the room and shows no difference."""
    from PIL import Image

    buffer = io.BytesIO()
    figure.savefig(buffer, dpi=200)
    Image.open(buffer).convert("RGB").quantize(256).save(path, optimize=True)


if __name__ == "__main__":
    draw_all(sys.argv[1:])
