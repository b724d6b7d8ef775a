"""TiesDisplay: how many events are tied, and whether their order tells the next item."""
# SPDX-License-Identifier: BSD-3-Clause

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from skace.data import Interactions
from skace.data._tie_facts import orders_of_ties
from skace.inspection._drawing import axes_for, categorical_colors, import_pyplot, legend_above

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["TiesDisplay"]

_ON_LINES = {"edgecolor": "none", "pad": 0.8}  # labels that can be read


class TiesDisplay:
    """Share of tied events, and how often tied and untied neighbours ascend by a value.

    Events of one user at one moment are tied. Unless it was changed, their order in the log is that
    of the file. If tied events ascend by item id far more often than neighbours of different times,
    the next item can be guessed. Use `from_interactions`.

    Parameters
    ----------
    shares : dict of str to float
        Share of ``"events"``, and of ``"last events"`` of users with at least two events, that have
        the time of the event before.

    orders : dict of str to dict of str to float
        For each value of the items: share of ``"tied"`` and of ``"untied"`` neighbours whose value
        ascends, and the ends ``"low"`` and ``"high"`` of the 95 % interval of the difference over
        users. Neighbours of equal value do not count.

    Attributes
    ----------
    ax_ : matplotlib Axes
        Axes with the bars.

    figure_ : matplotlib Figure
        Figure of the axes.

    bars_ : list of matplotlib BarContainer
        The shares of ties, then the shares of tied and of untied neighbours that ascend.

    See Also
    --------
    skace.data.Interactions.reorder_ties : Puts tied events into another order.
    skace.exceptions.TiedTargetsWarning : Warns of such ties.

    Notes
    -----
    Stability: experimental.

    Examples
    --------
    >>> from skace import Interactions
    >>> from skace.inspection import TiesDisplay
    >>> users, items = ["al"] * 4 + ["bo"] * 3, [1, 3, 2, 9, 5, 6, 4]
    >>> X = Interactions(users, items, [1, 1, 2, 2, 1, 1, 2])
    >>> display = TiesDisplay.from_interactions(X)
    >>> display.shares["last events"], display.orders["item id"]["tied"]
    (0.5, 1.0)
    >>> display.orders["item id"]["untied"]
    0.0
    """

    def __init__(
        self, shares: Mapping[str, float], orders: Mapping[str, Mapping[str, float]]
    ) -> None:
        self.shares = shares
        self.orders = orders

    @classmethod
    def from_interactions(cls, X: Interactions, *, ax: "Axes | None" = None, **bar_kw: Any) -> Self:
        """Count the ties of a log and draw the shares.

        Parameters
        ----------
        X : Interactions
            Rows of a log with timestamps; all events of the log count. The order is checked by item
            id, and by the ``tie_key`` of the log if it has one.

        ax : matplotlib Axes or None, default=None
            Where to draw. None: a new figure.

        **bar_kw : dict
            Passed to ``Axes.barh``.

        Returns
        -------
        display : TiesDisplay
            The drawn display. It has no orders if no events are tied, or all are.

        Raises
        ------
        ValueError
            If the log has no timestamps.

        TypeError
            If X is not Interactions.
        """
        import_pyplot(cls)
        if not isinstance(X, Interactions):
            raise TypeError(
                f"X must be Interactions, got {type(X).__name__}; wrap it once with "
                "Interactions.from_frame(frame)."
            )
        log = X._log
        if log.timestamps is None:
            raise ValueError(
                "the log of X has no timestamps, so no events are known to be of one moment; pass "
                "timestamps to Interactions."
            )
        shares = {
            "events": log.count("tied") / max(1, log.n_events),
            "last events": log.count("last tied") / max(1, log.count("users with two")),
        }
        orders = {
            order.name: {
                "tied": order.tied,
                "untied": order.untied,
                "low": order.low,
                "high": order.high,
            }
            for order in orders_of_ties(X)
        }
        return cls(shares, orders).plot(ax, **bar_kw)

    def plot(self, ax: "Axes | None" = None, **bar_kw: Any) -> Self:
        """Draw the shares as bars, one below the other.

        Parameters
        ----------
        ax : matplotlib Axes or None, default=None
            Where to draw. None: a new figure.

        **bar_kw : dict
            Passed to ``Axes.barh``.

        Returns
        -------
        display : TiesDisplay
            The display itself.
        """
        n_lines = len(self.shares) + 2 * len(self.orders)
        ax = axes_for(self, ax, figsize=(6.8, 1.6 + 0.45 * n_lines))
        places = np.arange(len(self.shares) + len(self.orders), dtype=np.float64)
        at = places[len(self.shares) :]
        colors = categorical_colors(3)
        kinds = {
            "tied": (places[: len(self.shares)], self.shares.values()),
            "ascend if tied": (at - 0.2, self._of_orders("tied")),
            "ascend if untied": (at + 0.2, self._of_orders("untied")),
        }
        self.bars_ = []
        ground = {"facecolor": ax.get_facecolor()} | _ON_LINES
        for (label, (heights, values)), color in zip(kinds.items(), colors, strict=True):
            style: dict[str, Any] = {"height": 0.36, "color": color, "label": label}
            bars = ax.barh(heights, list(values), **(style | bar_kw))
            texts = [f"{value:.1%}" for value in values]
            ax.bar_label(bars, texts, padding=4, fontsize="small", bbox=ground)
            self.bars_.append(bars)
        self._draw_half(ax, at)
        ax.set_yticks(places, [*self.shares, *map(_label_of, self.orders, self.orders.values())])
        ax.set_xlim(0, 1.16)
        ax.set_xticks(np.linspace(0, 1, 5), [f"{share:.0%}" for share in np.linspace(0, 1, 5)])
        ax.invert_yaxis()
        ax.set_xlabel("share of events, or of neighbours")
        ax.set_ylabel("ties, and their order")
        legend_above(ax, self.bars_)
        return self

    def _of_orders(self, kind):
        """Share of one kind of neighbours by each value."""
        return [order[kind] for order in self.orders.values()]

    def _draw_half(self, ax, places):
        """Mark where shuffled ties stand: half of them ascend."""
        if places.size:
            ends = (places[0] - 0.45, places[-1] + 0.45)
            ax.vlines(0.5, *ends, colors="0.35", linestyles="dotted", linewidth=1, zorder=0)


def _label_of(name, order):
    """Name of a value, with the difference of its shares and the interval."""
    difference = order["tied"] - order["untied"]
    return f"by {name}\n{difference:+.3f}\n({order['low']:+.3f} to {order['high']:+.3f})"
