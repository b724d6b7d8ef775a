"""Snapshots: states of one training, of which each answers like a model of its own."""
# SPDX-License-Identifier: BSD-3-Clause

__all__ = ["Snapshots", "models_of"]


class Snapshots:
    """Callback that keeps the states of the best epochs of a network, or of the last ones.

    Parameters
    ----------
    n_states : int
        How many to keep.

    Attributes
    ----------
    states : list of dict
        What the fitted network would have as attributes, in the order of the epochs; empty
        until the fit has ended, and where no epoch was better than the start.
    """

    def __init__(self, n_states):
        self.n_states = n_states
        self.states = []
        self._trainings = []  # pairs of a loss curve and the entries (merit, epoch, state)

    def setup(self, estimator, context):
        """Do nothing."""

    def teardown(self, estimator, context):
        """Do nothing."""

    def on_fit_task_begin(self, estimator, context):
        """Do nothing."""

    def on_fit_task_end(self, estimator, context):
        """Look at an epoch, or choose the training that the model comes from."""
        if context.task_name == "epoch":
            self._note(estimator, len(estimator.loss_curve_), estimator.validation_scores_)
        elif context.task_name == "fit":
            curve = getattr(estimator, "second_loss_curve_", estimator.loss_curve_)
            entries = [entries for own, entries in self._trainings if own is curve]
            self.states = [state for _, _, state in sorted(*entries, key=lambda e: e[1])]
            if estimator.best_epoch_ == 0:  # a start that no epoch has bettered
                self.states = []
            self._trainings = []

    def _note(self, estimator, epoch, scores):
        """Keep the state after an epoch if it is among the best so far."""
        if not self._trainings or self._trainings[-1][0] is not estimator.loss_curve_:
            self._trainings.append((estimator.loss_curve_, []))
        entries = self._trainings[-1][1]
        # Of equal scores the earlier is better; without scores the later.
        merit = (scores[-1], -epoch) if scores else (0, epoch)
        if len(entries) == self.n_states:
            worst = min(entries, key=lambda entry: entry[0])
            if merit < worst[0]:
                return
            entries.remove(worst)
        entries.append((merit, epoch, estimator._network_state()))


def models_of(model):
    """Models of the states that the last callback of a fitted network has kept, or itself."""
    *others, snapshots = model._skl_callbacks
    model.set_callbacks(*others)
    return [model._with_state(state) for state in snapshots.states] or [model]
