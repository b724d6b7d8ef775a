"""Figures that nobody sees, small data, and a way to hide matplotlib."""
# SPDX-License-Identifier: BSD-3-Clause

import sys
from importlib.abc import MetaPathFinder

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
        assert len(np.unique(pixels.reshape(-1, 4), axis=0)) > 10  # more than an empty frame
        _refuse_overlap(figure, renderer)
        return [text.get_text() for text in _texts(figure)]

    return check


def _texts(figure):
    found = figure.findobj(lambda artist: hasattr(artist, "get_text") and artist.get_visible())
    return [text for text in found if text.get_text()]


def _refuse_overlap(figure, renderer):
    """Raise if tick labels of an axis, or axis labels and legends, lie on each other."""
    for ax in figure.axes:
        for axis in (ax.xaxis, ax.yaxis):
            boxes = [
                label.get_window_extent(renderer)
                for label in axis.get_ticklabels()
                if label.get_text() and label.get_visible()
            ]
            boxes.append(axis.label.get_window_extent(renderer))
            boxes = [box for box in boxes if box.width > 0]
            for number, box in enumerate(boxes):
                assert not any(_overlap(box, other) for other in boxes[:number])


def _overlap(one, other):
    """Whether two boxes share more than their border."""
    width = min(one.x1, other.x1) - max(one.x0, other.x0)
    height = min(one.y1, other.y1) - max(one.y0, other.y0)
    return width > 1 and height > 1
