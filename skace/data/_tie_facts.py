"""What ties tell: how many last events are tied, and whether tied events stand in some order."""
# SPDX-License-Identifier: BSD-3-Clause

import warnings
from typing import Any, NamedTuple

import numpy as np

from skace._callers import caller_level
from skace._typing import BoolArray, Float64Array, IntArray
from skace.data._log import EventLog, tied_events
from skace.data._sort_keys import ranks_of_keys
from skace.exceptions import TiedTargetsWarning

__all__ = ["TieOrder", "orders_of_ties", "tied_rows", "warn_of_ties"]

OFTEN = 0.5  # share of last events from which on ties are many; Beauty has .44, ML-1M .42
TELLING = 0.2  # difference of shares from which on an order tells; Beauty has .55, or .04 by id
FEWEST = 10  # users below which nothing is concluded
_N_GROUPS = 1000  # users are resampled in at most as many groups
_N_RESAMPLES = 1000
_Z = 1.96  # of intervals of 95 %


class TieOrder(NamedTuple):
    """How often neighbours ascend by some value of their items."""

    name: str  # of the value
    tied: float  # share of neighbours of one moment whose value ascends
    untied: float  # the same of neighbours of different times
    low: float  # ends of the interval of their difference, 95 %
    high: float
    tied_low: float  # ends of the interval of the first share
    tied_high: float
    n_groups: int  # users with tied neighbours, or groups of users where there are many

    @property
    def difference(self) -> float:
        """Share of tied minus share of untied neighbours."""
        return self.tied - self.untied

    @property
    def is_telling(self) -> bool:
        """Whether tied events stand in this order, or in the reverse one."""
        if self.n_groups < FEWEST:
            return False
        ascends = self.difference > TELLING and self.low > 0 and self.tied_low > 0.5
        descends = self.difference < -TELLING and self.high < 0 and self.tied_high < 0.5
        return ascends or descends


def tied_rows(X: Any) -> BoolArray | None:
    """Whether each row has the time of the event before it; None without timestamps."""
    times = X._log.timestamps
    if times is None:
        return None
    has_past = X._ends > X._starts
    is_tied: BoolArray = has_past & (times[X._ends] == times[np.maximum(X._ends - 1, 0)])
    return is_tied


def orders_of_ties(X: Any) -> tuple[TieOrder, ...]:
    """Order statistics of the log of X by item id, and by its ``tie_key``; counted once a log.

    Empty where no neighbours are tied, or all are.
    """
    log = X._log
    if "orders" not in log.facts:
        log.facts["orders"] = _orders(log, X.catalog) if log.count("tied") else ()
    found: tuple[TieOrder, ...] = log.facts["orders"]
    return found


def _orders(log: EventLog, catalog: Any) -> tuple[TieOrder, ...]:
    ids = catalog.item_ids
    is_sorted = bool((ids[1:] > ids[:-1]).all())
    by_id = np.arange(ids.size) if is_sorted else ranks_of_keys(ids, ids.size, "item_ids")
    values = {"item id": by_id}
    if log.tie_key is not None:
        values[log.tie_key.name] = log.tie_key.ranks(catalog)
    found = (_order_by(log, name, ranks) for name, ranks in values.items())
    return tuple(order for order in found if order is not None)


def _order_by(log: EventLog, name: str, ranks: IntArray) -> TieOrder | None:
    """Statistic by one value of the items; None if there is nothing to compare."""
    sums = _neighbours(log, ranks)
    n_tied, n_untied = sums[:, 1].sum(), sums[:, 0].sum()
    if not (n_tied.sum() and n_untied.sum()):
        return None
    # A resample draws as many groups of users as there are.
    drawn = np.random.default_rng(0).multinomial(
        len(sums), np.full(len(sums), 1 / len(sums)), size=_N_RESAMPLES
    )
    # In float64, which is exact here and far faster than whole numbers.
    totals = drawn.astype(np.float64) @ sums.reshape(len(sums), 4).astype(np.float64)
    totals = totals.reshape(-1, 2, 2)
    with np.errstate(invalid="ignore"):  # resamples without a tie, of small logs
        shares = totals[:, :, 1] / totals.sum(axis=2)
    tails = [0.025, 0.975]
    low, high = np.nanquantile(shares[:, 1] - shares[:, 0], tails)
    tied_low, tied_high = np.nanquantile(shares[:, 1], tails)
    tied, untied = (float(sums[:, kind, 1].sum() / sums[:, kind].sum()) for kind in (1, 0))
    return TieOrder(
        name=name,
        tied=tied,
        untied=untied,
        low=float(low),
        high=float(high),
        tied_low=float(tied_low),
        tied_high=float(tied_high),
        n_groups=int((sums[:, 1].sum(axis=1) > 0).sum()),
    )


def _neighbours(log: EventLog, ranks: IntArray) -> IntArray:
    """Pairs of neighbours by group of users, untied and tied, not ascending and ascending.

    Shape (n_groups, 2, 2). Neighbours of equal value are left out.
    """
    n_users = log.offsets.size - 1
    # Users of a group are drawn, so that resampling groups is like resampling users.
    group = np.random.default_rng(0).permutation(n_users) % _N_GROUPS
    of_event = np.repeat(group.astype(np.int16), np.diff(log.offsets))
    values = ranks[log.items]
    code = 4 * of_event[1:] + 2 * tied_events(log)[1:] + (values[1:] > values[:-1])
    is_pair = values[1:] != values[:-1]
    starts = log.offsets[1:-1]
    is_pair[starts[(starts > 0) & (starts < log.n_events)] - 1] = False
    n_groups = min(n_users, _N_GROUPS)
    return np.bincount(code[is_pair], minlength=4 * n_groups).reshape(n_groups, 2, 2)


def warn_of_ties(X: Any) -> None:
    """Warn, once a log, if ties decide what is tested or stand in an order that tells it."""
    log = X._log
    if log.timestamps is None or "told" in log.facts:
        return
    findings = [*_of_many_ties(log), *map(_of_order, filter(_is_telling, orders_of_ties(X)))]
    log.facts["told"] = True
    if findings:
        warnings.warn(
            f"{'; '.join(findings)}. Shuffle them before splitting, with "
            "X.reorder_ties('shuffle', random_state=seed), report the mean of several seeds, and "
            "compare the groups 'tied' and 'untied' of ranking_report.",
            TiedTargetsWarning,
            stacklevel=caller_level(),
        )


def _is_telling(order: TieOrder) -> bool:
    return order.is_telling


def _of_many_ties(log: EventLog) -> list[str]:
    """Sentence on last events that are tied, if they are many and stand as in the input."""
    n_users, n_tied = log.count("users with two"), log.count("last tied")
    if log.ties != "keep" or n_users < FEWEST or _lower_end(n_tied, n_users) <= OFTEN:
        return []
    return [
        f"{n_tied / n_users:.1%} of the last events (of {n_users} users with two events or more) "
        "have the time of the event before, so the order of the input decides which is the last"
    ]


def _lower_end(n_hits: int, n: int) -> float:
    """Lower end of Wilson's interval of a share, 95 %."""
    share, z = n_hits / n, _Z
    middle = share + z**2 / (2 * n)
    spread = z * np.sqrt(share * (1 - share) / n + z**2 / (4 * n**2))
    return float((middle - spread) / (1 + z**2 / n))


def _of_order(order: TieOrder) -> str:
    """Sentence on an order that tells."""
    ascends = order.difference > 0
    shares: Float64Array = np.array([order.tied, order.untied])
    ends: Float64Array = np.array([order.low, order.high])
    if not ascends:
        shares, ends = 1 - shares, -ends[::-1]
    way = "ascend" if ascends else "descend"
    return (
        f"events of one user at one moment stand in the order of {order.name}: of neighbours of "
        f"one time {shares[0]:.1%} {way}, of neighbours of different times {shares[1]:.1%} "
        f"(difference {shares[0] - shares[1]:.3f}, 95 % interval over users {ends[0]:.3f} to "
        f"{ends[1]:.3f}), so the next item of a moment can be guessed to have a "
        f"{'higher' if ascends else 'lower'} {order.name}"
    )
