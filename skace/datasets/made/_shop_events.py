"""The law by which the visitors of a made-up shop choose, and events drawn from it."""
# SPDX-License-Identifier: BSD-3-Clause

from dataclasses import dataclass

import numpy as np

from skace._typing import BoolArray, FloatArray, IntArray

__all__ = ["Events", "ShopLaw", "draw_events", "draw_law", "draw_lengths", "draw_timestamps"]

_MAX_REDRAWS = 32  # then the few that still hit a seen item are drawn without rejection
_BLOCK_ENTRIES = 2**22  # entries of a (visitors, items) block of that last resort
_SECONDS_PER_DAY = 86_400
_FIRST_SECOND = 1_700_000_000
_DAYS_OF_ARRIVALS = 300
_MEAN_GAP_DAYS = 5.0


@dataclass(frozen=True, eq=False)
class ShopLaw:
    """Parameters of the choice of the next item.

    A *cell* is a (category, style) pair, numbered ``category * n_styles + style``. A
    visitor of taste z repeats one of the past events, each equally likely, with
    probability ``repeat_probability``. Otherwise the item is new to the visitor: a cell is
    drawn from ``transition[z, cell of the last item]``, an item of it from
    ``item_share``, and both again until the item is one not seen before.
    """

    cell_of_item: IntArray  # (n_items,)
    item_share: FloatArray  # (n_items,) probability of the item within its cell
    taste_prior: FloatArray  # (n_tastes,)
    start: FloatArray  # (n_tastes, n_cells) cell of the first event
    transition: FloatArray  # (n_tastes, n_cells, n_cells) cell of the next one
    repeat_probability: float

    @property
    def n_items(self) -> int:
        """Number of items."""
        return int(self.cell_of_item.size)

    @property
    def n_tastes(self) -> int:
        """Number of tastes."""
        return int(self.start.shape[0])

    @property
    def n_cells(self) -> int:
        """Number of (category, style) pairs."""
        return int(self.start.shape[1])

    def next_cells(self, last_cells: IntArray, seen_share: FloatArray) -> FloatArray:
        """Weight of each cell for an item that is new, shape (n, n_tastes, n_cells).

        ``seen_share`` (n, n_cells) is the share of each cell that the visitor has had. An
        unseen item has the probability weight[its cell] * its share in the cell.
        """
        weights = self.transition[:, last_cells].swapaxes(0, 1)
        unseen = 1 - np.einsum("nzc,nc->nz", weights, seen_share)
        return weights / unseen[:, :, None]


def draw_law(
    cell_of_item: IntArray,
    popularity: FloatArray,
    shape: tuple[int, int, int],
    rng: np.random.Generator,
    *,
    taste_strength: float,
    sequence_strength: float,
    repeat_probability: float,
) -> ShopLaw:
    """Tastes and transitions for items of given cells and popularity.

    ``shape`` is (n_categories, n_styles, n_tastes). A cell attracts in proportion to the
    popularity of its items; a taste multiplies this for its favourite style (and a little
    for others and for categories), the last item for its own category and for the one
    that follows it in a fixed cycle of categories.
    """
    n_categories, n_styles, n_tastes = shape
    category, style = np.divmod(np.arange(n_categories * n_styles), n_styles)
    mass = np.bincount(cell_of_item, weights=popularity, minlength=category.size)
    likes_style = 0.3 * rng.standard_normal((n_tastes, n_styles))
    likes_style[np.arange(n_tastes), np.arange(n_tastes) % n_styles] += 1.0
    likes_category = 0.3 * rng.standard_normal((n_tastes, n_categories))
    follower = np.empty(n_categories, dtype=np.int64)
    cycle = rng.permutation(n_categories)
    follower[cycle] = np.roll(cycle, -1)
    taste = np.log(mass) + taste_strength * (likes_style[:, style] + likes_category[:, category])
    follows = follower[category][:, None] == category
    stays = category[:, None] == category
    step = sequence_strength * (follows + 0.5 * stays)  # (last cell, next cell)
    return ShopLaw(
        cell_of_item=cell_of_item,
        item_share=popularity / mass[cell_of_item],
        taste_prior=np.full(n_tastes, 1 / n_tastes),
        start=_softmax(taste),
        transition=_softmax(taste[:, None, :] + step),
        repeat_probability=repeat_probability,
    )


def _softmax(logits: FloatArray) -> FloatArray:
    """Probabilities over the last axis."""
    weights = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return weights / weights.sum(axis=-1, keepdims=True)


def draw_lengths(
    n_users: int, n_events: int, limits: tuple[int, int], rng: np.random.Generator
) -> IntArray:
    """Events per visitor: skewed, between the limits, ``n_events`` in all."""
    least, most = limits
    weights = rng.exponential(size=n_users)
    lengths = np.full(n_users, least, dtype=np.int64)
    left = n_events - least * n_users
    while left:
        open_users = np.flatnonzero(lengths < most)
        share = weights[open_users] / weights[open_users].sum()
        lengths[open_users] += rng.multinomial(left, share)
        left = int(np.maximum(lengths - most, 0).sum())
        np.minimum(lengths, most, out=lengths)
    return lengths


@dataclass(frozen=True, slots=True, eq=False)
class Events:
    """Events of all visitors, one visitor after the other, each in order of time."""

    items: IntArray  # (n_events,) item rows
    is_repeat: BoolArray  # (n_events,)
    tastes: IntArray  # (n_users,)


def draw_events(law: ShopLaw, lengths: IntArray, rng: np.random.Generator) -> Events:
    """Draw every visitor's taste, then the events, one position of all visitors at a time."""
    sampler = _Sampler(law, rng)
    first = np.cumsum(lengths) - lengths
    items = np.empty(int(lengths.sum()), dtype=np.int64)
    is_repeat = np.zeros(items.size, dtype=bool)
    tastes = sampler.draw_tastes(lengths.size)
    items[first] = sampler.draw_first_items(tastes)
    longest_first = np.argsort(-lengths, kind="stable")
    n_active = lengths.size - np.searchsorted(np.sort(lengths), np.arange(lengths.max()), "right")
    for t, n in enumerate(n_active[1:], start=1):
        users = longest_first[:n]
        begin = first[users]
        repeats = rng.random(n) < law.repeat_probability
        drawn = items[begin + rng.integers(t, size=n)]
        new = np.flatnonzero(~repeats)
        drawn[new] = sampler.draw_unseen(tastes[users[new]], items, begin[new], t)
        items[begin + t] = drawn
        is_repeat[begin + t] = repeats
    return Events(items, is_repeat, tastes)


class _Sampler:
    """Draws from a law, by search in cumulative tables that are one increasing array each."""

    def __init__(self, law: ShopLaw, rng: np.random.Generator) -> None:
        self.law = law
        self.rng = rng
        self.prior = _stack_cumulative(law.taste_prior[None])
        self.start = _stack_cumulative(law.start)
        self.transition = _stack_cumulative(law.transition.reshape(-1, law.n_cells))
        self.items = np.argsort(law.cell_of_item, kind="stable")
        cells = law.cell_of_item[self.items]
        self.item_ends = np.cumsum(np.bincount(cells, minlength=law.n_cells))
        total = np.concatenate([[0.0], np.cumsum(law.item_share[self.items])])
        before = total[np.concatenate([[0], self.item_ends[:-1]])]
        # Within a cell the shares sum to one, so adding the cell keeps the array increasing.
        self.item_cumulative = np.minimum(total[1:] - before[cells], 1.0) + cells

    def draw_tastes(self, n: int) -> IntArray:
        """Tastes of ``n`` visitors."""
        return self._draw_columns(self.prior, np.zeros(n, dtype=np.int64))

    def draw_first_items(self, tastes: IntArray) -> IntArray:
        """First item of visitors of these tastes."""
        return self._draw_items(self._draw_columns(self.start, tastes))

    def draw_unseen(self, tastes: IntArray, items: IntArray, begin: IntArray, t: int) -> IntArray:
        """Item that is not among ``items[begin:begin + t]``, for each visitor."""
        rows = tastes * self.law.n_cells + self.law.cell_of_item[items[begin + t - 1]]
        drawn = np.empty(begin.size, dtype=np.int64)
        pending = np.arange(begin.size)
        for _ in range(_MAX_REDRAWS):
            if pending.size == 0:
                return drawn
            drawn[pending] = self._draw_items(self._draw_columns(self.transition, rows[pending]))
            pending = pending[_is_seen(drawn[pending], items, begin[pending], t)]
        step = max(1, _BLOCK_ENTRIES // self.law.n_items)
        for i in range(0, pending.size, step):
            block = pending[i : i + step]
            seen = items[begin[block, None] + np.arange(t)]
            drawn[block] = self._draw_without_rejection(rows[block], seen)
        return drawn

    def _draw_columns(self, cumulative: FloatArray, rows: IntArray) -> IntArray:
        """One column for each of ``rows`` of a stack of cumulative rows."""
        width = cumulative.shape[1]
        places = np.searchsorted(cumulative.ravel(), rows + self.rng.random(rows.size), "right")
        return np.minimum(places - rows * width, width - 1)

    def _draw_items(self, cells: IntArray) -> IntArray:
        """One item of each cell."""
        places = np.searchsorted(self.item_cumulative, cells + self.rng.random(cells.size), "right")
        return self.items[np.minimum(places, self.item_ends[cells] - 1)]

    def _draw_without_rejection(self, rows: IntArray, seen: IntArray) -> IntArray:
        """Item per transition row, from the exact distribution over what is not ``seen``."""
        law = self.law
        weights = law.transition.reshape(-1, law.n_cells)[rows][:, law.cell_of_item]
        weights *= law.item_share
        weights[np.arange(rows.size)[:, None], seen] = 0.0
        cumulative = np.cumsum(weights, axis=1)
        places = self.rng.random(rows.size) * cumulative[:, -1]
        return np.argmax(cumulative > places[:, None], axis=1)


def _stack_cumulative(rows: FloatArray) -> FloatArray:
    """Cumulative sums of probability rows; row r occupies the values r to r + 1."""
    return np.minimum(np.cumsum(rows, axis=1), 1.0) + np.arange(len(rows))[:, None]


def _is_seen(drawn: IntArray, items: IntArray, begin: IntArray, t: int) -> BoolArray:
    """Whether each drawn item is among the visitor's first ``t`` events."""
    is_seen = np.zeros(drawn.size, dtype=bool)
    for place in range(t):  # one (visitors, t) block would be too large for long logs
        is_seen |= items[begin + place] == drawn
    return is_seen


def _repeats_a_tie(items: IntArray, is_tied: BoolArray, first: IntArray) -> BoolArray:
    """Whether each event has the item of an earlier one that it would be tied with."""
    begins = ~is_tied
    begins[first] = True
    moments = np.cumsum(begins)
    order = np.lexsort((items, moments))
    same = (np.diff(moments[order]) == 0) & (np.diff(items[order]) == 0)
    repeats = np.zeros(items.size, dtype=bool)
    repeats[order[1:][same]] = True
    return repeats


def draw_timestamps(
    items: IntArray, lengths: IntArray, tie_probability: float, rng: np.random.Generator
) -> IntArray:
    """Seconds of the events; a tie has the time of the event before it, else time moves on.

    Nobody takes an item twice at one moment.
    """
    n_events = int(lengths.sum())
    gaps = 1 + (_MEAN_GAP_DAYS * _SECONDS_PER_DAY * rng.exponential(size=n_events)).astype(np.int64)
    first = np.cumsum(lengths) - lengths
    is_tied = rng.random(n_events) < tie_probability
    gaps[is_tied & ~_repeats_a_tie(items, is_tied, first)] = 0
    arrival = rng.integers(_DAYS_OF_ARRIVALS * _SECONDS_PER_DAY, size=lengths.size)
    elapsed = np.cumsum(gaps)
    return _FIRST_SECOND + elapsed + np.repeat(arrival - elapsed[first], lengths)
