"""AttributeViews: texts of items of which some attributes are left out."""
# SPDX-License-Identifier: BSD-3-Clause

import hashlib
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from skace.embeddings.text._template import TextTemplate

__all__ = ["AttributeViews", "ViewPair", "n_dropped"]


def n_dropped(n_attributes: int, drop_rate: float) -> int:
    """How many attributes of an item a view leaves out: never all."""
    # A rate just below one, times a number, may be rounded up to that number.
    return min(int(drop_rate * n_attributes), n_attributes - 1)


class ViewPair(NamedTuple):
    """Two texts of each item of a batch, which are to find each other."""

    first: list[str]
    second: list[str]
    belongs: npt.NDArray[np.bool_] | None = None  # (B, B) second texts that are no strangers


class AttributeViews:
    """Items of which random views can be drawn.

    A view has a random part of the attributes, in a random order. Where the template names
    a column, the order has no effect, and what is left out is empty.

    Parameters
    ----------
    attributes : list of dict of str to str
        Non-empty values of each item by column, at least one.
    template : TextTemplate
        What to make of them.
    drop_rate : float
        Part of an item's attributes that a view leaves out, rounded down, in [0, 1).
    """

    def __init__(
        self, attributes: list[dict[str, str]], template: TextTemplate, drop_rate: float
    ) -> None:
        self._items = [list(values.items()) for values in attributes]
        self._template = template
        self._drop_rate = drop_rate

    def __len__(self) -> int:
        return len(self._items)

    def draw(self, rows: npt.NDArray[np.int64], rng: np.random.RandomState) -> list[str]:
        """Text of a new view of each of these items."""
        return [self._draw_one(self._items[row], rng) for row in rows.tolist()]

    def draw_pair(self, rows: npt.NDArray[np.int64], rng: np.random.RandomState) -> ViewPair:
        """Texts of two new views of each of these items."""
        return ViewPair(self.draw(rows, rng), self.draw(rows, rng))

    def _draw_one(self, pairs: list[tuple[str, str]], rng: np.random.RandomState) -> str:
        n_kept = len(pairs) - n_dropped(len(pairs), self._drop_rate)
        kept = rng.permutation(len(pairs))[:n_kept]
        return self._template.fill(dict(pairs[place] for place in kept))

    @property
    def can_differ(self) -> bool:
        """Whether two views of at least one item can be different texts."""
        sizes = {len(pairs) for pairs in self._items}
        if self._template.reads_all:
            return max(sizes) > 1
        return any(n_dropped(size, self._drop_rate) > 0 for size in sizes)

    def digest(self) -> str:
        """Hash of all values and their columns."""
        digest = hashlib.blake2b(digest_size=16)
        for pairs in self._items:
            digest.update(repr(pairs).encode())
        return digest.hexdigest()
