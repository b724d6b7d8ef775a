"""NeuralRecommender: training and state of recommenders that are torch networks."""
# SPDX-License-Identifier: BSD-3-Clause

import copy
import warnings
from abc import abstractmethod
from functools import partial
from numbers import Integral, Real
from typing import Any, Self

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import check_random_state

from skace._sklearn_compat import HasMethods, Interval, StrOptions
from skace._typing import HandleUnknown, LongSequences, Precision, RandomState
from skace._windows import rows_asked
from skace.item_tables import ItemTable, TrainableTable
from skace.losses import ItemCounts, Loss, Softmax
from skace.metrics import ndcg_at_k
from skace.objectives import NextItem
from skace.recommenders._base import SequentialRecommender
from skace.recommenders._features import check_features
from skace.recommenders._fit_inputs import in_float32
from skace.recommenders._holdout import check_something_remains, hold_out_last
from skace.recommenders.neural._epochs import Epochs, run_epochs
from skace.recommenders.neural._fitted_table import check_same_table, kept_table
from skace.recommenders.neural._losses import check_sparse, with_loss_object
from skace.recommenders.neural._network_parameters import join_parameters, without_keywords
from skace.recommenders.neural._parameter_objects import check_can_be_set, check_is_object
from skace.recommenders.neural._progress import visible_log
from skace.recommenders.neural._trained_network import TrainedNetwork

__all__ = ["NeuralRecommender"]

_SAMPLED_ITEMS = 16  # items whose features tell whether a catalog is the one of the fit


class NeuralRecommender(TrainedNetwork, SequentialRecommender):
    """Base class of recommenders with an encoder and a tied item table.

    A backbone implements `_build_encoder`, and inherits all else: windows, batches, losses,
    early stopping, growth by new items, inference, persistence as numpy arrays, and the
    parameters below.

    Parameters
    ----------
    k : int, default=10
        Length of the lists that `predict` returns.

    exclude_seen : bool, default=False
        Whether items of the (full) past may not be recommended.

    handle_unknown : {"error", "ignore"}, default="error"
        What to do with history items that are not in the table and come without features.

    max_length : int, default=50
        Events that the encoder reads. At prediction the last ones count.

    long_sequences : {"overlap", "truncate"}, default="overlap"
        Training on users with more events. "overlap" cuts windows of which each begins in
        the middle of the one before, and learns each row in one of them, after at least
        ``max_length / 2`` events. "truncate" learns from the last window only.

    embedding_dim : int or None, default=None
        Width of the model. None takes that of the item features, or 128 without features and
        for an item table of a width of its own.

    loss : Loss or None, default=None
        What is minimised (`skace.losses`). None is ``Softmax()``, the cross-entropy over all
        items.

    max_epochs : int, default=50
        Most passes over the training rows.

    batch_size : int, default=256
        Windows per update.

    learning_rate : float, default=0.001
        Of Adam.

    weight_decay : float, default=0.0
        Decoupled weight decay of all parameters (AdamW).

    early_stopping : bool, default=True
        Whether to hold out each user's last training row, watch NDCG@10 on them (full
        ranking), stop when it no longer rises, and return to the best epoch. With ``X_val``
        the best epoch is kept in any case; False then means not to stop before max_epochs.

    n_iter_no_change : int, default=10
        Epochs without a better score after which training stops. Networks on few users can
        stand for several epochs near what a popularity list reaches before they learn more; a
        small patience stops them there.

    validation_fraction : float, default=1.0
        Share of the users whose last row is held out, in (0, 1].

    item_table : ItemTable or None, default=None
        How item features enter (`skace.item_tables`). None is ``TrainableTable()``.

    device : str, default="auto"
        "auto" takes CUDA where there is some, else the CPU; or "cpu", "cuda", "cuda:1".

    precision : {"auto", "float32", "bfloat16"}, default="auto"
        Of the products of encoder and loss in training. "auto" is bfloat16 on CUDA,
        float32 elsewhere. Weights, optimiser and inference are float32.

    warm_start : bool, default=False
        Whether `fit` goes on from the weights of the previous fit (with a fresh optimiser).

    random_state : int, RandomState or None, default=None
        Seed of start, order and dropout. The same seed gives the same model on a CPU with
        the same number of threads; global generators are left alone.

    verbose : int or bool, default=False
        Whether to log a line per epoch (logger "skace", level INFO).

    Attributes
    ----------
    item_ids_ : ndarray of shape (n_items,)
        Items in the order of the columns of `decision_function`.

    item_counts_ : ndarray of shape (n_items,), int64
        Training rows per item; 0 marks a cold item.

    popularity_ : ndarray of shape (n_items,), float64
        The same, counted by ``sample_weight``; answers empty histories.

    item_vectors_ : ndarray of shape (n_items, width), float32
        The trained item table.

    encoder_state_ : dict of str to ndarray
        Weights of the encoder.

    item_table_state_ : dict of str to ndarray
        Weights of the item table.

    architecture_ : dict
        Parameters that shape the network, as they were in `fit`.

    item_table_ : ItemTable
        Copy of the item table that the network was built with.

    is_cold_ : ndarray of shape (n_items,), bool
        Items of which no row was learned; rows held out for early stopping do not count.
        Their vectors are those of the start: the features, or random ones without features;
        the latter score ``-inf``.

    feature_sample_ : ndarray of shape (n, n_item_features_), float32
        Features of the first items, by which a catalog is recognised. Only with features.

    n_item_features_ : int or None
        Width of the item features that the item table has read in `fit`.

    n_iter_ : int
        Epochs trained by the last fit.

    best_epoch_ : int
        Epoch (from 1) whose weights were kept: the best on the validation rows, the last
        one if there are none. 0 if `partial_fit` met no row with a past.

    loss_curve_ : list of float
        Mean loss of the rows that each epoch asked for, by their weights, without what an
        item table adds to it. In nats with `Softmax`.

    validation_scores_ : list of float
        NDCG@10 on the validation rows after each epoch; empty if there are none.

    Notes
    -----
    A backbone with parameters of its own names them in its constructor and takes those above
    as ``**shared: Unpack[NetworkParameters]``, which it hands on: signature, constraints and
    docstring are joined when the class is made. (Listing them all works as well.) It names in
    ``_architecture`` those that shape the network. One whose encoder is not causal names
    another objective in `_objective` (`skace.objectives`). `fit` refuses an encoder that sees
    what it is asked for.

    Stability: provisional.

    Examples
    --------
    A backbone of one's own, here one that looks at the mean of what was read so far:

    >>> import torch
    >>> from skace.recommenders import NeuralRecommender
    >>> class RunningMean(torch.nn.Module):
    ...     def __init__(self, width):
    ...         super().__init__()
    ...         self.mix = torch.nn.Linear(2 * width, width)
    ...
    ...     def forward(self, x):  # (B, T, D) -> (B, T, D), causal
    ...         n_read = torch.arange(1, x.shape[1] + 1, device=x.device)[:, None]
    ...         return self.mix(torch.cat([x, x.cumsum(dim=1) / n_read], dim=2))
    >>> class RunningMeanEstimator(NeuralRecommender):
    ...     def _build_encoder(self, width):
    ...         return RunningMean(width)

    >>> from skace.datasets import make_cycle
    >>> X = make_cycle(n_users=200, n_items=6, length=8, random_state=0)
    >>> model = RunningMeanEstimator(k=1, embedding_dim=16, learning_rate=0.02, batch_size=32,
    ...                              max_epochs=15, early_stopping=False, random_state=0)
    >>> model.fit(X).predict([[2, 3, 4]])
    array([[5]])
    """

    _parameter_constraints: dict = {
        **SequentialRecommender._parameter_constraints,
        "max_length": [Interval(Integral, 1, None, closed="left")],
        "long_sequences": [StrOptions({"overlap", "truncate"})],
        "embedding_dim": [Interval(Integral, 1, None, closed="left"), None],
        "loss": [HasMethods(["build"]), None],
        "max_epochs": [Interval(Integral, 1, None, closed="left")],
        "batch_size": [Interval(Integral, 1, None, closed="left")],
        "learning_rate": [Interval(Real, 0, None, closed="neither")],
        "weight_decay": [Interval(Real, 0, None, closed="left")],
        "early_stopping": ["boolean"],
        "n_iter_no_change": [Interval(Integral, 1, None, closed="left")],
        "validation_fraction": [Interval(Real, 0, 1, closed="right")],
        "item_table": [HasMethods(["width", "build"]), None],
        "device": [str],
        "precision": [StrOptions({"auto", "float32", "bfloat16"})],
        "warm_start": ["boolean"],
        "random_state": ["random_state"],
        "verbose": ["verbose"],
    }

    _transient = (*SequentialRecommender._transient, "_network")

    # Parameters that shape the network; a fitted one keeps those it was built with.
    _architecture: tuple[str, ...] = ("max_length",)

    def __init__(
        self,
        k: int = 10,
        *,
        exclude_seen: bool = False,
        handle_unknown: HandleUnknown = "error",
        max_length: int = 50,
        long_sequences: LongSequences = "overlap",
        embedding_dim: int | None = None,
        loss: Loss | None = None,
        max_epochs: int = 50,
        batch_size: int = 256,
        learning_rate: float = 0.001,
        weight_decay: float = 0.0,
        early_stopping: bool = True,
        n_iter_no_change: int = 10,
        validation_fraction: float = 1.0,
        item_table: ItemTable | None = None,
        device: str = "auto",
        precision: Precision = "auto",
        warm_start: bool = False,
        random_state: RandomState = None,
        verbose: bool | int = False,
        **unknown: Any,
    ) -> None:
        for name in unknown:  # by the class that was asked for, not by this one
            raise TypeError(
                f"{type(self).__name__}.__init__() got an unexpected keyword argument {name!r}"
            )
        super().__init__(k, exclude_seen=exclude_seen, handle_unknown=handle_unknown)
        self.max_length = max_length
        self.long_sequences = long_sequences
        self.embedding_dim = embedding_dim
        self.loss = loss
        self.max_epochs = max_epochs
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.weight_decay = weight_decay
        self.early_stopping = early_stopping
        self.n_iter_no_change = n_iter_no_change
        self.validation_fraction = validation_fraction
        self.item_table = item_table
        self.device = device
        self.precision = precision
        self.warm_start = warm_start
        self.random_state = random_state
        self.verbose = verbose

    def set_params(self, **params: Any) -> Self:
        """Set parameters, also ``item_table__name`` and ``loss__name`` of what it holds.

        Parameters
        ----------
        **params : dict
            Values by name.

        Returns
        -------
        self : object
            This estimator.

        Raises
        ------
        ValueError
            If a name is none of a parameter, or one of an item table that is None.
        """
        for name, default in (("item_table", "TrainableTable()"), ("loss", "Softmax()")):
            check_can_be_set(name, getattr(self, name, None), params, default)
        super().set_params(**params)
        return self

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(with_loss_object(state))

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if "__init__" in vars(cls):
            join_parameters(cls, cls.__mro__[1])

    # What a backbone says of itself.

    @abstractmethod
    def _build_encoder(self, width):
        """Torch module that maps (B, T, width) to (B, T, width).

        Causally, unless `_objective` says otherwise: position t sees 0 to t. Padding is on
        the right.
        """

    def _objective(self):
        """What is asked of a window: an object of `skace.objectives`."""
        return NextItem()

    # Checks before any work.

    def _validate_params(self):
        table, loss = getattr(self, "item_table", None), getattr(self, "loss", None)
        check_is_object("item_table", table, "TrainableTable()")
        check_is_object("loss", loss, "skace.losses.BCE()")
        super()._validate_params()
        if isinstance(loss, Loss):
            loss._validate_params()

    def _check_before_fit(self, X, X_val, weights, *, fresh, n_passes):
        from skace._torch._runtime import resolve_device

        resolve_device(self.device)
        if n_passes is None:
            holds_out = self.early_stopping and X_val is None
            fraction = self.validation_fraction if holds_out else 0
            check_something_remains(X, fraction, in_float32(weights))
        table = self._table()
        if table.reads_features:
            check_features(X.catalog.features)
        if fresh:
            width = table.width(self._n_features_read(X.catalog), self.embedding_dim)
            self._check_width(table.encoder_width(width))
        else:
            self._check_architecture()
            self._check_growth(X)
        if getattr(table, "sparse", False):  # third parties need not have it
            check_sparse(self._loss(), self.weight_decay)

    def _check_width(self, width):
        """Raise if the encoder cannot have this width."""

    def _check_architecture(self):
        """Raise if a parameter asks for another network than the fitted one."""
        fitted = self.architecture_ | {"embedding_dim": self.item_vectors_.shape[1]}
        for name, value in fitted.items():
            wanted = getattr(self, name)
            if wanted != value and (name, wanted) != ("embedding_dim", None):
                raise ValueError(
                    f"{name}={wanted!r}, but the fitted network, which is to be trained on, has "
                    f"{name}={value!r}; set it back, or fit anew with warm_start=False."
                )
        check_same_table(self._table(), self.item_table_)

    def _table(self):
        """The item table parameter, or its default."""
        return TrainableTable() if self.item_table is None else self.item_table

    def _loss(self):
        """The loss parameter, or its default."""
        return Softmax() if self.loss is None else self.loss

    def _n_features_read(self, catalog):
        """Width of the item features; None if there are none or the table leaves them aside."""
        return catalog.n_features if self._table().reads_features else None

    def _n_subtasks(self, n_passes):
        return self.max_epochs if n_passes is None else n_passes

    # Learning.

    def _fit_rows(self, rows, task):
        from skace._torch._runtime import private_generator, reseed, resolve_device
        from skace._torch.training._parallel import Ranks

        ranks, weights, X_val = Ranks.current(), in_float32(rows.weights), rows.X_val
        seed = self.random_state
        if seed is None:  # fresh entropy, not numpy's global generator; the same on all ranks
            seed = ranks.agreed(int(np.random.SeedSequence().generate_state(1)[0]))
        rng = check_random_state(seed)
        is_row = rows.is_row
        if weights is not None:  # rows of weight 0 teach nothing, and stop nothing
            is_row &= weights > 0
        if X_val is None and self.early_stopping and rows.n_passes is None:
            X_val = self._hold_out(rows.X, is_row, weights, rng)
        if X_val is not None:
            self._check_known(X_val)
        device = resolve_device(self.device)
        self._note_cold_items(rows, is_row)
        seed = rng.randint(np.iinfo(np.int32).max)
        with private_generator(seed, device) as generator:
            self._network = self._build_network(rows, device, generator)
            trainer = self._build_trainer(rows, is_row, weights, device, rng)
            if ranks.number > 0:  # other dropout than the first rank's
                reseed(seed + ranks.number, device)
            n_epochs = self.max_epochs if rows.n_passes is None else rows.n_passes
            if len(trainer.log.lengths) == 0:  # partial_fit with first events only
                n_epochs = 0
            with visible_log(self.verbose):
                self._run_epochs(trainer, n_epochs, X_val, task)
        self._store_state()

    def _run_epochs(self, trainer, n_epochs, X_val, task):
        """Train, and set what is known of the epochs."""
        self._follow(
            Epochs(), trainer, n_epochs, X_val, task,
            patience=self.n_iter_no_change if self.early_stopping else None,
        )  # fmt: skip
        if self.early_stopping and X_val is not None and self.best_epoch_ == n_epochs > 1:
            warnings.warn(
                f"the validation score was still rising in the last of {n_epochs} epochs; raise "
                "max_epochs.",
                ConvergenceWarning,
                stacklevel=2,
            )

    def _follow(self, epochs, trainer, n_epochs, X_val, task, **options):
        """Run epochs whose curve and scores callbacks see as they grow."""
        self.loss_curve_, self.validation_scores_ = epochs.loss_curve, epochs.validation_scores
        run_epochs(
            trainer,
            n_epochs,
            task,
            epochs,
            validate=None if X_val is None else partial(self._validation_score, X_val, trainer),
            name=type(self).__name__ if self.verbose else None,
            **options,
        )
        self.n_iter_, self.best_epoch_ = epochs.n_epochs, epochs.best_epoch

    def _validation_score(self, X_val, trainer):
        """NDCG@10 of the validation rows, of which every process ranks its share."""
        own = X_val[trainer.ranks.share(np.arange(len(X_val)))]
        ranks = trainer.ranks.joined(self._ranks(own, embeds=False))
        return float(ndcg_at_k(ranks, 10, sample_weight=X_val.weights))

    def _check_known(self, X_val):
        """Raise if a history of validation rows holds unknown items."""
        try:
            self._histories(X_val, embeds=False)
        except (TypeError, ValueError) as error:
            raise type(error)(f"X_val: {error}") from error

    def _hold_out(self, X, is_row, weights, rng):
        """Take each user's last row out of ``is_row``; return these rows."""
        held_out = hold_out_last(X, self.validation_fraction, rng, weights)
        if held_out.size == 0:
            warnings.warn(
                "early_stopping finds no user with two rows of which one could be held out; "
                "training for max_epochs. Pass X_val, or set early_stopping=False.",
                UserWarning,
                stacklevel=2,
            )
            return None
        is_row[held_out] = False
        own = None if weights is None else weights[held_out]
        return X._derive(ends=held_out).with_weights(own)

    def _build_network(self, rows, device, generator):
        """Fresh network, or the fitted one grown by the new items."""
        from skace._torch._state import load_state

        if rows.is_fresh:
            self.item_table_ = kept_table(self._table())
            self.n_item_features_ = self._n_features_read(rows.X.catalog)
            width = self._table().width(self.n_item_features_, self.embedding_dim)
            self.architecture_ = {name: getattr(self, name) for name in self._architecture}
        else:
            width = self.item_vectors_.shape[1]
        features = self._features_by_column(rows.X.catalog, rows.columns)
        if rows.is_fresh and features is not None:
            self.feature_sample_ = features[:_SAMPLED_ITEMS].copy()
        network = self._assemble(width, features, generator)
        if rows.is_fresh:
            self._refuse_foresight(network, width)
        else:
            load_state(network.encoder, self.encoder_state_, may_grow=True)
            load_state(network.items, self.item_table_state_, may_grow=True)
        network.items.remember_cold()
        return network.to(device)

    def _assemble(self, width, features, generator):
        """Encoder and item table, untrained, on the CPU."""
        from skace._torch._network import Network

        table = self.item_table_
        items = table.build(
            features,
            n_items=self.item_ids_.size,
            width=width,
            is_cold=self._spared(),
            generator=generator,
            **({"item_ids": self.item_ids_} if table.needs_item_ids else {}),
        )
        # Parameters may have been set since the fit: what was fitted counts.
        fitted = copy.copy(self)
        vars(fitted).update(self.architecture_)
        encoder = fitted._build_encoder(table.encoder_width(width))
        return Network(encoder, items, fitted.max_length, fitted._objective().build())

    def _refuse_foresight(self, network, width):
        """Raise if the untrained network sees what it is asked for."""
        objective = self._objective()
        found = self._first_sighting(network, width)
        if found is None:
            return
        what = "anything behind it" if objective.is_causal else "the event that is asked for"
        raise ValueError(
            f"{type(self).__name__} learns with {objective!r}, by which a place of a window must "
            f"not see {what}, but in a window of {found.length} events the state at place "
            f"{found.place} changes with that. Mask it in the encoder, or name the objective that "
            "suits the encoder in _objective: NextItem() for a causal one, LastItem() for one that "
            "mixes all places, Cloze() for one that fills gaps."
        )

    def _first_sighting(self, network, width, *, perturb=True):
        """Place of a window that sees what it is asked for, or None."""
        from skace._torch._probe import first_sighting, made_up_log

        objective = self._objective()
        windows = objective.windows(*made_up_log(self.max_length), self.max_length, overlap=True)
        is_causal = objective.is_causal
        return first_sighting(network, windows, width, is_causal=is_causal, perturb=perturb)

    def _foresight(self):
        """Place of a window that sees what it is asked for, with the learned weights, or None."""
        width = self.item_vectors_.shape[1]
        return self._first_sighting(self._fitted_network(), width, perturb=False)

    def _note_cold_items(self, rows, is_row):
        """Set ``is_cold_``: items of which neither this nor an earlier fit learned a row.

        Rows held out for early stopping teach nothing, so they do not count.
        """
        n_learned = np.bincount(rows.items[is_row], minlength=self.item_ids_.size)
        is_cold = n_learned == 0
        if not rows.is_fresh:
            is_cold[: self.is_cold_.size] &= self.is_cold_
        self.is_cold_ = is_cold

    def _spared(self):
        """Items that training leaves alone: the cold ones, unless they are negatives."""
        if self.item_table_.cold_items == "excluded":
            return self.is_cold_
        return np.zeros_like(self.is_cold_)

    def _unscored(self):
        # Without features there is nothing to score them by.
        is_scored = self.item_table_.scores_cold and self.n_item_features_ is not None
        return None if is_scored else self.is_cold_

    def _features_by_column(self, catalog, columns):
        """Features in the order of the model's columns; rows of absent items are zero."""
        if self.n_item_features_ is None:
            return None
        features = np.zeros((self.item_ids_.size, self.n_item_features_), dtype=np.float32)
        if catalog.features is not None:
            features[columns] = catalog.features
        return features

    def _check_growth(self, X):
        """Raise if new items cannot join the fitted table."""
        n_features = X.catalog.n_features
        if self.n_item_features_ is None:
            return
        if n_features == self.n_item_features_:
            if not self._has_fitted_features(X.catalog):
                raise ValueError(
                    "the item features are not those of the fit: items that the model knows have "
                    "other ones now; transform X with the transformers as they were fitted then, "
                    "or fit anew with warm_start=False."
                )
            return
        if n_features is not None:
            raise ValueError(
                f"the item features have {n_features} columns, but the model was fitted on "
                f"{self.n_item_features_}; transform X with the fitted transformers first."
            )
        n_new = int((self._columns_of(X) < 0).sum())
        if n_new:
            raise ValueError(
                f"{n_new} new item(s) come without features, but the model was fitted with "
                "features; give X a catalog that has them."
            )

    def _build_trainer(self, rows, is_row, weights, device, rng):
        """Trainer over the windows of the training rows."""
        from skace._torch._batches import DeviceLog
        from skace._torch._runtime import resolve_precision
        from skace._torch.training._auxiliary import Reader
        from skace._torch.training._competitors import Competitors
        from skace._torch.training._parallel import Ranks
        from skace._torch.training._trainer import Trainer, build_optimizers

        event_weights = is_row if weights is None else is_row * weights
        windows = self._objective().windows(
            is_row, rows.offsets, self.max_length, overlap=self.long_sequences == "overlap"
        )
        items = rows.items
        is_sparse = self._network.items.is_sparse
        competitors = Competitors(~self._spared(), device, is_sparse=is_sparse)
        log = DeviceLog(items, event_weights, windows, device, self._network.layout)
        dtype = resolve_precision(self.precision, device)
        reader = Reader(self._network, log.items, dtype)
        counts = ItemCounts(
            learned=competitors.among(self._learned_counts(rows.X, items, is_row)),
            asked=competitors.among(self._times_asked(items, windows, is_row)),
        )
        return Trainer(
            network=self._network,
            log=log,
            loss=self._loss().build(counts),
            competitors=competitors,
            optimizers=build_optimizers(self._network, self.learning_rate, self.weight_decay),
            batch_size=self.batch_size,
            dtype=dtype,
            rng=rng,
            auxiliary=self._build_auxiliary(reader, log, rows.X, event_weights, rng),
            ranks=Ranks.current(),
        )

    def _build_auxiliary(self, reader, log, X, event_weights, rng):
        """What training pursues beside the next item, or None."""
        users = X._log.users_at(log.bounds[0].cpu().numpy())
        return self.item_table_.build_auxiliary(reader, log, users)

    def _learned_counts(self, X, items, is_row):
        """Training rows of each item in this and earlier fits, less those held out now."""
        events = np.unique(X._ends)
        held_out = events[~is_row[events]]
        return self.item_counts_ - np.bincount(items[held_out], minlength=self.item_ids_.size)

    def _times_asked(self, items, windows, is_row):
        """How often an epoch asks for each item, up to a factor; the rarest at least once."""
        numbers, events = rows_asked(windows, is_row)
        chances = self._network.layout.chances(numbers)
        times = np.bincount(items[events], chances, minlength=self.item_ids_.size)
        return times / times[times > 0].min(initial=1.0)


NeuralRecommender.__init__.__signature__ = without_keywords(NeuralRecommender.__init__)  # type: ignore[attr-defined]
