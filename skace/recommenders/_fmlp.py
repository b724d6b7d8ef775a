"""FMLPEstimator: sequential recommendation by filters over time."""
# SPDX-License-Identifier: BSD-3-Clause

from numbers import Integral, Real

from skace._sklearn_compat import Interval
from skace._typing import HandleUnknown, LongSequences, LossName, Negatives, Precision, RandomState
from skace.item_tables import ItemTable
from skace.objectives import LastItem
from skace.recommenders._neural import NeuralRecommender

__all__ = ["FMLPEstimator"]


class FMLPEstimator(NeuralRecommender):
    """Sequential recommender of learned filters over time (FMLP-Rec).

    Multiplication by learned weights in the frequency domain takes the place of attention.
    The item table, which starts from the catalog's features, is both input and output.

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

    n_layers : int, default=2
        Number of filter blocks.

    dropout : float, default=0.5
        Share of the entries dropped after the embedding sum and in each block, in [0, 1).

    loss : {"softmax", "sampled_softmax", "bce", "gbce", "bpr"}, default="softmax"
        "softmax" is the cross-entropy over all items, in blocks. The others compare the
        right item with drawn ones, for catalogs of several hundred thousand items:
        "sampled_softmax" by the cross-entropy among them, "bce" by the logistic loss of each,
        "gbce" by the same, calibrated for what was not drawn, "bpr" pair by pair.

    n_negatives : int, default=256
        Items drawn, for each batch by "sampled_softmax", else for each position.

    negatives : {"uniform", "popularity", "in_batch"}, default="uniform"
        Where they come from: all items alike, all items by their training rows, or the other
        right answers of the batch. "sampled_softmax" corrects for unequal chances, and takes
        all of the batch for "in_batch"; "softmax" and "gbce" allow "uniform" only.

    gbce_t : float, default=0.75
        Calibration of "gbce", in [0, 1]: 0 is "bce", and with 1 the sigmoid of a
        score is a probability.

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

    n_iter_no_change : int, default=3
        Epochs without a better score after which training stops.

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
        item table adds to it. In nats with ``loss="softmax"``.

    validation_scores_ : list of float
        NDCG@10 on the validation rows after each epoch; empty if there are none.

    Notes
    -----
    A filter over time sees all positions of a window, so a window can only be asked for the
    event after its end: each training row is a window of its own, padded to ``max_length``
    positions. An epoch therefore costs some ``max_length`` times that of `SASRecEstimator`
    on short histories; lower ``max_length`` where histories are short. The number of windows
    per update, ``batch_size``, is a number of training rows here.

    Against the paper: the loss is the full softmax instead of one negative per row.

    A step costs ``O(B T D (L D + L log T) + B D V)`` for B windows of T = ``max_length``
    positions, width D, L layers and V items.

    Stability: provisional.

    References
    ----------
    .. [1] Zhou, Yu, Zhao, Wen, "Filter-enhanced MLP is All You Need for Sequential
       Recommendation", WWW 2022, arXiv 2202.13556.

    Examples
    --------
    >>> from skace.recommenders import FMLPEstimator
    >>> from skace.datasets import make_cycle
    >>> X = make_cycle(n_users=50, n_items=6, length=8, random_state=0)
    >>> model = FMLPEstimator(k=1, embedding_dim=16, learning_rate=0.02, batch_size=32,
    ...                       max_length=8, max_epochs=10, early_stopping=False,
    ...                       random_state=0)
    >>> model.fit(X).predict([[2, 3, 4]])
    array([[5]])
    """

    _parameter_constraints: dict = {
        **NeuralRecommender._parameter_constraints,
        "n_layers": [Interval(Integral, 1, None, closed="left")],
        "dropout": [Interval(Real, 0, 1, closed="left")],
    }

    _architecture = (*NeuralRecommender._architecture, "n_layers")

    def __init__(
        self,
        k: int = 10,
        *,
        exclude_seen: bool = False,
        handle_unknown: HandleUnknown = "error",
        max_length: int = 50,
        long_sequences: LongSequences = "overlap",
        embedding_dim: int | None = None,
        n_layers: int = 2,
        dropout: float = 0.5,
        loss: LossName = "softmax",
        n_negatives: int = 256,
        negatives: Negatives = "uniform",
        gbce_t: float = 0.75,
        max_epochs: int = 50,
        batch_size: int = 256,
        learning_rate: float = 0.001,
        weight_decay: float = 0.0,
        early_stopping: bool = True,
        n_iter_no_change: int = 3,
        validation_fraction: float = 1.0,
        item_table: ItemTable | None = None,
        device: str = "auto",
        precision: Precision = "auto",
        warm_start: bool = False,
        random_state: RandomState = None,
        verbose: bool | int = False,
    ) -> None:
        super().__init__(
            k,
            exclude_seen=exclude_seen,
            handle_unknown=handle_unknown,
            max_length=max_length,
            long_sequences=long_sequences,
            embedding_dim=embedding_dim,
            loss=loss,
            n_negatives=n_negatives,
            negatives=negatives,
            gbce_t=gbce_t,
            max_epochs=max_epochs,
            batch_size=batch_size,
            learning_rate=learning_rate,
            weight_decay=weight_decay,
            early_stopping=early_stopping,
            n_iter_no_change=n_iter_no_change,
            validation_fraction=validation_fraction,
            item_table=item_table,
            device=device,
            precision=precision,
            warm_start=warm_start,
            random_state=random_state,
            verbose=verbose,
        )
        self.n_layers = n_layers
        self.dropout = dropout

    def _build_encoder(self, width):
        from skace._torch._filters import FMLPEncoder

        return FMLPEncoder(
            width, max_length=self.max_length, n_layers=self.n_layers, dropout=self.dropout
        )

    def _objective(self):
        return LastItem()
