"""What all displays have in common."""
# SPDX-License-Identifier: BSD-3-Clause

import inspect
import re

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.colors import to_rgb
from matplotlib.text import Text

import skace.inspection
from skace.embeddings import ACETransformer
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

RESULTS = {
    "params": [{"ace__alpha": 0.0}, {"ace__alpha": 1.0}],
    "mean_test_score": [0.03, 0.05],
    "std_test_score": [0.01, 0.01],
}
SMALL = np.array([[1.0, 0.0], [0.6, 0.8], [0.0, 1.0]])

READY = {
    "AlphaCurveDisplay": lambda: AlphaCurveDisplay([0.1, 1.0], [0.2, 0.3]),
    "AnisotropyDisplay": lambda: AnisotropyDisplay(
        {"raw": np.array([0.1, 0.4])}, {"raw": {"mean_cosine": 0.25}}
    ),
    "EmbeddingMapDisplay": lambda: EmbeddingMapDisplay(SMALL, np.array([0, 1, 5])),
    "EpochCurveDisplay": lambda: EpochCurveDisplay([3.0, 2.0], [0.1, 0.2], best_epoch=2),
    "IdTreeDisplay": lambda: IdTreeDisplay({(0,): 3, (1,): 1, (0, 0): 2, (0, 1): 1, (1, 0): 1}),
    "PopularityDisplay": lambda: PopularityDisplay({"model": {"all": 0.2, "head": 0.3}}),
    "SpectrumDisplay": lambda: SpectrumDisplay({"raw": np.array([3.0, 1.0])}),
    "TiesDisplay": lambda: TiesDisplay(
        {"events": 0.3, "last events": 0.4},
        {"item id": {"tied": 0.9, "untied": 0.5, "low": 0.3, "high": 0.5}},
    ),
}
MAKERS = {
    "AlphaCurveDisplay.from_cv_results": lambda: AlphaCurveDisplay.from_cv_results(RESULTS),
    "AlphaCurveDisplay.from_estimator": lambda: AlphaCurveDisplay.from_estimator(None),
    "AnisotropyDisplay.from_embeddings": lambda: AnisotropyDisplay.from_embeddings({"a": SMALL}),
    "AnisotropyDisplay.from_estimator": lambda: AnisotropyDisplay.from_estimator(None, SMALL),
    "EmbeddingMapDisplay.from_embeddings": lambda: EmbeddingMapDisplay.from_embeddings(SMALL),
    "EmbeddingMapDisplay.from_estimator": lambda: EmbeddingMapDisplay.from_estimator(None),
    "EpochCurveDisplay.from_estimator": lambda: EpochCurveDisplay.from_estimator(None),
    "IdTreeDisplay.from_codes": lambda: IdTreeDisplay.from_codes([[0], [1], [1]]),
    "PopularityDisplay.from_estimator": lambda: PopularityDisplay.from_estimator(None, None),
    "PopularityDisplay.from_predictions": lambda: PopularityDisplay.from_predictions(
        [0], [[0, 1]], item_ids=[0, 1], item_counts=[1, 1]
    ),
    "PopularityDisplay.from_reports": lambda: PopularityDisplay.from_reports({}),
    "SpectrumDisplay.from_embeddings": lambda: SpectrumDisplay.from_embeddings({"a": SMALL}),
    "SpectrumDisplay.from_estimator": lambda: SpectrumDisplay.from_estimator(
        ACETransformer(2), SMALL
    ),
    "TiesDisplay.from_interactions": lambda: TiesDisplay.from_interactions(None),
}


def test_every_display_is_here():
    displays = [name for name in skace.inspection.__all__ if name.endswith("Display")]
    assert sorted(READY) == displays
    makers = [
        f"{name}.{maker}"
        for name in displays
        for maker in dir(getattr(skace.inspection, name))
        if maker.startswith("from_")
    ]
    assert sorted(MAKERS) == makers


@pytest.mark.parametrize("name", READY)
def test_parameters_are_stored_as_they_are(name):
    display = READY[name]()
    parameters = inspect.signature(type(display)).parameters
    assert set(vars(display)) == set(parameters)


@pytest.mark.parametrize("name", READY)
def test_plot_returns_the_display_and_notes_axes_and_figure(name, check_drawing):
    display = READY[name]()
    assert display.plot() is display
    check_drawing(display)
    assert display.ax_.get_xlabel()
    assert display.ax_.get_ylabel()


@pytest.mark.minutes
@pytest.mark.parametrize("place", ["title", "text", "legend", "tick"])
def test_the_check_of_drawings_sees_texts_that_lie_on_each_other(place, check_drawing):
    display = READY["EpochCurveDisplay"]().plot()
    check_drawing(display)
    ax = display.ax_
    if place == "legend":
        ax.text(0.5, 0.5, "in the middle", transform=ax.transAxes, ha="center")
        display.lines_[0].set_label("loss")
        ax.legend(loc="center")
    else:
        at = {"title": (0.5, 1.03), "text": (0.5, 0.5), "tick": (0.0, -0.03)}[place]
        for _ in range(2 if place == "text" else 1):
            ax.text(*at, "over another", transform=ax.transAxes, ha="center", va="center")
    with pytest.raises(AssertionError):
        check_drawing(display)


@pytest.mark.parametrize("name", READY)
def test_given_axes_are_drawn_on(name):
    _, ax = plt.subplots()
    display = READY[name]().plot(ax)
    assert display.ax_ is ax
    assert display.figure_ is ax.figure
    assert len(plt.get_fignums()) == 1
    assert ax.has_data()


@pytest.mark.parametrize("name", READY)
def test_a_display_can_be_drawn_again(name):
    display = READY[name]().plot()
    first = display.figure_
    assert display.plot().figure_ is not first


@pytest.mark.usefixtures("no_matplotlib")
@pytest.mark.parametrize("name", [*READY, *MAKERS])
def test_without_matplotlib_one_sentence_says_what_to_install(name):
    text = (
        f"{name.partition('.')[0]} draws with matplotlib, which is not installed; install it with "
        "pip install matplotlib."
    )
    with pytest.raises(ImportError, match=f"^{re.escape(text)}$"):
        MAKERS[name]() if name in MAKERS else READY[name]().plot()


@pytest.mark.parametrize(
    ("make", "name"),
    [
        (SpectrumDisplay.from_embeddings, "embeddings"),
        (AnisotropyDisplay.from_embeddings, "embeddings"),
        (PopularityDisplay.from_reports, "reports"),
    ],
)
@pytest.mark.parametrize(("given", "found"), [([SMALL], "list"), ({}, "dict that is empty")])
def test_what_needs_names_is_refused_without(make, name, given, found):
    text = f"{name} must be a dict of names and values, such as {{'before': ...}}, got {found}."
    with pytest.raises(TypeError, match=f"^{re.escape(text)}$"):
        make(given)


@pytest.mark.parametrize("name", READY)
def test_labels_can_be_read_in_the_dark(name):
    with plt.style.context("dark_background"):
        display = (
            READY[name]() if name != "AlphaCurveDisplay" else AlphaCurveDisplay([0, 1], [1, 2])
        )
        figure = display.plot().figure_
        grounds = {text: text.get_bbox_patch() for text in figure.findobj(Text)}
        dark = figure.get_facecolor()
    boxes = {text: box.get_facecolor() for text, box in grounds.items() if box is not None}
    if name == "IdTreeDisplay":  # on blocks of pale colours
        boxes |= dict.fromkeys(display.labels_.values(), (1, 1, 1))
    assert boxes or name not in {"AlphaCurveDisplay", "IdTreeDisplay", "TiesDisplay"}
    for text in figure.findobj(Text):
        if text.get_text():
            color, ground = to_rgb(text.get_color()), to_rgb(boxes.get(text, dark))
            assert abs(np.mean(color) - np.mean(ground)) > 0.25, text.get_text()
