"""GRAMEstimator: the next item, spelled out step by step down a tree of semantic ids."""
# SPDX-License-Identifier: BSD-3-Clause

from numbers import Real
from typing import Any, Literal, Unpack

import narwhals as nw
import numpy as np
import numpy.typing as npt
from sklearn.base import BaseEstimator
from sklearn.frozen import FrozenEstimator
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted

from skace._item_tree import ItemTree
from skace._parameter_objects import check_is_object
from skace._sklearn_compat import (
    HasMethods,
    Interval,
    StrOptions,
    validate_parameter_constraints,
)
from skace._validation import check_ids, first_few
from skace.data._repr import frame_library
from skace.losses import Softmax
from skace.recommenders.neural._item_codes import (
    check_code_features,
    check_same_ids,
    fit_ids,
    item_codes,
)
from skace.recommenders.neural._network_parameters import NetworkParameters
from skace.recommenders.neural._sasrec import SASRecEstimator
from skace.recommenders.neural._taker_vectors import beside, taker_vectors

__all__ = ["GRAMEstimator"]

_BLOCK_SCORES = 2**23  # entries, nodes among them, that are held at once


class GRAMEstimator(SASRecEstimator):
    r"""Generative recommender over semantic ids that ranks exactly (GRAM).

    The item features give each item a path of codes, and these paths form a tree with the items as
    leaves. The encoder of `SASRecEstimator` reads the past. A decoder then gives probabilities to
    the children of each node; the last step is the item itself. Scores are the logarithms of the
    probabilities of all items, computed exactly, without a search.

    Parameters
    ----------
    k : int, default=10
        Length of the lists that `predict` returns.

    semantic_ids : transformer or None, default=None
        Maps item features to columns of codes, integers from 0, coarse first. It is cloned and
        fitted on the catalog's features (see ``ids_from``): a `SemanticIdEncoder`, a pipeline that
        ends in one, ``KBinsDiscretizer(encode="ordinal")``, or ``FrozenEstimator(fitted)`` for
        codes made elsewhere. Codes need not be unique. None is ``SemanticIdEncoder(n_levels=1)``
        with 128 clusters. In a catalog of less than 512 items there are fewer clusters, of four
        items on average.

    ids_from : {"features", "both"}, default="features"
        What the codes are made of. "features": of the item features alone, so that they are the
        same in every fold. "both": also of who took the item in the training rows. Such ids
        usually find more. ``FrozenEstimator`` is refused with "both".

    fusion : {"fine", "late"}, default="fine"
        Which views of the past are read. "fine" reads the vectors of items. "late" also reads the
        nodes above each item with a second encoder, at twice the cost; the decoder gets the states
        of both.

    node_scores : {"items", "vectors"}, default="items"
        How a node is compared with its siblings. "items": by the items below it, which are as
        likely together as the node is. That finds more, and takes as long as a softmax over all
        items. "vectors": by a vector of its own, in less time.

    cold_share : float, default=0.3
        What a cold item gets besides its own probability: this share, from 0 to 1, of the mean
        probability of the warm items of its node. The model learns from warm items only, and
        therefore makes cold ones too unlikely. More brings more of them into the lists. It may be
        changed after the fit: only predictions read it, among them those of validation rows. With
        an ``item_table`` whose ``cold_items`` are "negatives" it changes nothing.

    **shared
        Parameters of `SASRecEstimator`, whose encoder this is.

    Attributes
    ----------
    semantic_ids_ : transformer
        The fitted transformer.

    item_codes_ : ndarray of shape (n_items, n_levels), int64
        Codes of each item.

    n_taker_columns_ : int
        Columns of what ``semantic_ids_`` reads that say who took an item, the last ones; 0 for
        ``ids_from="features"``.

    node_codes_ : ndarray of shape (n_nodes, n_levels), int64
        Codes that lead to each node, then -1. The root comes first.

    node_parents_ : ndarray of shape (n_nodes,), int64
        Index of the parent node; -1 for the root.

    node_vectors_ : ndarray of shape (n_nodes, width), float32
        Trained vectors of the nodes.

    n_nodes_ : int
        Number of nodes, including the root, without the items.

    See Also
    --------
    SemanticIdEncoder : Makes the codes.
    SASRecEstimator : One softmax over all items; equals this model with a tree of one level.
    GRAMTextEstimator : The published form, a language model from text to text.

    Notes
    -----
    With h the state after a history, :math:`c_p` the vector of node p at level l, :math:`w_i` the
    row of item i in the item table, and the sums over the warm items i below v and below p,

    .. math:: q(h, p) = \mathrm{LN}(W h + \mathrm{MLP}([h ;\, s\,c_p + \mathrm{pos}_l])),
              \qquad P(v \mid p, h) = \frac{\sum_{i \preceq v} e^{q(h, p) \cdot w_i}}
              {\sum_{i \preceq p} e^{q(h, p) \cdot w_i}},

    and the score of an item is the sum of :math:`\log P` along its path. If q did not depend on p,
    this would be one softmax over all items, whatever the tree is. The loss is minus the score of
    the next item, in nats, and is comparable with the loss of `SASRecEstimator`. Vectors of nodes
    start as the mean of the items below them, and W starts as the identity; s is one over the
    standard deviation of the initial item table. ``loss`` is None or ``Softmax()``, taken over the
    children of each node; losses that draw negatives are refused.

    With ``ids_from="both"`` the transformer reads two vectors of length one side by side: the
    features, and at most 64 principal directions (truncated SVD) of the matrix of how often each
    user took each item, its rows of length one. That is the idea of LETTER [4]_, which aligns ids
    with a recommender. Rows of weight 0 do not count; other weights are not read. An item without
    training rows, and a new one, has zeros there. The codes do not change in later calls of
    `partial_fit`. A second training (``train_on_held_out``) makes new ones of all rows.

    With ``node_scores="vectors"`` a node v has :math:`e^{q(h, p) \cdot c_v}` in place of its sum.
    With "items" only the decoder reads the vectors of nodes.

    There is a node only where paths branch. Codes that all items below share take no step, and
    items with the same codes are siblings below their last node. The fitted transformer gives codes
    to new items (`partial_fit`). If a new item gets the place of a single item, that place becomes
    a node that starts as the mean of both.

    In training, cold items, and nodes with only cold items below, are left out of the softmax over
    siblings. In predictions they are scored against the warm siblings without changing their
    probabilities: those of the warm items of a row add up to 1. A cold item i below a node v with
    :math:`n_v` warm items has

    .. math:: P(i \mid h) = P(v \mid h) \left( P(i \mid v, h) + \frac{s}{n_v} \right)

    with s the ``cold_share``. If v has no warm items, the next node above that has some takes its
    place in the share. The root gives no share.

    Differences from the paper: the item is the last step, so ids need not be unique and need no
    extra digit. Softmax is over siblings both in training and in predictions. Ranks are exact for
    all items, not only for those of a beam. The decoder reads one state of a causal encoder instead
    of attending to text passages. With ``fusion="late"`` a linear map joins both views in front of
    the decoder. There are no collaborative prompts, which the paper takes from the whole log.

    A step takes the time of the encoder plus ``O(N D V + N l D**2)`` for N positions, V items,
    paths of l steps and width D; with ``node_scores="vectors"`` ``O(N l D (D + c))`` for c children
    per node. Scores of R rows take ``O(R D (G D + l V))`` for G nodes; with "vectors"
    ``O(R D (G D + V))``, G D / V + 1 times as much as with `SASRecEstimator`.

    Stability: experimental.

    References
    ----------
    .. [1] Lee et al. (2025), GRAM: Generative recommendation via semantic-aware
       multi-granular late fusion, ACL.
    .. [2] Rajput et al. (2023), Recommender systems with generative retrieval, NeurIPS,
       :arxiv:`2305.05065`.
    .. [3] Morin, Bengio (2005), Hierarchical probabilistic neural network language model,
       AISTATS.
    .. [4] Wang et al. (2024), Learnable item tokenization for generative recommendation, CIKM,
       :arxiv:`2405.07314`.

    Examples
    --------
    >>> from skace.datasets import make_shop
    >>> from skace.embeddings import SemanticIdEncoder
    >>> from skace.recommenders import GRAMEstimator
    >>> X = make_shop(60, 50, 400, n_features=16, random_state=0).interactions
    >>> model = GRAMEstimator(k=3, semantic_ids=SemanticIdEncoder(4, n_levels=2),
    ...                       max_epochs=2, early_stopping=False, random_state=0)
    >>> model.fit(X).predict(X.next_queries()).shape
    (60, 3)
    >>> model.n_nodes_ < 50
    True
    """

    _parameter_constraints: dict = {
        "semantic_ids": [HasMethods(["fit", "transform"]), None],
        "ids_from": [StrOptions({"features", "both"})],
        "fusion": [StrOptions({"fine", "late"})],
        "node_scores": [StrOptions({"items", "vectors"})],
        "cold_share": [Interval(Real, 0, 1, closed="both")],
    }

    _objects = (*SASRecEstimator._objects, ("semantic_ids", "SemanticIdEncoder(n_levels=1)"))

    _architecture = (*SASRecEstimator._architecture, "ids_from", "fusion", "node_scores")

    _gives_vectors = False

    def __init__(
        self,
        k: int = 10,
        *,
        semantic_ids: BaseEstimator | None = None,
        ids_from: Literal["features", "both"] = "features",
        fusion: Literal["fine", "late"] = "fine",
        node_scores: Literal["items", "vectors"] = "items",
        cold_share: float = 0.3,
        **shared: Unpack[NetworkParameters],
    ) -> None:
        super().__init__(k, **shared)
        self.semantic_ids = semantic_ids
        self.ids_from = ids_from
        self.fusion = fusion
        self.node_scores = node_scores
        self.cold_share = cold_share

    def __setstate__(self, state: dict[str, Any]) -> None:
        # Files without these were written when models always answered so.
        always = {"ids_from": "features", "node_scores": "vectors", "cold_share": 0.0}
        if "item_codes_" in state:
            always["n_taker_columns_"] = 0
        super().__setstate__(always | state)

    # Checks before any work.

    def _validate_params(self):
        ids = getattr(self, "semantic_ids", None)
        check_is_object("semantic_ids", ids, "SemanticIdEncoder()")
        super()._validate_params()

    def _check_before_fit(self, X, X_val, weights, *, fresh, n_passes):
        if not isinstance(self._loss(), Softmax):
            raise ValueError(
                f"loss={self.loss!r}, but GRAMEstimator compares all children of a node; set "
                "loss=None."
            )
        if fresh:
            check_code_features(X.catalog)
            if self.ids_from == "both" and isinstance(self.semantic_ids, FrozenEstimator):
                raise ValueError(
                    "semantic_ids is frozen, but ids_from='both' makes codes of vectors that only "
                    "this fit knows; set ids_from='features', or semantic_ids to what is not "
                    "fitted yet."
                )
        super()._check_before_fit(X, X_val, weights, fresh=fresh, n_passes=n_passes)
        table = self._table()
        width = table.width(self._n_features_read(X.catalog), self.embedding_dim)
        if self.fusion == "late" and table.encoder_width(width) != width:
            raise ValueError(
                f"fusion='late' does not go with item_table={type(table).__name__}, which sends "
                "its vectors through the encoder in parts; set fusion='fine'."
            )
        if not fresh:
            self._codes_of_new(X.catalog, self._columns_of(X) < 0)

    def _check_architecture(self):
        super()._check_architecture()
        check_same_ids(self.semantic_ids, self.semantic_ids_)

    # Codes and the tree.

    def _codes_of_new(self, catalog, is_new):
        """Codes of some items of a catalog, which the fitted transformer has not seen."""
        if not is_new.any():
            return np.zeros((0, self.item_codes_.shape[1]), dtype=np.int64)
        check_code_features(catalog)
        features = catalog.features[is_new]
        if self.n_taker_columns_:
            features = beside(features, np.zeros((len(features), self.n_taker_columns_)))
        return item_codes(self.semantic_ids_, features, self.item_codes_.shape[1])

    def _learn_codes(self, fit, generator):
        """Set the codes of all items, or add those of new ones."""
        catalog, columns = fit.rows.X.catalog, fit.rows.columns
        if fit.rows.is_fresh:
            rng = check_random_state(generator.initial_seed() % 2**32)
            features, self.n_taker_columns_ = catalog.features, 0
            if self.ids_from == "both":
                takers = self._takers(fit, rng)
                self.n_taker_columns_ = takers.shape[1]
                features = beside(features, takers[columns])
            self.semantic_ids_ = fit_ids(self.semantic_ids, features, rng)
            self.item_codes_ = item_codes(self.semantic_ids_, features)
            return
        is_new = columns >= len(self.item_codes_)
        order = np.argsort(columns[is_new])
        more = self._codes_of_new(catalog, is_new)[order]
        self.item_codes_ = np.concatenate([self.item_codes_, more])

    def _takers(self, fit, rng):
        """Vectors of who took an item in the rows that are learned, in the order of the model."""
        events = np.flatnonzero(fit.is_row)
        users = fit.rows.X._log.users_at(events)
        return taker_vectors(users, fit.items[events], self.item_ids_.size, rng)

    def _tree(self):
        """The tree of the items as they are now; nodes keep their numbers."""
        known = getattr(self, "node_codes_", None)
        return ItemTree.of_codes(self.item_codes_, ~self._spared(), known)

    # The network.

    def _build_network(self, fit, generator):
        from skace._torch.encoders._gram import start_nodes

        n_known = 0 if fit.rows.is_fresh else self.n_nodes_
        self._learn_codes(fit, generator)
        network = super()._build_network(fit, generator)
        tree = network.encoder.tree
        self.node_codes_, self.node_parents_ = tree.prefixes, tree.parents
        self.n_nodes_ = tree.n_nodes
        start_nodes(network.encoder, network.items(), n_known)
        return network

    def _assemble(self, width, features, generator):
        from skace._torch._layouts import NamedItemsLayout
        from skace._torch.encoders._gram import GRAMEncoder

        network = super()._assemble(width, features, generator)
        coarse = None
        if self.architecture_["fusion"] == "late":
            coarse = self._as_built()._build_encoder(width)
            network.layout = NamedItemsLayout()
        network.encoder = GRAMEncoder(
            network.encoder,
            self._tree(),
            width,
            coarse,
            sums_items=self.architecture_["node_scores"] == "items",
        )
        return network

    def _build_trainer(self, fit):
        from skace._torch.training._sibling_softmax import SiblingSoftmax

        trainer = super()._build_trainer(fit)
        trainer.loss = SiblingSoftmax(self._network.encoder)
        return trainer

    def _network_state(self):
        state = super()._network_state()
        return state | {"node_vectors_": state["encoder_state_"]["node_vectors"]}

    # Answering.

    def _score(self, histories, columns=None):
        from skace._torch._leaf_scores import leaf_scores

        share = self._share_of_cold()
        states = self._encode(histories)
        network = self._fitted_network()
        n_columns = self.item_ids_.size if columns is None else columns.size
        scores = np.empty((len(states), n_columns), dtype=np.float32)
        step = max(1, _BLOCK_SCORES // (self.item_ids_.size + self.n_nodes_))
        for begin in range(0, len(states), step):
            rows = slice(begin, begin + step)
            found = leaf_scores(network, states[rows], share)
            scores[rows] = found if columns is None else found[:, columns]
        return scores

    def _share_of_cold(self):
        """``cold_share``, which may have been set since the fit."""
        validate_parameter_constraints(
            {"cold_share": self._parameter_constraints["cold_share"]},
            {"cold_share": self.cold_share},
            caller_name=type(self).__name__,
        )
        return self.cold_share

    def paths(self, items: npt.ArrayLike | None = None) -> Any:
        """Codes of items and the number of steps on their paths.

        Parameters
        ----------
        items : array-like of item ids or None, default=None
            Items of the model; None for all of them.

        Returns
        -------
        frame : dataframe
            One line per item: ``item_id``, the codes from ``code_0`` on, coarse first, and
            ``n_steps``, where the last step is the item itself. A frame of pandas, polars or
            pyarrow, whichever is installed.

        Raises
        ------
        ValueError
            If the model does not know an item.
        """
        check_is_fitted(self)
        ids = self.item_ids_ if items is None else check_ids(items, "items")
        rows = self._rows_of_ids(ids, "items")
        if (rows < 0).any():
            raise ValueError(
                f"items holds {int((rows < 0).sum())} item id(s) that the model does not know: "
                f"{first_few(ids[rows < 0])}; partial_fit the model with them, or leave them out."
            )
        columns = {f"code_{level}": codes for level, codes in enumerate(self.item_codes_[rows].T)}
        n_steps = (self._tree().path_nodes[rows] >= 0).sum(axis=1)
        frame = {"item_id": ids, **columns, "n_steps": n_steps}
        return nw.from_dict(frame, backend=frame_library()).to_native()
