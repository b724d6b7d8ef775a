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

    tell : callable
        Returns a dict of ``X``, ``y`` and ``metadata``, which are told with every call and
        take no memory between the calls.
    """

    def __init__(self, estimator, context, tell):
        self._estimator = estimator
        self._context = context
        self._tell = tell

    def begin(self):
        """Tell the callbacks that the task begins."""
        self._context.call_on_fit_task_begin(estimator=self._estimator, **self._tell())
        return self

    def end(self):
        """Tell the callbacks that it has ended; return whether one of them says stop."""
        return self._context.call_on_fit_task_end(
            estimator=self._estimator,
            # A callable: the state is copied only for callbacks that ask for it.
            reconstruction_attributes=self._estimator._fitted_state,
            **self._tell(),
        )

    def part(self, name):
        """Begin the next part of this task, for example an epoch."""
        context = self._context.subcontext(task_name=name)
        return FitTask(self._estimator, context, self._tell).begin()
