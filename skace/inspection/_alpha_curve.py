"""AlphaCurveDisplay: what a search found out about alpha."""
# SPDX-License-Identifier: BSD-3-Clause

import math
from collections.abc import Mapping, Sequence
from itertools import pairwise
from numbers import Real
from typing import TYPE_CHECKING, Any, Literal, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import clone

from skace.data import Interactions
from skace.inspection._drawing import axes_for, categorical_colors, import_pyplot, metric_label
from skace.inspection._label_places import label_points
from skace.metrics._scorers import RankScorer

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["AlphaCurveDisplay"]

_UNNAMED = "validation score"
_MOST_TICKS = 9  # above, and where values crowd, ticks are powers of ten


class AlphaCurveDisplay:
    """Validation score against alpha, or against the anisotropy that alpha gives.

    Use `from_estimator` with a fitted search, or `from_cv_results`.

    Parameters
    ----------
    alphas : sequence of float or "auto"
        Distinct values; 0 and infinity are allowed.

    scores : array-like of shape (n_alphas,)
        Validation score of each.

    deviations : array-like of shape (n_alphas,) or None, default=None
        Standard deviation of each score over the folds.

    isotropies : array-like of shape (n_alphas,) or None, default=None
        For each alpha, participation ratio of the transformed vectors divided by their
        number of columns, in (0, 1].

    param_name : str, default="alpha"
        Name on the axis. For "alpha" the axis is logarithmic.

    score_name : str, default="validation score"
        Name on the other axis.

    Attributes
    ----------
    ax_ : matplotlib Axes
        Axes with the curve.

    figure_ : matplotlib Figure
        Figure of the axes.

    errorbar_ : matplotlib ErrorbarContainer
        The curve, with bars of one standard deviation if there are several folds. A point for
        "auto" is drawn separately.

    See Also
    --------
    sklearn.model_selection.ValidationCurveDisplay : One parameter, without a search.
    SpectrumDisplay : Effect of alpha on the spectrum.

    Notes
    -----
    If the search had other parameters as well, each alpha is shown with its best values of these.
    The best score of many is too optimistic, so judge the chosen alpha on rows that the search has
    not seen.

    A search returns a table of scores, so there is `from_cv_results` and no
    ``from_predictions``.

    Stability: experimental.

    Examples
    --------
    >>> from skace.inspection import AlphaCurveDisplay
    >>> results = {
    ...     "params": [{"ace__alpha": 0.0}, {"ace__alpha": 1.0}],
    ...     "mean_test_score": [0.03, 0.05],
    ...     "std_test_score": [0.01, 0.01],
    ... }
    >>> display = AlphaCurveDisplay.from_cv_results(results)
    >>> display.alphas, display.scores
    ([0.0, 1.0], [0.03, 0.05])
    """

    def __init__(
        self,
        alphas: Sequence[Any],
        scores: ArrayLike,
        *,
        deviations: ArrayLike | None = None,
        isotropies: ArrayLike | None = None,
        param_name: str = "alpha",
        score_name: str = _UNNAMED,
    ) -> None:
        self.alphas = alphas
        self.scores = scores
        self.deviations = deviations
        self.isotropies = isotropies
        self.param_name = param_name
        self.score_name = score_name

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: ArrayLike | Interactions | None = None,
        *,
        param: str | None = None,
        metric: str | None = None,
        against: Literal["alpha", "isotropy"] = "alpha",
        ax: "Axes | None" = None,
        **kwargs: Any,
    ) -> Self:
        """Draw the results of a fitted search.

        Parameters
        ----------
        estimator : fitted search
            `~sklearn.model_selection.GridSearchCV` or similar, over a Pipeline with an
            item transformer.

        X : array-like of shape (n_items, n_features), Interactions or None, default=None
            Input of the transformer, needed for ``against="isotropy"``. The transformer
            is fitted on it once per alpha, to measure the anisotropy.

        param : str or None, default=None
            Searched parameter, such as "ace__alpha". None: the only searched parameter
            named "alpha".

        metric : str or None, default=None
            Name of the metric, if the search had several.

        against : {"alpha", "isotropy"}, default="alpha"
            As in `plot`.

        ax : matplotlib Axes or None, default=None
            Where to draw. None: a new figure.

        **kwargs : dict
            As in `plot`.

        Returns
        -------
        display : AlphaCurveDisplay
            The drawn display.

        Raises
        ------
        TypeError
            If the estimator is not a fitted search.

        ValueError
            If the parameter or the metric is not among the results, or X is needed.
        """
        import_pyplot(cls)
        if not hasattr(estimator, "cv_results_"):
            raise TypeError(
                f"{type(estimator).__name__} has no cv_results_; pass a fitted search, such as "
                "GridSearchCV(pipe, {'ace__alpha': [...]}).fit(X)."
            )
        display, best_rows = cls._of_results(estimator.cv_results_, param, metric)
        if metric is None:
            display.score_name = _score_name(getattr(estimator, "scoring", None))
        if X is not None:
            candidates = [estimator.cv_results_["params"][row] for row in best_rows]
            name = _searched_name(candidates[0], param)
            display.isotropies = [
                _isotropy_of(estimator.estimator, candidate, name, X) for candidate in candidates
            ]
        return display.plot(ax, against=against, **kwargs)

    @classmethod
    def from_cv_results(
        cls,
        cv_results: Mapping[str, Any],
        *,
        param: str | None = None,
        metric: str | None = None,
        ax: "Axes | None" = None,
        **kwargs: Any,
    ) -> Self:
        """Draw the table of a search.

        Parameters
        ----------
        cv_results : dict of str to array-like
            ``cv_results_`` of a fitted search, or only the necessary columns: "params",
            "mean_test_score" and "std_test_score".

        param : str or None, default=None
            As in `from_estimator`.

        metric : str or None, default=None
            As in `from_estimator`.

        ax : matplotlib Axes or None, default=None
            Where to draw. None: a new figure.

        **kwargs : dict
            As in `plot`.

        Returns
        -------
        display : AlphaCurveDisplay
            The drawn display.

        Raises
        ------
        ValueError
            If the parameter or the metric is not among the results.
        """
        import_pyplot(cls)
        return cls._of_results(cv_results, param, metric)[0].plot(ax, **kwargs)

    @classmethod
    def _of_results(cls, results, param, metric):
        """Display of the best candidate of each alpha, and the rows of these candidates."""
        if "n_resources" in results:
            raise ValueError(
                "cv_results_ of successive halving scores candidates on different numbers of "
                "rows, which makes no curve; search with GridSearchCV or RandomizedSearchCV."
            )
        name = _searched_name(results["params"][0], param)
        means = np.asarray(_column(results, "mean", metric), dtype=np.float64)
        rows = _best_rows([params.get(name) for params in results["params"]], means)
        deviations = np.asarray(_column(results, "std", metric), dtype=np.float64)[rows]
        display = cls(
            [results["params"][row][name] for row in rows],
            means[rows].tolist(),
            deviations=deviations.tolist(),
            param_name=name.rpartition("__")[2],
            score_name=_score_name(metric),
        )
        return display, rows

    def plot(
        self,
        ax: "Axes | None" = None,
        *,
        against: Literal["alpha", "isotropy"] = "alpha",
        **kwargs: Any,
    ) -> Self:
        """Draw the curve, with a ring around the best value.

        Parameters
        ----------
        ax : matplotlib Axes or None, default=None
            Where to draw. None: a new figure.

        against : {"alpha", "isotropy"}, default="alpha"
            Quantity of the horizontal axis. On the axis of alpha, 0 and infinity are at the ends,
            beyond a break. With "isotropy" each point is labelled with its alpha.

        **kwargs : dict
            Passed to ``Axes.errorbar``.

        Returns
        -------
        display : AlphaCurveDisplay
            The display itself.

        Raises
        ------
        ValueError
            If ``against`` is none of these, or there are no isotropies.
        """
        if against not in ("alpha", "isotropy"):
            raise ValueError(f"against must be 'alpha' or 'isotropy', got {against!r}.")
        if against == "isotropy" and self.isotropies is None:
            raise ValueError(
                "the results do not tell how isotropic the vectors are; pass the item vectors, "
                "as in AlphaCurveDisplay.from_estimator(search, X, against='isotropy')."
            )
        ax = axes_for(self, ax)
        if against == "alpha":
            places = self._draw_alpha_axis(ax)
        else:
            places = np.asarray(self.isotropies)
            ax.set_xlabel("isotropy of the vectors (participation ratio per column)")
        self._draw_curve(ax, places, kwargs)
        if against == "isotropy":
            self._label_points(ax, places)
        ax.set_ylabel(self.score_name)
        return self

    def _draw_curve(self, ax, places, kwargs):
        """Points joined in order of the axis, and a ring around the best one."""
        scores = np.asarray(self.scores, dtype=np.float64)
        spread = np.zeros(scores.size) if self.deviations is None else np.asarray(self.deviations)
        color, ring = categorical_colors(2)
        style = {"color": color, "marker": "o", "markersize": 5, "capsize": 3, "linewidth": 1.6}
        # "auto" is no step between its neighbours on the axis, so no line leads to it.
        is_step = np.array([not isinstance(alpha, str) for alpha in self.alphas])
        drawn = []
        for rows, line in ((is_step, {}), (~is_step, {"linestyle": "none"})):
            order = np.flatnonzero(rows)[np.argsort(places[rows], kind="stable")]
            errors = spread[order] if spread.any() else None
            drawn.append(
                ax.errorbar(places[order], scores[order], errors, **(style | kwargs | line))
            )
        self.errorbar_ = drawn[0]
        best = int(np.nanargmax(scores))
        ax.plot(
            places[best], scores[best], "o", markersize=12, markerfacecolor="none",
            markeredgecolor=ring, markeredgewidth=1.8,
            label=f"best: {self.param_name} = {_text_of(self.alphas[best])}",
        )  # fmt: skip
        ax.legend(frameon=False)
        ax.margins(x=0.06, y=0.14)

    def _draw_alpha_axis(self, ax):
        """Set label and ticks; return the place of each value, shape (n_alphas,)."""
        ax.set_xlabel(self.param_name)
        if self.param_name != "alpha":
            return np.asarray(self.alphas, dtype=np.float64)
        places = _places_of(self.alphas)
        ticks = dict(zip(places.tolist(), map(_text_of, self.alphas), strict=True))
        if _is_crowded(places):
            inner = [place for place, a in zip(places, self.alphas, strict=True) if _is_inner(a)]
            ticks = {place: text for place, text in ticks.items() if place not in inner}
            decades = range(math.ceil(min(inner)), math.floor(max(inner)) + 1)
            ticks |= {float(power): f"{10.0**power:g}" for power in decades}
        ax.set_xticks(list(ticks), list(ticks.values()))
        self._mark_breaks(ax, places)
        return places

    def _mark_breaks(self, ax, places):
        """Cut the axis where it leaves the logarithms: two strokes over a gap in its line."""
        is_inner = dict(zip(places.tolist(), map(_is_inner, self.alphas), strict=True))
        middles = [
            (left + right) / 2
            for left, right in pairwise(sorted(is_inner))
            if not (is_inner[left] and is_inner[right])
        ]
        for middle in middles:
            # The ends of the axis are those of the data: a text moves no limits.
            ax.text(
                middle, 0, "//", transform=ax.get_xaxis_transform(), ha="center", va="center",
                fontsize="small", clip_on=False, zorder=3,
                bbox={"facecolor": ax.get_facecolor(), "edgecolor": "none", "pad": 0},
            )  # fmt: skip

    def _label_points(self, ax, places):
        """Write alpha beside each point, clear of the line and of the bars."""
        points = np.stack([places, np.asarray(self.scores, dtype=np.float64)], axis=1)
        on_line = points[[not isinstance(alpha, str) for alpha in self.alphas]]
        curve = on_line[np.argsort(on_line[:, 0], kind="stable")]
        lines = list(pairwise(curve))
        if self.deviations is not None:
            reach = np.stack([np.zeros(len(points)), self.deviations], axis=1)
            lines += zip(points - reach, points + reach, strict=True)
        label_points(ax, points, [_text_of(alpha) for alpha in self.alphas], lines)


def _searched_name(params, param):
    """Name of the parameter to draw."""
    if param is not None:
        if param not in params:
            raise ValueError(
                f"param={param!r} was not searched; the search was over {', '.join(params)}."
            )
        return param
    named = [name for name in params if name.rpartition("__")[2] == "alpha"]
    if len(named) != 1:
        raise ValueError(
            f"{len(named) or 'none'} of the searched parameters {', '.join(params)} "
            f"{'are' if named else 'is'} named alpha; choose one with param=."
        )
    return named[0]


def _score_name(scoring):
    """Name on the axis of a metric or of a scorer that tells its metric."""
    if isinstance(scoring, RankScorer) and scoring._is_single:
        scoring = scoring._metrics[0].name
    return f"validation {metric_label(scoring)}" if isinstance(scoring, str) else _UNNAMED


def _column(results, what, metric):
    """Column of ``cv_results_`` with means or deviations of a metric."""
    key = f"{what}_test_{'score' if metric is None else metric}"
    if key in results:
        return results[key]
    start = f"{what}_test_"
    found = ", ".join(repr(name.removeprefix(start)) for name in results if name.startswith(start))
    raise ValueError(f"metric={metric!r} is not among the metrics of the search: {found}.")


def _best_rows(alphas, means):
    """For each alpha the row of its best mean, in the order in which alphas first appear."""
    best = {}
    for row, (alpha, mean) in enumerate(zip(alphas, means, strict=True)):
        if alpha is None or np.isnan(mean):
            continue
        if alpha not in best or mean > means[best[alpha]]:
            best[alpha] = row
    if not best:
        raise ValueError("every fit of the search failed: all mean scores are NaN.")
    return list(best.values())


def _isotropy_of(estimator, params, name, X):
    """Isotropy after the transformer that has the searched parameter."""
    step = name.rpartition("__")[0]
    prefix = f"{step}__" if step else ""
    transformer = clone(estimator.get_params()[step] if step else estimator)
    for key, value in params.items():
        if key.startswith(prefix):
            transformer.set_params(**{key.removeprefix(prefix): value})
    anisotropy = getattr(transformer.fit(X), "anisotropy_", None)
    if anisotropy is None:
        raise ValueError(
            f"{name} belongs to {type(transformer).__name__}, which does not tell how isotropic "
            "its output is; draw against='alpha', without X."
        )
    return anisotropy["after"]["isotropy"]


def _is_inner(alpha):
    """Whether alpha has a logarithm."""
    return isinstance(alpha, Real) and 0 < alpha < math.inf


def _places_of(alphas):
    """Places on an axis of logarithms: 0 before the others, infinity and "auto" behind."""
    logs = sorted({math.log10(alpha) for alpha in alphas if _is_inner(alpha)}) or [0.0]
    gap = max(0.5, (logs[-1] - logs[0]) / 8)
    behind = {math.inf: logs[-1] + gap, "auto": logs[-1] + gap * (2 if math.inf in alphas else 1)}
    ends = {0: logs[0] - gap} | behind
    return np.array([math.log10(a) if _is_inner(a) else ends[a] for a in alphas])


def _is_crowded(places):
    """Whether labels at all places would touch each other."""
    places = np.unique(places)
    if places.size < 2:
        return False
    return places.size > _MOST_TICKS or np.diff(places).min() < 0.06 * np.ptp(places)


def _text_of(alpha):
    """Alpha as a label."""
    if isinstance(alpha, str):
        return alpha
    return "∞" if math.isinf(alpha) else f"{alpha:.3g}"
