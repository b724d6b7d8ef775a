"""Members of an ensemble: recommenders inside of Pipelines, fitted side by side."""
# SPDX-License-Identifier: BSD-3-Clause

import warnings
from collections import Counter
from copy import copy

import joblib
from sklearn import get_config
from sklearn.frozen import FrozenEstimator
from sklearn.pipeline import Pipeline
from sklearn.utils.parallel import Parallel, delayed

from skace.exceptions import FutureLeakageWarning, RowOrderWarning

__all__ = ["check_scores", "fit_further", "fit_members", "last_step"]


def last_step(estimator):
    """The recommender inside of pipelines, fitted searches and frozen estimators."""
    while True:
        if isinstance(estimator, Pipeline):
            estimator = estimator.steps[-1][1]
        elif hasattr(estimator, "best_estimator_"):
            estimator = estimator.best_estimator_
        elif isinstance(estimator, FrozenEstimator):
            estimator = estimator.estimator
        else:
            return estimator


def check_scores(member, name):
    """Raise unless a member scores items."""
    if not hasattr(last_step(member), "decision_function"):
        raise TypeError(
            f"{name} is {type(member).__name__}, which has no decision_function; give "
            "recommenders, or Pipelines that end in one."
        )


def fit_members(members, X, weights, X_val, *, k, n_jobs=None, earlier=None):
    """Fit members, each in a process of its own where there are several.

    Pipelines that begin with equal steps share these: they are fitted once, here, and not in
    each process.

    Parameters
    ----------
    members : list of estimators
        They are fitted themselves; frozen ones are left as they are.

    X : Interactions
        Rows.

    weights : ndarray of shape (n_events,) or None
        Of the events of the log.

    X_val : Interactions or None
        Rows to watch.

    k : int
        Length of their lists: their own might exceed the catalog.

    n_jobs : int or None, default=None
        Processes, as joblib counts them.

    earlier : list of estimators or None, default=None
        The same members after a fit on fewer rows: a network that is to learn the rows that it
        holds out need not search again for the number of its epochs.

    Returns
    -------
    fitted : list of estimators
        In the order of the members.
    """
    fitted = list(members)
    places = [i for i, member in enumerate(members) if not isinstance(member, FrozenEstimator)]
    for i in places:
        _set_k(members[i], k)
        if earlier is not None:
            take_epochs(members[i], earlier[i])
    X, sample_weight = _weights_apart(X, weights)
    given = {
        "X_val": None if X_val is None else X_val.as_validation(),
        "sample_weight": sample_weight,
    }
    given = {name: value for name, value in given.items() if value is not None}
    starts = _shared_starts([members[i] for i in places], X)
    jobs = [
        delayed(_fit_member)(members[i], X, given)
        if start is None
        else delayed(_fit_member)(members[i].steps[-1][1], start[1], given)
        for i, start in zip(places, starts, strict=True)
    ]
    done = Parallel(n_jobs=n_jobs)(jobs)
    for i, start, member in zip(places, starts, done, strict=True):
        fitted[i] = member if start is None else _joined(members[i], start[0], member)
    return fitted


def take_epochs(member, earlier):
    """Let an unfitted member train as long as the same one did, where it knows how."""
    last, fitted = last_step(member), last_step(earlier)
    is_frozen = last is fitted  # within a Pipeline; it does not train
    if not is_frozen and hasattr(last, "_take_epochs_of"):
        last._take_epochs_of(fitted)


def _shared_starts(members, X):
    """For each member, the fitted steps before its last and what they make of X, if shared."""
    keys = [_key_of_start(member) for member in members]
    counts, starts = Counter(keys), {None: None}
    for member, key in zip(members, keys, strict=True):
        if key in starts or counts[key] == 1:
            continue
        start = Pipeline(member.steps[:-1])
        starts[key] = start, start.fit_transform(X)
    return [starts.get(key) for key in keys]


def _key_of_start(member):
    """What tells the steps before the last of a Pipeline; None if they are not to be shared."""
    is_plain = type(member) is Pipeline and member.memory is None and len(member.steps) > 1
    # Requests for metadata, and callbacks, are a matter of the whole Pipeline.
    if not is_plain or get_config()["enable_metadata_routing"]:
        return None
    if any(hasattr(part, "_skl_callbacks") for part in (member, *dict(member.steps[:-1]).values())):
        return None
    try:
        return joblib.hash([step for _, step in member.steps[:-1]])
    except Exception:  # noqa: BLE001 - whatever cannot be pickled cannot be compared
        return None


def _joined(member, start, last):
    """Pipeline of fitted steps."""
    pipeline = copy(member)
    pipeline.steps = [*start.steps, (member.steps[-1][0], last)]
    return pipeline


def _set_k(estimator, k):
    """Let a member answer lists of our length."""
    last = last_step(estimator)
    if "k" in last.get_params(deep=False):
        last.set_params(k=k)


def _fit_member(estimator, X, given):
    """Fit an estimator or a Pipeline."""
    has_prefix = isinstance(estimator, Pipeline) and not get_config()["enable_metadata_routing"]
    prefix = f"{estimator.steps[-1][0]}__" if has_prefix else ""
    with warnings.catch_warnings():
        # The ensemble has warned of the same rows already, and the weights are in their order.
        warnings.simplefilter("ignore", FutureLeakageWarning)
        warnings.simplefilter("ignore", RowOrderWarning)
        return estimator.fit(X, **{prefix + name: value for name, value in given.items()})


def _weights_apart(X, weights):
    """Rows without weights of their own, and these: members of third parties read them so."""
    return X.with_weights(None), None if weights is None else weights[X._ends]


def fit_further(estimator, X, weights):
    """Copy of a fitted estimator that has learned new rows; a frozen one comes back as it is."""
    if isinstance(estimator, FrozenEstimator):
        return estimator
    if isinstance(estimator, Pipeline):
        *steps, (name, last) = estimator.steps
        for _, step in steps:
            X = X if step in (None, "passthrough") else step.transform(X)
        pipeline = copy(estimator)
        pipeline.steps = [*steps, (name, fit_further(last, X, weights))]
        return pipeline
    X, sample_weight = _weights_apart(X, weights)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureLeakageWarning)
        warnings.simplefilter("ignore", RowOrderWarning)
        return copy(estimator).partial_fit(X, sample_weight=sample_weight)
