"""GRAMTextEstimator: a T5 that reads texts and spells out the id of the next item."""
# SPDX-License-Identifier: BSD-3-Clause

import os
from numbers import Integral, Real
from typing import Any, Literal

import numpy as np
from sklearn.base import BaseEstimator

from skace._parameter_objects import check_is_object
from skace._sklearn_compat import HasMethods, Interval, StrOptions
from skace._typing import HandleUnknown, Precision, RandomState
from skace.recommenders._base import SequentialRecommender
from skace.recommenders._fit_rows import in_float32
from skace.recommenders._holdout import check_something_remains
from skace.recommenders.neural._item_codes import check_same_ids
from skace.recommenders.neural._item_texts import ItemTexts, as_names
from skace.recommenders.neural._text_answers import TextAnswers
from skace.recommenders.neural._text_building import TextBuilding
from skace.recommenders.neural._training import NetworkTraining

__all__ = ["GRAMTextEstimator"]


class GRAMTextEstimator(TextAnswers, TextBuilding, NetworkTraining, SequentialRecommender):
    r"""Generative recommender from text to text, as published (GRAM).

    Items have ids in words, coarse first, such as "nail polish red". An encoder of the T5 family
    reads separate passages: the list of ids that the user took, and for each of these items its
    text and the ids of similar items. The decoder reads all passages and spells out the id of the
    next item. It only produces ids that exist.

    Parameters
    ----------
    model : str or path-like
        Folder of a model of the T5 family (T5, mT5) with its tokenizer, or its name on the Hugging
        Face Hub. The paper uses "google-t5/t5-small" (60 million weights). Training starts from it;
        only `fit` needs it.

    k : int, default=10
        Length of the lists that `predict` returns, at most ``n_beams``.

    exclude_seen : bool, default=False
        Whether to leave items of the (full) past out of recommendations. The beam skips them.

    handle_unknown : {"error", "ignore"}, default="error"
        What to do with history items that the model was not fitted on.

    semantic_ids : transformer or None, default=None
        Maps item texts (an array of one text per item, the ``fields`` joined by full stops) to
        columns of codes, integers from 0, coarse first. It is cloned and fitted on the catalog.
        None is ``make_pipeline(TextEncoder(), SemanticIdEncoder(128, n_levels=7))``, with fewer
        clusters for less than 512 items.

    neighbors : recommender or None, default=None
        Model that finds the similar items: any model that `similar_items` accepts, also a Pipeline.
        It is cloned and fitted on the training rows. None is a `SASRecEstimator` over ids, of width
        64, as published.

    n_neighbors : int, default=10
        Number of similar items in the passage of each item. With 0, ``neighbors`` is not fitted.

    fields : str, list of str or None, default=None
        Columns of the catalog's frame that are read, in this order. None: all columns of texts.

    max_length : int, default=20
        Number of events that are read, each with its passage. These are the last ones.

    passage_length : int, default=128
        Most tokens of a passage; the rest is cut off. The passage on the user names the newest item
        first, so the oldest items of a long past are lost.

    passage_positions : bool, default=True
        Whether a learned vector tells the decoder how long ago an item was taken. If False, the
        passages are a set, and only the passage on the user has an order.

    n_beams : int, default=50
        Width of the beam: number of partial ids that are followed for each row. Items outside the
        beam score ``-inf``; as targets they have the rank ``inf``, a miss. If ``n_beams`` is at
        least the number of items (or of ``candidates`` for all rows), all are scored, and scores
        are exact. Rules that differ from row to row are applied to the items that the beam found.

    length_penalty : float, default=0.0
        The score of an item is divided by the number of tokens of its id to this power. Published:
        1.0. Ids differ in length only if some had to be numbered, or texts were short.

    normalize : {"vocabulary", "trie"}, default="vocabulary"
        Probabilities of a token: among all tokens ("vocabulary", published), or among those that
        lead to an existing id ("trie"). With "trie" the probabilities of all items add up to 1. The
        order of items can differ.

    max_epochs : int, default=30
        Maximum number of passes over the training rows.

    batch_size : int, default=32
        Rows per batch.

    accumulation : int, default=1
        Batches per update. Published: 128 rows an update.

    learning_rate : float, default=0.001
        Highest learning rate of Adam.

    weight_decay : float, default=0.01
        Decoupled weight decay of all parameters (AdamW).

    warmup : float, default=0.05
        Share of all updates in which the learning rate rises. After that it falls to 0 at the end
        of ``max_epochs``.

    max_gradient : float or None, default=1.0
        Maximum norm of the gradient of an update; None for no limit.

    early_stopping : bool, default=True
        Whether to hold out each user's last training row, stop when NDCG@10 on these rows (by the
        beam) no longer rises, and return to the best epoch. With ``X_val`` the best epoch is kept
        in any case, and False only means that all ``max_epochs`` are run.

    n_iter_no_change : int, default=5
        Epochs without a better score after which training stops.

    validation_fraction : float, default=1.0
        Share of the users whose last row is held out, in (0, 1].

    device : str, default="auto"
        "cpu", "cuda", "cuda:1", or "auto": CUDA if there is one, else the CPU.

    precision : {"auto", "float32", "bfloat16"}, default="auto"
        Precision of the matrix products in training. "auto" is bfloat16 on CUDA, float32 elsewhere.
        Weights, optimiser and inference are float32.

    random_state : int, RandomState or None, default=None
        Seed of ids, similar items, order of rows and dropout. On a CPU with the same number of
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

    is_cold_ : ndarray of shape (n_items,), bool
        Items without a learned row. They are scored like all others, by the words of their ids.

    semantic_ids_ : transformer
        The fitted transformer.

    item_codes_ : ndarray of shape (n_items, n_levels), int64
        Codes of each item.

    node_codes_ : ndarray of shape (n_nodes, n_levels), int64
        Codes that lead to each node of the tree of codes, then -1.

    node_tokens_ : ndarray of shape (n_nodes,), int64
        Token of each node; -1 if its items have no words left.

    token_rarity_ : ndarray of shape (n_tokens,), float32
        How rare each token is among the texts. It is used to name the nodes of new items.

    id_tokens_ : ndarray of shape (n_items, n_words), int32
        Tokens of the id of each item, then -1. All ids are different.

    passage_tokens_ : ndarray of shape (n_items, n_tokens), int32
        Tokens of the passage of each item, then -1.

    fields_ : list of str
        The columns that are read; ``["text"]`` if the catalog has no columns.

    network_state_ : dict of str to ndarray
        Trained weights.

    config_ : str
        Shape of the network, JSON.

    tokenizer_ : str
        The tokenizer, JSON.

    special_tokens_ : dict of str to int
        Tokens for the start and the end of an answer, and the token for unknown text.

    architecture_ : dict
        Parameters that define the passages, as they were in `fit`.

    n_iter_ : int
        Epochs trained by the last fit.

    best_epoch_ : int
        Epoch (from 1) whose weights were kept: the best on the validation rows, or the last one
        without validation. 0 if no row of `partial_fit` had a past.

    loss_curve_ : list of float
        Mean loss of a row in each epoch, in nats: minus the log-probability of the target's id
        among all texts.

    validation_scores_ : list of float
        NDCG@10 on the validation rows after each epoch; empty if there are none.

    See Also
    --------
    GRAMEstimator : The same tree with vectors instead of words, cheap and exact.
    SemanticIdEncoder : Makes the codes.

    Notes
    -----
    Each code is named by a token from the texts of its items (`skace.inspection.node_words` with
    the tokens of the model): a token that is frequent among them, rare elsewhere, and not used by a
    node above or beside. Items with the same words get digits at the end, in the order of their
    texts. Passages are

    * "What would user purchase after {id} ; {id} ; ... ?", newest first;
    * "item: {id}; similar items: {id}, ...; title: ...; brand: ...;" for each item, with the
      columns of the catalog.

    Training follows the released code: cross-entropy of the tokens of the next id among all tokens,
    AdamW with a rate that rises and falls, every row with a past. Differences: ids are joined as
    token numbers, not as texts separated by bars. Similar items are learned from training rows
    only, without held-out rows. Siblings never share a word. The best epoch is kept. Rows have
    equal weights, times their ``sample_weight``. ``length_penalty`` is 0.

    New items (`partial_fit`) get codes from the fitted transformer and words of their own below the
    existing nodes. Their passages name no similar items. Ids and passages of other items stay the
    same. A new item that occurs only in a history is unknown.

    It is made for a GPU. For n rows, passages of T tokens and a past of l events, an epoch reads
    ``n (l + 1) T`` tokens: about 350 million for Amazon Beauty with the defaults. For predictions,
    passages of items are read once. Each row then takes as many decoder steps, for ``n_beams``
    partial ids, as the longest id has tokens.

    If torch.distributed is initialised, processes share the batches, as in other networks.

    It was tested only on small networks with random weights. There is no result on real data, and
    none that shows what a trained T5 contributes.

    Stability: experimental.

    References
    ----------
    .. [1] Lee et al. (2025), GRAM: Generative recommendation via semantic-aware multi-granular
       late fusion, ACL.
    .. [2] Raffel et al. (2020), Exploring the limits of transfer learning with a unified
       text-to-text transformer, JMLR 21.
    .. [3] Izacard, Grave (2021), Leveraging passage retrieval with generative models for open
       domain question answering, EACL, :arxiv:`2007.01282`.

    Examples
    --------
    >>> from skace.recommenders import GRAMTextEstimator
    >>> model = GRAMTextEstimator("google-t5/t5-small", n_beams=20, accumulation=4)
    >>> model.fit(X).predict(X.next_queries())  # doctest: +SKIP
    """

    _parameter_constraints: dict = {
        **SequentialRecommender._parameter_constraints,
        "model": [str, os.PathLike],
        "semantic_ids": [HasMethods(["fit", "transform"]), None],
        "neighbors": [HasMethods(["fit", "predict"]), None],
        "n_neighbors": [Interval(Integral, 0, None, closed="left")],
        "fields": [str, "array-like", None],
        "max_length": [Interval(Integral, 1, None, closed="left")],
        "passage_length": [Interval(Integral, 2, None, closed="left")],
        "passage_positions": ["boolean"],
        "n_beams": [Interval(Integral, 1, None, closed="left")],
        "length_penalty": [Interval(Real, 0, None, closed="left")],
        "normalize": [StrOptions({"vocabulary", "trie"})],
        "max_epochs": [Interval(Integral, 1, None, closed="left")],
        "batch_size": [Interval(Integral, 1, None, closed="left")],
        "accumulation": [Interval(Integral, 1, None, closed="left")],
        "learning_rate": [Interval(Real, 0, None, closed="neither")],
        "weight_decay": [Interval(Real, 0, None, closed="left")],
        "warmup": [Interval(Real, 0, 1, closed="both")],
        "max_gradient": [Interval(Real, 0, None, closed="neither"), None],
        "early_stopping": ["boolean"],
        "n_iter_no_change": [Interval(Integral, 1, None, closed="left")],
        "validation_fraction": [Interval(Real, 0, 1, closed="right")],
        "device": [str],
        "precision": [StrOptions({"auto", "float32", "bfloat16"})],
        "random_state": ["random_state"],
        "verbose": ["verbose"],
    }

    _gives_vectors = False

    _transient = (*SequentialRecommender._transient, "_network", "_asked")

    # Parameters that shape what is read; a fitted model keeps those of its fit.
    _architecture: tuple[str, ...] = ("max_length", "passage_length", "passage_positions")

    def __init__(
        self,
        model: str | os.PathLike[str],
        k: int = 10,
        *,
        exclude_seen: bool = False,
        handle_unknown: HandleUnknown = "error",
        semantic_ids: BaseEstimator | None = None,
        neighbors: BaseEstimator | None = None,
        n_neighbors: int = 10,
        fields: str | list[str] | None = None,
        max_length: int = 20,
        passage_length: int = 128,
        passage_positions: bool = True,
        n_beams: int = 50,
        length_penalty: float = 0.0,
        normalize: Literal["vocabulary", "trie"] = "vocabulary",
        max_epochs: int = 30,
        batch_size: int = 32,
        accumulation: int = 1,
        learning_rate: float = 0.001,
        weight_decay: float = 0.01,
        warmup: float = 0.05,
        max_gradient: float | None = 1.0,
        early_stopping: bool = True,
        n_iter_no_change: int = 5,
        validation_fraction: float = 1.0,
        device: str = "auto",
        precision: Precision = "auto",
        random_state: RandomState = None,
        verbose: bool | int = False,
    ) -> None:
        super().__init__(k, exclude_seen=exclude_seen, handle_unknown=handle_unknown)
        self.model = model
        self.semantic_ids = semantic_ids
        self.neighbors = neighbors
        self.n_neighbors = n_neighbors
        self.fields = fields
        self.max_length = max_length
        self.passage_length = passage_length
        self.passage_positions = passage_positions
        self.n_beams = n_beams
        self.length_penalty = length_penalty
        self.normalize = normalize
        self.max_epochs = max_epochs
        self.batch_size = batch_size
        self.accumulation = accumulation
        self.learning_rate = learning_rate
        self.weight_decay = weight_decay
        self.warmup = warmup
        self.max_gradient = max_gradient
        self.early_stopping = early_stopping
        self.n_iter_no_change = n_iter_no_change
        self.validation_fraction = validation_fraction
        self.device = device
        self.precision = precision
        self.random_state = random_state
        self.verbose = verbose

    def __getstate__(self) -> dict[str, Any]:
        # A Path of one system cannot be opened on another.
        return {
            name: os.fspath(value) if isinstance(value, os.PathLike) else value
            for name, value in super().__getstate__().items()
        }

    # Checks before any work.

    def _validate_params(self):
        check_is_object("semantic_ids", self.semantic_ids, "SemanticIdEncoder()")
        check_is_object("neighbors", self.neighbors, "EASEEstimator()")
        super()._validate_params()

    def _check_before_fit(self, X, X_val, weights, *, fresh, n_passes):
        from skace._torch._runtime import resolve_device
        from skace._torch.generation._t5 import check_t5

        resolve_device(self.device)
        n_items = X.n_items if fresh else self.item_ids_.size
        if self.k > self.n_beams < n_items:
            raise ValueError(
                f"k={self.k} exceeds n_beams={self.n_beams}, which could not fill the lists; raise "
                "n_beams, or lower k."
            )
        if n_passes is None:
            holds_out = self.early_stopping and X_val is None
            fraction = self.validation_fraction if holds_out else 0
            check_something_remains(X, fraction, in_float32(weights))
        if fresh:
            ItemTexts(X.catalog, self.fields)
            check_t5(str(self.model))
            return
        self._check_architecture()
        if self.fields is not None and as_names(self.fields) != self.fields_:
            raise ValueError(
                f"fields={self.fields!r}, but the fitted model, which is to be trained on, reads "
                f"{self.fields_}; set it back, or fit anew."
            )
        is_new = self._columns_of(X) < 0
        if is_new.any():
            ItemTexts(X.catalog.take(np.flatnonzero(is_new)), self.fields_)

    def _check_architecture(self):
        """Raise if a parameter asks for another model than the fitted one."""
        for name, value in self.architecture_.items():
            if getattr(self, name) != value:
                raise ValueError(
                    f"{name}={getattr(self, name)!r}, but the fitted model, which is to be trained "
                    f"on, has {name}={value!r}; set it back, or fit anew."
                )
        ids = self.semantic_ids
        if ids is None:
            fitted = self.semantic_ids_.get_params()
            ids = self._default_ids(fitted.get("semanticidencoder__n_clusters", 1))
        check_same_ids(ids, self.semantic_ids_)

    # Learning.

    def _n_subtasks(self, n_passes):
        return self.max_epochs if n_passes is None else n_passes

    def _trains_twice(self, n_passes):
        return False

    def _settings(self):
        return self

    def _train(self, rows, rng, task, stages):
        super()._train(rows, rng, task, stages)
        self.__dict__.pop("_asked", None)  # it may hold the weights of an epoch that was not kept

    def _build_trainer(self, fit):
        from skace._torch._runtime import resolve_precision
        from skace._torch.training._generation import (
            Examples,
            GenerationTrainer,
            build_optimizer,
        )
        from skace._torch.training._parallel import Ranks

        self._write_passages(fit)
        rows, weights = fit.rows, fit.weights
        ends = np.flatnonzero(fit.is_row)
        firsts = rows.offsets[rows.X._log.users_at(ends)]
        ends, firsts = ends[ends > firsts], firsts[ends > firsts]
        begins = np.maximum(firsts, ends - self.max_length)
        own = np.ones(ends.size) if weights is None else weights[ends]
        return GenerationTrainer(
            network=self._network,
            examples=Examples(fit.items, begins, ends, own),
            passages=self._passages(),
            optimizers=[build_optimizer(self._network, self.learning_rate, self.weight_decay)],
            warmup=self.warmup,
            batch_size=self.batch_size,
            accumulation=self.accumulation,
            max_gradient=self.max_gradient,
            dtype=resolve_precision(self.precision, fit.device),
            rng=fit.rng,
            ranks=Ranks.current(),
        )

    def _rate_falls(self):
        return True

    def _validation_score(self, X_val, trainer):
        self.__dict__.pop("_asked", None)  # the weights have changed since
        return super()._validation_score(X_val, trainer)

    def _network_state(self):
        """Trained state as numpy arrays."""
        from skace._torch.generation._t5 import weights_as_numpy

        return {"network_state_": weights_as_numpy(self._network)}

    def _fitted_state(self):
        return super()._fitted_state() | self._network_state()
