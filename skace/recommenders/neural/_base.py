"""NeuralRecommender: training and state of recommenders that are torch networks."""
# SPDX-License-Identifier: BSD-3-Clause

from abc import abstractmethod
from numbers import Integral, Real
from typing import Any, Self

from skace._parameter_objects import check_can_be_set, check_is_object
from skace._sklearn_compat import HasMethods, Interval, StrOptions
from skace._typing import (
    HandleUnknown,
    LearningRateSchedule,
    LongSequences,
    Precision,
    RandomState,
)
from skace.item_tables import ItemTable, TrainableTable
from skace.losses import Loss, Softmax
from skace.objectives import NextItem
from skace.recommenders._base import SequentialRecommender
from skace.recommenders._joined_parameters import (
    join_parameters,
    refuse_unknown,
    without_keywords,
)
from skace.recommenders.neural._answers import NetworkAnswers
from skace.recommenders.neural._building import NetworkBuilding
from skace.recommenders.neural._checks import NetworkChecks
from skace.recommenders.neural._losses import with_loss_object
from skace.recommenders.neural._training import NetworkTraining

__all__ = ["NeuralRecommender"]


class NeuralRecommender(
    NetworkTraining,
    NetworkBuilding,
    NetworkChecks,
    NetworkAnswers,
    SequentialRecommender,
):
    """Base class of recommenders with an encoder and a tied item table.

    A backbone implements `_build_encoder` and inherits the rest: windows, batches, losses, early
    stopping, new items, inference, persistence as numpy arrays, and the parameters below.

    Parameters
    ----------
    k : int, default=10
        Length of the lists that `predict` returns.

    exclude_seen : bool, default=False
        Whether to leave items of the (full) past out of recommendations.

    handle_unknown : {"error", "ignore"}, default="error"
        What to do with history items that are not in the table and come without features.

    max_length : int, default=50
        Number of events that the encoder reads. At prediction these are the last ones.

    long_sequences : {"overlap", "truncate"}, default="overlap"
        How to train on users with more events than ``max_length``. "overlap" cuts windows that each
        begin in the middle of the window before, and learns each row in one window, after at least
        ``max_length / 2`` events. "truncate" learns from the last window only.

    embedding_dim : int or None, default=None
        Width of the model. None takes the width of the item features, or 128 if there are no
        features or the item table has its own width.

    loss : Loss or None, default=None
        Loss to minimise (`skace.losses`). None is ``Softmax()``, the cross-entropy over all items.

    max_epochs : int, default=50
        Maximum number of passes over the training rows.

    batch_size : int, default=256
        Windows per update.

    learning_rate : float, default=0.001
        Learning rate of Adam.

    learning_rate_schedule : {"constant", "linear"}, default="constant"
        "linear" raises the rate in a straight line over the first tenth of the steps of
        ``max_epochs`` passes, and lowers it to 0 over the others. On Beauty and Sports, 12 epochs
        at three times the usual rate then find more than 26 at a constant rate. The length stays
        that of ``max_epochs`` where early stopping ends a fit before, or a second training
        (``train_on_held_out``) takes ``best_epoch_`` epochs: the rate is then still above 0. Each
        call of `partial_fit` has a schedule of its own.

    weight_decay : float, default=0.0
        Decoupled weight decay of all parameters (AdamW).

    early_stopping : bool, default=True
        Whether to hold out each user's last training row, stop when NDCG@10 on these rows (full
        ranking) no longer rises, and return to the best epoch. With ``X_val`` the best epoch is
        kept in any case, and False only means that all ``max_epochs`` are run.

    n_iter_no_change : int, default=10
        Training stops after this many epochs without a better score. With few users a network can
        stay at the score of a popularity list for several epochs before it learns more; too small a
        value stops it there.

    validation_fraction : float, default=1.0
        Share of the users whose last row is held out, in (0, 1].

    train_on_held_out : bool, default=False
        Whether, after early stopping, to train the network again from the same start on all rows,
        including the held-out ones, for ``best_epoch_`` epochs. This takes up to twice the time. It
        is an error if no rows are held out.

    item_table : ItemTable or None, default=None
        How item features enter the network (`skace.item_tables`). None is ``TrainableTable()``.

    device : str, default="auto"
        "cpu", "cuda", "cuda:1", or "auto": CUDA if there is one, else the CPU.

    precision : {"auto", "float32", "bfloat16"}, default="auto"
        Precision of the matrix products of encoder and loss in training. "auto" is bfloat16 on CUDA
        and on processors with an instruction for it (AVX-512 BF16, AMX; torch 2.11 or newer), else
        float32. Weights, optimiser and inference are float32.

    warm_start : bool, default=False
        Whether `fit` continues from the weights of the previous fit (with a fresh optimiser).

    random_state : int, RandomState or None, default=None
        Seed of initial weights, order of rows and dropout. On one CPU with the same number of
        threads, the same seed gives the same model. Global generators are not used.

    verbose : int or bool, default=False
        Whether to log a line per epoch (logger "skace", level INFO).

    Attributes
    ----------
    item_ids_ : ndarray of shape (n_items,)
        Items in the order of the columns of `decision_function`.

    item_counts_ : ndarray of shape (n_items,), int64
        Training rows per item; 0 marks a cold item.

    popularity_ : ndarray of shape (n_items,), float64
        Training rows per item, weighted by ``sample_weight``. It ranks items for empty histories.

    item_vectors_ : ndarray of shape (n_items, width), float32
        The trained item table.

    encoder_state_ : dict of str to ndarray
        Weights of the encoder.

    item_table_state_ : dict of str to ndarray
        Weights of the item table.

    architecture_ : dict
        Parameters that define the network, as they were in `fit`.

    item_table_ : ItemTable
        Copy of the item table that the network was built with.

    is_cold_ : ndarray of shape (n_items,), bool
        Items without a learned row. Rows held out for early stopping count only with
        ``train_on_held_out``, which learns them in the end. Cold items keep their initial vectors:
        the features, or random vectors without features. With random vectors they score ``-inf``.

    feature_sample_ : ndarray of shape (n, n_item_features_), float32
        Features of the first items, to recognise a catalog. Only with features.

    n_item_features_ : int or None
        Width of the item features that the item table read in `fit`.

    n_iter_ : int
        Epochs trained by the last fit.

    best_epoch_ : int
        Epoch (from 1) whose weights were kept: the best on the validation rows, or the last one
        without validation. 0 if no row of `partial_fit` had a past.

    loss_curve_ : list of float
        Weighted mean loss over the rows learned in each epoch, without the loss that an item table
        adds. In nats with `Softmax`.

    validation_scores_ : list of float
        NDCG@10 on the validation rows after each epoch; empty if there are none.

    second_loss_curve_ : list of float
        Like ``loss_curve_``, for the second training, on all rows. ``n_iter_``, ``best_epoch_``,
        ``loss_curve_`` and ``validation_scores_`` describe the first. In the last fit of a
        `StackingRecommender` the first training is that of its first fit. Exists only if a training
        on all rows followed another.

    Notes
    -----
    A backbone names its own parameters in its constructor and passes those above on as ``**shared:
    Unpack[NetworkParameters]``. Signature, constraints and docstring are joined when the class is
    made. (Listing all parameters works as well.) ``_architecture`` lists the parameters that define
    the network. If the encoder is not causal, `_objective` names another objective
    (`skace.objectives`). `fit` refuses an encoder that sees the target.

    Stability: provisional.

    Examples
    --------
    A custom backbone that averages the events read so far:

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
        "learning_rate_schedule": [StrOptions({"constant", "linear"})],
        "weight_decay": [Interval(Real, 0, None, closed="left")],
        "early_stopping": ["boolean"],
        "n_iter_no_change": [Interval(Integral, 1, None, closed="left")],
        "validation_fraction": [Interval(Real, 0, 1, closed="right")],
        "train_on_held_out": ["boolean"],
        "item_table": [HasMethods(["width", "build"]), None],
        "device": [str],
        "precision": [StrOptions({"auto", "float32", "bfloat16"})],
        "warm_start": ["boolean"],
        "random_state": ["random_state"],
        "verbose": ["verbose"],
    }

    _transient = (*SequentialRecommender._transient, "_network")

    # What tells of the training that was watched, also where another one follows it.
    _of_first_training: tuple[str, ...] = (
        "n_iter_",
        "best_epoch_",
        "loss_curve_",
        "validation_scores_",
    )

    # Parameters that hold objects, and what stands for None.
    _objects: tuple[tuple[str, str], ...] = (
        ("item_table", "TrainableTable()"),
        ("loss", "Softmax()"),
    )

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
        learning_rate_schedule: LearningRateSchedule = "constant",
        weight_decay: float = 0.0,
        early_stopping: bool = True,
        n_iter_no_change: int = 10,
        validation_fraction: float = 1.0,
        train_on_held_out: bool = False,
        item_table: ItemTable | None = None,
        device: str = "auto",
        precision: Precision = "auto",
        warm_start: bool = False,
        random_state: RandomState = None,
        verbose: bool | int = False,
        **unknown: Any,
    ) -> None:
        refuse_unknown(self, unknown)
        super().__init__(k, exclude_seen=exclude_seen, handle_unknown=handle_unknown)
        self.max_length = max_length
        self.long_sequences = long_sequences
        self.embedding_dim = embedding_dim
        self.loss = loss
        self.max_epochs = max_epochs
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.learning_rate_schedule = learning_rate_schedule
        self.weight_decay = weight_decay
        self.early_stopping = early_stopping
        self.n_iter_no_change = n_iter_no_change
        self.validation_fraction = validation_fraction
        self.train_on_held_out = train_on_held_out
        self.item_table = item_table
        self.device = device
        self.precision = precision
        self.warm_start = warm_start
        self.random_state = random_state
        self.verbose = verbose

    def set_params(self, **params: Any) -> Self:
        """Set parameters, also of nested objects, as ``item_table__name`` and ``loss__name``.

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
            If there is no parameter of this name, or the nested object is None.
        """
        for name, default in self._objects:
            check_can_be_set(name, getattr(self, name, None), params, default)
        super().set_params(**params)
        return self

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(with_loss_object(state))
        if "architecture_" in state:
            # What shapes a network now had one value only when an older file was written.
            self.architecture_ = self._shape() | state["architecture_"]

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

    # Whose parameters rule.

    def _settings(self):
        """The network whose parameters rule the training: this one, unless it wraps another."""
        return self

    def _shape(self):
        """Values of the parameters that shape the network, by name."""
        return {name: getattr(self, name) for name in self._architecture}

    def _table(self):
        """The item table parameter, or its default."""
        table = self._settings().item_table
        return TrainableTable() if table is None else table

    def _loss(self):
        """The loss parameter, or its default."""
        loss = self._settings().loss
        return Softmax() if loss is None else loss

    def _n_features_read(self, catalog):
        """Width of the item features; None if there are none or the table leaves them aside."""
        return catalog.n_features if self._table().reads_features else None

    def _goes_on(self):
        # A wrapped estimator that is refused later need not have it.
        return getattr(self._settings(), "warm_start", False)

    def _n_subtasks(self, n_passes):
        if not self._trains_twice(n_passes):
            return self._most_epochs(n_passes)
        return 1 if "_first_training" in vars(self) else 2

    def _most_epochs(self, n_passes):
        """Most epochs of a training."""
        return self.max_epochs if n_passes is None else n_passes

    def _trains_twice(self, n_passes):
        """Whether a second training, on the held-out rows as well, follows the first."""
        return self._settings().train_on_held_out and n_passes is None


NeuralRecommender.__init__.__signature__ = without_keywords(NeuralRecommender.__init__)  # type: ignore[attr-defined]
