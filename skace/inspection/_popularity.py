"""PopularityDisplay: whom a recommender serves well."""
# SPDX-License-Identifier: BSD-3-Clause

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import ArrayLike

from skace.data import Catalog, Interactions
from skace.inspection._drawing import (
    axes_for,
    categorical_colors,
    import_pyplot,
    legend_above,
    metric_label,
)
from skace.inspection._vectors import check_named, fitted_model
from skace.metrics import popularity_groups, score_ranks
from skace.metrics._names import parse_metric
from skace.metrics._target_ranks import columns_in, final_estimator, rank_rows, rows_to_rank

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["PopularityDisplay"]


class PopularityDisplay:
    """Score by popularity of the target: head and tail, or finer groups.

    A mean over all rows is mostly a mean over popular items. Use `from_estimator`, or
    `from_predictions` for recommended lists, or `from_reports` for existing reports.

    Parameters
    ----------
    scores : dict of str to dict of str to float
        Score of each group of rows, by name of the model. NaN draws nothing.

    n_rows : dict of str to int or None, default=None
        Number of rows of each group.

    score_name : str, default="score"
        Name on the axis.

    Attributes
    ----------
    ax_ : matplotlib Axes
        Axes with the bars.

    figure_ : matplotlib Figure
        Figure of the axes.

    bars_ : list of matplotlib BarContainer
        One per model.

    See Also
    --------
    skace.metrics.ranking_report : The same scores and more, as numbers.
    skace.metrics.popularity_groups : Which items are head.

    Notes
    -----
    Stability: experimental.

    Examples
    --------
    >>> from skace import Interactions, PopularityEstimator
    >>> from skace.inspection import PopularityDisplay
    >>> from skace.model_selection import leave_last_out
    >>> X = Interactions.from_sequences([["pen", "ink"], ["pen", "pen"], ["cap", "nib"]])
    >>> X_train, X_test = leave_last_out(X)
    >>> model = PopularityEstimator(k=2).fit(X_train)
    >>> display = PopularityDisplay.from_estimator(model, X_test, metric="recall@1", head=0.25)
    >>> display.n_rows
    {'all': 3, 'head': 1, 'tail': 2, 'cold': 2}
    """

    def __init__(
        self,
        scores: Mapping[str, Mapping[str, float]],
        *,
        n_rows: Mapping[str, int] | None = None,
        score_name: str = "score",
    ) -> None:
        self.scores = scores
        self.n_rows = n_rows
        self.score_name = score_name

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: Interactions,
        *,
        metric: str = "ndcg@10",
        head: float = 0.2,
        edges: Sequence[int] | None = None,
        exclude_seen: bool | None = None,
        ax: "Axes | None" = None,
        **bar_kw: Any,
    ) -> Self:
        """Rank the rows by a fitted model, or by several, and draw a score per group.

        Parameters
        ----------
        estimator : fitted estimator or dict of str to fitted estimator
            An estimator that `~skace.metrics.target_ranks` accepts, with
            ``item_counts_``. Several are drawn side by side, with the keys of the dict
            as names.

        X : Interactions of shape (n_rows,)
            Rows with a target, for example the test rows of a splitter.

        metric : str, default="ndcg@10"
            Name, as in `~skace.metrics.score_ranks`.

        head : float, default=0.2
            Largest share of items that are head, as in `~skace.metrics.popularity_groups`.

        edges : sequence of int or None, default=None
            Training counts at which a group begins, ascending from at least 2: (5, 20)
            gives the groups 1-4, 5-19 and 20+. None: head and tail.

        exclude_seen : bool or None, default=None
            Whether to take items of each row's past out of the ranking. None: the
            estimator's own setting.

        ax : matplotlib Axes or None, default=None
            Where to draw. None: a new figure.

        **bar_kw : dict
            Passed to ``Axes.bar``.

        Returns
        -------
        display : PopularityDisplay
            The drawn display. Groups are those of the first model.

        Raises
        ------
        ValueError
            If the metric is unknown, the edges do not ascend, or X has no targets.

        TypeError
            If an estimator cannot rank items, or does not count them.
        """
        import_pyplot(cls)
        _check_edges(edges)
        X = rows_to_rank(X)
        if not isinstance(estimator, Mapping):
            estimator = {type(fitted_model(estimator)).__name__: estimator}
        ranks, groups = {}, None
        for name, one in check_named(estimator, "estimator").items():
            model, rows = final_estimator(one, X)
            groups = _groups_of_rows(model, rows, head, edges) if groups is None else groups
            ranks[name] = rank_rows(model, rows, exclude_seen)
        return cls._of_ranks(ranks, groups, metric).plot(ax, **bar_kw)

    @classmethod
    def from_predictions(
        cls,
        y_true: ArrayLike,
        y_pred: ArrayLike | Mapping[str, ArrayLike],
        *,
        item_ids: ArrayLike,
        item_counts: ArrayLike,
        metric: str = "ndcg@10",
        head: float = 0.2,
        edges: Sequence[int] | None = None,
        ax: "Axes | None" = None,
        **bar_kw: Any,
    ) -> Self:
        """Draw a score per group from recommended lists of any origin.

        Parameters
        ----------
        y_true : array-like of shape (n_rows,)
            Ids of the targets, for example ``X_test.items``.

        y_pred : array-like of shape (n_rows, k) or dict of str to such an array
            Recommended item ids, best first, as returned by ``predict``. Several models are drawn
            side by side, with the keys of the dict as names.

        item_ids : array-like of shape (n_items,)
            All items that could be recommended (``item_ids_``), each once.

        item_counts : array-like of shape (n_items,)
            Training targets per item (``item_counts_``), in the order of ``item_ids``.

        metric : str, default="ndcg@10"
            Name, as in `~skace.metrics.score_ranks`, of a metric that needs only the k places of
            the lists.

        head : float, default=0.2
            As in `from_estimator`.

        edges : sequence of int or None, default=None
            As in `from_estimator`.

        ax : matplotlib Axes or None, default=None
            Where to draw. None: a new figure.

        **bar_kw : dict
            Passed to ``Axes.bar``.

        Returns
        -------
        display : PopularityDisplay
            The drawn display.

        Raises
        ------
        ValueError
            If the arrays do not fit each other, the metric is unknown or needs longer lists, the
            edges do not ascend, or some ids are strings and others integers.

        Notes
        -----
        Lists hold less information than a model: items with equal scores are in some order, and an
        item that only fills up a list counts as recommended. If items tie, the figures of
        `from_estimator` are fairer.

        Examples
        --------
        >>> from skace.inspection import PopularityDisplay
        >>> display = PopularityDisplay.from_predictions(
        ...     ["pen", "nib"],
        ...     [["pen", "ink"], ["pen", "cap"]],
        ...     item_ids=["cap", "ink", "nib", "pen"],
        ...     item_counts=[1, 2, 1, 9],
        ...     metric="recall@2",
        ...     head=0.25,
        ... )
        >>> display.scores
        {'predictions': {'all': 0.5, 'head': 1.0, 'tail': 0.0}}
        """
        import_pyplot(cls)
        _check_edges(edges)
        lists = y_pred if isinstance(y_pred, Mapping) else {"predictions": y_pred}
        y_true, counts, catalog = np.asarray(y_true), np.asarray(item_counts), Catalog(item_ids)
        if counts.shape != (catalog.n_items,):
            raise ValueError(
                f"item_counts must have one value per item of item_ids, shape "
                f"({catalog.n_items},), got shape {counts.shape}."
            )
        ranks = {
            name: _ranks_in_lists(y_true, one, metric, catalog)
            for name, one in check_named(lists, "y_pred").items()
        }
        groups = _groups_of_targets(catalog.row_of(y_true), counts, head, edges)
        return cls._of_ranks(ranks, groups, metric).plot(ax, **bar_kw)

    @classmethod
    def from_reports(
        cls,
        reports: Mapping[str, Mapping[str, Mapping[str, float]]],
        *,
        metric: str = "ndcg@10",
        groups: Sequence[str] = ("overall", "head", "tail"),
        ax: "Axes | None" = None,
        **bar_kw: Any,
    ) -> Self:
        """Draw reports of `~skace.metrics.ranking_report`.

        Parameters
        ----------
        reports : dict of str to dict
            A report per model.

        metric : str, default="ndcg@10"
            Figure to draw, by its name in the reports.

        groups : sequence of str, default=("overall", "head", "tail")
            Groups to draw, by their names in the reports.

        ax : matplotlib Axes or None, default=None
            Where to draw. None: a new figure.

        **bar_kw : dict
            Passed to ``Axes.bar``.

        Returns
        -------
        display : PopularityDisplay
            The drawn display.

        Raises
        ------
        ValueError
            If a report lacks a group or the metric.
        """
        import_pyplot(cls)
        reports = check_named(reports, "reports")
        for name, report in reports.items():
            lacking = [group for group in groups if group not in report]
            if lacking or metric not in report[groups[0]]:
                known = ", ".join(report if lacking else report[groups[0]])
                what = f"group {lacking[0]!r}" if lacking else f"figure {metric!r}"
                raise ValueError(f"the report of {name} has no {what}; it has {known}.")
        scores = {
            name: {group: report[group][metric] for group in groups}
            for name, report in reports.items()
        }
        first = next(iter(reports.values()))
        n_rows = {group: int(first[group]["n_rows"]) for group in groups}
        return cls(scores, n_rows=n_rows, score_name=metric_label(metric)).plot(ax, **bar_kw)

    @classmethod
    def _of_ranks(cls, ranks, groups, metric):
        """Display of the score of each group, by name of the ranks."""
        scores = {
            name: {
                group: score_ranks(of_model[is_in], [metric])[metric] if is_in.any() else np.nan
                for group, is_in in groups.items()
            }
            for name, of_model in ranks.items()
        }
        n_rows = {group: int(is_in.sum()) for group, is_in in groups.items()}
        return cls(scores, n_rows=n_rows, score_name=metric_label(metric))

    def plot(self, ax: "Axes | None" = None, **bar_kw: Any) -> Self:
        """Draw a bar per model and group.

        Parameters
        ----------
        ax : matplotlib Axes or None, default=None
            Where to draw. None: a new figure.

        **bar_kw : dict
            Passed to ``Axes.bar``.

        Returns
        -------
        display : PopularityDisplay
            The display itself.
        """
        groups = list(next(iter(self.scores.values())))
        n_bars = len(groups) * len(self.scores)
        ax = axes_for(self, ax, figsize=(max(6.4, 1.2 + 0.5 * n_bars), 4.2))
        width = 0.8 / len(self.scores)
        self.bars_ = []
        colors = categorical_colors(len(self.scores))
        for number, ((name, scores), color) in enumerate(
            zip(self.scores.items(), colors, strict=True)
        ):
            places = np.arange(len(groups)) + (number - (len(self.scores) - 1) / 2) * width
            values = np.array([scores[group] for group in groups], dtype=np.float64)
            style: dict[str, Any] = {"width": 0.92 * width, "color": color, "label": name}
            bars = ax.bar(places, np.nan_to_num(values), **(style | bar_kw))
            # Without the zero before the point, neighbours have room beside each other.
            labels = ["" if np.isnan(v) else f"{v:.3f}".removeprefix("0") for v in values]
            ax.bar_label(bars, labels, padding=2, fontsize="small")
            self.bars_.append(bars)
        ax.set_xticks(np.arange(len(groups)), [self._label_of(group) for group in groups])
        ax.margins(y=0.12)
        ax.set_ylabel(self.score_name)
        ax.set_xlabel("popularity of the target")
        legend_above(ax, self.bars_)
        return self

    def _label_of(self, group):
        """Name of a group, with its number of rows."""
        if self.n_rows is None:
            return group
        count = self.n_rows[group]
        return f"{group}\n{count:,} row{'' if count == 1 else 's'}"


def _check_edges(edges):
    """Raise unless the edges ascend from 2."""
    if edges is None:
        return
    values = np.asarray(edges)
    if values.ndim != 1 or values.size == 0 or values.dtype.kind not in "iu":
        raise ValueError(f"edges must be a sequence of whole numbers, got {edges!r}.")
    if values[0] < 2 or (np.diff(values) <= 0).any():
        raise ValueError(f"edges must ascend from at least 2, got {edges!r}.")


def _groups_of_rows(model, X, head, edges):
    """Mask of the rows of each group, where a model tells the popularity of the targets."""
    if not hasattr(model, "item_counts_"):
        raise TypeError(
            f"{type(model).__name__} has no item_counts_ (training targets per item of item_ids_), "
            "which the groups are told by."
        )
    targets = columns_in(model.item_ids_, X)[X._item_codes]
    return _groups_of_targets(targets, model.item_counts_, head, edges)


def _groups_of_targets(targets, item_counts, head, edges):
    """Mask of the rows of each group that has rows, and of all rows.

    ``targets`` are positions in ``item_counts``, -1 for unknown items, shape (n_rows,).
    """
    counts = np.where(targets >= 0, item_counts[targets], -1)
    groups = {"all": np.ones(targets.size, dtype=bool)}
    if edges is None:
        is_head = popularity_groups(item_counts, head)["head"][targets] & (targets >= 0)
        groups |= {"head": is_head, "tail": ~is_head}
    else:
        borders = [1, *edges, np.inf]
        for low, high in pairwise(borders):
            groups[_range_name(low, high)] = (counts >= low) & (counts < high)
    rare = {"cold": counts == 0, "unknown": counts < 0}
    return groups | {name: is_in for name, is_in in rare.items() if is_in.any()}


def _ranks_in_lists(y_true, lists, metric, catalog):
    """Place of each target in its list, ``inf`` where it is not there, shape (n_rows,)."""
    lists = np.asarray(lists)
    if y_true.ndim != 1 or lists.ndim != 2 or len(lists) != len(y_true) or lists.size == 0:
        raise ValueError(
            "y_true must have shape (n_rows,) and y_pred (n_rows, k), with at least one row, got "
            f"{y_true.shape} and {lists.shape}."
        )
    k = parse_metric(metric).k
    if k is None or k > lists.shape[1]:
        raise ValueError(
            f"metric={metric!r} looks beyond the {lists.shape[1]} places of the lists of y_pred; "
            "recommend more, or take a metric at fewer."
        )
    targets, recommended = (catalog.row_of(ids.ravel()) for ids in (y_true, lists))
    is_hit = recommended.reshape(lists.shape) == targets[:, None]
    is_hit &= targets[:, None] >= 0
    return np.where(is_hit.any(axis=1), is_hit.argmax(axis=1), np.inf)


def _range_name(low, high):
    """Name of the counts from ``low`` to below ``high``."""
    if high == np.inf:
        return f"{low}+"
    return str(low) if high == low + 1 else f"{low}-{high - 1}"
