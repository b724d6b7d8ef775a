"""Labels beside the points of a curve, where they cover neither lines nor each other."""
# SPDX-License-Identifier: BSD-3-Clause

from collections.abc import Sequence
from typing import Any

import numpy as np

from skace._typing import BoolArray, FloatArray

__all__ = ["label_points"]

# Directions to try, the first of the best ones is taken; and how far from the point, in points:
# beyond a marker and a ring around it.
_DIRECTIONS = [(1, 1), (1, -1), (-1, 1), (-1, -1), (1, 0), (-1, 0), (0, 1), (0, -1)]
_DISTANCES = (9.0, 16.0, 24.0)
_STEPS = 64  # samples of a line: denser than any label is small


def label_points(
    ax: Any, points: FloatArray, texts: Sequence[str], lines: Sequence[FloatArray]
) -> None:
    """Write a text beside each point.

    ``points`` has shape (n, 2); ``lines``, each of shape (2, 2), are ends of what is drawn. Both
    are in the units of the data.
    """
    # Settles limits and sizes, on which overlaps depend. The canvas has the whole figure, even
    # where the axes are in a part of it.
    ax.figure.canvas.figure.draw_without_rendering()
    drawn = [np.linspace(start, end, _STEPS) for start, end in lines]
    taken = ax.transData.transform(np.concatenate([points, *drawn]))
    for point, text in zip(points, texts, strict=True):
        label = ax.annotate(
            text, point, xytext=(0, 0), textcoords="offset points", fontsize="small"
        )
        box = _move_to_free_place(label, taken, ax.bbox)
        corners = np.linspace(box.min, box.max, _STEPS)
        across = np.stack([corners[:, 0], corners[::-1, 1]], axis=1)
        taken = np.concatenate([taken, corners, across])  # later labels keep off


def _move_to_free_place(label: Any, taken: FloatArray, frame: Any) -> Any:
    """Move a label to where it covers least; return its box, in pixels."""
    places = [(x, y, distance) for distance in _DISTANCES for x, y in _DIRECTIONS]
    costs = []
    for place in places:
        box = _put(label, *place)
        is_outside = not (frame.containsx(box.x0) and frame.containsx(box.x1)) or not (
            frame.containsy(box.y0) and frame.containsy(box.y1)
        )
        costs.append(int(_is_within(taken, box).sum()) + 1000 * is_outside)
    return _put(label, *places[int(np.argmin(costs))])


def _put(label: Any, x: int, y: int, distance: float) -> Any:
    """Put a label to one side of its point; return its box with a small margin, in pixels."""
    length = distance / np.hypot(x, y)
    label.set_position((x * length, y * length))
    label.set_horizontalalignment({-1: "right", 0: "center", 1: "left"}[x])
    label.set_verticalalignment({-1: "top", 0: "center", 1: "bottom"}[y])
    return label.get_window_extent().padded(2)


def _is_within(points: FloatArray, box: Any) -> BoolArray:
    """Which points lie in a box, shape (n_points,)."""
    return ((points >= box.min) & (points <= box.max)).all(axis=1)
