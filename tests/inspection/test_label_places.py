"""Tests of the places of labels beside points."""
# SPDX-License-Identifier: BSD-3-Clause

import math
from itertools import pairwise

import matplotlib.pyplot as plt
import numpy as np
import pytest

from skace.inspection import AlphaCurveDisplay
from skace.inspection._label_places import label_points

ALPHAS = [0, 0.01, 0.1, 1, 10, math.inf]
CURVES = {
    "peak": ([1, 0.86, 0.455, 0.17, 0.06, 0.025], [0.127, 0.1295, 0.131, 0.1125, 0.0995, 0.1035]),
    "rising": ([1, 0.9, 0.7, 0.5, 0.3, 0.1], [0.1, 0.2, 0.3, 0.4, 0.5, 0.6]),
    "zigzag": ([1, 0.8, 0.6, 0.4, 0.2, 0.1], [0.1, 0.2, 0.1, 0.2, 0.1, 0.2]),
    "flat": ([1, 0.8, 0.6, 0.4, 0.2, 0.1], [0.1, 0.1, 0.1, 0.1, 0.1, 0.1]),
}


def pixels(ax, start, end):
    return ax.transData.transform(np.linspace(start, end, 500))


@pytest.mark.parametrize("deviation", [0.0, 0.02, pytest.param(0.002, marks=pytest.mark.minutes)])
@pytest.mark.parametrize("name", CURVES)
def test_labels_cover_neither_curve_nor_bars_nor_ring(name, deviation, check_drawing):
    isotropies, scores = CURVES[name]
    display = AlphaCurveDisplay(
        ALPHAS, scores, deviations=[deviation] * 6, isotropies=isotropies
    ).plot(against="isotropy")
    check_drawing(display)
    ax = display.ax_
    points = np.array([isotropies, scores]).T
    reach = np.array([0.0, deviation])
    ink = [pixels(ax, *ends) for ends in pairwise(points)]
    ink += [pixels(ax, point - reach, point + reach) for point in points]
    angles = np.linspace(0, 2 * np.pi, 100)
    radius = 6.0 * display.figure_.dpi / 72
    best = ax.transData.transform(points[np.argmax(scores)])
    ink.append(best + radius * np.array([np.cos(angles), np.sin(angles)]).T)
    for label in ax.texts:
        box = label.get_window_extent()
        assert not ((np.concatenate(ink) > box.min) & (np.concatenate(ink) < box.max)).all(1).any()
        assert ax.bbox.containsx(box.x0)
        assert ax.bbox.containsx(box.x1)


def test_crowded_points_have_labels_apart(check_drawing):
    display = AlphaCurveDisplay(
        ALPHAS, [0.1, 0.11, 0.1, 0.11, 0.3, 0.1], isotropies=[0.5, 0.51, 0.52, 0.53, 0.9, 0.1]
    ).plot(against="isotropy")
    check_drawing(display)  # refuses texts that lie on each other


def test_parts_of_figures_can_be_labelled():
    part = plt.figure().subfigures(1, 2)[0]
    ax = part.subplots()
    ax.plot([0, 1], [0, 1])
    label_points(ax, np.array([[0.0, 0.0], [1.0, 1.0]]), ["a", "b"], [])
    assert [text.get_text() for text in ax.texts] == ["a", "b"]
