"""SeedEnsemble: one recommender, trained from several seeds."""
# SPDX-License-Identifier: BSD-3-Clause

from copy import copy
from numbers import Integral
from typing import Any

import numpy as np
from sklearn.base import clone
from sklearn.pipeline import Pipeline
from sklearn.utils import check_random_state

from skace._sklearn_compat import HasMethods, Interval
from skace._typing import HandleUnknown, RandomState
from skace.recommenders._base import SequentialRecommender
from skace.recommenders.ensembles._base import EnsembleRecommender, standardize
from skace.recommenders.ensembles._members import check_scores, fit_members, last_step
from skace.recommenders.ensembles._snapshots import Snapshots, models_of
from skace.recommenders.neural._base import NeuralRecommender

__all__ = ["SeedEnsemble"]


class SeedEnsemble(EnsembleRecommender):
    """Average of several trainings of one recommender that differ in their seeds.

    Networks with different starts make different errors, so their average is steadier, and mostly
    better, than each alone. `snapshots` averages several states of one training at the cost of a
    single training.

    Parameters
    ----------
    estimator : estimator
        Recommender with a ``random_state``, or a Pipeline that ends in one. Clones of it are
        fitted, not the object itself.

    n_members : int, default=5
        Number of clones, each fitted on all rows. All their parameters called
        ``random_state``, also those of steps and nested objects, are drawn anew.

    k : int, default=10
        Length of the lists that `predict` returns, also those of the members.

    snapshots : int, default=1
        Number of states kept from each member's training. 1 keeps the member as it is. A larger
        number keeps the states after the epochs with the highest validation scores, the best epoch
        included (of equal scores the earlier ones). Without validation, as in the second training
        of ``train_on_held_out``, it keeps those after the last epochs. Only for networks.

    exclude_seen : bool, default=False
        Whether to leave items of the past out of recommendations. The parameter of the estimator
        has no effect.

    handle_unknown : {"error", "ignore"}, default="error"
        What to do with history items that this model was not fitted on. The parameter of the
        estimator has no effect.

    n_jobs : int or None, default=None
        Processes that fit members side by side, as joblib counts them: None is 1, unless a
        ``joblib.parallel_config`` says otherwise, and -1 all processors.

    random_state : int, RandomState or None, default=None
        Source of the members' seeds. Members do not depend on ``n_jobs``, as long as each computes
        on the same number of threads.

    Attributes
    ----------
    item_ids_ : ndarray of shape (n_items,)
        Items in the order of the columns of `decision_function`.

    item_counts_ : ndarray of shape (n_items,), int64
        Training rows per item.

    popularity_ : ndarray of shape (n_items,), float64
        Training rows per item, weighted by ``sample_weight``. It ranks items for empty histories.

    estimators_ : list of estimators
        The fitted members, each replaced by its snapshots, if there are any, in the order of their
        epochs.

    weights_ : ndarray of shape (n_estimators_,), float64
        Weight of each; they sum to 1. Members have equal weights, and so have the snapshots of a
        member.

    Notes
    -----
    The scores of each row are shifted and scaled to mean 0 and standard deviation 1 over the items,
    as in `VotingRecommender`. The score of an item is then the mean over the snapshots of each
    member, and over the members. A prediction takes the memory and time of ``len(estimators_)``
    models.

    A Pipeline is fitted once per member, with other seeds in all of its steps. To fit
    the steps before a recommender only once, put the ensemble into the Pipeline.

    `partial_fit` trains each of ``estimators_`` for one pass.

    Stability: experimental.

    References
    ----------
    .. [1] Lakshminarayanan, Pritzel, Blundell, "Simple and Scalable Predictive Uncertainty
       Estimation using Deep Ensembles", NIPS 2017, arXiv 1612.01474.
    .. [2] Chen, Lundberg, Lee, "Checkpoint Ensembles: Ensemble Methods from a Single Training
       Process", 2017, arXiv 1710.03282.

    Examples
    --------
    >>> from skace import SASRecEstimator
    >>> from skace.datasets import make_cycle
    >>> from skace.recommenders import SeedEnsemble
    >>> X = make_cycle(n_users=100, n_items=6, length=8, random_state=0)
    >>> network = SASRecEstimator(embedding_dim=16, learning_rate=0.02, batch_size=32,
    ...                           max_epochs=10, early_stopping=False)
    >>> model = SeedEnsemble(network, n_members=2, k=1, random_state=0).fit(X)
    >>> model.predict([[2, 3, 4]])
    array([[5]])
    """

    _parameter_constraints: dict = {
        **SequentialRecommender._parameter_constraints,
        "estimator": [HasMethods(["fit", "get_params", "set_params"])],
        "n_members": [Interval(Integral, 1, None, closed="left")],
        "snapshots": [Interval(Integral, 1, None, closed="left")],
        "n_jobs": [Integral, None],
        "random_state": ["random_state"],
    }

    def __init__(
        self,
        estimator: Any,
        *,
        n_members: int = 5,
        k: int = 10,
        snapshots: int = 1,
        exclude_seen: bool = False,
        handle_unknown: HandleUnknown = "error",
        n_jobs: int | None = None,
        random_state: RandomState = None,
    ) -> None:
        super().__init__(k, exclude_seen=exclude_seen, handle_unknown=handle_unknown)
        self.estimator = estimator
        self.n_members = n_members
        self.snapshots = snapshots
        self.n_jobs = n_jobs
        self.random_state = random_state

    # Checks before any work.

    def _check_before_fit(self, X, X_val, weights, *, fresh, n_passes):
        check_scores(self.estimator, "estimator")
        if not fresh:
            self._check_same_estimator()
            return
        if self.n_members > 1 and not _seed_names(self.estimator):
            raise ValueError(
                f"estimator is {type(self.estimator).__name__}, which has no random_state, so "
                f"n_members={self.n_members} of it would all be alike; set n_members=1, or give a "
                "recommender that draws."
            )
        if self.snapshots > 1:
            self._check_snapshots()

    def _check_snapshots(self):
        """Raise unless the estimator is a network that trains long enough."""
        network = last_step(self.estimator)
        if not isinstance(network, NeuralRecommender):
            raise ValueError(
                f"snapshots={self.snapshots} are states of a network in training, but estimator "
                f"is {type(network).__name__}; set snapshots=1, or give a network."
            )
        if self.snapshots > network.max_epochs:
            raise ValueError(
                f"snapshots={self.snapshots} exceeds max_epochs={network.max_epochs} of the "
                "estimator; lower it."
            )

    def _check_same_estimator(self):
        """Raise unless the estimator is of the kind that was fitted."""
        now, then = (type(last_step(e)).__name__ for e in (self.estimator, self.estimators_[0]))
        if now != then:
            raise ValueError(
                f"estimator is {now}, but those that were fitted, which are to learn further, are "
                f"{then}; set it back, or fit anew."
            )

    # Learning.

    def _fit_ensemble(self, X, weights, X_val):
        # None asks for fresh entropy, not for numpy's global generator.
        rng = np.random.RandomState() if self.random_state is None else self.random_state
        rng = check_random_state(rng)
        members = [_seeded(clone(self.estimator), rng) for _ in range(self.n_members)]
        if self.snapshots > 1:
            for member in members:
                network = last_step(member)
                own = getattr(network, "_skl_callbacks", [])
                network.set_callbacks(*own, Snapshots(self.snapshots))
        earlier = vars(self).pop("_earlier_members", None)
        settings = {"k": self.k, "n_jobs": self.n_jobs, "earlier": earlier}
        fitted = fit_members(members, X, weights, X_val, **settings)
        parts = [_parts(one) if self.snapshots > 1 else [one] for one in fitted]
        self._keep([model for models in parts for model in models])
        shares = [np.full(len(models), 1 / len(models)) for models in parts]
        self.weights_ = np.concatenate(shares) / self.n_members

    def _keep(self, fitted):
        self.estimators_ = fitted

    def _take_epochs_of(self, earlier):
        """Let each network of the next fit train as long as that of an earlier one."""
        vars(self).pop("_earlier_members", None)
        if len(earlier.estimators_) == self.n_members:  # not with snapshots
            self._earlier_members = earlier.estimators_

    def _comparable(self, scores):
        return standardize(scores)


def _seed_names(estimator):
    """Names of all parameters that are seeds, sorted."""
    names = estimator.get_params(deep=True)
    return sorted(n for n in names if n == "random_state" or n.endswith("__random_state"))


def _seeded(estimator, rng):
    """The estimator with seeds of its own."""
    largest = np.iinfo(np.int32).max
    seeds = {name: int(rng.randint(largest)) for name in _seed_names(estimator)}
    return estimator.set_params(**seeds) if seeds else estimator


def _parts(fitted):
    """Snapshots of a fitted network, or of the Pipeline that ends in one."""
    if not isinstance(fitted, Pipeline):
        return models_of(fitted)
    *steps, (name, last) = fitted.steps
    pipelines = []
    for part in _parts(last):
        pipeline = copy(fitted)
        pipeline.steps = [*steps, (name, part)]
        pipelines.append(pipeline)
    return pipelines
