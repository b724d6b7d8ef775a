"""GRU4RecEstimator: recurrent sequential recommendation."""
# SPDX-License-Identifier: BSD-3-Clause

from numbers import Integral, Real
from typing import Unpack

from skace._sklearn_compat import Interval
from skace.recommenders.neural._base import NeuralRecommender
from skace.recommenders.neural._network_parameters import NetworkParameters

__all__ = ["GRU4RecEstimator"]


class GRU4RecEstimator(NeuralRecommender):
    """Recurrent sequential recommender (GRU4Rec).

    A gated recurrent network reads a user's past and predicts the next item at every
    position. The item table, which starts from the catalog's features, is both input and
    output.

    Parameters
    ----------
    k : int, default=10
        Length of the lists that `predict` returns.

    n_layers : int, default=1
        Number of GRU layers.

    hidden_dim : int or None, default=None
        Width of the GRU's state. None takes the width of the model.

    dropout : float, default=0.5
        Share of the entries dropped from the item vectors that are read, and between layers,
        in [0, 1).

    **shared
        Parameters of all networks, as in `NeuralRecommender`.

    Notes
    -----
    Differences from the paper: batches hold windows of single users instead of parallel sessions,
    input and output share the table, and a linear map brings the state to the width of the table.
    The GRU has no biases.

    A step takes ``O(P D (L D + V))`` time for P positions, width D, L layers and V items. The
    positions of a window are read one after the other, which suits a CPU better than a GPU. On CUDA
    torch computes recurrent layers in TF32, so scores agree with those of a CPU to three digits.
    ``torch.backends.cudnn.allow_tf32 = False`` turns TF32 off.

    Stability: provisional.

    References
    ----------
    .. [1] Hidasi, Karatzoglou, Baltrunas, Tikk, "Session-based Recommendations with Recurrent
       Neural Networks", ICLR 2016, arXiv 1511.06939.

    Examples
    --------
    >>> from skace.recommenders import GRU4RecEstimator
    >>> from skace.datasets import make_cycle
    >>> X = make_cycle(n_users=200, n_items=6, length=8, random_state=0)
    >>> model = GRU4RecEstimator(k=1, embedding_dim=16, learning_rate=0.02, batch_size=32,
    ...                          max_epochs=15, early_stopping=False, random_state=0)
    >>> model.fit(X).predict([[2, 3, 4]])
    array([[5]])
    """

    _parameter_constraints: dict = {
        "n_layers": [Interval(Integral, 1, None, closed="left")],
        "hidden_dim": [Interval(Integral, 1, None, closed="left"), None],
        "dropout": [Interval(Real, 0, 1, closed="left")],
    }

    _architecture = (*NeuralRecommender._architecture, "n_layers", "hidden_dim")

    def __init__(
        self,
        k: int = 10,
        *,
        n_layers: int = 1,
        hidden_dim: int | None = None,
        dropout: float = 0.5,
        **shared: Unpack[NetworkParameters],
    ) -> None:
        super().__init__(k, **shared)
        self.n_layers = n_layers
        self.hidden_dim = hidden_dim
        self.dropout = dropout

    def _build_encoder(self, width):
        from skace._torch.encoders._gru4rec import GRU4RecEncoder

        return GRU4RecEncoder(
            width,
            hidden_dim=width if self.hidden_dim is None else self.hidden_dim,
            n_layers=self.n_layers,
            dropout=self.dropout,
        )
