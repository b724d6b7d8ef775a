"""FMLPEstimator: sequential recommendation by filters over time."""
# SPDX-License-Identifier: BSD-3-Clause

from numbers import Integral, Real
from typing import Unpack

from skace._sklearn_compat import Interval
from skace.objectives import LastItem
from skace.recommenders.neural._base import NeuralRecommender
from skace.recommenders.neural._network_parameters import NetworkParameters

__all__ = ["FMLPEstimator"]


class FMLPEstimator(NeuralRecommender):
    """Sequential recommender with learned filters over time (FMLP-Rec).

    Multiplication by learned weights in the frequency domain replaces attention. The item table,
    which starts from the catalog's features, is both input and output.

    Parameters
    ----------
    k : int, default=10
        Length of the lists that `predict` returns.

    n_layers : int, default=2
        Number of filter blocks.

    dropout : float, default=0.5
        Share of the entries dropped after the embedding sum and in each block, in [0, 1).

    **shared
        Parameters of all networks, as in `NeuralRecommender`.

    Notes
    -----
    A filter over time sees all positions of a window, so a window can only predict the event after
    its end. Each training row is therefore a window of its own, padded to ``max_length`` positions.
    On short histories an epoch takes about ``max_length`` times as long as with `SASRecEstimator`,
    so lower ``max_length`` there. ``batch_size``, the number of windows per update, is the number
    of training rows here.

    Differences from the paper: the loss is the full softmax instead of one negative per row.

    A step takes ``O(B T D (L D + L log T) + B D V)`` time for B windows of T = ``max_length``
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
        "n_layers": [Interval(Integral, 1, None, closed="left")],
        "dropout": [Interval(Real, 0, 1, closed="left")],
    }

    _architecture = (*NeuralRecommender._architecture, "n_layers")

    def __init__(
        self,
        k: int = 10,
        *,
        n_layers: int = 2,
        dropout: float = 0.5,
        **shared: Unpack[NetworkParameters],
    ) -> None:
        super().__init__(k, **shared)
        self.n_layers = n_layers
        self.dropout = dropout

    def _build_encoder(self, width):
        from skace._torch.encoders._fmlp import FMLPEncoder

        return FMLPEncoder(
            width, max_length=self.max_length, n_layers=self.n_layers, dropout=self.dropout
        )

    def _objective(self):
        return LastItem()
