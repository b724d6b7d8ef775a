"""Checks of life among scikit-learn's own: pipelines, searches, splitters, callbacks."""
# SPDX-License-Identifier: BSD-3-Clause

import numpy as np
from sklearn.model_selection import GridSearchCV, GroupKFold, cross_validate
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils import get_tags

from skace.embeddings import OnItems
from skace.metrics import ndcg_scorer, ranking_scorer
from skace.model_selection import LeaveLastOut
from skace.testing._lacking import answers_lists
from skace.testing._tools import fitted, require, unfitted

__all__ = ["ECOSYSTEM_CHECKS"]


def check_tags(estimator, data):  # noqa: ARG001 - all checks are called alike
    """Tags say that rows are no 2-D array and that y is not needed."""
    tags = get_tags(unfitted(estimator))
    require(not tags.input_tags.two_d_array, "rows are events with a past, not a 2-D array.")
    require(not tags.target_tags.required, "rows hold their targets; y is not required.")


def check_cross_validate(estimator, data):
    """Cross-validation with LeaveLastOut gives the scores of fitting by hand."""
    cv, scorer = LeaveLastOut(n_splits=2), ranking_scorer(["ndcg@10", "recall@5"])
    scores = cross_validate(unfitted(estimator), data.X, cv=cv, scoring=scorer, error_score="raise")
    for fold, (train, test) in enumerate(cv.split(data.X)):
        by_hand = scorer(fitted(estimator, data.X[train]), data.X[test])
        for name, value in by_hand.items():
            np.testing.assert_allclose(scores[f"test_{name}"][fold], value, err_msg=name)


def check_groups_of_users(estimator, data):
    """GroupKFold over the users tests on users of whom nothing is known."""
    # Lists of rows, because how groups are passed depends on metadata routing.
    folds = list(GroupKFold(n_splits=2).split(data.X, groups=data.X.users))
    scores = cross_validate(unfitted(estimator), data.X, cv=folds, error_score="raise")
    require(np.isfinite(scores["test_score"]).all(), "scores must be finite.")


@answers_lists
def check_search_over_a_pipeline(estimator, data):
    """GridSearchCV over a Pipeline searches, refits and answers rows, queries and lists."""
    has_numbers = data.X.catalog.n_features is not None
    first = OnItems(StandardScaler()) if has_numbers else "passthrough"
    search = GridSearchCV(
        Pipeline([("items", first), ("rec", unfitted(estimator))]),
        {"rec__k": [2, 3], "rec__exclude_seen": [False, True]},
        cv=LeaveLastOut(),
        scoring=ndcg_scorer(k=10),
        error_score="raise",
    ).fit(data.X)
    k = search.best_params_["rec__k"]
    require(search.predict(data.X.next_queries()).shape == (data.X.n_users, k), "queries")
    require(search.predict(data.histories).shape == (3, k), "lists")
    n_items = search.best_estimator_[-1].item_ids_.size
    require(n_items == data.X.n_items, "the catalog must reach the last step.")


def check_callbacks_see_the_fit(estimator, data):
    """Callbacks are told of begin and end, with the rows and their items."""
    recorder = _Recorder()
    model = unfitted(estimator).set_callbacks(recorder).fit(data.X)
    require(recorder.calls[0] == "setup" and recorder.calls[-1] == "teardown", recorder.calls)
    require("begin fit" in recorder.calls and "end fit" in recorder.calls, recorder.calls)
    require(recorder.saw_items, "callbacks must be given y=X.items.")
    require(recorder.scores, "callbacks must be given a fitted estimator at the end.")
    np.testing.assert_allclose(recorder.scores[-1], model.score(data.X), rtol=1e-6)


class _Recorder:
    """Callback that notes what it is told."""

    def __init__(self):
        self.calls, self.scores, self.saw_items = [], [], True

    def setup(self, estimator, context):  # noqa: ARG002 - the protocol of scikit-learn
        self.calls.append("setup")

    def teardown(self, estimator, context):  # noqa: ARG002
        self.calls.append("teardown")

    def on_fit_task_begin(self, estimator, context, *, X=None, y=None):  # noqa: ARG002
        self.calls.append(f"begin {context.task_name}")
        self.saw_items &= y is not None and np.array_equal(y, X.items)

    def on_fit_task_end(self, estimator, context, *, X=None, y=None, fitted_estimator=None):  # noqa: ARG002
        self.calls.append(f"end {context.task_name}")
        self.saw_items &= y is not None and np.array_equal(y, X.items)
        if fitted_estimator is not None:
            self.scores.append(fitted_estimator.score(X))


ECOSYSTEM_CHECKS = (
    check_tags,
    check_cross_validate,
    check_groups_of_users,
    check_search_over_a_pipeline,
    check_callbacks_see_the_fit,
)
