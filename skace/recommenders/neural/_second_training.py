"""A second training, on the rows that the first one held out as well."""
# SPDX-License-Identifier: BSD-3-Clause

import copy
import warnings
from dataclasses import dataclass
from typing import Any, Self

from skace.recommenders._holdout import hold_out_last
from skace.recommenders.neural._epochs import Stages

__all__ = ["FirstTraining", "check_holds_out", "train_again", "train_twice"]


@dataclass(slots=True)
class FirstTraining:
    """What a training that held out rows has found.

    Parameters
    ----------
    epochs : tuple of int
        Best epoch of each of its parts.
    figures : dict
        Attributes that tell of its epochs, by name.
    """

    epochs: tuple[int, ...]
    figures: dict[str, Any]

    @classmethod
    def of(cls, model) -> Self | None:
        """That of a fitted network; None where no training on all rows followed it."""
        if not hasattr(model, "_epochs_of_parts"):
            return None
        figures = {name: getattr(model, name) for name in model._of_first_training}
        return cls(model._epochs_of_parts, figures)


def check_holds_out(X, X_val, weights, early_stopping):
    """Raise unless early stopping holds out rows, which a second training is to learn.

    Parameters
    ----------
    X : Interactions
        Training rows.
    X_val : Interactions or None
        Rows that are watched in place of held-out ones.
    weights : ndarray of shape (n_events,) or None
        Weight of each event of the log; rows of weight 0 are not held out.
    early_stopping : bool
        Whether rows are to be held out.
    """
    if not early_stopping:
        found = "early_stopping=False holds out none; set early_stopping=True"
    elif X_val is not None:
        found = "with X_val none are held out; leave X_val out and its rows in X"
    elif hold_out_last(X, 1.0, None, weights).size == 0:
        found = "no user has two rows of which one could be held out; give more rows"
    else:
        return
    raise ValueError(
        "train_on_held_out=True trains once more with the rows that early stopping has held out, "
        f"but {found}, or set train_on_held_out=False."
    )


def train_twice(model, rows, rng, task):
    """Train on what is not held out, then from the same start on all rows, as long as was best.

    Parameters
    ----------
    model : NeuralRecommender
        What is trained, from its state as it is.
    rows : FitRows
        The rows, of which the first training holds out some.
    rng : numpy.random.RandomState
        Of the first training. The second one draws the same numbers.
    task : FitTask
        Of the fit, which gets a part for each training.
    """
    from skace._torch.training._parallel import Ranks

    start, again, ranks = dict(vars(model)), copy.deepcopy(rng), Ranks.current()
    stages = Stages()
    training = task.part("training", model._most_epochs(rows.n_passes))
    model._train(rows, rng, training, stages)
    trained, known, done = dict(vars(model)), tuple(stages.best_epochs), ()
    if not ranks.agreed(training.end()):  # a callback may stop one process
        _put_back(model, start)
        done = _train_on_all(model, rows, again, task, known)
    if done == known:
        figures = {name: trained[name] for name in model._of_first_training}
        _tell_of_first(model, FirstTraining(known, figures))
        return
    warnings.warn(
        f"a callback stopped the second training after {sum(done)} of {sum(known)} epoch(s); the "
        "model is that of the first one, which has not learned the held-out rows.",
        UserWarning,
        stacklevel=2,
    )
    _put_back(model, trained)


def train_again(model, rows, rng, task, first):
    """Train on all rows, as long as the first training of another fit found best.

    Parameters
    ----------
    model : NeuralRecommender
        What is trained, from its state as it is.
    rows : FitRows
        The rows.
    rng : numpy.random.RandomState
        Of start and order.
    task : FitTask
        Of the fit, which gets one part.
    first : FirstTraining
        Its figures become those of the model.
    """
    done = _train_on_all(model, rows, rng, task, first.epochs)
    _tell_of_first(model, first)
    if done != first.epochs:
        warnings.warn(
            f"a callback stopped the training on all rows after {sum(done)} of "
            f"{sum(first.epochs)} epoch(s).",
            UserWarning,
            stacklevel=2,
        )


def _train_on_all(model, rows, rng, task, known):
    """Train for so many epochs a part; return those that were run."""
    stages = Stages(known)
    training = task.part("training", sum(known))
    model._train(rows, rng, training, stages)
    training.end()
    return tuple(stages.best_epochs)


def _put_back(model, state):
    """Give a model the attributes that it had."""
    vars(model).clear()
    vars(model).update(state)


def _tell_of_first(model, first):
    """Let the attributes of epochs be those of the training that was watched."""
    model.second_loss_curve_ = model.loss_curve_
    model._epochs_of_parts = first.epochs
    for name, value in first.figures.items():
        setattr(model, name, value)
