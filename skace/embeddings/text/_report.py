"""What callbacks are told while texts are encoded or learned from."""
# SPDX-License-Identifier: BSD-3-Clause

from contextlib import contextmanager

__all__ = ["NO_REPORT", "FitReport"]


class FitReport:
    """A fit in parts, of which scikit-learn's callbacks are told begin and end.

    Parameters
    ----------
    estimator : estimator with CallbackSupportMixin
        The one that is being fitted.

    told : dict
        ``X`` and ``y``, told with every call.
    """

    def __init__(self, estimator, told):
        self._told = {"estimator": estimator} | told
        self.is_stopped = False  # whether a callback said so at the end of the last part

    @contextmanager
    def fit(self, n_parts):
        """Tell the callbacks of the whole."""
        make_context = self._told["estimator"]._init_callback_context
        self._context = make_context(max_subtasks=n_parts)
        with self._task(self._context):
            yield

    @contextmanager
    def part(self, name):
        """Tell the callbacks of the next part."""
        with self._task(self._context.subcontext(task_name=name)):
            yield

    @contextmanager
    def _task(self, context):
        context.call_on_fit_task_begin(**self._told)
        yield
        self.is_stopped = context.call_on_fit_task_end(**self._told, reconstruction_attributes={})


class _NoReport:
    """Like `FitReport`, but tells nobody."""

    @contextmanager
    def fit(self, n_parts):  # noqa: ARG002 - called like that of FitReport
        """Do nothing."""
        yield

    @contextmanager
    def part(self, name):  # noqa: ARG002
        """Do nothing."""
        yield


NO_REPORT = _NoReport()
