"""MELTEstimator: users and items of the long tail help each other."""
# SPDX-License-Identifier: BSD-3-Clause

import warnings
from numbers import Integral, Real
from typing import Literal

from sklearn.base import clone

from skace._sklearn_compat import Interval, StrOptions
from skace._typing import HandleUnknown
from skace.recommenders._base import SequentialRecommender
from skace.recommenders.neural._base import NeuralRecommender
from skace.recommenders.neural._epochs import Epochs
from skace.recommenders.neural._melt_checks import (
    check_causal,
    check_dense,
    check_replaceable,
    warn_of_features,
)
from skace.recommenders.neural._melt_heads import (
    histories_before,
    last_events,
    n_events_of_users,
    threshold_at,
)
from skace.recommenders.neural._sasrec import SASRecEstimator

__all__ = ["MELTEstimator"]


class MELTEstimator(NeuralRecommender):
    r"""Mutual enhancement of long-tailed users and items around a causal backbone (MELT).

    The backbone is first trained alone, then further together with two linear maps. The user branch
    learns from head users what the state would be if more events had been read, and enhances the
    states of tail users. The item branch learns from head items to predict an item's vector from
    the histories that lead to it. In each epoch its predictions replace the vectors of tail items.

    Parameters
    ----------
    estimator : NeuralRecommender or None, default=None
        Causal backbone: `SASRecEstimator`, `GRU4RecEstimator` or one of your own, with the item
        table `TrainableTable` or `IDTable`. None is ``SASRecEstimator()``. Use ``IDTable()`` if the
        catalog has features, because the item branch overwrites the vectors of tail items anyway; a
        warning says so.
        The object itself is not fitted. Its parameters hold for both trainings (``max_epochs`` for
        the first only), except ``k``, ``exclude_seen`` and ``handle_unknown``.

    k : int, default=10
        Length of the lists that `predict` returns.

    exclude_seen : bool, default=False
        Whether to leave items of the (full) past out of recommendations.

    handle_unknown : {"error", "ignore"}, default="error"
        What to do with history items that are not in the table and come without features.

    user_weight : float, default=0.1
        Weight of the user branch relative to the mean loss of the backbone. Published: .1 to .4,
        and .1 for Amazon Beauty. 0 leaves the branch out.

    item_weight : float, default=0.4
        Weight of the item branch. Published: .1 to .4, and .4 for Beauty. 0 leaves the
        branch out.

    user_quantile : float, default=0.8
        Head users have more training events than this quantile, in [0, 1], of all users.
        Published: .8 for Amazon, .5 elsewhere.

    item_quantile : float, default=0.78
        Head items have more training rows than this quantile, in [0, 1], of the items that have
        any. Published: the quantile of the users minus .02.

    user_threshold : int or None, default=None
        Fewest events of a head user, at least 1 and at most ``max_length``, instead of the
        quantile.

    item_threshold : int or None, default=None
        Fewest training rows of a head item, at least 1, instead of the quantile.

    contexts : {"before", "through"}, default="before"
        Where the histories that lead to an item end: "before" the item, as at prediction, or
        "through" it, as in the published code.

    max_epochs : int, default=50
        Epochs of the joint training. The curriculum spans all of them, so they are not stopped
        early. With validation rows the best epoch is kept.

    Attributes
    ----------
    item_ids_ : ndarray of shape (n_items,)
        Items in the order of the columns of `decision_function`.

    item_counts_ : ndarray of shape (n_items,), int64
        Training rows per item; 0 marks a cold item.

    popularity_ : ndarray of shape (n_items,), float64
        Training rows per item, weighted by ``sample_weight``. It ranks items for empty histories.

    user_threshold_ : int
        Fewest events of a head user. A shorter history belongs to a tail user. 1 if the user branch
        is left out, or the backbone alone was better.

    item_threshold_ : int
        Fewest training rows of a head item.

    item_vectors_ : ndarray of shape (n_items, width), float32
        The trained item table.

    encoder_state_ : dict of str to ndarray
        Weights of the encoder, and of the maps as "user_map" and "item_map".

    item_table_state_ : dict of str to ndarray
        Weights of the item table.

    architecture_ : dict
        Parameters that define the network, as they were in `fit`.

    backbone_ : NeuralRecommender
        Unfitted copy of the backbone that the network was built with.

    item_table_ : ItemTable
        Copy of the item table that the network was built with.

    is_cold_ : ndarray of shape (n_items,), bool
        Items without a learned row. Rows held out for early stopping count only with the backbone's
        ``train_on_held_out``, which learns them in the end. Cold items keep their initial vectors.

    median_gap_ : float
        As in `SASRecEstimator`. This and ``times_are_dates_`` exist only if the backbone reads
        times.

    times_are_dates_ : bool
        Whether the timestamps were datetimes.

    feature_sample_ : ndarray of shape (n, n_item_features_), float32
        Features of the first items, to recognise a catalog. Only with features.

    n_item_features_ : int or None
        Width of the item features that the item table read in `fit`.

    n_pretraining_iter_ : int
        Epochs of the first training, of the backbone alone. The joint training
        continues from the best of them. 0 after `partial_fit` or a warm start.

    n_iter_ : int
        Epochs of the joint training.

    best_epoch_ : int
        Epoch (from 1) of the joint training whose weights were kept. With validation rows it can be
        0, the state before the joint training; the model is then its backbone alone.

    loss_curve_ : list of float
        Mean loss of the next item in each epoch of the joint training, without the branches.

    validation_scores_ : list of float
        NDCG@10 on the validation rows after each epoch of the joint training; empty if there
        are none.

    second_loss_curve_ : list of float
        Like ``loss_curve_``, for the second run. With the backbone's ``train_on_held_out``, both
        trainings are repeated on all rows, each for its best number of epochs, with a curriculum of
        the same length. In the last fit of a `StackingRecommender`, the first trainings are those
        of its first fit. Exists only if the last fit did so.

    Notes
    -----
    With f the state after a history, :math:`\theta_u` and :math:`\theta_i` the thresholds,
    and L the ``max_length`` of the backbone, an epoch adds to the mean loss of its rows

    .. math:: \lambda_u \, \mathrm{mean}_u \, w_u \, (W_U f(S_u^R) - f(S_u))^2
              + \lambda_i \, \mathrm{mean}_i \, w_i \, (W_I c_i - e_i)^2,
              \qquad c_i = \mathrm{mean}_{s \in C_i^K} (f(s) + W_U f(s)).

    :math:`S_u` are the last L events of a head user, and :math:`S_u^R` the last R of them, with R
    drawn from 1 to :math:`\theta_u - 2`. :math:`C_i^K` are K of the histories before the training
    rows of a head item, with K drawn from 1 to :math:`\theta_i - 1` (and at most 64). The means run
    over all head users or items; each is used once per epoch and counts the same, whatever the
    weights of its rows. The gradient passes through both sides. Epoch t of T weighs users by

    .. math:: w_u = \left| \sin \frac{\pi}{2} \left( \frac{t - 1}{T}
              + \frac{|S_u| - \theta_u}{L - \theta_u} \right) \right|

    and items in the same way, by the number of their rows up to 50 above the threshold. So head
    users and items with many events count most in the beginning, and those near the threshold in
    the end. Before each epoch the vector of a tail item becomes the mean of f over all histories
    that lead to it, mapped by :math:`W_I`. At prediction a history of fewer than :math:`\theta_u`
    events has the state :math:`f + W_U f`.

    Differences from the published code: the weight of an item multiplies the square, and is not
    inside it. The loss is that of the backbone. The length of the given history decides whether a
    user is head or tail, because no user is stored. A threshold above L becomes L. :math:`W_I`
    starts from ridge least squares on the head items; in the published code it starts at random, so
    the first replacement gives tail items vectors that are ten times too long. That code also
    reads, backwards, what came after an item; here that is never read. In a single pass
    (`partial_fit`) all weights are 1, the thresholds are those of the first fit, and histories are
    those of the new rows.

    An epoch takes the time of an epoch of the backbone, a third more for the tail items, and the
    time to read the histories of the head items: up to ``min(64, item_threshold_ - 1)`` for each.

    Stability: experimental.

    References
    ----------
    .. [1] Kim, Hyun, Yun, Park, "MELT: Mutual Enhancement of Long-Tailed User and Item for
       Sequential Recommendation", SIGIR 2023, arXiv 2304.08382.

    Examples
    --------
    >>> from skace.datasets import make_shop
    >>> from skace.item_tables import IDTable
    >>> from skace.recommenders import MELTEstimator, SASRecEstimator
    >>> X = make_shop(60, 50, 400, n_features=16, random_state=0).interactions
    >>> backbone = SASRecEstimator(
    ...     item_table=IDTable(), max_epochs=2, early_stopping=False, random_state=0
    ... )
    >>> model = MELTEstimator(backbone, k=3, max_epochs=2).fit(X)
    >>> model.predict(X.next_queries()).shape
    (60, 3)
    """

    _parameter_constraints: dict = {
        **SequentialRecommender._parameter_constraints,
        "estimator": [NeuralRecommender, None],
        "user_weight": [Interval(Real, 0, None, closed="left")],
        "item_weight": [Interval(Real, 0, None, closed="left")],
        "user_quantile": [Interval(Real, 0, 1, closed="both")],
        "item_quantile": [Interval(Real, 0, 1, closed="both")],
        "user_threshold": [Interval(Integral, 1, None, closed="left"), None],
        "item_threshold": [Interval(Integral, 1, None, closed="left"), None],
        "contexts": [StrOptions({"before", "through"})],
        "max_epochs": [Interval(Integral, 1, None, closed="left")],
    }

    _objects = (("estimator", "SASRecEstimator()"),)
    _architecture = ("user_threshold", "item_threshold", "user_quantile", "item_quantile")
    _of_first_training = (*NeuralRecommender._of_first_training, "n_pretraining_iter_")

    def __init__(
        self,
        estimator: NeuralRecommender | None = None,
        *,
        k: int = 10,
        exclude_seen: bool = False,
        handle_unknown: HandleUnknown = "error",
        user_weight: float = 0.1,
        item_weight: float = 0.4,
        user_quantile: float = 0.8,
        item_quantile: float = 0.78,
        user_threshold: int | None = None,
        item_threshold: int | None = None,
        contexts: Literal["before", "through"] = "before",
        max_epochs: int = 50,
    ) -> None:
        # Not that of NeuralRecommender: what it would set is found in the backbone.
        SequentialRecommender.__init__(
            self, k, exclude_seen=exclude_seen, handle_unknown=handle_unknown
        )
        self.estimator = estimator
        self.user_weight = user_weight
        self.item_weight = item_weight
        self.user_quantile = user_quantile
        self.item_quantile = item_quantile
        self.user_threshold = user_threshold
        self.item_threshold = item_threshold
        self.contexts = contexts
        self.max_epochs = max_epochs

    # The backbone.

    def _settings(self):
        """The backbone parameter, or its default: its parameters rule the training."""
        return SASRecEstimator() if self.estimator is None else self.estimator

    def _shape(self):
        return self._settings()._shape() | super()._shape()

    def _as_built(self):
        built = object.__new__(type(self))
        vars(built).update(vars(self) | {"estimator": self.backbone_})
        return built

    def _build_encoder(self, width):
        from skace._torch.training._melt import MELTEncoder

        backbone = self.backbone_._build_encoder(width)
        return MELTEncoder(backbone, width, self._n_tail())

    def _objective(self):
        return self._settings()._objective()

    # Checks before any work.

    def _check_before_fit(self, X, X_val, weights, *, fresh, n_passes):
        backbone = self._settings()
        check_causal(backbone)
        backbone._validate_params()
        if self.user_threshold is not None and self.user_threshold > backbone.max_length:
            raise ValueError(
                f"user_threshold={self.user_threshold} exceeds max_length={backbone.max_length} "
                "of the backbone, which reads no more events of a user; lower it."
            )
        check_dense(self._table())
        super()._check_before_fit(X, X_val, weights, fresh=fresh, n_passes=n_passes)
        check_replaceable(self._table())
        if fresh and self.item_weight > 0 and self._n_features_read(X.catalog) is not None:
            warn_of_features(self._table())

    def _check_width(self, width):
        self._settings()._check_width(width)

    def _check_architecture(self):
        found, fitted = (type(model).__name__ for model in (self._settings(), self.backbone_))
        if found != fitted:
            raise ValueError(
                f"estimator is {found}, but the fitted network, which is to be trained on, is that "
                f"of {fitted}; set it back, or fit anew with warm_start=False."
            )
        super()._check_architecture()

    def _most_epochs(self, n_passes):
        n_epochs = super()._most_epochs(n_passes)
        return n_epochs if n_passes is not None else n_epochs + self._settings().max_epochs

    # Learning.

    def _build_network(self, fit, generator):
        if fit.rows.is_fresh:
            self.backbone_ = clone(self._settings())
        return super()._build_network(fit, generator)

    def _build_auxiliary(self, fit, reader, log):
        from skace._torch.training._melt import ItemBranch, MELTBranches, UserBranch
        from skace._torch.training._parallel import Ranks

        offsets, max_length = fit.rows.offsets, self._settings().max_length
        counts = self._learned_counts(fit)
        user_threshold, item_threshold = self._thresholds(fit.is_row, offsets, counts)
        users = UserBranch(
            *last_events(fit.is_row, offsets, max(2, user_threshold), max_length),
            user_threshold,
            max_length,
        )
        is_head, through = counts >= item_threshold, self.contexts == "through"
        rows, bounds, starts, lengths = histories_before(
            fit.items, fit.is_row, offsets, is_head, max_length, through=through
        )
        trains_users = len(users) > 0 and self.user_weight > 0
        heads = ItemBranch(
            *(rows, counts[rows], bounds, starts, lengths, item_threshold),
            adds_user_map=trains_users,
        )
        weights, ranks = (self.user_weight, self.item_weight), Ranks.current()
        return MELTBranches(
            reader, log, users, heads, ~is_head, weights, fit.rng, ranks, through=through
        )

    def _thresholds(self, is_learned, offsets, counts):
        """Fewest events of a head user and of a head item; those of the first fit stay."""
        if hasattr(self, "user_threshold_"):
            return self.user_threshold_, self.item_threshold_
        n_events, most = n_events_of_users(is_learned, offsets), self._settings().max_length
        user_threshold, item_threshold = self.user_threshold, self.item_threshold
        if user_threshold is None:
            user_threshold = min(threshold_at(n_events, self.user_quantile), most)
        if item_threshold is None:
            item_threshold = threshold_at(counts[counts > 0], self.item_quantile)
        return user_threshold, item_threshold

    def _run_epochs(self, trainer, fit, n_epochs):
        from skace._torch._state import state_as_numpy
        from skace._torch.training._trainer import build_optimizers

        epochs, start = Epochs(), None
        branches, encoder = trainer.auxiliary, self._network.encoder
        self.n_pretraining_iter_ = 0
        if fit.rows.n_passes is None and fit.rows.is_fresh:
            trainer.auxiliary, settings = None, self._settings()
            super()._run_epochs(trainer, fit, settings.max_epochs)
            self.n_pretraining_iter_ = self.n_iter_
            trainer.auxiliary = branches
            trainer.optimizers = build_optimizers(
                self._network, settings.learning_rate, settings.weight_decay
            )
            if fit.X_val is not None:  # the backbone alone is a candidate
                start = state_as_numpy(self._network)
                epochs.start_score = self.validation_scores_[self.best_epoch_ - 1]
        if n_epochs > 0 and not hasattr(self, "user_threshold_"):
            self._keep_thresholds(branches)
        encoder.n_tail = self._n_tail()
        branches.n_epochs, branches.knows_items = n_epochs, hasattr(self, "item_vectors_")
        self._follow(epochs, trainer, fit, n_epochs, start=start)
        if n_epochs > 0 and self.best_epoch_ == 0:
            self.user_threshold_, encoder.n_tail = 1, 0

    def _keep_thresholds(self, branches):
        """Set the thresholds, and warn if one of them leaves no heads to learn from."""
        has_heads = {"user": len(branches.users) > 0, "item": len(branches.items) > 0}
        for kind in (kind for kind, has_some in has_heads.items() if not has_some):
            warnings.warn(
                f"there are no head {kind}s to learn from, so MELTEstimator leaves the {kind} "
                f"branch out; lower {kind}_quantile, or set {kind}_threshold.",
                UserWarning,
                stacklevel=2,
            )
        # A map that has not been learned must not be added to anybody's state.
        self.user_threshold_ = branches.users.threshold if branches.trains_users else 1
        self.item_threshold_ = branches.items.threshold

    def _n_tail(self):
        """Most events of a tail user."""
        return getattr(self, "user_threshold_", 1) - 1
