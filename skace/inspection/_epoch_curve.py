"""EpochCurveDisplay: loss and validation score of each epoch."""
# SPDX-License-Identifier: BSD-3-Clause

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from skace._typing import FloatArray
from skace.inspection._drawing import axes_for, categorical_colors, import_pyplot
from skace.inspection._vectors import fitted_model

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["EpochCurveDisplay"]


class EpochCurveDisplay:
    """Training loss and validation score over the epochs of a neural recommender.

    Use `from_estimator`.

    Parameters
    ----------
    losses : array-like of shape (n_epochs,)
        Mean loss of each epoch, in nats.

    validation_scores : array-like of shape (n_epochs,) or None, default=None
        Score on the validation rows after each epoch.

    best_epoch : int or None, default=None
        Epoch, from 1, whose weights were kept.

    score_name : str, default="NDCG@10"
        Name of the validation score.

    Attributes
    ----------
    ax_ : matplotlib Axes
        Axes with the loss.

    score_ax_ : matplotlib Axes or None
        Axes with the score, on the right-hand side of the same plot.

    figure_ : matplotlib Figure
        Figure of the axes.

    lines_ : list of matplotlib Line2D
        The loss, then the score if there is one.

    See Also
    --------
    sklearn.model_selection.LearningCurveDisplay : Scores over the number of rows.

    Notes
    -----
    Many call this a learning curve. scikit-learn's display of that name shows scores against the
    number of training rows, from several fits; this one shows a single fit. Predictions do not show
    the course of a fit, so there is no ``from_predictions``.

    Stability: experimental.

    Examples
    --------
    >>> from skace.inspection import EpochCurveDisplay
    >>> display = EpochCurveDisplay([5.1, 4.2, 4.0], [0.02, 0.05, 0.04], best_epoch=2).plot()
    >>> display.ax_.get_xlabel()
    'epoch'
    """

    def __init__(
        self,
        losses: Sequence[float] | FloatArray,
        validation_scores: Sequence[float] | FloatArray | None = None,
        *,
        best_epoch: int | None = None,
        score_name: str = "NDCG@10",
    ) -> None:
        self.losses = losses
        self.validation_scores = validation_scores
        self.best_epoch = best_epoch
        self.score_name = score_name

    @classmethod
    def from_estimator(cls, estimator: Any, *, ax: "Axes | None" = None, **line_kw: Any) -> Self:
        """Draw the last fit of a neural recommender.

        Parameters
        ----------
        estimator : fitted estimator
            A recommender with ``loss_curve_``, a Pipeline that ends in one, or a search
            over one of these.

        ax : matplotlib Axes or None, default=None
            Where to draw. None: a new figure.

        **line_kw : dict
            Passed to ``Axes.plot`` for both lines.

        Returns
        -------
        display : EpochCurveDisplay
            The drawn display.

        Raises
        ------
        TypeError
            If there is no ``loss_curve_``, or it is empty.
        """
        import_pyplot(cls)
        model = fitted_model(estimator)
        losses = getattr(model, "loss_curve_", [])
        if not len(losses):
            raise TypeError(
                f"{type(model).__name__} has no loss_curve_ to draw; pass a fitted neural "
                "recommender, a Pipeline that ends in one, or a search over one with refit on."
            )
        scores = getattr(model, "validation_scores_", None)
        display = cls(
            losses,
            scores if scores is not None and len(scores) else None,
            best_epoch=getattr(model, "best_epoch_", None),
        )
        return display.plot(ax, **line_kw)

    def plot(self, ax: "Axes | None" = None, **line_kw: Any) -> Self:
        """Draw the loss on the left-hand axis, and the score on the right-hand axis.

        Parameters
        ----------
        ax : matplotlib Axes or None, default=None
            Where to draw. None: a new figure.

        **line_kw : dict
            Passed to ``Axes.plot`` for both lines.

        Returns
        -------
        display : EpochCurveDisplay
            The display itself.
        """
        ax = axes_for(self, ax)
        self.score_ax_ = None
        curves = [(ax, self.losses, "training loss (nats)", "o", "-")]
        if self.validation_scores is not None:
            self.score_ax_ = ax.twinx()
            name = f"validation {self.score_name}"
            curves.append((self.score_ax_, self.validation_scores, name, "s", "--"))
        self.lines_: list[Any] = []
        for (axis, values, name, marker, line), color in zip(
            curves, categorical_colors(len(curves)), strict=True
        ):
            style: dict[str, Any] = {
                "color": color, "marker": marker, "markersize": 4, "linestyle": line,
            }  # fmt: skip
            self.lines_ += axis.plot(np.arange(1, len(values) + 1), values, **(style | line_kw))
            axis.set_ylabel(name, color=self.lines_[-1].get_color())
            axis.tick_params(axis="y", labelcolor=self.lines_[-1].get_color())
        ax.set_xlabel("epoch")
        ax.locator_params(axis="x", integer=True)
        if self.best_epoch:
            ax.axvline(self.best_epoch, color="0.5", linestyle=":", zorder=0)
            ax.set_title(f"epoch {self.best_epoch} was kept", fontsize="medium")
        return self
