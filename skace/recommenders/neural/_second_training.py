"""A second training, on the rows that the first one held out as well."""
# SPDX-License-Identifier: BSD-3-Clause

import copy
import warnings

from skace.recommenders._holdout import hold_out_last
from skace.recommenders.neural._epochs import Stages

__all__ = ["check_holds_out", "train_twice"]


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
    first, known, second = dict(vars(model)), tuple(stages.best_epochs), Stages(())
    if not ranks.agreed(training.end()):  # a callback may stop one process
        _put_back(model, start)
        second = Stages(known)
        training = task.part("training", sum(known))
        model._train(rows, again, training, second)
        training.end()
    if tuple(second.best_epochs) == known:
        _keep_first_figures(model, first)
        return
    warnings.warn(
        f"a callback stopped the second training after {sum(second.best_epochs)} of {sum(known)} "
        "epoch(s); the model is that of the first one, which has not learned the held-out rows.",
        UserWarning,
        stacklevel=2,
    )
    _put_back(model, first)


def _put_back(model, state):
    """Give a model the attributes that it had."""
    vars(model).clear()
    vars(model).update(state)


def _keep_first_figures(model, first):
    """Let the attributes of epochs be those of the training that was watched."""
    model.second_loss_curve_ = model.loss_curve_
    for name in model._of_first_training:
        setattr(model, name, first[name])
