"""Figures that nobody sees, small data, and a way to hide matplotlib."""
# SPDX-License-Identifier: BSD-3-Clause

import sys
from importlib.abc import MetaPathFinder
from itertools import combinations

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
import pytest

from skace import Catalog, Interactions


@pytest.fixture(autouse=True)
def _headless():
    """Draw to memory, and leave no figure behind."""
    matplotlib.use("Agg")
    yield
    plt.close("all")


@pytest.fixture(scope="session")
def cone():
    """Vectors in a narrow cone, float64 of shape (60, 12)."""
    rng = np.random.default_rng(0)
    return rng.normal(size=(60, 12)) * 0.7 ** np.arange(12) + np.eye(12)[0]


@pytest.fixture(scope="session")
def shop(cone):
    """Interactions over the cone; items 50 to 59 are in no event (cold)."""
    rng = np.random.default_rng(1)
    items = np.minimum(rng.geometric(0.08, 300) - 1, 49)
    return Interactions(
        rng.integers(0, 30, 300), items, np.arange(300), catalog=Catalog(np.arange(60), cone)
    )


class _Hider(MetaPathFinder):
    """Import finder that answers for matplotlib as if it were not installed."""

    def find_spec(self, fullname, path=None, target=None):  # noqa: ARG002 (protocol)
        if fullname.split(".")[0] == "matplotlib":
            message = f"No module named {fullname!r}"
            raise ModuleNotFoundError(message, name=fullname)


@pytest.fixture
def no_matplotlib(monkeypatch):
    """Make ``import matplotlib`` fail as on a machine without it."""
    for name in list(sys.modules):
        if name.split(".")[0] == "matplotlib":
            monkeypatch.delitem(sys.modules, name)
    monkeypatch.setattr(sys, "meta_path", [_Hider(), *sys.meta_path])


@pytest.fixture
def check_drawing():
    """Function that draws a display for real and returns the texts that can be seen."""

    def check(display):
        figure = display.figure_
        assert display.ax_ in figure.axes
        figure.canvas.draw()
        renderer = figure.canvas.get_renderer()
        pixels = np.asarray(figure.canvas.buffer_rgba())
        assert len(np.unique(pixels.view(np.uint32))) > 10  # colours: more than an empty frame
        _refuse_overlap(figure, renderer)
        return [text.get_text() for text in _texts(figure)]

    return check


def _texts(figure):
    """All texts, those of legends included."""
    found = figure.findobj(lambda artist: hasattr(artist, "get_text") and artist.get_visible())
    return [text for text in found if text.get_text()]


def _refuse_overlap(figure, renderer):
    """Raise if two of the texts of a figure lie on each other; a legend counts as one text."""
    boxes = [(name, artist.get_window_extent(renderer)) for name, artist in _named_artists(figure)]
    boxes = [(name, box) for name, box in boxes if box.width > 0]
    pairs = [
        (one[0], other[0]) for one, other in combinations(boxes, 2) if _overlap(one[1], other[1])
    ]
    assert pairs == []


def _named_artists(figure):
    """What is written in a figure, as text and artist; ticks beyond the ends of an axis are not."""
    for ax in figure.axes:
        for axis in (ax.xaxis, ax.yaxis):
            if not axis.get_visible():  # the second axis of twins
                continue
            low, high = sorted(axis.get_view_interval())
            ticks = [tick for tick in axis.get_major_ticks() if low <= tick.get_loc() <= high]
            labels = [label for tick in ticks for label in (tick.label1, tick.label2)]
            yield from _written([*labels, axis.label, axis.offsetText])
        yield from _written([*ax.texts, ax.title])
        if ax.get_legend() is not None:
            yield "legend", ax.get_legend()


def _written(texts):
    return [(text.get_text(), text) for text in texts if text.get_text() and text.get_visible()]


def _overlap(one, other):
    """Whether two boxes share more than a pixel at their border."""
    width = min(one.x1, other.x1) - max(one.x0, other.x0)
    height = min(one.y1, other.y1) - max(one.y0, other.y0)
    return width > 1 and height > 1
