"""Pictures of the gallery: twice as fine as they are shown, and once more for the dark."""
# SPDX-License-Identifier: BSD-3-Clause

from pathlib import Path

import numpy as np
from matplotlib import pyplot as plt
from matplotlib.artist import Artist
from matplotlib.colors import to_rgb, to_rgba_array
from matplotlib.text import Text

__all__ = ["GROUND", "INK", "darken", "keep_pictures"]

GROUND, INK = "#14181e", "#ced6dd"  # of the pages in the dark
_DPI = 100  # of pixels on a screen
_PALER = 0.45  # share of white that is mixed into dark colours
_NAMES = ("color", "facecolor", "edgecolor", "markerfacecolor", "markeredgecolor")


def keep_pictures(_block, block_vars, _gallery_conf):
    """Save all open figures and return the lines that show them, as sphinx-gallery asks for."""
    lines = []
    names = block_vars["image_path_iterator"]  # without an end
    for number, path in zip(plt.get_fignums(), map(Path, names), strict=False):
        figure = plt.figure(number)
        figure.savefig(path, dpi=2 * _DPI)
        width = round(_DPI * figure.get_figwidth())
        darken(figure)
        figure.savefig(path.with_stem(f"{path.stem}_dark"), dpi=2 * _DPI)
        where = path.relative_to(Path(block_vars["target_file"]).parent).as_posix()
        alt = title_of(figure) or path.stem
        lines.append(
            f".. image:: {where}\n   :alt: {alt}\n   :width: {width}px\n"
            "   :class: sphx-glr-single-img\n"
        )
    plt.close("all")
    return "\n".join(lines)


def title_of(figure):
    """What a figure is about, by its titles."""
    titles = [ax.get_title() or ax.get_ylabel() for ax in figure.axes]
    words = [figure.get_suptitle(), *titles]
    return ", ".join(dict.fromkeys(word.replace("\n", " ") for word in words if word))


def darken(figure):
    """Draw white in the colour of the page, black in that of its letters, dark lines paler.

    Letters that are nearly black stay so: they stand on areas of a pale colour, which stay as they
    are unless they are nearly white.
    """
    boxes = [text.get_bbox_patch() for text in figure.findobj(Text)]
    changes = []
    for artist in [*figure.findobj(Artist), *(box for box in boxes if box is not None)]:
        for name in _NAMES:
            get, set_ = (getattr(artist, f"{verb}_{name}", None) for verb in ("get", "set"))
            if get is not None and set_ is not None:
                changes.append((set_, _for_the_dark(get(), is_text=isinstance(artist, Text))))
    # Only now: an area and its patch have one colour, which must not be changed twice.
    for set_, colours in changes:
        if colours is not None:
            set_(colours)
    figure.set_facecolor(GROUND)


def _for_the_dark(colours, *, is_text):
    """Other colours in place of those that a dark page would swallow; None where there are none."""
    try:
        rgba = to_rgba_array(colours)
    except ValueError:  # a word that is no colour, such as auto
        return None
    kept, lightness = rgba.copy(), rgba[:, :3].mean(axis=1)
    is_seen = rgba[:, 3] > 0
    is_dark = is_seen & (lightness < 0.25) & (not is_text)
    rgba[is_dark, :3] += _PALER * (1 - rgba[is_dark, :3])
    rgba[is_seen & (lightness > 0.9), :3] = to_rgb(GROUND)
    rgba[is_seen & (lightness < 0.05), :3] = to_rgb(INK)
    if np.array_equal(rgba, kept):
        return None
    return rgba[0] if len(rgba) == 1 else rgba
