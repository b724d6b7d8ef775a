"""FitTask: what callbacks are told of a fit."""
# SPDX-License-Identifier: BSD-3-Clause

__all__ = ["FitTask"]


class FitTask:
    """A fit, or a part of one, of which scikit-learn's callbacks are told begin and end.

    Parameters
    ----------
    estimator : SequentialRecommender
        The one that is being fitted.

    context : sklearn.callback.CallbackContext
        Of this task.

    told : dict
        ``X``, ``y`` and ``metadata``, told with every call; of a callable what it returns,
        for callbacks that ask for it.
    """

    def __init__(self, estimator, context, told):
        self._estimator = estimator
        self._context = context
        self._told = told

    def begin(self):
        """Tell the callbacks that the task begins."""
        self._context.call_on_fit_task_begin(estimator=self._estimator, **self._told)
        return self

    def end(self):
        """Tell the callbacks that it has ended; return whether one of them says stop."""
        return self._context.call_on_fit_task_end(
            estimator=self._estimator,
            # A callable: the state is copied only for callbacks that ask for it.
            reconstruction_attributes=self._estimator._fitted_state,
            **self._told,
        )

    def part(self, name, n_parts=0):
        """Begin the next part of this task, for example an epoch; it has parts of its own."""
        context = self._context.subcontext(task_name=name, max_subtasks=n_parts)
        return FitTask(self._estimator, context, self._told).begin()
