"""BERT4RecEstimator: sequential recommendation by filling gaps."""
# SPDX-License-Identifier: BSD-3-Clause

from numbers import Integral, Real
from typing import Unpack

from skace._sklearn_compat import Interval
from skace.objectives import Cloze
from skace.recommenders.neural._base import NeuralRecommender
from skace.recommenders.neural._network_parameters import NetworkParameters
from skace.recommenders.neural._sasrec import check_heads

__all__ = ["BERT4RecEstimator"]


class BERT4RecEstimator(NeuralRecommender):
    """Bidirectional sequential recommender trained by filling gaps (BERT4Rec).

    A transformer reads a window of events, some of them masked, and learns to predict the masked
    events from both sides. At prediction the event after the history is masked. The item table,
    which starts from the catalog's features, is both input and output.

    Parameters
    ----------
    k : int, default=10
        Length of the lists that `predict` returns.

    n_layers : int, default=2
        Number of transformer blocks.

    n_heads : int, default=2
        Attention heads; must divide the width.

    dropout : float, default=0.5
        Share of the entries dropped after the embedding sum and in each block, in [0, 1).

    attention_dropout : float, default=0.5
        Share of the attention weights dropped, in [0, 1).

    mask_ratio : float, default=0.2
        Share of the training rows of a window that are masked, in (0, 1]. At least one row is
        masked.

    finetune_ratio : float, default=0.5
        Share of the windows, in [0, 1], drawn anew in each epoch, in which only the last training
        row is masked and nothing after it is read, as at prediction.

    **shared
        Parameters of all networks, as in `NeuralRecommender`.

    Notes
    -----
    Windows are those of `SASRecEstimator` plus the event after them: at most ``max_length`` events
    and the target, in training and at prediction. A window ends at the user's last row in X at the
    latest, and excludes the row that early stopping holds out. Only rows of X are masked, and never
    the first event of a user, because no model predicts it; other events are context. An epoch
    learns from the masked rows only, so it takes several epochs to learn every row, and more epochs
    than for `SASRecEstimator`. With ``finetune_ratio=1`` only the last row of each window is
    learned.

    A masked row always counts with its full weight. In a window of n rows, each row is masked with
    the probability ``mask_ratio + (1 - mask_ratio) ** n / n`` (at least one row is masked) times
    ``1 - finetune_ratio``; for the last row, ``finetune_ratio`` is added. So rows of short
    histories, and last rows, are masked more often.

    Differences from the paper: blocks and feed-forward are those of `SASRecEstimator`. A masked
    event is never replaced by another item. Positions are counted from the end of the window, so
    the target at prediction always has the same position. There is no output bias: scores are inner
    products with ``item_vectors_``, also for new and cold items. The trained shift of the head's
    normalisation gives each item a bias that is linear in its vector.

    A step takes ``O(P D L D + M D V)`` time for P positions, M of them masked, width D, L layers
    and V items.

    Stability: provisional.

    References
    ----------
    .. [1] Sun et al., "BERT4Rec: Sequential Recommendation with Bidirectional Encoder
       Representations from Transformer", CIKM 2019, arXiv 1904.06690.
    .. [2] Petrov, Macdonald, "A Systematic Review and Replicability Study of BERT4Rec for
       Sequential Recommendation", RecSys 2022, arXiv 2207.07483.

    Examples
    --------
    >>> from skace.recommenders import BERT4RecEstimator
    >>> from skace.datasets import make_cycle
    >>> X = make_cycle(n_users=200, n_items=6, length=8, random_state=0)
    >>> model = BERT4RecEstimator(k=1, embedding_dim=16, learning_rate=0.01, batch_size=32,
    ...                           max_length=4, n_layers=1, dropout=0.1, max_epochs=20,
    ...                           early_stopping=False, random_state=0)
    >>> model.fit(X).predict([[1, 2, 3, 4]])
    array([[5]])
    """

    _parameter_constraints: dict = {
        "n_layers": [Interval(Integral, 1, None, closed="left")],
        "n_heads": [Interval(Integral, 1, None, closed="left")],
        "dropout": [Interval(Real, 0, 1, closed="left")],
        "attention_dropout": [Interval(Real, 0, 1, closed="left")],
        "mask_ratio": [Interval(Real, 0, 1, closed="right")],
        "finetune_ratio": [Interval(Real, 0, 1, closed="both")],
    }

    _architecture = (*NeuralRecommender._architecture, "n_layers", "n_heads")

    def __init__(
        self,
        k: int = 10,
        *,
        n_layers: int = 2,
        n_heads: int = 2,
        dropout: float = 0.5,
        attention_dropout: float = 0.5,
        mask_ratio: float = 0.2,
        finetune_ratio: float = 0.5,
        **shared: Unpack[NetworkParameters],
    ) -> None:
        super().__init__(k, **shared)
        self.n_layers = n_layers
        self.n_heads = n_heads
        self.dropout = dropout
        self.attention_dropout = attention_dropout
        self.mask_ratio = mask_ratio
        self.finetune_ratio = finetune_ratio

    def _check_width(self, width):
        check_heads(self.n_heads, width)

    def _build_encoder(self, width):
        from skace._torch.encoders._bert4rec import BERT4RecEncoder

        return BERT4RecEncoder(
            width,
            max_length=self.max_length,
            n_layers=self.n_layers,
            n_heads=self.n_heads,
            dropout=self.dropout,
            attention_dropout=self.attention_dropout,
        )

    def _objective(self):
        return Cloze(self.mask_ratio, finetune_ratio=self.finetune_ratio)
